"""Maximum over a window, on codes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .payloads import placed, table_word
from .window_reader import window_word


class MaxPool(wiring.Component):
    """The greatest code of each element over the words from ``first`` to ``ready``.

    Takes a word a cycle and cannot be stalled. Latency ``LATENCY`` cycles from a window's last word to its
    maximum, which comes with ``done``. ``busy``: it is there.
    """

    LATENCY = 1

    valid: Signal
    done: Signal
    busy: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "busy": Out(1),
                "o": Out(placed(table_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        output = Signal(placed(table_word(self._config)), reset_less=True)
        m.d.comb += [self.o.eq(output), self.busy.eq(self.done)]
        m.d.sync += self.done.eq(self.valid & self.i.ready)
        with m.If(self.valid):
            m.d.sync += output.eq(self.i.output)
            for d in range(self._config.drain):
                greatest, code = output.word.codes[d], self.i.output.word.codes[d]
                keep = ~self.i.first & (greatest > code)
                m.d.sync += greatest.eq(Mux(keep, greatest, code))
        return m
