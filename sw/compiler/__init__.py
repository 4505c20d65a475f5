"""The compiler: from a :class:`~stillframe.frontend.graph.Graph` to a program for an array."""

from .compile import compile_graph, compile_with_plan
from .estimate import ERROR
from .fit import Fit, LayerFit, examine
from .planner import Choice, Plan
from .profile import Density, Profile, draw_profile, profile_graph
from .remedies import TooLargeError
from .summary import summarise

__all__ = [
    "ERROR",
    "Choice",
    "Density",
    "Fit",
    "LayerFit",
    "Plan",
    "Profile",
    "TooLargeError",
    "compile_graph",
    "compile_with_plan",
    "draw_profile",
    "examine",
    "profile_graph",
    "summarise",
]
