"""How many block RAMs of an ECP5 a memory takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MODES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


def block_rams(depth: int, width: int, granules: int = 1) -> int:
    """Blocks (DP16KD) that Yosys takes on an ECP5 for a memory of ``depth`` words of ``width`` bits.

    ``granules`` of a word can be written apart; each of them takes whole lanes of 9 bits. Of a block's
    shapes Yosys chooses by the blocks and the multiplexers behind them together: so deep memories may take
    more blocks than they need.
    """
    if not depth:
        return 0

    def shape(rows: int, bits: int) -> tuple[float, int]:
        deep = math.ceil(depth / rows)
        lanes = granules * math.ceil(width / granules / 9)
        across = math.ceil(9 * lanes / bits) if bits >= 9 else math.ceil(width / bits)
        return 64 * deep * across + width * (deep - 1) / 2, deep * across

    return min(shape(rows, bits) for rows, bits in _MODES)[1]


@dataclass(frozen=True)
class BlockRow:
    """``across`` blocks of ``rows`` x ``bits`` side by side: so many words of a memory."""

    rows: int
    bits: int
    across: int


def block_rows(depth: int, width: int, granules: int = 1) -> tuple[BlockRow, ...]:
    """Rows of blocks, the longest first, that make up a memory of :mod:`stillframe.hw.block_ram`.

    The least blocks, and of those the fewest rows, since there is a multiplexer behind them. The granules of
    a word are as in :func:`block_rams`. Blocks of 36 bits have no register of their own for all of them.
    """

    def across(bits: int) -> int:
        lanes = granules * math.ceil(width / granules / min(bits, 9))
        return math.ceil(lanes / max(1, bits // 9))

    kinds = [BlockRow(rows, bits, across(bits)) for rows, bits in _MODES[1:]]
    step = kinds[0].rows
    best: list[tuple[int, tuple[BlockRow, ...]]] = [(0, ())]
    for words in range(step, depth + step, step):
        ways = [(best[max(0, words - kind.rows) // step], kind) for kind in kinds]
        best.append(
            min(((n + k.across, (k, *rows)) for (n, rows), k in ways), key=lambda w: (w[0], len(w[1])))
        )
    return tuple(sorted(best[-1][1], key=lambda row: -row.rows))


def registered_block_rams(depth: int, width: int, granules: int = 1) -> int:
    """Block RAMs that a memory of :mod:`stillframe.hw.block_ram` takes."""
    return sum(row.across for row in block_rows(depth, width, granules))
