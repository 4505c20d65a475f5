"""The requantiser's cocotb bench, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillframe.contract import ArrayConfig
from stillframe.hw.requantiser import Requantiser
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_requantiser.py"


@pytest.mark.parametrize("array", ["1x16@25F", "4x16"])
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares the reference with other tests
    run_bench(Requantiser(ArrayConfig.parse(array)), BENCH, {"array": array})
