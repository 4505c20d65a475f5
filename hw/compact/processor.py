"""Executes the microprogram."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .isa import DEPTH, REGISTERS, Condition, Op
from .memory import ADDRESS_BITS


class Processor(wiring.Component):
    """Two cycles an instruction, three if it reads the memory; GET and PUT wait for their port.

    In the first cycle the registers are read, in the second the result is computed, written, and the next
    instruction fetched. Registers and microprogram are block RAM, which holds the microprogram from
    configuration on. Registers are not reset; a reset goes on at instruction 0.

    Args:
        program: The microprogram's words.

    Members:
        port: Number of the port that ``get`` or ``put`` means.
        get: The port is to give ``get_data``: in the cycle with ``ready`` it does.
        put: ``put_data`` is for the port, which takes it in the cycle with ``ready``.
        ready: The port gives or takes.
        mem_en: Asks for the memory, which reads or writes in the cycle with ``mem_ready``.
        mem_address, mem_write, mem_data, mem_word, mem_byte: As of :class:`~.memory.SharedMemory`.
    """

    port: Signal
    get: Signal
    get_data: Signal
    put: Signal
    put_data: Signal
    ready: Signal
    mem_en: Signal
    mem_ready: Signal
    mem_address: Signal
    mem_write: Signal
    mem_data: Signal
    mem_word: Signal
    mem_byte: Signal

    def __init__(self, program: Sequence[int]) -> None:
        self._program = list(program)
        super().__init__(
            {
                "port": Out(6),
                "get": Out(1),
                "get_data": In(32),
                "put": Out(1),
                "put_data": Out(32),
                "ready": In(1),
                "mem_en": Out(1),
                "mem_ready": In(1),
                "mem_address": Out(ADDRESS_BITS),
                "mem_write": Out(4),
                "mem_data": Out(32),
                "mem_word": In(32),
                "mem_byte": In(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.code = code = Memory(
            shape=32, depth=DEPTH, init=self._program, attrs={"ram_style": "block"}
        )
        fetch = code.read_port()
        word = fetch.data
        low, ra, rd, op = word[:10], word[11:19], word[19:27], word[27:]
        immediate = word[10]

        # Two copies of the registers, one for each operand. They are never read and written in one cycle.
        write = Signal()
        result = Signal(32)
        executing, loading = Signal(), Signal()
        storing = (op == Op.SW) | (op == Op.SB)
        operands = []
        for name, number in (("a", ra), ("b", Mux(storing, rd, low[:8]))):
            copy = Memory(shape=32, depth=REGISTERS, init=[], attrs={"ram_style": "block"})
            m.submodules[f"registers_{name}"] = copy
            r, w = copy.read_port(), copy.write_port()
            m.d.comb += [
                r.addr.eq(number),
                r.en.eq(~executing & ~loading),
                w.addr.eq(rd),
                w.data.eq(result),
                w.en.eq(write),
            ]
            operands.append(r.data)
        a, register_b = operands
        b = Signal(32)
        m.d.comb += b.eq(Mux(immediate, low.as_signed(), register_b))

        # The result. What can be known while the registers are read is.
        subtracting, extracting, kept = Signal(), Signal(), Signal(32)
        m.d.sync += [
            subtracting.eq((op == Op.SUB) | (op == Op.MAX) | (op == Op.MIN)),
            extracting.eq(op == Op.EXT),
            kept.eq(Cat((op != Op.EXT) | (low[:5] >= n) for n in range(32))),
        ]
        total = Signal(32)
        smaller = Signal()
        m.d.comb += [
            total.eq(a + (b ^ subtracting.replicate(32)) + subtracting),
            smaller.eq(Mux(a[31] ^ b[31], a[31], total[31])),
        ]
        rotated = self._rotated(m, a, Mux(extracting, low[5:], b[:5]))
        pc, following, next_pc = Signal(range(DEPTH)), Signal(range(DEPTH)), Signal(range(DEPTH))
        m.d.comb += following.eq(pc + 1)
        with m.Switch(op):
            with m.Case(Op.ADD, Op.SUB):
                m.d.comb += result.eq(total)
            with m.Case(Op.AND):
                m.d.comb += result.eq(a & b)
            with m.Case(Op.OR):
                m.d.comb += result.eq(a | b)
            with m.Case(Op.XOR):
                m.d.comb += result.eq(a ^ b)
            with m.Case(Op.MAX, Op.MIN):
                m.d.comb += result.eq(Mux(smaller ^ (op == Op.MAX), a, b))
            with m.Case(Op.ROR, Op.EXT):
                m.d.comb += result.eq(rotated & kept)
            with m.Case(Op.BYTE):
                m.d.comb += result.eq(a[:8].as_signed())
            with m.Case(Op.LI):
                m.d.comb += result.eq(Cat(low, ra).as_signed())
            with m.Case(Op.LW):
                m.d.comb += result.eq(self.mem_word)
            with m.Case(Op.LB):
                m.d.comb += result.eq(self.mem_byte.as_signed())
            with m.Case(Op.LBU):
                m.d.comb += result.eq(self.mem_byte)
            with m.Case(Op.CALL):
                m.d.comb += result.eq(following)
            with m.Case(Op.GET):
                m.d.comb += result.eq(self.get_data)

        # What it is for.
        getting, putting = op == Op.GET, op == Op.PUT
        reading = (op == Op.LW) | (op == Op.LB) | (op == Op.LBU)
        lane = Signal(2)
        m.d.comb += [
            self.port.eq(Mux(putting, rd, low)),
            self.get.eq(executing & getting),
            self.put.eq(executing & putting),
            self.put_data.eq(total),
            self.mem_en.eq(executing & (reading | storing)),
            self.mem_address.eq(total),
            lane.eq(self.mem_address[:2]),
        ]
        with m.If(op == Op.SW):
            m.d.comb += [self.mem_data.eq(register_b), self.mem_write.eq(executing.replicate(4))]
        with m.Elif(op == Op.SB):
            m.d.comb += self.mem_data.eq(register_b[:8].replicate(4))
            m.d.comb += self.mem_write.bit_select(lane, 1).eq(executing)

        # One instruction after the other.
        written, zero, negative, taken, done = Signal(32), Signal(), Signal(), Signal(), Signal()
        silent = storing | putting | (op == Op.BR) | (op == Op.JR)
        m.d.comb += write.eq(done & ~silent)
        with m.If(write):
            m.d.sync += written.eq(result)
        m.d.sync += [
            zero.eq(written == 0),
            negative.eq(written[31]),
        ]  # while the next one's registers are read
        with m.Switch(rd[:3]):
            with m.Case(Condition.ZERO):
                m.d.comb += taken.eq(zero)
            with m.Case(Condition.NONZERO):
                m.d.comb += taken.eq(~zero)
            with m.Case(Condition.NEGATIVE):
                m.d.comb += taken.eq(negative)
            with m.Case(Condition.NOT_NEGATIVE):
                m.d.comb += taken.eq(~negative)
            with m.Default():
                m.d.comb += taken.eq(1)
        m.d.comb += next_pc.eq(following)
        with m.If((op == Op.CALL) | ((op == Op.BR) & taken)):
            m.d.comb += next_pc.eq(low)
        with m.Elif(op == Op.JR):
            m.d.comb += next_pc.eq(a)
        started = Signal()
        m.d.comb += [fetch.en.eq(done | ~started), fetch.addr.eq(Mux(started, next_pc, 0))]
        m.d.sync += started.eq(1)
        with m.If(done):
            m.d.sync += pc.eq(next_pc)
        with m.FSM():
            with m.State("DECODE"), m.If(started):
                m.next = "EXECUTE"
            with m.State("EXECUTE"):
                m.d.comb += executing.eq(1)
                with m.If(reading), m.If(self.mem_ready):
                    m.next = "LOAD"
                with m.Elif(Mux(storing, self.mem_ready, self.ready | ~(getting | putting))):
                    m.d.comb += done.eq(1)
                    m.next = "DECODE"
            with m.State("LOAD"):
                m.d.comb += [loading.eq(1), done.eq(1)]
                m.next = "DECODE"
        return m

    @staticmethod
    def _rotated(m: Module, value: Signal, bits: Signal) -> Signal:
        """``value`` rotated right by ``bits``, a stage for each of them."""
        amount = Signal(5)
        m.d.comb += amount.eq(bits)
        for n in range(5):
            stage = Signal(32, name=f"rotated_{n}")
            m.d.comb += stage.eq(Mux(amount[n], value.rotate_right(1 << n), value))
            value = stage
        return value
