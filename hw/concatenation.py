"""The channels of two tensors one behind the other, packed into words without a gap."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .payloads import table_word
from .window_reader import window_word


class Concatenation(wiring.Component):
    """Packs the channels of a pixel's words, of each the first ``count``, into whole words.

    A word comes out in the cycle in which the last of its channels came, or for the rest of a pixel in the
    cycle after; so there must be a cycle without a word between pixels. Cannot be stalled.

    Ports:
        done, o: An output word; ``valid`` marks its channels, ``last`` is set on a pixel's last one.
        dropped: A word came and none went out; extra: one went out and none came.
    """

    valid: Signal
    done: Signal
    dropped: Signal
    extra: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "o": Out(table_word(config)),
                "dropped": Out(1),
                "extra": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        drain = self._config.drain
        held = Signal(8 * drain, reset_less=True)  # channels that wait for a word to be full
        waiting = Signal(range(drain))
        offset = Signal(ADDRESS_BITS, reset_less=True)
        flush = Signal()

        fresh = Signal(range(drain))  # channels that waited before this word, of the same pixel
        channels = Signal(16 * drain)
        together = Signal(range(2 * drain + 1))
        full = Signal()
        start = Signal(ADDRESS_BITS)
        kept = held & (1 << fresh.shift_left(3)) - 1
        m.d.comb += [
            fresh.eq(Mux(self.i.first, 0, waiting)),
            start.eq(Mux(self.i.first, self.i.word.offset, offset)),
            channels.eq(kept | (self.i.word.codes.as_value() << fresh.shift_left(3))),
            together.eq(fresh + self.i.count),
            full.eq(together >= drain),
            self.o.row.eq(0),
            self.o.offset.eq(Mux(flush, offset, start)),
            self.o.codes.as_value().eq(Mux(flush, held, channels[: 8 * drain])),
            self.o.valid.eq(Mux(flush, Cat(waiting > d for d in range(drain)), (1 << drain) - 1)),
            self.o.last.eq(flush | (self.i.ready & (together == drain))),
            self.done.eq(flush | (self.valid & full)),
            self.dropped.eq(self.valid & ~full),
            self.extra.eq(flush),
        ]
        m.d.sync += [flush.eq(0), Assert(~(self.valid & flush))]
        with m.If(self.valid):
            m.d.sync += [
                waiting.eq(Mux(full, together - drain, together)),
                held.eq(Mux(full, channels[8 * drain :], channels[: 8 * drain])),
                offset.eq(start + full),
                flush.eq(self.i.ready & (together != drain)),
            ]
        return m
