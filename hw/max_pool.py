"""Maximum over a window, on codes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .window_reader import window_word


class MaxPool(wiring.Component):
    """The greatest code of each element over the words from ``first`` on.

    Takes a word a cycle and cannot be stalled. Latency ``LATENCY`` cycles from a word to the maximum of those
    up to it.
    """

    LATENCY = 2

    valid: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._drain = config.drain
        super().__init__(
            {
                "valid": In(1),
                "i": In(window_word(config)),
                "o": Out(data.ArrayLayout(signed(8), config.drain)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        codes = Signal(self.o.shape(), reset_less=True)
        first, valid = Signal(reset_less=True), Signal()
        m.d.sync += [codes.eq(self.i.word.codes), first.eq(self.i.first), valid.eq(self.valid)]
        with m.If(valid):
            for greatest, code in zip(self.o, codes, strict=True):
                keep = ~first & (greatest > code)
                m.d.sync += greatest.eq(Mux(keep, greatest, code))
        return m
