"""The whole accelerator on Verilator, cycle by cycle: the host driver talks to it over stalling byte streams.

The cases (programs, frames, what the golden model gives for them) are prepared by the test that runs this
bench.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, Timer

from stillframe.contract import Program
from stillframe.driver import Device, Session
from stillframe.driver.transport import Transport
from stillframe.hw.sequencer import Sequencer
from stillframe.sim.vip import StreamSink, StreamSource, parameters, reset, start

PERIOD_NS = 10
CLOCK_HZ = 1_000_000_000 // PERIOD_NS
POLL = 8
"""Cycles between two looks at what has come, since each look takes time."""
PATIENCE = 60_000
"""Cycles without a byte after which the driver sends a request again: longer than any frame here."""


class BenchTransport(Transport):
    """The driver's bytes, over the bench's streams."""

    def __init__(self, dut: Any, stall: float, seed: int) -> None:
        self.source = StreamSource(dut, "rx", 8, stall, seed)
        self.sink = StreamSink(dut, "tx", 8, stall, seed)

    def write(self, data: bytes) -> None:
        resume(self._write)(data)

    def read(self, n: int, timeout: float | None = None) -> bytes:
        patience = PATIENCE if timeout is None else round(timeout * CLOCK_HZ)
        return bytes(resume(self._read)(n, patience))

    def close(self) -> None:
        pass

    async def _write(self, data: bytes) -> None:
        self.source.send(data)

    async def _read(self, n: int, patience: int) -> list[int]:
        items, waited, before = self.sink.items, 0, 0
        while len(items) < n and waited < patience:
            await Timer(POLL * PERIOD_NS, "ns")
            waited = waited + POLL if len(items) == before else 0
            before = len(items)
        taken, items[:] = items[:n], items[n:]
        return taken


class Case:
    """A program, frames for it, and the outputs and the MACs that the golden model expects."""

    def __init__(self, path: str) -> None:
        self.program = Program.load(f"{path}.stlf")
        with np.load(f"{path}.npz") as arrays:
            self.frames = arrays["frames"]
            self.macs = arrays["macs"]
            self.outputs = {o.name: arrays[f"output {o.name}"] for o in self.program.outputs}

    def check(self, number: int, session: Session, key: bool) -> None:
        """Run one frame and compare."""
        result = session.run(self.frames[number], key)
        assert result.key == key, f"frame {number}: expected key {key}, got {result.key}"
        for name, expected in self.outputs.items():
            differ = np.argwhere(result.outputs[name] != expected[number])
            assert not differ.size, (
                f"frame {number}, {name}: {len(differ)} differ, first at {differ[0].tolist()}"
            )
        issued = sum(layer.macs_issued for layer in result.layers)
        assert key or issued == self.macs[number], (
            f"frame {number}: {issued} MACs, expected {self.macs[number]}"
        )
        if not key and (self.frames[number] == self.frames[number - 1]).all():
            skipped = [spec.fields.get("skip_still", 0) for spec in self.program.layers]
            cycles = [layer.cycles for layer in result.layers]
            resting = {c for c, skip in zip(cycles, skipped, strict=True) if skip}
            # The first one's descriptor is loaded during the input, the others' during such a rest.
            assert resting <= {Sequencer.SKIPPED, Sequencer.RESTING}


def cases() -> list[Case]:
    """The cases, in the order of their names."""
    folder = Path(parameters()["folder"])
    return [Case(str(path.with_suffix(""))) for path in sorted(folder.glob("*.stlf"))]


@cocotb.test()
@cocotb.parametrize(stall=[0.0, 0.3])
async def outputs_are_the_golden_models(dut: Any, stall: float) -> None:
    """Every program after the other on the same instance; the first frame of each is the only key frame."""
    transport = BenchTransport(dut, stall, seed=int(10 * stall))
    await start(dut)
    chosen = cases()[:2] if stall else cases()  # stalls only concern the link, and take their time

    def talk() -> None:
        device = Device(transport)
        for case in chosen:
            session = Session(device, case.program)
            for number in range(len(case.frames)):
                case.check(number, session, key=number == 0)

    await bridge(talk)()


@cocotb.test()
async def a_reset_in_a_frame_costs_a_key_frame_and_no_error(dut: Any) -> None:
    """Reset at many moments of upload, transfer and computation: the answer is right all the same."""
    transport = BenchTransport(dut, 0.1, seed=3)
    await start(dut)
    case = cases()[0]
    keys: list[bool] = []

    async def disturb(after: int) -> None:
        await ClockCycles(dut.clk, after)
        await reset(dut, transport.source, transport.sink)

    def talk() -> None:
        session = Session(Device(transport, timeout=5000 / CLOCK_HZ), case.program)
        for number in range(len(case.frames)):
            if number % 3 == 1:
                resume(begin_disturbance)(37 + 211 * number)
            result = session.run(case.frames[number])
            keys.append(result.key)
            for name, expected in case.outputs.items():
                assert (result.outputs[name] == expected[number]).all(), f"frame {number}, {name}"

    async def begin_disturbance(after: int) -> None:
        cocotb.start_soon(disturb(after))

    await bridge(talk)()
    assert keys[0]
    assert sum(keys) > 2, "no reset hit a frame"
    assert not all(keys)
