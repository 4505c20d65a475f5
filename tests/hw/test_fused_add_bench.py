"""The cocotb bench of the sums in MAC layers, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from fused_sums import FusedSums
from small_arrays import small_array

from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_fused_add.py"


@pytest.mark.parametrize("array", ["1x16@25F", "1x8@25F", "4x16@85F"])  # the latter two add a word in halves
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(FusedSums(small_array(array)), BENCH, {"array": array})
