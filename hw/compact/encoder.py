"""The delta encoder: what a code becomes in the output tensor, and whether it is an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Module, Mux, ShapeLike, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.layer import Mode

from .memory import ADDRESS_BITS


class Encoder(wiring.Component):
    """Encodes one code after the other, as ``docs/architecture.md`` has it; each is the next channel's.

    Of an event that is a difference the code sent before goes to EVENTS: the difference is taken where it is
    needed. Of any event the mask bit and the row flag are set.

    Latency: 4 cycles of ``busy`` for a code that is not sent in delta mode, up to 10 for an event; 1 for
    ``leave``.

    Members:
        put_code, put_mask, put_column, put_flag: ``value`` is the next code's address, its mask byte's, its
            column, of which the lowest 3 bits count, its row flag's.
        put_code_step, put_mask_step: ... the distance to the next channel's.
        put_old: ... from a code's address to its place in EVENTS.
        put_zero, put_threshold: ... the zero point; codes by which one may differ from the one sent, unsent.
        put_key, put_mode, put_events: ... whether it is a key frame, the tensor's mode, whether it has a
            place in EVENTS.
        start: Encode ``value``.
        leave: The next channel is left out.
        busy: It is under way; the encoder has the memory.
        code_step: As put.
        changed: A code was sent since ``put_flag``'s layer began: since ``clear``.
        mem_en, mem_address, mem_write, mem_data, mem_byte: The memory.
    """

    value: Signal
    start: Signal
    leave: Signal
    clear: Signal
    busy: Signal
    changed: Signal
    code_step: Signal
    mem_en: Signal
    mem_address: Signal
    mem_write: Signal
    mem_data: Signal
    mem_byte: Signal

    REGISTERS: ClassVar[Mapping[str, ShapeLike]] = {
        "code": ADDRESS_BITS,
        "mask": ADDRESS_BITS,
        "column": 3,
        "flag": ADDRESS_BITS,
        "code_step": 12,
        "mask_step": 9,
        "old": ADDRESS_BITS,
        "zero": signed(8),
        "threshold": 8,
        "key": 1,
        "mode": 2,
        "events": 1,
    }
    """Registers that are put, and their widths."""

    def __init__(self) -> None:
        super().__init__(
            {
                **{f"put_{name}": In(1) for name in self.REGISTERS},
                "value": In(32),
                "start": In(1),
                "leave": In(1),
                "clear": In(1),
                "busy": Out(1),
                "changed": Out(1),
                "code_step": Out(12),
                "mem_en": Out(1),
                "mem_address": Out(ADDRESS_BITS),
                "mem_write": Out(1),
                "mem_data": Out(8),
                "mem_byte": In(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        own = {name: Signal(shape, name=name) for name, shape in self.REGISTERS.items()}
        for name, register in own.items():
            with m.If(getattr(self, f"put_{name}")):
                m.d.sync += register.eq(self.value)
        code, mask = own["code"], own["mask"]
        y, before, kept = Signal(signed(8)), Signal(signed(8)), Signal(signed(8))
        difference, distance = Signal(signed(9)), Signal(9)
        delta = own["mode"] == Mode.DELTA
        flagged = Signal()  # the row's flag is set already
        event, sent, through = Signal(), Signal(), Signal()
        m.d.comb += [
            self.code_step.eq(own["code_step"]),
            difference.eq(y - before),
            distance.eq(Mux(difference < 0, -difference, difference)),
            event.eq(Mux(delta, sent, (own["mode"] == Mode.DENSE) | (kept != own["zero"]))),
        ]
        with m.If(self.put_flag):
            m.d.sync += flagged.eq(0)
        with m.If(self.clear):
            m.d.sync += self.changed.eq(0)
        with m.If(through | self.leave):
            m.d.sync += [code.eq(code + own["code_step"]), mask.eq(mask + own["mask_step"])]

        def access(address: Signal, data: Signal | None = None) -> None:
            m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(address)]
            if data is not None:
                m.d.comb += [self.mem_write.eq(1), self.mem_data.eq(data)]

        def finish() -> None:
            m.d.comb += through.eq(1)
            m.next = "IDLE"

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += y.eq(self.value)
                m.next = "READ"
            with m.State("READ"):
                access(code)
                m.next = "BEFORE"
            with m.State("BEFORE"):
                m.d.sync += before.eq(Mux(own["key"], own["zero"], self.mem_byte))
                m.next = "DECIDE"
            with m.State("DECIDE"):
                differs = distance > Mux(own["key"], 0, own["threshold"])
                m.d.sync += [sent.eq(differs), kept.eq(Mux(differs, y, before))]
                m.next = "STORE"
            with m.State("STORE"):
                access(code, kept)
                with m.If(sent):
                    m.d.sync += self.changed.eq(1)
                with m.If(~event):
                    finish()
                with m.Elif(delta & own["events"]):
                    m.next = "OLD"
                with m.Else():
                    m.next = "MASK"
            with m.State("OLD"):
                access(code + own["old"], before)
                m.next = "MASK"
            with m.State("MASK"):
                access(mask)
                m.next = "SET"
            with m.State("SET"):
                access(mask, self.mem_byte | (1 << own["column"]))
                m.next = "FLAG"
                with m.If(flagged):
                    finish()
            with m.State("FLAG"):
                access(own["flag"], 1)
                m.d.sync += flagged.eq(1)
                finish()
        return m
