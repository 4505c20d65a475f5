"""Where the channels of a narrow input lie, so that every group of a word's elements has its share of them.

With B groups (element e is of group e % B) and C channels, fewer than B or no multiple of it, some groups
would have more channels than others, or none, and banks that share an output wait for the one that has most
to do. So pixels that are next to each other, in a row or in a column, take turns: pixel (y, x)'s channel c is
element C * ((y + x) % B) + c of its word, and the weights of a layer that reads it are there B times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def spread_elements(height: int, width: int, channels: int, banks: int) -> npt.NDArray[np.intp]:
    """The element of its pixel's word that each channel is: (height, width, channels)."""
    turn = (np.arange(height)[:, np.newaxis] + np.arange(width)) % banks
    elements: npt.NDArray[np.intp] = turn[..., np.newaxis] * channels + np.arange(channels)
    return elements
