"""What updates have for parts of mask words, gathered for each word of a pixel."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MASK_COLUMNS, ArrayConfig

from .payloads import mask_update

DEPTH = 128
"""Rows of a LUT RAM; more words take several, so that the multiplexer behind each is fast."""


class GatheredMasks(wiring.Component):
    """A part of a mask word, 8 bits a group, for each of up to ``config.pixel_words`` words, in LUT RAM.

    Ports:
        word: Which of them is at hand.
        take, update: Adds the update's bits, in their column, to those of the word, or with ``fresh`` has
            them alone. The words of a pixel are taken one behind the other, from word 0.
        keep, old: What the word had before, a cycle later; 0 if it is not to be kept. An update that is not
            ``fresh`` keeps it.
    """

    word: Signal
    take: Signal
    fresh: Signal
    keep: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._part = data.ArrayLayout(MASK_COLUMNS, config.banks)
        super().__init__(
            {
                "word": In(range(config.pixel_words)),
                "take": In(1),
                "fresh": In(1),
                "update": In(mask_update(config)),
                "keep": In(1),
                "old": Out(self._part),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, word, place = self._config, self.word, self.update.place
        columns = MASK_COLUMNS // config.group
        depth = min(config.pixel_words, DEPTH)
        high = (depth - 1).bit_length()

        # Stage 1 reads, stage 2 writes. Behind a pixel's only word the same one comes before it is written.
        store, stored = (Signal(self._part, name=name, reset_less=True) for name in ("store", "stored"))
        into, bits = Signal.like(word, reset_less=True), Signal(config.drain, reset_less=True)
        column = Signal(columns, reset_less=True)  # a bit for each
        taken, fresh, alone, again = Signal(), Signal(reset_less=True), Signal(), Signal()
        m.d.sync += [
            taken.eq(self.take),
            into.eq(word),
            fresh.eq(self.fresh),
            bits.eq(self.update.bits),
            column.eq(1 << place.column[: (columns - 1).bit_length()]),
            alone.eq(self.take & place.first & place.last),
            again.eq(alone & self.keep),
            stored.eq(store),
        ]
        old = stored.as_value() & again.replicate(self._part.size)
        for n in range(config.pixel_words // depth):
            memory = Memory(shape=self._part, depth=depth, init=[], attrs={"ram_style": "distributed"})
            m.submodules[f"gathered_{n}"] = memory
            write, read = memory.write_port(), memory.read_port(domain="comb")
            loaded, here = Signal(self._part, name=f"loaded_{n}", reset_less=True), Signal(name=f"here_{n}")
            m.d.comb += [
                read.addr.eq(word),
                write.addr.eq(into),
                write.en.eq(taken & (into[high:] == n)),
                write.data.eq(store),
            ]
            m.d.sync += [loaded.eq(read.data), here.eq(self.keep & ~alone & (word[high:] == n))]
            old |= loaded.as_value() & here.replicate(self._part.size)
        m.d.comb += self.old.as_value().eq(old)
        for q in range(config.banks):
            mine = Cat(bits[s * config.banks + q] for s in range(config.group))
            placed = Cat(Mux(bit, mine, 0) for bit in column)
            m.d.comb += store[q].eq(Mux(fresh, 0, self.old[q]) | placed)
        return m
