"""From the lanes' sums to codes: state, requantisation, activation table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Cat, Const, Module, Mux, ShapeLike, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.memory_map import PARAM_COLUMN_BITS, PARAM_COLUMNS, PARAM_FIELDS

from .memory import ADDRESS_BITS
from .scaler import Scaler


class Finisher(wiring.Component):
    """Takes the sums of some outputs of a pixel, one after the other, and gives their codes to the encoder.

    Throughput: an output in some 21 cycles. Latency: the encoder's 10 cycles more.

    Members:
        put_state, put_param, put_entry: ``value`` is the address of the next output's accumulator, of its
            PARAMS, of where code 0 stands in its table.
        put_lowest, put_highest, put_zero: ... the smallest and the largest number that a sum may be
            requantised to, and what is added then.
        put_once: ... whether to round once.
        put_use_state, put_use_table, put_by_channel: ... whether there is an accumulator, a table, a table
            for each channel.
        put_fresh: ... whether accumulators begin at 0.
        start: Finish so many outputs: ``value``, at least 1.
        start_code: Finish one output, whose code before the table is ``value``.
        leave: The next output is left out.
        step: Codes from one channel to the next.
        sum, next: The next lane's sum, and that it was taken.
        code_start, code, code_busy: The encoder's.
        busy: Outputs are under way.
        mem_en, mem_address, mem_write, mem_data, mem_word, mem_byte: The memory; words are written.
    """

    value: Signal
    start: Signal
    start_code: Signal
    leave: Signal
    step: Signal
    sum: Signal
    next: Signal
    code_start: Signal
    code: Signal
    code_busy: Signal
    busy: Signal
    mem_en: Signal
    mem_address: Signal
    mem_write: Signal
    mem_data: Signal
    mem_word: Signal
    mem_byte: Signal

    REGISTERS: ClassVar[Mapping[str, ShapeLike]] = {
        "state": ADDRESS_BITS,
        "param": ADDRESS_BITS,
        "entry": ADDRESS_BITS,
        "lowest": signed(9),
        "highest": signed(9),
        "zero": signed(8),
        "use_state": 1,
        "use_table": 1,
        "by_channel": 1,
        "fresh": 1,
    }
    """Registers that are put, and their widths."""

    def __init__(self) -> None:
        super().__init__(
            {
                **{f"put_{name}": In(1) for name in (*self.REGISTERS, "once")},
                "value": In(32),
                "start": In(1),
                "start_code": In(1),
                "leave": In(1),
                "step": In(12),
                "sum": In(32),
                "next": Out(1),
                "code_start": Out(1),
                "code": Out(signed(8)),
                "code_busy": In(1),
                "busy": Out(1),
                "mem_en": Out(1),
                "mem_address": Out(ADDRESS_BITS),
                "mem_write": Out(1),
                "mem_data": Out(32),
                "mem_word": In(32),
                "mem_byte": In(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.scaler = scaler = Scaler()
        own = {name: Signal(shape, name=name) for name, shape in self.REGISTERS.items()}
        for name, register in own.items():
            with m.If(getattr(self, f"put_{name}")):
                m.d.sync += register.eq(self.value)
        state, param, entry = own["state"], own["param"], own["entry"]
        left, total, scaled = Signal(8), Signal(32), Signal(signed(32))
        multiplier_bits = PARAM_FIELDS["multiplier"]
        middle = Signal(PARAM_COLUMN_BITS, reset_less=True)  # the second column
        shifts = Signal(PARAM_FIELDS["right"] + PARAM_FIELDS["left"], reset_less=True)
        through = Signal()
        m.d.comb += [
            scaler.put_once.eq(self.put_once),
            scaler.value.eq(self.value),
            self.mem_data.eq(total),
        ]
        with m.If(through | self.leave):
            m.d.sync += [state.eq(state + (self.step << 2)), param.eq(param + 4 * PARAM_COLUMNS)]
            m.d.sync += entry.eq(entry + (own["by_channel"] << 8))

        # Numbers beyond 9 bits are beyond the limits.
        small = (scaled[8:] == 0) | (scaled[8:] == (1 << 24) - 1)
        narrow, clamped = scaled[:9].as_signed(), Signal(signed(9))
        m.d.comb += clamped.eq(narrow)
        with m.If(Mux(small, narrow < own["lowest"], scaled[31])):
            m.d.comb += clamped.eq(own["lowest"])
        with m.Elif(~small | (narrow > own["highest"])):
            m.d.comb += clamped.eq(own["highest"])

        def read(address: Signal) -> None:
            m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(address)]

        # A code is encoded while the next sum is scaled, which needs no memory.
        pending = Signal()

        def finished() -> None:
            m.d.comb += through.eq(1)
            m.d.sync += [left.eq(left - 1), pending.eq(1)]
            m.next = "SUM"
            with m.If(left == 1):
                m.next = "LAST"

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += left.eq(self.value)
                with m.If(self.start):
                    m.next = "SUM"
                with m.Elif(self.start_code):
                    m.d.sync += [self.code.eq(self.value), left.eq(1)]
                    m.next = "TABLE"
            with m.State("SUM"):
                read(state)
                m.d.comb += self.next.eq(1)
                m.d.sync += total.eq(self.sum)
                m.next = "MULTIPLIER"
                with m.If(own["use_state"]):
                    m.next = "STATE"
            with m.State("STATE"):
                with m.If(~own["fresh"]):
                    m.d.sync += total.eq(total + self.mem_word)
                m.next = "KEEP"
            with m.State("KEEP"):
                m.d.comb += [self.mem_en.eq(1), self.mem_address.eq(state), self.mem_write.eq(1)]
                m.next = "MULTIPLIER"
            # The columns of PARAMS: the second first, since two fields go over into it.
            with m.State("MULTIPLIER"):
                read(param + 4)
                m.next = "MIDDLE"
            with m.State("MIDDLE"):
                m.d.sync += middle.eq(self.mem_word)
                read(param + 8)
                m.next = "HIGH"
            with m.State("HIGH"):
                word = Cat(Const(0, PARAM_COLUMN_BITS), middle, self.mem_word)
                at = PARAM_FIELDS["bias"]
                m.d.comb += [scaler.put_multiplier.eq(1), scaler.value.eq(word[at:][:multiplier_bits])]
                m.d.sync += shifts.eq(word[at + multiplier_bits :])
                m.next = "SHIFT"
            with m.State("SHIFT"):
                m.d.comb += [scaler.put_shift.eq(1), scaler.value.eq(shifts)]
                read(param)
                m.next = "SCALE"
            with m.State("SCALE"):
                m.d.comb += [
                    scaler.start.eq(1),
                    scaler.value.eq(total + Cat(self.mem_word[:PARAM_COLUMN_BITS], middle)[: len(total)]),
                    self.code_start.eq(pending),
                ]
                m.d.sync += pending.eq(0)
                m.next = "SCALING"
            with m.State("SCALING"):
                m.d.sync += scaled.eq(scaler.result)
                with m.If(~scaler.busy & ~self.code_busy):
                    m.next = "CLAMP"
            with m.State("CLAMP"):
                m.d.sync += self.code.eq(clamped + own["zero"])
                m.next = "TABLE"
                with m.If(~own["use_table"]):
                    finished()
            with m.State("TABLE"):
                read(entry + self.code)
                m.next = "ENTRY"
            with m.State("ENTRY"):
                with m.If(own["use_table"]):
                    m.d.sync += self.code.eq(self.mem_byte)
                finished()
            with m.State("LAST"):
                m.d.comb += self.code_start.eq(1)
                m.d.sync += pending.eq(0)
                m.next = "ENCODING"
            with m.State("ENCODING"), m.If(~self.code_busy):
                m.next = "IDLE"
        return m
