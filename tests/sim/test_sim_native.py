"""The native model behind the transport."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from toys import Echo, Table

from stillframe.contract import StillframeError
from stillframe.sim import native


@pytest.fixture
def data() -> bytes:
    return random.Random(1).randbytes(100_000)


def test_bytes_come_back_whatever_the_stalls(data: bytes) -> None:
    with native.open_component(Echo(), stall=0.4, seed=7) as sim:
        sim.write(data[:70_000])
        first = sim.read(30_000)
        sim.write(data[70_000:])
        assert first + sim.read(70_000) == data
        assert sim.cycles > 150_000


def test_a_byte_a_cycle_without_stalls(data: bytes) -> None:
    with native.open_component(Echo()) as sim:
        sim.write(data)
        assert sim.read(len(data)) == data
        assert sim.cycles == len(data) + 1


def test_the_seed_fixes_the_stalls(data: bytes) -> None:
    def cycles(seed: int) -> int:
        with native.open_component(Echo(), stall=0.2, seed=seed) as sim:
            sim.write(data)
            sim.read(len(data))
            return sim.cycles

    assert cycles(3) == cycles(3) != cycles(4)


def test_reading_what_is_there_takes_no_cycles() -> None:
    with native.open_component(Echo()) as sim:
        sim.write(b"abcdef")
        sim.run(20)
        assert sim.read(4) == b"abcd"
        assert sim.read(10, timeout=0) == b"ef"
        assert sim.cycles == 20


def test_silence_ends_a_read() -> None:
    with native.open_component(Echo()) as sim:
        sim.write(b"abc")
        assert sim.read(10, timeout=1e-3) == b"abc"
        last_byte = sim.cycles
        assert sim.read(1, timeout=1e-3) == b""
        assert sim.cycles - last_byte == 1e-3 * native.CLOCK_HZ
        sim.patience = 1_500_000
        before = sim.cycles
        assert sim.read(1) == b""
        assert sim.cycles - before == 1_500_000


def test_memories_start_as_they_should_and_survive_a_reset() -> None:
    init = [0, 5, 0, 0, 9, 255]
    everything = bytes(range(256))
    with native.open_component(Table(init)) as sim:
        sim.write(everything)
        assert list(sim.read(256)) == init + [0] * 250
        sim.write(everything)
        sim.reset()
        sim.write(everything)
        assert list(sim.read(256)) == [1, 6, 1, 1, 10, 0] + [1] * 250
    with native.open_component(Table(init)) as sim:
        sim.write(everything)
        assert list(sim.read(256)) == init + [0] * 250


def test_reset_drops_bytes_under_way() -> None:
    with native.open_component(Echo()) as sim:
        sim.write(b"lost")
        sim.run(3)
        sim.reset()
        sim.write(b"kept")
        assert sim.read(10, timeout=1e-5) == b"kept"


def test_simulations_do_not_share_state() -> None:
    with native.open_component(Table([])) as one, native.open_component(Table([])) as other:
        one.write(b"\0\0")
        other.write(b"\0")
        assert (one.read(2), other.read(1)) == (b"\0\1", b"\0")
        assert (one.cycles, other.cycles) == (3, 2)


def test_a_failed_assertion_stops_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    with native.open_component(Echo(forbidden=0x55)) as sim:
        sim.write(b"\x54\x55\x56")
        with pytest.raises(native.InvariantError, match="failed in cycle 2; it is printed"):
            sim.read(3)
        sim.close()
    assert "Assertion failed in TOP.top_native.top" in capfd.readouterr().out


def test_waveforms(tmp_path: Path) -> None:
    trace = tmp_path / "echo.vcd"
    with native.open_component(Echo(), trace=trace) as sim:
        sim.write(b"\xa7")
        assert sim.read(1) == b"\xa7"
    text = trace.read_text()
    assert "$var wire 8" in text
    assert "b10100111 " in text
    assert "#15" in text
    assert "#20" not in text


def test_a_closed_simulation_says_so() -> None:
    sim = native.open_component(Echo())
    sim.close()
    sim.close()
    with pytest.raises(StillframeError, match="expected an open one, this is closed"):
        sim.write(b"a")


def test_a_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    library = tmp_path / "model.so"
    library.write_bytes(b"no library")
    with pytest.raises(StillframeError) as error:
        native.SimTransport(library)
    assert error.value.message.startswith(f"native model {library}: expected a library to load, got: ")
    assert error.value.hint == "delete the file's folder to have it compiled again"


@pytest.mark.parametrize("stall", [-0.1, 1.0])
def test_stall_is_a_probability(stall: float) -> None:
    with native.open_component(Echo()) as sim, pytest.raises(ValueError, match="expected a probability"):
        sim.stall(stall)
