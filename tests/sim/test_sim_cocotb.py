"""The cocotb runner and the typed streams, on a bench that passes and on benches that must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from toys import Echo, Swap

from stillframe.sim.cocotb_runner import BenchError, run_bench

BENCH = Path(__file__).with_name("swap_bench.py")
PARAMETERS = {"stall": 0.3, "count": 300}


def test_a_bench_that_passes() -> None:
    run_bench(Swap(), BENCH, PARAMETERS, tests=["swaps", "full_speed", "reset_in_mid_stream"])


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("wrong", "swap_bench.wrong failed"),
        ("hangs", "o: expected 1 items in 100 cycles, got 0"),
    ],
)
def test_a_bench_that_fails(test: str, reason: str) -> None:
    with pytest.raises(BenchError, match="swap_bench: 1 of 1 tests failed") as error:
        run_bench(Swap(), BENCH, PARAMETERS, tests=[test])
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("fault", "reason"), [("changes", "changed to"), ("withdraws", "was withdrawn before")]
)
def test_a_payload_that_does_not_wait_is_caught(fault: str, reason: str) -> None:
    with pytest.raises(BenchError, match="1 of 1 tests failed") as error:
        run_bench(Swap(fault), BENCH, PARAMETERS, tests=["swaps"])
    assert reason in str(error.value)


def test_a_test_that_is_not_there() -> None:
    with pytest.raises(BenchError, match="swap_bench: expected missing to run, 0 tests ran"):
        run_bench(Swap(), BENCH, PARAMETERS, tests=["missing"])


def test_a_bench_that_cannot_be_imported(tmp_path: Path) -> None:
    bench = tmp_path / "broken_bench.py"
    bench.write_text("import no_such_module\n")
    with pytest.raises(BenchError, match="broken_bench: the simulation ended") as error:
        run_bench(Swap(), bench)
    assert "No module named 'no_such_module'" in str(error.value)


def test_an_assertion_in_the_design_fails_the_bench(tmp_path: Path) -> None:
    bench = tmp_path / "forbidden_bench.py"
    bench.write_text(
        "import cocotb\n"
        "from stillframe.sim import vip\n"
        "@cocotb.test()\n"
        "async def sends(dut):\n"
        "    await vip.start(dut)\n"
        "    source, sink = vip.StreamSource(dut, 'rx', 8), vip.StreamSink(dut, 'tx', 8)\n"
        "    source.send(vip.parameters()['bytes'])\n"
        "    assert await sink.receive(2) == vip.parameters()['bytes']\n"
    )
    run_bench(Echo(forbidden=0x55), bench, {"bytes": [0x54, 0x56]})
    with pytest.raises(BenchError, match="Assertion failed in top"):
        run_bench(Echo(forbidden=0x55), bench, {"bytes": [0x54, 0x55]})
