"""The cocotb bench of an event scanner, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.event_scanner import EventScanner
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_event_scanner.py"


@pytest.mark.parametrize(
    ("array", "group"), [("2x8@25F", 1), ("1x16@25F", 0), ("4x16@virtual", 3), ("8x16@virtual", 5)]
)  # groups of 1, 2, 4 and 4 elements
def test_bench(monkeypatch: pytest.MonkeyPatch, array: str, group: int) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))
    run_bench(EventScanner(small_array(array), group), BENCH, {"array": array, "group": group})
