"""How a layer's kernel columns are shared out among the lane groups of a bank."""

from __future__ import annotations

from amaranth.hdl import Value
from amaranth.lib import wiring

from stillframe.contract.array import ArrayConfig


def column_bits(config: ArrayConfig) -> int:
    """log2 of the most kernel columns that a bank works on at once, one for each of its lane groups."""
    return config.taps.bit_length() - 1


def column_starts(layer: wiring.PureInterface, config: ArrayConfig) -> list[Value]:
    """Whether each lane group behind the first one has another kernel column than the one before it, in a
    layer that is not depthwise. With one bank none ever has: there the list is empty.

    A column has one of ``1 << side_log2`` equal parts of the lane groups: with ``side_log2`` 1 the columns of
    four lane groups are 0 0 1 1.
    """
    if config.banks == 1:
        return []
    trailing = [(group & -group).bit_length() - 1 for group in range(1, config.taps)]  # zeros, in binary
    return [layer.side_log2 >= column_bits(config) - zeros for zeros in trailing]
