"""Fetches the mask words that the walker asks for and keeps those with events."""

from __future__ import annotations

from amaranth.hdl import Assert, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_BITS, ArrayConfig

from .payloads import EVENT_WORD, MASK_REQUEST, TAG


class MaskFetch(wiring.Component):
    """Turns mask requests into words of events, and each pixel with an event into a tag.

    A word without events is dropped. The last word of a pixel carries ``last``, so one word is held back
    until it is known whether another follows. A pixel without any event is dropped too, or with
    ``everything`` gives a null word, whose only purpose is ``last``. For each ``last`` there is one tag,
    offered in the same cycle.

    Latency ``LATENCY`` cycles from a pixel's last request to its last word, throughput one request a cycle.

    Ports:
        everything: Pixels without events are evaluated too. Constant while requests come.
        tags_only: Give no event words, only tags (for windows of codes).
        busy: A request is inside.
        mask_en, mask_address, mask_bits: Writes a mask word (never one that is being fetched).
    """

    LATENCY = 4

    everything: Signal
    tags_only: Signal
    busy: Signal
    mask_en: Signal
    mask_address: Signal
    mask_bits: Signal
    i: stream.Interface
    words: stream.Interface
    tags: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "everything": In(1),
                "tags_only": In(1),
                "busy": Out(1),
                "mask_en": In(1),
                "mask_address": In(ADDRESS_BITS),
                "mask_bits": In(MASK_BITS),
                "i": In(stream.Signature(MASK_REQUEST)),
                "words": Out(stream.Signature(EVENT_WORD)),
                "tags": Out(stream.Signature(TAG)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.masks = masks = Memory(shape=MASK_BITS, depth=self._config.masks_words, init=[])
        write, read = masks.write_port(), masks.read_port()
        advance = Signal()
        m.d.comb += [
            write.addr.eq(self.mask_address),
            write.data.eq(self.mask_bits),
            write.en.eq(self.mask_en),
            read.addr.eq(self.i.p.address),
            read.en.eq(advance & ~self.i.p.empty),
            self.i.ready.eq(advance),
            Assert(~(write.en & read.en & self.i.valid & (write.addr == read.addr))),
        ]

        # Stage 1: the word arrives, and with it the share of it that the kernel row covers.
        fetched = Signal(MASK_REQUEST, reset_less=True)
        fetched_valid = Signal()
        window = Signal(MASK_BITS, reset_less=True)
        all_bits = Const((1 << MASK_BITS) - 1, MASK_BITS)
        with m.If(advance):
            m.d.sync += [
                fetched_valid.eq(self.i.valid),
                fetched.eq(self.i.p),
                window.eq((all_bits << self.i.p.first) & (all_bits >> ~self.i.p.until)),
            ]

        # Stage 2: the events among them.
        found = Signal(MASK_REQUEST, reset_less=True)
        found_valid = Signal()
        bits = Signal(MASK_BITS, reset_less=True)
        with m.If(advance):
            m.d.sync += [
                found_valid.eq(fetched_valid),
                found.eq(fetched),
                bits.eq(Mux(fetched.empty, 0, read.data & window)),
            ]

        # Stage 3: whether there are any (a register, since all that waits depends on it).
        judged = Signal(MASK_REQUEST, reset_less=True)
        judged_valid = Signal()
        judged_bits = Signal(MASK_BITS, reset_less=True)
        some = Signal(reset_less=True)
        with m.If(advance):
            m.d.sync += [
                judged_valid.eq(found_valid),
                judged.eq(found),
                judged_bits.eq(bits),
                some.eq(bits.any()),
            ]

        # Stage 4: hold one word back until the pixel's next or its end.
        held = Signal(EVENT_WORD, reset_less=True)
        held_valid = Signal()
        held_tag = Signal(TAG, reset_less=True)
        closing, opening, emit = Signal(), Signal(), Signal()
        waiting = Signal()  # held, and not yet known to be the pixel's last
        m.d.comb += [
            waiting.eq(held_valid & ~held.last),
            # The end came without events: the held word was the last.
            closing.eq(judged_valid & judged.end & ~some & waiting),
            opening.eq(judged_valid & (some | (judged.end & ~waiting & self.everything))),
            emit.eq(held_valid & (held.last | closing | (opening & waiting))),
            self.words.p.eq(held),
            self.words.p.last.eq(held.last | closing),
            self.tags.p.eq(Mux(held.last, held_tag, judged.tag)),
        ]
        needs_word, needs_tag, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            needs_word.eq(emit & ~self.tags_only),
            needs_tag.eq(emit & self.words.p.last),
            taken.eq((~needs_word | self.words.ready) & (~needs_tag | self.tags.ready)),
            self.words.valid.eq(needs_word & (~needs_tag | self.tags.ready)),
            self.tags.valid.eq(needs_tag & (~needs_word | self.words.ready)),
            advance.eq(taken),
            self.busy.eq(fetched_valid | found_valid | judged_valid | held_valid),
        ]
        with m.If(taken):
            with m.If(emit):
                m.d.sync += held_valid.eq(0)
            with m.If(opening):
                m.d.sync += [
                    held_valid.eq(1),
                    held.bits.eq(judged_bits),
                    held.block.eq(judged.block),
                    held.weight.eq(judged.weight),
                    held.channel.eq(judged.channel),
                    held.rest.eq(judged.rest),
                    held.final.eq(judged.tag.final),
                    held.null.eq(~some),
                    held.last.eq(judged.end),
                    held_tag.eq(judged.tag),
                ]
        return m
