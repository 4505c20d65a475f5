"""FPGAs, and how the memories of one are shared out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What an FPGA offers: block RAMs of 18 kbit, multipliers of 18 x 18, look-up tables of 4 inputs."""

    name: str
    block_rams: int
    multipliers: int
    luts: int


PARTS = {
    p.name: p for p in (Part("25F", 56, 28, 24288), Part("45F", 108, 72, 43848), Part("85F", 208, 156, 83640))
}
"""Lattice LFE5U parts by the short name used in ``BxL@PART``."""

VIRTUAL = "virtual"
"""A part that does not exist, with memories for networks larger than any part here. It can be simulated."""

COMPACT = "UP5K"
"""The iCE40UP5K, which the compact machine (``hw/compact``) is for: 1 bank of 4 lanes, words of one element,
all memories in its 128 KB of SPRAM."""

COMPACT_PART = Part(COMPACT, 30, 8, 5280)
"""What it has: its logic cells are a look-up table each, its block RAMs have 4 kbit."""


@dataclass(frozen=True)
class Shares:
    """How a part's block RAM is shared out; the state, largest of all, takes what the others leave.

    Attributes:
        codes, weights, masks: Of the part's blocks.
        events: Of its blocks but for 16.
        params: Most output channels that the requantisation memory holds parameters for.
    """

    codes: float
    events: float
    weights: float
    masks: float
    params: int


WIDE_DRAIN = 8
"""Elements of an activation word from which on the array's memories are shared out as :data:`WIDE` says."""

NARROW = Shares(codes=0.215, events=0.11, weights=1 / 12, masks=0.02875, params=2048)
"""So that P-Net at 60 x 48 and the occupancy network at 96 x 72 are in delta mode on a 1x16@85F."""

WIDE = Shares(codes=0.33, events=0.125, weights=0.24, masks=0.055, params=1024)
"""So that ResNet8 and P-Net run on a 4x16@85F: images of few channels fill few elements of a wide word, and
ResNet8 has 80 KB of weights. State is left for some of their layers."""
