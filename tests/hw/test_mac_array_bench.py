"""The cocotb bench of the MAC array, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.mac_array import MacArray
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_mac_array.py"
LARGEST = pytest.param("8x16@virtual", marks=pytest.mark.full)


@pytest.mark.parametrize("array", ["1x4", "1x16@25F", "2x8", "4x16", LARGEST])
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(MacArray(small_array(array)), BENCH, {"array": array})
