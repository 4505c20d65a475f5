"""The cocotb bench of the layers on codes, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.windows import Windows
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_windows.py"


@pytest.mark.parametrize("array", ["1x16@25F", "1x16", "2x8", "4x16"])  # of 2, 4, 8 and 16 elements
def test_bench(monkeypatch: pytest.MonkeyPatch, array: str) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(Windows(small_array(array)), BENCH, {"array": array})
