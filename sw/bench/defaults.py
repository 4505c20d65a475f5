"""What is measured unless it is said otherwise. Imports nothing, so that the command line can."""

from __future__ import annotations

CHANNELS = (16, 32, 64)
"""Of the single convolutions of the density sweep."""

DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Shares of their inputs that change."""

SIZE = 16
"""Their rows and columns."""

COUNTED = 4
"""Their frames that are counted, without the key frame."""

START = 0
FRAMES = 30
"""Which part of each clip networks are measured on."""

SPEED_FRAMES = 5
REPEATS = 5
"""Frames that the simulation is timed on, and how often."""
