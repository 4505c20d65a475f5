"""What an array takes and reaches, before it is synthesised: estimated from arrays that were."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillframe.contract import ArrayConfig
from stillframe.contract.parts import WIDE_DRAIN

MEASURED = Path(__file__).with_name("measured.json")
"""Look-up tables by array, as Yosys counted them (``python -m stillframe.bitstreams measure``)."""

MEASURED_ARRAYS = (
    *("1x4@25F", "1x8@25F", "1x16@25F", "2x8@25F"),
    *("1x16@85F", "1x32@85F", "2x8@85F", "2x16@85F", "4x8@85F", "4x16@85F"),
)

BOARD_LUTS = 300
"""Those of an ECP5 board's UART, watchdog and lights."""

PACKING = 1.07
"""Look-up tables that nextpnr takes for each that Yosys counts: carry chains have ends of their own."""

ERROR = 0.15
"""Of the look-up tables, at most, over the ready bitstreams."""


@cache
def measured() -> Mapping[ArrayConfig, int]:
    """Look-up tables of the arrays that were synthesised."""
    return {ArrayConfig.parse(name): luts for name, luts in json.loads(MEASURED.read_text()).items()}


@cache
def ready() -> Mapping[ArrayConfig, Mapping[str, Any]]:
    """Manifests of the ready bitstreams, by their arrays."""
    manifests = [json.loads(path.read_text()) for path in MEASURED.parent.glob("*/manifest.json")]
    return {ArrayConfig.parse(manifest["array"]): manifest for manifest in manifests}


def estimated_luts(config: ArrayConfig) -> int:
    """Look-up tables of an ECP5 board's design: a least-squares fit by banks, lanes and word."""
    return round(PACKING * (float(np.dot(_features(config), _fit())) + BOARD_LUTS))


def estimated_fmax(config: ArrayConfig) -> float | None:
    """MHz: that of the ready bitstream whose number of lanes is nearest; None if none of its kind has at
    least half and at most twice as many.

    The part does not matter to that as much as how much there is that a signal has to pass by.
    """

    def octaves(array: ArrayConfig) -> float:
        return abs(math.log2(array.total_lanes / config.total_lanes))

    near = [array for array in ready() if array.compact == config.compact and octaves(array) <= 1]
    return float(ready()[min(near, key=octaves)]["fmax_mhz"]) if near else None


def _features(config: ArrayConfig) -> NDArray[np.float64]:
    """What look-up tables are spent on: a bank, a lane, an element of a word, a wide word's parameters."""
    wide = config.drain if config.drain >= WIDE_DRAIN else 0
    return np.array([1, config.banks, config.total_lanes, config.drain, wide], dtype=np.float64)


@cache
def _fit() -> NDArray[np.float64]:
    features = np.stack([_features(array) for array in measured()])
    luts = np.array([*measured().values()], dtype=np.float64)
    # Weighted so that it is the relative error that is least.
    solution, *_ = np.linalg.lstsq(features / luts[:, None], np.ones(len(luts)), rcond=None)
    return np.asarray(solution, dtype=np.float64)
