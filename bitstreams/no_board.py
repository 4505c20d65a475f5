"""Platforms that say which family of FPGAs a design is for, and nothing of a board."""

from __future__ import annotations

from amaranth.vendor import LatticeECP5Platform, LatticeICE40Platform


class NoBoard(LatticeECP5Platform):
    """An ECP5 without pins: components choose its primitives, and nothing is built with it."""

    device = "LFE5U-25F"
    package = "BG256"
    speed = "6"
    resources = ()
    connectors = ()


class NoIce40Board(LatticeICE40Platform):
    """An iCE40UP5K without pins, likewise."""

    device = "iCE40UP5K"
    package = "SG48"
    resources = ()
    connectors = ()
