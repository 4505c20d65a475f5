"""A bank of multipliers, each with its weights and with an accumulator for every output pixel under way."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, SLOTS, ArrayConfig

from .multiplier import Multiplier
from .payloads import ACCUMULATOR, PIXEL_BITS
from .selecting_adder import SelectingAdder
from .tap_expander import taps

SLOT_BITS = SLOTS.bit_length() - 1
COLUMN_LANES = 4
"""Lanes whose weights the host writes at once."""


class MacBank(wiring.Component):
    """``lanes`` multipliers of 9 x 8 bits, numbered as :meth:`~.ArrayConfig.lane` has it. The accumulators
    of ``ACC_BITS`` bits lie in LUT RAM, in the slot that is their pixel's number modulo ``SLOTS``; the first
    product in a slot starts its sum.

    Takes taps every cycle; their products are in the accumulators ``LATENCY`` cycles later. What belongs to
    ``pixel`` is shown in the same cycle. What steers the drain comes from registers, since all of the drain
    hangs on it: they are loaded for the pixel after this one when this one is released.

    Args:
        number: Of the bank, which says which byte of the host's words is whose.

    Ports:
        start: Pulse before a layer: all slots are untouched, no pixel is complete.
        i: The taps of this cycle.
        pixel: Number of the pixel that is shown: 0 at the start, one more behind each ``release``.
        release: Pulse: that pixel is drained and its slot free.
        complete: The sums of that pixel are complete.
        touches: The lane groups that have taken a tap for it; touched: there are any. Both once complete.
        acc: Sums of the lanes for it, where touched.
        write_en, write_row, write_data: Host writes four lanes' weights of a row.
    """

    LATENCY = 5

    start: Signal
    pixel: Signal
    release: Signal
    i: data.View[data.StructLayout]
    acc: data.View[data.ArrayLayout]
    complete: Signal
    touched: Signal
    touches: Signal
    write_en: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig, number: int = 0) -> None:
        self._config = config
        self._number = number
        super().__init__(
            {
                "start": In(1),
                "i": In(taps(config)),
                "pixel": In(PIXEL_BITS),
                "release": In(1),
                "acc": Out(data.ArrayLayout(ACCUMULATOR, config.lanes)),
                "complete": Out(1),
                "touched": Out(1),
                "touches": Out(config.taps),
                "write_en": In(config.lanes // COLUMN_LANES),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config

        m.submodules.weights = memory = Memory(
            shape=data.ArrayLayout(signed(8), config.lanes), depth=config.weights_words, init=[]
        )
        write, read = memory.write_port(granularity=COLUMN_LANES), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.write_row),
            write.en.eq(self.write_en),
            read.addr.eq(self.i.row),
            read.en.eq(self.i.enable.any()),
        ]
        first_byte = self._number * config.lanes
        for lane in range(config.lanes):
            byte = (first_byte + lane) % COLUMN_LANES
            m.d.comb += write.data[lane].eq(self.write_data.word_select(byte, 8).as_signed())

        # Weights stop between block RAM and multiplier: the one is late in the cycle, the other far away.
        weights = Signal(read.data.shape(), reset_less=True)
        values = [Signal(self.i.values.shape(), name=f"values_{n}", reset_less=True) for n in range(2)]
        products = []
        m.d.sync += [weights.eq(read.data), values[0].eq(self.i.values), values[1].eq(values[0])]
        for lane in range(config.lanes):
            m.submodules[f"multiplier_{lane}"] = multiplier = Multiplier(9, 8)
            products.append(multiplier.product)
            m.d.comb += [
                multiplier.enable.eq(1),
                multiplier.a.eq(values[1][config.tap_and_place(lane)[1]]),
                multiplier.b.eq(weights[lane]),
            ]

        after = Signal(PIXEL_BITS, init=1, reset_less=True)  # the number of the pixel after the one shown
        complete = [Signal(PIXEL_BITS, name=f"complete_{n}") for n in range(self.LATENCY - 1)]
        touches = [
            self._accumulate(m, t, after, [products[config.lane(t, s)] for s in range(config.group)])
            for t in range(config.taps)
        ]
        here, next_one = (Cat(pair) for pair in zip(*touches, strict=True))
        m.d.sync += [
            after.eq(after + self.release),
            *(stage.eq(before) for before, stage in pairwise([self.i.complete, *complete])),
            self.complete.eq(Mux(self.release, complete[-1] != after, complete[-1] != self.pixel)),
            self.touches.eq(Mux(self.release, next_one, here)),
            self.touched.eq(Mux(self.release, next_one.any(), here.any())),
        ]
        with m.If(self.start):
            m.d.sync += [after.eq(1), *(stage.eq(0) for stage in complete), self.complete.eq(0)]

        for t in range(config.taps):
            free, pixel = ~self.i.enable[t], self.i.pixels[t]
            ahead, beyond = ((pixel - start)[:PIXEL_BITS] for start in (self.pixel, complete[0]))
            m.d.sync += [
                Assert(free | (ahead < SLOTS), "a slot is used anew before it is drained"),
                Assert(free | (beyond < SLOTS), "a tap for a pixel that is complete"),
            ]
        m.d.sync += [
            Assert(~self.release | self.complete, "drained before it is complete"),
            Assert(~self.complete | (after == (self.pixel + 1)[:PIXEL_BITS]), "another pixel than the next"),
            Assert(~(write.en.any() & read.en), "weights are written while they are read"),
        ]
        return m

    def _accumulate(self, m: Module, t: int, after: Signal, products: list[Signal]) -> tuple[Value, Value]:
        """The accumulators of lane group ``t``: read, add and write in one cycle.

        Returns: Whether those of the pixel shown are touched, and those of the pixel after it.
        """
        enable, slot = self.i.enable[t], self.i.pixels[t][:SLOT_BITS]
        shown = self.pixel[:SLOT_BITS]
        touched = Signal(SLOTS, name=f"touched_{t}", reset_less=True)
        with m.If(self.release):
            m.d.sync += touched.bit_select(shown, 1).eq(0)
        with m.If(enable):
            m.d.sync += touched.bit_select(slot, 1).eq(1)
        with m.If(self.start):
            m.d.sync += touched.eq(0)

        # Beside the products on their way: whether they are added, where, and whether they start the sum.
        adding, place, fresh = enable, slot, ~touched.bit_select(slot, 1)
        for n in range(1, self.LATENCY):
            before = adding, place, fresh
            adding = Signal(name=f"adding_{t}_{n}")
            place = Signal(SLOT_BITS, name=f"slot_{t}_{n}", reset_less=True)
            fresh = Signal(name=f"fresh_{t}_{n}", reset_less=True)
            m.d.sync += [adding.eq(before[0]), place.eq(before[1]), fresh.eq(before[2])]

        shape = data.ArrayLayout(signed(ACC_BITS), len(products))
        m.submodules[f"sums_{t}"] = memory = Memory(shape=shape, depth=SLOTS, init=[])
        write = memory.write_port()
        so_far, show = memory.read_port(domain="comb"), memory.read_port(domain="comb")
        m.d.comb += [so_far.addr.eq(place), show.addr.eq(shown), write.addr.eq(place), write.en.eq(adding)]
        for s, product in enumerate(products):
            m.submodules[f"adder_{t}_{s}"] = adder = SelectingAdder(ACC_BITS)
            m.d.comb += [
                adder.select.eq(~fresh),
                adder.a.eq(product),
                adder.b.eq(so_far.data[s]),
                write.data[s].eq(adder.o),
                self.acc[self._config.lane(t, s)].eq(show.data[s]),
            ]
        return touched.bit_select(shown, 1), touched.bit_select(after[:SLOT_BITS], 1)
