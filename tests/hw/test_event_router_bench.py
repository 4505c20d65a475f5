"""The cocotb bench of the event router, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.event_router import EventRouter
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_event_router.py"


@pytest.mark.parametrize("array", ["2x8@25F", "4x16@virtual", "8x16@virtual"])
def test_bench(monkeypatch: pytest.MonkeyPatch, array: str) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))
    run_bench(EventRouter(small_array(array)), BENCH, {"array": array})
