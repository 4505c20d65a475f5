"""The compiler: from a :class:`~stillframe.frontend.graph.Graph` to a program for an array."""

from .compile import compile_graph
from .planner import Density, Profile
from .profile import profile_graph
from .summary import summarise

__all__ = ["Density", "Profile", "compile_graph", "profile_graph", "summarise"]
