"""The multipliers: every lane that an event is for multiplies it by its own weight and accumulates."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, ArrayConfig

from .multiplier import Multiplier
from .payloads import event, sums


class MacBank(wiring.Component):
    """Bank ``number``: ``lanes`` multipliers, their weights, their accumulators.

    Takes one event a cycle while ``advance``.

    Latency: an event's product is in the accumulators 4 cycles after it was given.

    Ports:
        row: WEIGHTS row of the event; values: of the event, 9 bits signed, lane l takes values[l % drain].
        first_lane, last_lane: The event's lanes of the whole array; the others' sums stay as they are.
        clear: Belongs to the event whose product is being added: start the sum with it.
        add: A product is being added.
        acc: The accumulators.
        write_en, write_column, write_row, write_data: Writes four lanes' weights of a row.
    """

    row: Signal
    first_lane: Signal
    last_lane: Signal
    advance: Signal
    clear: Signal
    add: Signal

    def __init__(self, config: ArrayConfig, number: int = 0) -> None:
        self._config = config
        self._first_lane = number * config.lanes
        super().__init__(
            {
                "advance": In(1),
                "row": In(ADDRESS_BITS),
                "values": In(data.ArrayLayout(signed(9), config.drain)),
                "first_lane": In(6),
                "last_lane": In(6),
                "clear": In(1),
                "add": In(1),
                "acc": Out(data.ArrayLayout(signed(ACC_BITS), config.lanes)),
                "write_en": In(max(1, config.lanes // 4)),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self._config.lanes
        chunk = min(lanes, 4)
        m.submodules.weights = memory = Memory(
            shape=data.ArrayLayout(signed(8), lanes), depth=self._config.weights_words, init=[]
        )
        write, read = memory.write_port(granularity=chunk), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.write_row),
            write.en.eq(self.write_en),
            read.addr.eq(self.row),
            read.en.eq(self.advance),
        ]
        for lane in range(lanes):
            byte = (self._first_lane + lane) % 4
            m.d.comb += write.data[lane].eq(self.write_data.word_select(byte, 8).as_signed())

        # The weight goes from the block RAM straight into its multiplier's register, as does the value, or 0
        # for a lane that the event is not for.
        values = Signal(data.ArrayLayout(signed(9), self._config.drain), reset_less=True)
        chosen = Signal(lanes, reset_less=True)
        with m.If(self.advance):
            m.d.sync += values.eq(self.values)
        for lane in range(lanes):
            number = self._first_lane + lane
            m.submodules[f"multiplier_{lane}"] = multiplier = Multiplier(9, 8)
            acc = Signal(signed(ACC_BITS), name=f"acc_{lane}", reset_less=True)
            m.d.comb += [
                multiplier.enable.eq(self.advance),
                multiplier.a.eq(Mux(chosen[lane], values[lane % self._config.drain], 0)),
                multiplier.b.eq(read.data[lane]),
                self.acc[lane].eq(acc),
            ]
            with m.If(self.advance):
                m.d.sync += chosen[lane].eq((self.first_lane <= number) & (self.last_lane >= number))
                with m.If(self.add):
                    m.d.sync += acc.eq(Mux(self.clear, 0, acc) + multiplier.product)
        return m


class MacArray(wiring.Component):
    """All banks. They take the same event and compute different output channels.

    ``o`` offers the sums of all lanes after the event with ``last``. Throughput one event a cycle; latency
    ``LATENCY`` cycles from that event to its sums. The array stalls only while sums wait to be taken.

    Ports:
        write_en, write_column, write_row, write_data: Host writes to the weights (column: four lanes).
    """

    LATENCY = 4

    write_en: Signal
    write_column: Signal
    write_row: Signal
    write_data: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(event(config))),
                "o": Out(stream.Signature(sums(config))),
                "write_en": In(1),
                "write_column": In(6),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        stages = self.LATENCY - 1
        valid = [Signal(name=f"valid_{n}") for n in range(stages)]
        last = [Signal(name=f"last_{n}", reset_less=True) for n in range(stages)]
        first = Signal(init=1)
        complete = Signal()
        advance = Signal()
        m.d.comb += [
            advance.eq(~complete | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(complete),
        ]
        with m.If(advance):
            m.d.sync += [
                valid[0].eq(self.i.valid),
                last[0].eq(self.i.p.last),
                complete.eq(valid[-1] & last[-1]),
            ]
            for n in range(1, stages):
                m.d.sync += [valid[n].eq(valid[n - 1]), last[n].eq(last[n - 1])]
            with m.If(valid[-1]):
                m.d.sync += first.eq(last[-1])
        lanes_per_column = 4
        for number in range(config.banks):
            bank = MacBank(config, number)
            m.submodules[f"bank_{number}"] = bank
            m.d.comb += [
                bank.advance.eq(advance),
                bank.row.eq(self.i.p.weight),
                bank.values.eq(self.i.p.values),
                bank.first_lane.eq(self.i.p.first_lane),
                bank.last_lane.eq(self.i.p.last_lane),
                bank.add.eq(valid[-1]),
                bank.clear.eq(first),
                bank.write_row.eq(self.write_row),
                bank.write_data.eq(self.write_data),
            ]
            base = number * config.lanes // lanes_per_column
            for chunk in range(max(1, config.lanes // lanes_per_column)):
                m.d.comb += bank.write_en[chunk].eq(self.write_en & (self.write_column == base + chunk))
            for lane in range(config.lanes):
                m.d.comb += self.o.p.acc[number * config.lanes + lane].eq(bank.acc[lane])
        return m
