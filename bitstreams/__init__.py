"""Synthesis for ECP5 without a board: what a component takes, how fast it runs, and what limits it."""

from .critical_path import Hop, format_path
from .netlist import Netlist, Utilisation, synthesise, utilisation
from .place_and_route import DoesNotFit, Report, place_and_route

__all__ = [
    "DoesNotFit",
    "Hop",
    "Netlist",
    "Report",
    "Utilisation",
    "format_path",
    "place_and_route",
    "synthesise",
    "utilisation",
]
