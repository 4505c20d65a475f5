"""The cocotb bench of the column walker, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.column_walker import ColumnWalker
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_column_walker.py"


def test_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walker is the same for all arrays."""
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(ColumnWalker(small_array("1x16@25F")), BENCH)
