"""The compiler: from a :class:`~stillframe.frontend.graph.Graph` to a program for an array."""

from .compile import compile_graph
from .fit import Fit, LayerFit, examine
from .planner import Density, Profile
from .profile import profile_graph
from .remedies import TooLargeError
from .summary import summarise

__all__ = [
    "Density",
    "Fit",
    "LayerFit",
    "Profile",
    "TooLargeError",
    "compile_graph",
    "examine",
    "profile_graph",
    "summarise",
]
