"""A bank of multipliers, each with its weights and with an accumulator for every output pixel under way."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, SLOTS, ArrayConfig

from .early import early
from .multiplier import Multiplier
from .payloads import ACCUMULATOR, PIXEL_BITS
from .selecting_adder import SelectingAdder
from .tap_expander import taps

SLOT_BITS = SLOTS.bit_length() - 1
COLUMN_LANES = 4
"""Lanes whose weights the host writes at once."""

COMING = data.ArrayLayout(data.StructLayout({"complete": 1, "touched": 1}), 2)
"""What ``complete`` and ``touched`` are in the next cycle: without a release, and with one."""


class MacBank(wiring.Component):
    """``lanes`` multipliers of 9 x 8 bits, numbered as :meth:`~.ArrayConfig.lane` has it. The accumulators
    of ``ACC_BITS`` bits lie in LUT RAM, in the slot that is their pixel's number modulo ``SLOTS``; the first
    product in a slot starts its sum.

    Takes taps every cycle; their products are in the accumulators ``LATENCY`` cycles later. What steers the
    drain comes from registers, since all of the drain hangs on it: they are loaded for the pixel after this
    one when this one is released. The sums are shown a cycle behind, so that its decision steers none of what
    reads them; that they will be complete by then is known as much sooner.

    Args:
        number: Of the bank, which says which byte of the host's words is whose.

    Ports:
        start: Pulse before a layer: all slots are untouched, no pixel is complete.
        i: The taps of this cycle.
        pixel: Number of the pixel that is shown: 0 at the start, one more behind each ``release``.
        release: Pulse: that pixel is drained and its slot free.
        complete: The sums of that pixel are complete in the next cycle.
        touches: The lane groups that have taken a tap for it; touched: there are any. Both once complete.
        acc: A cycle later, its sums, of lanes that were touched.
        coming: With several banks, for the registers that these have in common, see ``COMING``.
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
    coming: data.View[data.ArrayLayout]
    write_en: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig, number: int = 0) -> None:
        self._config = config
        self._number = number
        # Banks of a large array reach across the chip: what steers accumulators is there once for each half
        # or quarter.
        self._sides = next(n for n in (4, 2, 1) if config.group % n == 0) if config.banks > 1 else 1
        coming = {"coming": Out(COMING)} if config.banks > 1 else {}
        super().__init__(
            {
                **coming,
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
        # A slot is known to be free a cycle late, since the drain's decision comes from far away: the
        # expander goes by its pixel of a cycle before that. The slot that is freed is the one that is shown,
        # of which each side has a register. It counts for itself, since of equal ones Yosys makes one.
        freed = Signal()
        m.d.sync += freed.eq(self.release)
        shown = [Signal(SLOT_BITS, name=f"shown_{side}") for side in range(self._sides)]
        with m.If(freed):
            m.d.sync += [slot.eq(slot + 1) for slot in shown]
        with m.If(self.start):
            m.d.sync += [slot.eq(0) for slot in shown]
        complete = [Signal(PIXEL_BITS, name=f"complete_{n}") for n in range(self.LATENCY - 2)]
        touches = [
            self._accumulate(
                m, t, after, freed, shown, [products[config.lane(t, s)] for s in range(config.group)]
            )
            for t in range(config.taps)
        ]
        # Both are known before the drain's decision, which only chooses between them.
        here, next_one = (
            early(m, name, Cat(bits))
            for name, bits in zip(("touched_here", "touched_next"), zip(*touches, strict=True), strict=True)
        )
        m.d.sync += [
            *(stage.eq(before) for before, stage in pairwise([self.i.complete, *complete])),
            self.complete.eq(Mux(self.release, complete[-1] != after, complete[-1] != self.pixel)),
            self.touched.eq(Mux(self.release, next_one.any(), here.any())),
        ]
        m.d.comb += self.touches.eq(here)
        with m.If(self.release):
            m.d.sync += after.eq(after + 1)
        if config.banks > 1:
            for view, pixel, bits in ((self.coming[0], self.pixel, here), (self.coming[1], after, next_one)):
                m.d.comb += [view.complete.eq(complete[-1] != pixel), view.touched.eq(bits.any())]
        with m.If(self.start):
            m.d.sync += [after.eq(1), *(stage.eq(0) for stage in complete), self.complete.eq(0)]

        for t in range(config.taps):
            free, pixel = ~self.i.enable[t], self.i.pixels[t]
            ahead, beyond = ((pixel - start)[:PIXEL_BITS] for start in (self.pixel, complete[0]))
            m.d.sync += [
                Assert(free | (ahead + freed < SLOTS), "a slot is used anew before it is drained"),
                Assert(free | (beyond < SLOTS), "a tap for a pixel that is complete"),
            ]
        m.d.sync += [
            Assert(~self.release | self.complete, "drained before it is complete"),
            Assert(~self.complete | (after == (self.pixel + 1)[:PIXEL_BITS]), "another pixel than the next"),
            *(
                Assert(~freed | ((slot + 1)[:SLOT_BITS] == self.pixel[:SLOT_BITS]), "another slot")
                for slot in shown
            ),
            Assert(~(write.en.any() & read.en), "weights are written while they are read"),
        ]
        return m

    def _accumulate(
        self,
        m: Module,
        t: int,
        after: Signal,
        freed: Signal,
        shown: list[Signal],
        products: list[Signal],
    ) -> tuple[Value, Value]:
        """The accumulators of lane group ``t``: read, add and write in one cycle.

        Returns: Whether those of ``pixel`` are touched, and those of the pixel after it.
        """
        enable, slot = self.i.enable[t], self.i.pixels[t][:SLOT_BITS]
        here = self.pixel[:SLOT_BITS]
        touched = Signal(SLOTS, name=f"touched_{t}", reset_less=True)
        with m.If(freed):
            m.d.sync += touched.bit_select(shown[0], 1).eq(0)
        with m.If(enable):
            m.d.sync += touched.bit_select(slot, 1).eq(1)
        with m.If(self.start):
            m.d.sync += touched.eq(0)

        # Beside the products on their way: whether they are added, where, and whether they start the sum.
        stages: list[tuple[Value, Value, Value]] = [(enable, slot, ~touched.bit_select(slot, 1))]
        for n in range(1, self.LATENCY):
            left = self.LATENCY - 1 - n
            stages = [
                self._steer(m, stages[side * len(stages) // copies], f"{t}_{n}", side)
                for copies in [max(1, self._sides >> left)]
                for side in range(copies)
            ]
        places = len(products) // self._sides
        for side, steer in enumerate(stages):
            there = range(side * places, (side + 1) * places)
            memory = f"sums_{t}" if self._sides == 1 else f"sums_{t}_{side}"
            lanes = {self._config.lane(t, s): products[s] for s in there}
            self._sum(m, memory, steer, shown[side], lanes)
        return touched.bit_select(here, 1), touched.bit_select(after[:SLOT_BITS], 1)

    @staticmethod
    def _steer(
        m: Module, before: tuple[Value, Value, Value], name: str, side: int = 0
    ) -> tuple[Value, Value, Value]:
        """A stage of what steers the accumulators."""
        if side:
            name = f"{name}_{side}"
        adding = _twin(side, 1, name=f"adding_{name}") if side else Signal(name=f"adding_{name}")
        place, fresh = _twin(side, SLOT_BITS, f"slot_{name}"), _twin(side, 1, f"fresh_{name}")
        m.d.sync += [adding.eq(before[0]), place.eq(before[1]), fresh.eq(before[2])]
        return adding, place, fresh

    def _sum(
        self,
        m: Module,
        name: str,
        steer: tuple[Value, Value, Value],
        shown: Value,
        products: dict[int, Signal],
    ) -> None:
        """The accumulators of some lanes, by lane."""
        adding, place, fresh = steer
        shape = data.ArrayLayout(signed(ACC_BITS), len(products))
        m.submodules[name] = memory = Memory(shape=shape, depth=SLOTS, init=[])
        write = memory.write_port()
        so_far, show = memory.read_port(domain="comb"), memory.read_port(domain="comb")
        m.d.comb += [so_far.addr.eq(place), show.addr.eq(shown), write.addr.eq(place), write.en.eq(adding)]
        for n, (lane, product) in enumerate(products.items()):
            t, s = self._config.tap_and_place(lane)
            m.submodules[f"adder_{t}_{s}"] = adder = SelectingAdder(ACC_BITS)
            m.d.comb += [
                adder.select.eq(~fresh),
                adder.a.eq(product),
                adder.b.eq(so_far.data[n]),
                write.data[n].eq(adder.o),
                self.acc[lane].eq(show.data[n]),
            ]


def _twin(side: int, bits: int, name: str) -> Signal:
    """A register that holds the same on each side. Every other one begins with another value: of equal
    registers Yosys makes one."""
    return Signal(bits, name=name, init=(1 << bits) - 1 if side % 2 else 0, reset_less=True)
