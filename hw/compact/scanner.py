"""Finds the events of a receptive field by their mask bits and fetches their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .memory import ADDRESS_BITS

EVENT = data.StructLayout({"value": 9, "weight": 16})
"""An event: its value, two's complement, and its weight row, counted from the pass's first one."""


class Scanner(wiring.Component):
    """Looks at a mask byte of one channel after the other, and puts every event into the list.

    A mask byte stands for eight neighbouring columns. Mask bytes, codes and weight rows of the channels, and
    behind the last channel of a row those of the next row, lie equally far apart: so one scan takes all rows
    and channels of a receptive field that lie under the same mask byte's columns.

    An event's value is the code less the one sent before (``differences``), or less the zero point.

    Throughput: a mask byte without events a cycle; an event 3 cycles (2 without ``differences``), and 1 more
    for a byte that has any. Latency: 1 cycle.

    Members:
        put: ``value`` is for the register or command that ``port`` means.
        select, masks, codes, weights, mask_step, code_step, weight_step, zero, old, mode, scan: Which of them
            it is for: see :class:`~.isa.Put`.
        value: Of ``put``.
        busy: A scan is under way; it has the memory.
        mem_en, mem_address, mem_byte: Reads the memory.
        event_en, event: Into the list.
    """

    value: Signal
    busy: Signal
    mem_en: Signal
    mem_address: Signal
    mem_byte: Signal
    event_en: Signal
    event: data.View[data.StructLayout]

    REGISTERS: ClassVar[Mapping[str, ShapeLike]] = {
        "select": 8,
        "masks": ADDRESS_BITS,
        "codes": ADDRESS_BITS,
        "weights": 16,
        "mask_step": ADDRESS_BITS,
        "code_step": ADDRESS_BITS,
        "weight_step": 16,
        "zero": 8,
        "old": ADDRESS_BITS,
        "mode": 2,
        "scan": 16,
    }
    """Registers that are put, and their widths; ``scan`` starts."""

    def __init__(self) -> None:
        super().__init__(
            {
                **{f"put_{name}": In(1) for name in self.REGISTERS},
                "value": In(32),
                "busy": Out(1),
                "mem_en": Out(1),
                "mem_address": Out(ADDRESS_BITS),
                "mem_byte": In(8),
                "event_en": Out(1),
                "event": Out(EVENT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        own = {name: Signal(width, name=name) for name, width in self.REGISTERS.items()}
        for name, register in own.items():
            with m.If(getattr(self, f"put_{name}")):
                m.d.sync += register.eq(self.value)
        left, differences, flat = own["scan"], own["mode"][0], own["mode"][1]
        masks, codes, weights = own["masks"], own["codes"], own["weights"]

        bits, rest = (
            Signal(8),
            Signal(8),
        )  # events of the byte that are still to be fetched; all but the first
        column = Signal(3)  # of the first one
        for n in reversed(range(8)):
            with m.If(bits[n]):
                m.d.comb += [column.eq(n), rest.eq(bits & ~(1 << n))]
        place, old_place = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        m.d.comb += place.eq(codes + column)
        m.d.sync += old_place.eq(place + own["old"])
        code = Signal(8)

        next_mask, next_channel, last = Signal(), Signal(), left == 1
        m.d.comb += self.event.weight.eq(weights + Mux(flat, 0, column))
        with m.If(next_mask):
            m.d.sync += masks.eq(masks + own["mask_step"])
        with m.If(next_channel):
            m.d.sync += [
                codes.eq(codes + own["code_step"]),
                weights.eq(weights + own["weight_step"]),
                left.eq(left - 1),
            ]

        def fetched() -> None:
            """The first event is in the list."""
            m.d.comb += self.event_en.eq(1)
            m.d.sync += bits.eq(rest)
            m.next = "CODE"
            with m.If(rest == 0):
                m.d.comb += next_channel.eq(1)
                m.next = "MASK"
                with m.If(last):
                    m.next = "IDLE"

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.put_scan):
                m.next = "MASK"
            with m.State("MASK"):
                m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(masks), next_mask.eq(1)]
                m.next = "TEST"
                with m.If(left == 0):
                    m.next = "IDLE"
            with m.State("TEST"):
                found = self.mem_byte & own["select"]
                m.d.sync += bits.eq(found)
                m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(masks)]
                with m.If(found.any()):
                    m.next = "CODE"
                with m.Else():
                    m.d.comb += [next_mask.eq(1), next_channel.eq(1)]
                    with m.If(last):
                        m.next = "IDLE"
            with m.State("CODE"):
                m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(place)]
                m.next = "VALUE"
                with m.If(differences):
                    m.next = "OLD"
            with m.State("VALUE"):
                m.d.comb += self.event.value.eq(self.mem_byte.as_signed() - own["zero"].as_signed())
                fetched()
            with m.State("OLD"):
                m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(old_place)]
                m.d.sync += code.eq(self.mem_byte)
                m.next = "DIFFERENCE"
            with m.State("DIFFERENCE"):
                m.d.comb += self.event.value.eq(code.as_signed() - self.mem_byte.as_signed())
                fetched()
        return m
