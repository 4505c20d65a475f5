"""The cocotb bench of the activation memory, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.code_memory import CodeMemory
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_code_memory.py"


@pytest.mark.parametrize(
    "array", ["1x16@25F", "1x16", "4x16"]
)  # words of 2, 4 and 16 codes: half a column to 4
def test_bench(monkeypatch: pytest.MonkeyPatch, array: str) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(CodeMemory(small_array(array)), BENCH, {"array": array})
