"""How a layer's kernel columns are shared out among the lane groups of a bank."""

from __future__ import annotations

from amaranth.hdl import Const, Value
from amaranth.lib import wiring

from stillframe.contract.array import ArrayConfig


def column_bits(config: ArrayConfig) -> int:
    """log2 of the most kernel columns that a bank works on at once, one for each of its lane groups."""
    return config.taps.bit_length() - 1


def column_starts(layer: wiring.PureInterface, config: ArrayConfig) -> list[Value]:
    """Whether each lane group is the first one of a kernel column, in a layer that is not depthwise.

    A column has all lane groups or, where there are several banks, one of ``1 << side_log2`` equal parts of
    them: with ``side_log2`` 1 the columns of four lane groups are 0 0 1 1.
    """
    starts: list[Value] = [Const(1)]
    for group in range(1, config.taps):
        parted = column_bits(config) - ((group & -group).bit_length() - 1)
        starts.append(layer.side_log2 >= parted if config.banks > 1 else Const(0))
    return starts
