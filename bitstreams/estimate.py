"""What an array takes and reaches, before it is synthesised: estimated from arrays that were."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillframe.contract import ArrayConfig
from stillframe.contract.array import WIDE_DRAIN

MEASURED = Path(__file__).with_name("measured.json")
"""Arrays with the cells that Yosys counted (``python -m stillframe.bitstreams measure``) and, of some, the
clock that nextpnr gave."""

ERROR = 0.15
"""Of the look-up tables, at most, over the shipped bitstreams."""


@dataclass(frozen=True)
class Measured:
    """An array that was synthesised.

    Attributes:
        array: Its name.
        luts: Look-up tables; of the compact machine, logic cells.
        fmax: MHz that nextpnr estimated; None if it was not routed.
    """

    array: str
    luts: int
    fmax: float | None

    @property
    def config(self) -> ArrayConfig:
        return ArrayConfig.parse(self.array)


@cache
def measured() -> tuple[Measured, ...]:
    """The arrays of :data:`MEASURED`."""
    rows = json.loads(MEASURED.read_text())
    return tuple(Measured(row["array"], row["luts"], row.get("fmax")) for row in rows)


def estimated_luts(config: ArrayConfig) -> int:
    """Look-up tables of an array: a least-squares fit, by its banks, lanes and elements of a word.

    What was measured itself is given as it is.
    """
    if config.compact:
        return next(row.luts for row in measured() if row.config.compact)
    return round(float(np.dot(_features(config), _fit())))


def estimated_fmax(config: ArrayConfig) -> float:
    """MHz: that of the routed array whose number of lanes is nearest.

    The part does not matter to that as much as how much there is that a signal has to pass by.
    """
    routed = [row for row in measured() if row.fmax is not None and row.config.compact == config.compact]

    def distance(row: Measured) -> float:
        return abs(math.log2(row.config.total_lanes / config.total_lanes))

    fmax = min(routed, key=distance).fmax
    assert fmax is not None
    return fmax


def _features(config: ArrayConfig) -> NDArray[np.float64]:
    """What look-up tables are spent on: a bank, a lane, an element of a word, a wide word's parameters."""
    wide = config.drain if config.drain >= WIDE_DRAIN else 0
    return np.array([1, config.banks, config.total_lanes, config.drain, wide], dtype=np.float64)


@cache
def _fit() -> NDArray[np.float64]:
    rows = [row for row in measured() if not row.config.compact]
    features = np.stack([_features(row.config) for row in rows])
    luts = np.array([row.luts for row in rows], dtype=np.float64)
    # Weighted so that it is the relative error that is least.
    solution: NDArray[np.float64] = np.linalg.lstsq(features / luts[:, None], np.ones(len(rows)), rcond=None)[0]
    return solution
