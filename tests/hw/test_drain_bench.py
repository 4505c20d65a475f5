"""The cocotb bench of the drain, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.drain import Drain
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_drain.py"
LARGEST = pytest.param("8x16@virtual", marks=pytest.mark.full)


@pytest.mark.parametrize("array", ["1x4", "1x16@25F", "2x8", "2x16", "4x16", "8x8", LARGEST])
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(Drain(small_array(array)), BENCH, {"array": array})
