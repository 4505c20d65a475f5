"""The cocotb bench of the event finder, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.event_finder import EventFinder
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_event_finder.py"


@pytest.mark.parametrize("array", ["1x4@virtual", "1x16@25F", "2x8@25F", "4x16@virtual", "8x16@virtual"])
def test_bench(monkeypatch: pytest.MonkeyPatch, array: str) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(EventFinder(small_array(array)), BENCH, {"array": array})
