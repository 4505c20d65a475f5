"""The cocotb bench of the delta encoder, on Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_arrays import small_array

from stillframe.hw.delta_encoder import DeltaEncoder
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_delta_encoder.py"


@pytest.mark.parametrize("array", ["1x16@25F", "1x16", "4x16", "8x16@virtual"])
def test_bench(array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent.parent))  # the bench shares references with other tests
    run_bench(DeltaEncoder(small_array(array)), BENCH, {"array": array})
