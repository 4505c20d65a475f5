"""Gathers the events of a tensor into mask words and row flags."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig

from .gathered_masks import GatheredMasks
from .payloads import mask_update
from .signatures import LayerSignature


class MaskWriter(wiring.Component):
    """Writes every mask word of each row of the tensor that has an event, and a flag for every row.

    Updates come row by row, in a row pass by pass (each pass its own channel words, rising), in a pass with
    rising columns, and the words of a pixel one behind the other. Rows, passes of a row and pixels may be
    left out: they have no events. Of a row without events nothing is written but its flag.

    A mask word is written in parts of 8 bits a group, of ``MASK_COLUMNS / group`` columns. What the updates
    have for one part is gathered (:class:`GatheredMasks`), for each word of a pixel. The first pixel of a
    later part writes each of them as it begins its own; the first part of a word to be written clears its
    others. What else there is in the row is written as zeros, mask words of passes left out in order of their
    addresses.

    Throughput: an update a cycle. Besides it takes a cycle for each row up to the last one with an update;
    for each pass over a row with events one a word, to write its last block; and one for each word of a block
    or a pass that is left out in such a row. Latency 2 cycles from an update to the mask word that it causes
    to be written.

    Ports:
        start: Pulse, before the tensor's first update: begins to clear the row flags, a row a cycle.
        finish: Pulse, after its last update was taken.
        busy: From ``finish`` until all is written.
        i: Stream of :func:`~stillframe.hw.payloads.mask_update`.
        mask_en, mask_address, mask_bits: Writes the parts of a mask word (MASKS) that have a bit in
            ``mask_en``, by group: element s of the group in column c is bit c * group + s.
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
                "mask_en": Out(config.group),
                "mask_address": Out(ADDRESS_BITS),
                "mask_bits": Out(self._word),
                "flag_en": Out(1),
                "flag_row": Out(14),
                "flag": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        lane_bits = (config.group - 1).bit_length()  # of a column: which part of a mask word it is in
        m.submodules.gathered = gathered = GatheredMasks(config)
        words, addresses = range(config.pixel_words), range(config.masks_words + 1)

        # The row at hand, its passes, their blocks. Addresses count from the tensor's first mask word.
        row, next_row = Signal(12, reset_less=True), Signal(12, reset_less=True)
        row_last = Signal(addresses, reset_less=True)  # the row's last mask word
        flagged = Signal(reset_less=True)  # the row has an event
        gathering = Signal(reset_less=True)  # a part of a block of a pass is being gathered
        active = Signal(reset_less=True)  # both
        at = Signal(addresses, reset_less=True)  # the mask word to write next; up to here the row is written
        left = Signal(
            signed(len(at) + 1)
        )  # zeros to write before the pass or, behind one, the row goes on, less 1
        column, next_column = (
            Signal(addresses),
            Signal(addresses),
        )  # the block's first mask word, the next one's
        ahead = Signal(signed(10))  # blocks to write before the one gathered, less 1
        to_come = Signal(signed(10))  # blocks of the pass behind the block, less 1
        lane = Signal(lane_bits)  # the part that is gathered
        cleared = Signal()  # the block's words have been written, and their other parts cleared
        spent = Signal()  # what was gathered is written
        word = Signal(words, reset_less=True)  # of a pixel: the one at hand
        before_last, single = Signal(words), Signal()  # the pass's last word, less 1; it has only one
        at_last = Signal()  # the word at hand is the last one
        gap, lag = ~left[-1], ~ahead[-1]
        before = ~Cat(at, Const(0, 1))  # -at - 1

        # The update at hand, and how a pixel's first one differs from the one before, found out as it comes.
        update, some = Signal(mask_update(config), reset_less=True), Signal(reset_less=True)
        place, full = update.place, Signal()
        new_row, new_pass, new_block, new_part = Signal(), Signal(), Signal(), Signal()
        skipped = Signal(signed(10), reset_less=True)  # blocks between, less 1
        coming = self.i.p.place
        part, its_part = (Cat(p.column[3 - lane_bits :], p.block) for p in (place, coming))
        with m.If(self.i.ready):
            first = self.i.valid & coming.first
            m.d.sync += [
                full.eq(self.i.valid),
                new_row.eq(first & (coming.y != row)),
                new_pass.eq(first & ((coming.mask ^ place.mask)[: len(at)] != 0)),
                new_block.eq(first & (coming.block != place.block)),
                new_part.eq(first & (its_part != part)),
            ]
            with m.If(self.i.valid):
                m.d.sync += [
                    update.eq(self.i.p),
                    some.eq(self.i.p.bits.any()),
                    skipped.eq(coming.block - place.block - 2),
                ]

        # What is done: a zero, a word of a block, the next row, or an update is taken.
        ended, waits, take = Signal(), Signal(), Signal()
        zero, step, take_row = Signal(), Signal(), Signal()
        leaving = active & (ended | new_row | new_pass)
        catching_up = active & new_part & (gap | lag)
        clearing, marked = Signal(), Signal()  # flags are left to clear; the row's first event was taken
        m.d.comb += [
            ended.eq(self.busy & ~full),
            waits.eq(new_row | (active & (new_pass | (new_part & (gap | lag))))),
            self.i.ready.eq(~waits),
            take.eq(full & ~waits),
            zero.eq(gap & (leaving | catching_up | (flagged & ~gathering & (ended | new_row)))),
            step.eq((leaving | catching_up) & ~gap),
            take_row.eq(new_row & ~(flagged & (gathering | gap))),
        ]
        with m.If(ended & ~(flagged & (gathering | gap)) & ~clearing):
            m.d.sync += [self.busy.eq(0), gathering.eq(0)]  # of a row without events it still is

        # A pixel goes on with its words' part, or begins another, the one before being written at once if its
        # row has events.
        fresh, flush, onward = Signal(), Signal(), Signal()
        was_fresh, was_flush, was_onward = (Signal(reset_less=True) for _ in range(3))
        m.d.comb += [
            fresh.eq(Mux(place.first, new_pass | new_part | ~gathering, was_fresh)),
            flush.eq(Mux(place.first, active & new_part, was_flush)),
            onward.eq(Mux(place.first, new_block, was_onward)),
        ]
        end = Mux(take, place.last, at_last)
        with m.If(take):
            m.d.sync += [was_fresh.eq(fresh), was_flush.eq(flush), was_onward.eq(onward)]
            m.d.sync += [flagged.eq(flagged | some), spent.eq(0)]
            m.d.sync += active.eq((flagged | some) & (gathering | place.last))
            with m.If(place.first & fresh):
                m.d.sync += ahead.eq(Mux(flush, skipped, place.block - 1))
            with m.If(place.first & (new_pass | ~gathering)):
                m.d.sync += [
                    column.eq(place.mask),
                    next_column.eq(place.mask + 1),
                    left.eq(place.mask + before),
                ]
                m.d.sync += [to_come.eq(layer.out_mask_words - 2), cleared.eq(0)]
            with m.If(place.last):
                m.d.sync += [lane.eq(place.column[3 - lane_bits :]), gathering.eq(1)]
                m.d.sync += [single.eq(place.first), before_last.eq(word - 1)]
        m.d.sync += marked.eq(take & some & ~flagged)
        with m.If(take | step):
            m.d.sync += word.eq(Mux(end, 0, word + 1))
            m.d.sync += at_last.eq(Mux(end, Mux(take, place.first, single), word == before_last))

        # A word is written, for an update that begins another part or on its own.
        writing = Signal()
        m.d.comb += writing.eq(step | (take & flush))
        with m.If(writing & ~end):
            m.d.sync += at.eq(at + layer.out_mask_words)
        with m.Elif(writing & (step | onward)):  # the next block
            m.d.sync += [at.eq(next_column), column.eq(next_column), next_column.eq(next_column + 1)]
            m.d.sync += [to_come.eq(to_come - 1), cleared.eq(0)]
            with m.If(step):
                m.d.sync += [ahead.eq(ahead - lag), spent.eq(~lag)]
                with m.If(to_come[-1]):  # the pass is through
                    m.d.sync += [gathering.eq(0), active.eq(0), at.eq(at + 1), left.eq(row_last + before)]
        with m.Elif(writing):
            m.d.sync += [at.eq(column), cleared.eq(1)]
        with m.If(zero):
            m.d.sync += [at.eq(at + 1), left.eq(left - 1)]
        with m.If(take_row):
            m.d.sync += [row.eq(next_row), next_row.eq(next_row + 1), new_row.eq(place.y != next_row)]
            m.d.sync += [at.eq(row_last + 1), row_last.eq(row_last + layer.out_mask_pitch)]
            m.d.sync += [flagged.eq(0), gathering.eq(0), active.eq(0)]
        m.d.comb += [
            gathered.word.eq(word),
            gathered.take.eq(take),
            gathered.fresh.eq(fresh),
            gathered.update.eq(update),
            gathered.keep.eq(Mux(take, flush | ~fresh, ~(gap | lag | spent))),
        ]
        parts, shown = (1 << config.group) - 1, Signal(config.group, reset_less=True)
        m.d.sync += [
            self.mask_en.eq(Mux(writing | zero, Mux(cleared, 1 << lane, parts), 0)),
            self.mask_address.eq(layer.out_masks + at),
            shown.eq(1 << lane),
        ]
        for q in range(config.banks):
            m.d.comb += self.mask_bits[q].eq(Cat(Mux(bit, gathered.old[q], 0) for bit in shown))

        self._flags(m, row, marked, clearing)
        m.d.sync += [
            Assert(~take | (place.first == (word == 0))),
            Assert(~(take & place.last) | fresh | (word == Mux(single, 0, before_last + 1))),
            Assert(~(full & place.first) | (place.y >= row)),
            Assert(~full | (place.block < layer.out_mask_words)),
            Assert(
                ~(self.i.ready & (full | gathering) & first & (coming.y == place.y))
                | (its_part >= part)
                | (coming.mask != place.mask)
            ),
            Assert(~zero | (at <= row_last)),
        ]
        with m.If(self.finish):
            m.d.sync += self.busy.eq(1)
        with m.If(self.start):
            m.d.sync += [row.eq(0), next_row.eq(1), row_last.eq(layer.out_mask_pitch - 1), at.eq(0)]
            m.d.sync += [flagged.eq(0), gathering.eq(0), active.eq(0), word.eq(0), self.busy.eq(0)]
        return m

    def _flags(self, m: Module, row: Signal, marked: Signal, clearing: Signal) -> None:
        """Set the flag of ``row`` when it is ``marked``, else clear the next one while some are left.

        Clearing begins before the first update comes and passes a row in every cycle in which none is marked,
        so it stays ahead of the rows of updates.
        """
        layer = self.layer
        rows_left = Signal(signed(13), init=-1)  # less 1
        next_row = Signal(14)
        m.d.comb += clearing.eq(~rows_left[-1])
        m.d.sync += [
            self.flag_en.eq(marked | clearing),
            self.flag_row.eq(Mux(marked, layer.out_rows + row, next_row)),
            self.flag.eq(marked),
            Assert(~(marked & clearing) | (layer.out_rows + row < next_row)),
        ]
        with m.If(~marked & clearing):
            m.d.sync += [rows_left.eq(rows_left - 1), next_row.eq(next_row + 1)]
        with m.If(self.start):
            m.d.sync += [rows_left.eq(layer.out_height - 1), next_row.eq(layer.out_rows)]
