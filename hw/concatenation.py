"""The channels of two tensors one behind the other, packed into words without a gap."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .signatures import LayerSignature
from .window_reader import window_word


class Concatenation(wiring.Component):
    """Moves the ``second`` tensor's words up behind the channels that the first one has in its last word.

    So an output word is made of what the word before it has left over, and of the word at hand. Takes a
    word a cycle and cannot be stalled. Latency ``LATENCY`` cycles from a word to the output word that it
    completes. Elements of that which are no channels are anything.

    Ports:
        layer: Constant from two cycles before the first word on.
    """

    LATENCY = 2

    valid: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._drain = config.drain
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "valid": In(1),
                "i": In(window_word(config)),
                "o": Out(data.ArrayLayout(signed(8), config.drain)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        drain, second = self._drain, self.i.second
        beside = Signal(range(drain))  # channels of the first tensor in a word with the second's
        m.d.sync += beside.eq(self.layer.in_valid)

        turned = self.i.word.codes.as_value()
        for bit, shift in enumerate(beside):
            turned = Mux(shift & second, turned.rotate_left(8 << bit), turned)
        codes, kept = (Signal(self.o.shape(), name=name, reset_less=True) for name in ("codes", "kept"))
        keep = Signal(drain, reset_less=True)
        with m.If(self.valid):
            m.d.sync += [
                codes.as_value().eq(turned),
                kept.eq(codes),
                *(keep[d].eq(second & (beside > d)) for d in range(drain)),
            ]
        for d in range(drain):
            m.d.sync += self.o[d].eq(Mux(keep[d], kept[d], codes[d]))
        return m
