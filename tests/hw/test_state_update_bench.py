"""The cocotb bench of the state update, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.state_update import StateUpdate
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_state_update.py"


@pytest.mark.parametrize("array", ["1x16", "4x16"])
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(StateUpdate(small_array(array)), BENCH, {"array": array})
