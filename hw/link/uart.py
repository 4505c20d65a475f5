"""Bytes over two wires: start bit, eight data bits from the lowest, stop bit; no parity."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

PHASE_BITS = 20
"""Width of the counters that measure bits: a rate is right to 2**-21 of the clock."""

MIN_CYCLES = 4
"""Fewest clock cycles in a bit."""

MIN_STEP = 64
"""Below it a rate would be off by more than 0.8 %."""


def phase_step(clock_hz: float, baud: float) -> int:
    """How far the phase of a bit moves in a cycle, in units of 2**-PHASE_BITS of a bit.

    Raises:
        ValueError: A bit would be shorter than ``MIN_CYCLES`` cycles, or longer than the phase can tell.
    """
    step = round(baud / clock_hz * (1 << PHASE_BITS))
    if not MIN_STEP <= step <= (1 << PHASE_BITS) // MIN_CYCLES:
        raise ValueError(
            f"baud: expected {clock_hz * MIN_STEP / (1 << PHASE_BITS):.0f} to {clock_hz / MIN_CYCLES:.0f} "
            f"at a clock of {clock_hz:.0f} Hz, got {baud}"
        )
    return step


class UartReceiver(wiring.Component):
    """Bytes from a wire. Bits are sampled in their middle, counted from the start bit's edge.

    A start bit that is over before its middle is noise and ignored. A byte whose stop bit is missing is
    dropped; the next start bit is looked for once the line is high again. There is no way to stop the sender:
    a byte that has not been taken when the next one is complete is lost. Packets notice either by their CRC.

    Latency: a byte is valid within 4 cycles of the middle of its stop bit.

    Args:
        clock_hz, baud: Frequencies of the clock and of bits.

    Ports:
        pin: The wire, from any clock; high when nothing is sent.
        o: Bytes.
        line_break: The line has been low for a whole byte, stop bit included, and still is.
    """

    pin: Signal
    line_break: Signal
    o: stream.Interface

    def __init__(self, clock_hz: float, baud: float) -> None:
        self._step = phase_step(clock_hz, baud)
        super().__init__({"pin": In(1, init=1), "o": Out(stream.Signature(8)), "line_break": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.pin, line, init=1)
        phase = Signal(PHASE_BITS)
        after = Signal(PHASE_BITS + 1)
        middle = after[PHASE_BITS]  # of a bit
        bits = Signal(9)  # those that came, the last one highest; a one that has moved down to bit 0 ends it
        m.d.comb += after.eq(phase + self._step)
        m.d.sync += phase.eq(after[:PHASE_BITS])
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [phase.eq(1 << PHASE_BITS - 1), bits.eq(1 << 8)]
                with m.If(~line):
                    m.next = "START"
            with m.State("START"), m.If(middle):
                m.next = "DATA"
                with m.If(line):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(middle):
                m.d.sync += bits.eq(Cat(bits[1:], line))
                with m.If(bits[0]):  # it is the stop bit, and the byte lies above
                    m.next = "IDLE"
                    with m.If(line):
                        m.d.sync += [self.o.payload.eq(bits[1:]), self.o.valid.eq(1)]
                    with m.Else():
                        m.d.sync += self.line_break.eq(bits[1:] == 0)
                        m.next = "HIGH"
            with m.State("HIGH"), m.If(line):
                m.d.sync += self.line_break.eq(0)
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a wire, one in ten bits and a cycle.

    Args:
        clock_hz, baud: Frequencies of the clock and of bits.

    Ports:
        i: Bytes.
        pin: The wire, from a register; high when nothing is sent.
    """

    i: stream.Interface
    pin: Signal

    def __init__(self, clock_hz: float, baud: float) -> None:
        self._step = phase_step(clock_hz, baud)
        super().__init__({"i": In(stream.Signature(8)), "pin": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        phase = Signal(PHASE_BITS)
        bits = Signal(10)  # what is to be sent yet, the stop bit included, and above it a one; 0 when all is
        after = Signal(PHASE_BITS + 1)
        m.d.comb += [after.eq(phase + self._step), self.i.ready.eq(bits == 0)]
        with m.If(bits == 0), m.If(self.i.valid):
            m.d.sync += [self.pin.eq(0), bits.eq(Cat(self.i.payload, Const(3, 2))), phase.eq(0)]
        with m.Else():
            m.d.sync += phase.eq(after[:PHASE_BITS])
            with m.If(after[PHASE_BITS]):
                m.d.sync += Cat(self.pin, bits).eq(bits)
        return m
