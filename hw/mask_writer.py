"""Gathers the events of a tensor into mask words and row flags."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig

from .payloads import mask_update
from .signatures import LayerSignature


class MaskWriter(wiring.Component):
    """Writes every mask word of each row of the tensor that has an event, once, and a flag for every row.

    Updates come row by row, in a row pass by pass (each pass its own channel words, rising), in a pass with
    rising columns, and the words of a pixel one behind the other. Rows, passes of a row and pixels may be
    left out: they have no events. Of a row without events nothing is written but its flag.

    The mask words of a block of ``MASK_COLUMNS`` columns are gathered side by side in a LUT RAM, one for each
    word of a pixel. The first pixel of a later block writes each of them as it begins its own; what else
    there is in the row is written as zeros, mask words of passes left out in order of their addresses.

    Throughput: an update a cycle. Besides it takes a cycle for each row up to the last one with an update;
    for each pass over a row with events one a word, to write its last block, and at most one more; and one
    for each word of a block or a pass that is left out in such a row. Latency 2 cycles from an update to the
    mask word that it causes to be written.

    Ports:
        start: Pulse, before the tensor's first update: begins to clear the row flags, a row a cycle.
        finish: Pulse, after its last update was taken.
        busy: From ``finish`` until all is written.
        i: Stream of :func:`~stillframe.hw.payloads.mask_update`.
        mask_en, mask_address, mask_bits: Writes a mask word (MASKS), by group: element s of the group in
            column c is bit c * group + s.
        flag_en, flag_row, flag: Writes a row flag.
    """

    start: Signal
    finish: Signal
    busy: Signal
    mask_en: Signal
    mask_address: Signal
    flag_en: Signal
    flag_row: Signal
    flag: Signal
    i: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._word = data.ArrayLayout(MASK_COLUMNS * config.group, config.banks)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "finish": In(1),
                "busy": Out(1),
                "i": In(stream.Signature(mask_update(config))),
                "mask_en": Out(1),
                "mask_address": Out(ADDRESS_BITS),
                "mask_bits": Out(self._word),
                "flag_en": Out(1),
                "flag_row": Out(14),
                "flag": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, words = self.layer, range(self._config.pixel_words)
        m.submodules.gathered = gathered = Memory(shape=self._word, depth=len(words), init=[])
        store, load = gathered.write_port(), gathered.read_port(domain="comb")

        # The update at hand, and how it differs from the one before, found out while it comes.
        update = Signal(mask_update(self._config), reset_less=True)
        place, full, take, row = update.place, Signal(), Signal(), Signal(12)
        other_row = Signal(reset_less=True)
        other_pass = Signal(reset_less=True)
        other_block = Signal(reset_less=True)
        m.d.comb += self.i.ready.eq(~full | take)
        with m.If(self.i.ready):
            m.d.sync += full.eq(self.i.valid)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [
                update.eq(self.i.p),
                other_row.eq(self.i.p.place.y != row),
                other_pass.eq(self.i.p.place.mask != place.mask),
                other_block.eq(self.i.p.place.block != place.block),
            ]

        # ``row`` is the update's or one before it; its pass and its block. Addresses count from the tensor's
        # first mask word.
        row_end = Signal(ADDRESS_BITS)  # the next row's first mask word
        flagged = Signal()  # the row has an event
        done = Signal(ADDRESS_BITS)  # up to here the row is written, passes before this one
        gathering = Signal()  # a block of a pass is being gathered
        base = Signal(ADDRESS_BITS)  # the pass's first mask word
        held = Signal(9)  # the block that is gathered
        block = Signal(9)  # the block to write next, at most ``held``
        behind = Signal()  # words before ``held`` may be left to write
        column = Signal(ADDRESS_BITS)  # first mask word of the block after ``block``
        here = Signal(ADDRESS_BITS)  # the mask word to write next
        word = Signal(words)  # of a pixel: the one at hand
        last_word = Signal(words)  # the pass's last one

        marked = Signal()  # the row's first event was taken
        clearing = self._flags(m, row, marked)

        # What is to be written before the update is taken.
        away, new, leaving, catching_up = Signal(), Signal(), Signal(), Signal()
        ended = self.busy & ~full
        m.d.comb += [
            away.eq(full & place.first & other_row),
            new.eq(place.first & (other_pass | other_block | ~gathering)),
            leaving.eq(gathering & (ended | away | (full & place.first & other_pass))),
            catching_up.eq(gathering & full & place.first & other_block & behind),
        ]

        zero, step, take_row = Signal(), Signal(), Signal()  # writes a zero at ``done``, a block's word
        with m.If(flagged & (leaving | catching_up)):
            with m.If(behind & (done != base)):
                m.d.comb += zero.eq(1)
            with m.Elif(leaving | (block != held)):
                m.d.comb += step.eq(1)
            with m.Else():
                m.d.sync += behind.eq(0)
        with m.Elif(flagged & (ended | away) & (done != row_end)):
            m.d.comb += zero.eq(1)
        with m.Elif(away):
            m.d.comb += take_row.eq(1)
        with m.Else():
            m.d.comb += take.eq(full)
            with m.If(ended & ~clearing):
                m.d.sync += [self.busy.eq(0), gathering.eq(0)]  # of a row without events it still is

        # An update is taken: it goes on with its word's block, or begins another, the one before being
        # written at once if its row has events.
        fresh, flush = Signal(), Signal()
        was_fresh, was_flush = Signal(reset_less=True), Signal(reset_less=True)
        m.d.comb += [
            fresh.eq(Mux(place.first, new, was_fresh)),
            flush.eq(Mux(place.first, new & gathering & flagged & ~other_pass, was_flush)),
            load.addr.eq(word),
            store.addr.eq(word),
            store.en.eq(take),
            store.data.eq(Mux(fresh, 0, load.data.as_value()) | self._placed(update)),
        ]
        m.d.sync += marked.eq(take & ~flagged & update.bits.any())
        end = Signal()  # of a pixel's words
        m.d.comb += end.eq(Mux(take, place.last, word == last_word))
        with m.If(take):
            m.d.sync += [
                flagged.eq(flagged | update.bits.any()),
                was_fresh.eq(fresh),
                was_flush.eq(flush),
            ]
            with m.If(place.last):
                m.d.sync += [last_word.eq(word), held.eq(place.block), gathering.eq(1)]
                with m.If(flush):
                    m.d.sync += behind.eq(place.block != held + 1)
            with m.If(place.first & (other_pass | ~gathering)):
                m.d.sync += [base.eq(place.mask), here.eq(place.mask), column.eq(place.mask + 1)]
                m.d.sync += [block.eq(0), behind.eq(1)]
        with m.If(take | step):
            m.d.sync += word.eq(Mux(end, 0, word + 1))

        # A word of a block is written, for an update that begins another or on its own.
        writing = Signal()
        m.d.comb += writing.eq(step | (take & flush))
        with m.If(writing):
            m.d.sync += here.eq(here + layer.out_mask_words)
            with m.If(end):
                m.d.sync += [here.eq(column), column.eq(column + 1), block.eq(block + 1)]
                with m.If(block + 1 == layer.out_mask_words):  # the pass is through
                    m.d.sync += [gathering.eq(0), done.eq(here + 1)]
        with m.If(zero):
            m.d.sync += done.eq(done + 1)
        with m.If(take_row):
            m.d.sync += [row.eq(row + 1), other_row.eq(place.y != row + 1)]
            m.d.sync += [done.eq(row_end), row_end.eq(row_end + layer.out_mask_pitch)]
            m.d.sync += [flagged.eq(0), gathering.eq(0)]
        m.d.sync += [
            self.mask_en.eq(writing | zero),
            self.mask_address.eq(layer.out_masks + Mux(zero, done, here)),
            self.mask_bits.eq(Mux(zero | (block != held), 0, load.data.as_value())),
        ]

        m.d.sync += [
            Assert(~take | (place.first == (word == 0))),
            Assert(~(take & place.last) | fresh | (word == last_word)),
            Assert(~(full & place.first) | (place.y >= row)),
            Assert(~(full & place.first & gathering & ~away) | other_pass | (place.block >= held)),
            Assert(~writing | (held < layer.out_mask_words)),
            Assert(~zero | (done < row_end)),
        ]
        with m.If(self.finish):
            m.d.sync += self.busy.eq(1)
        with m.If(self.start):
            m.d.sync += [row.eq(0), row_end.eq(layer.out_mask_pitch), done.eq(0)]
            m.d.sync += [flagged.eq(0), gathering.eq(0), word.eq(0), self.busy.eq(0)]
        return m

    def _placed(self, update: data.View[data.StructLayout]) -> Value:
        """The bits of an update as a word of MASKS."""
        banks, group = self._config.banks, self._config.group
        columns = [update.place.column == column for column in range(MASK_COLUMNS)]
        bits = [Cat(update.bits[s * banks + q] for s in range(group)) for q in range(banks)]
        return Cat(Mux(column, bits[q], 0)[:group] for q in range(banks) for column in columns)

    def _flags(self, m: Module, row: Signal, marked: Signal) -> Signal:
        """Set the flag of ``row`` when it is ``marked``, else clear the next one; high while some are left.

        Clearing begins before the first update comes and passes a row in every cycle in which none is marked,
        so it stays ahead of the rows of updates.
        """
        layer = self.layer
        clearing, next_row = Signal(), Signal(12)
        clear = clearing & (next_row != layer.out_height)
        m.d.comb += [
            self.flag_en.eq(marked | clear),
            self.flag_row.eq(layer.out_rows + Mux(marked, row, next_row)),
            self.flag.eq(marked),
        ]
        m.d.sync += Assert(~(marked & clearing) | (row < next_row))
        with m.If(~marked):
            m.d.sync += [clearing.eq(clear), next_row.eq(next_row + clear)]
        with m.If(self.start):
            m.d.sync += [clearing.eq(1), next_row.eq(0)]
        return clearing
