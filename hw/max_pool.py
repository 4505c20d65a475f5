"""Maximum over a window, on codes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .payloads import placed, table_word
from .window_reader import window_word


class MaxPool(wiring.Component):
    """The greatest code of each element over the words from ``first`` to ``ready``.

    Combinational from a window's last word to its maximum; takes a word a cycle and cannot be stalled.
    """

    valid: Signal
    done: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "o": Out(placed(table_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        maximum = Signal(data.ArrayLayout(signed(8), self._config.drain), reset_less=True)
        m.d.comb += [self.o.eq(self.i.output), self.done.eq(self.valid & self.i.ready)]
        for d in range(self._config.drain):
            code = self.i.output.word.codes[d]
            keep = ~self.i.first & (maximum[d] > code)
            m.d.comb += self.o.word.codes[d].eq(Mux(keep, maximum[d], code))
            with m.If(self.valid):
                m.d.sync += maximum[d].eq(self.o.word.codes[d])
        return m
