"""Products of a layer's fields that its walk needs, worked out bit by bit as the layer starts."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS

from .signatures import LayerSignature


class LayerProducts(wiring.Component):
    """Multiplies by adding and shifting, a bit of the factors a cycle: no multiplier is spent on it.

    Ports:
        start: Pulse; ``layer`` is constant from then on.
        valid: The products are there: 1 cycle after ``start`` for each bit of the greater factor, at most 7.
        pass_offset: ``pass_words * out_width``, activation words of a pass in an output row.
        pass_mask: ``pass_words * out_mask_words``, mask words of a pass in an output row.
        strip_columns: ``stride * strip``, image columns from one strip to the next.
        row_columns: ``stride * out_width``, likewise of a whole row.
    """

    start: Signal
    valid: Signal
    pass_offset: Signal
    pass_mask: Signal
    strip_columns: Signal
    row_columns: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "valid": Out(1),
                "pass_offset": Out(ADDRESS_BITS),
                "pass_mask": Out(ADDRESS_BITS),
                "strip_columns": Out(14),
                "row_columns": Out(14),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer
        words, stride = Signal(7), Signal(6)  # the bits left of both factors
        width = Signal(ADDRESS_BITS, reset_less=True)  # the others, shifted
        masks = Signal(ADDRESS_BITS, reset_less=True)
        strip = Signal(14, reset_less=True)
        m.d.comb += self.valid.eq((words == 0) & (stride == 0))
        m.d.sync += [
            words.eq(words >> 1),
            stride.eq(stride >> 1),
            width.eq(width << 1),
            masks.eq(masks << 1),
            strip.eq(strip << 1),
        ]
        with m.If(words[0]):
            m.d.sync += [
                self.pass_offset.eq(self.pass_offset + width),
                self.pass_mask.eq(self.pass_mask + masks),
            ]
        with m.If(stride[0]):
            m.d.sync += [
                self.strip_columns.eq(self.strip_columns + strip),
                self.row_columns.eq(self.row_columns + width),
            ]
        with m.If(self.start):
            m.d.sync += [
                words.eq(layer.pass_words),
                stride.eq(layer.stride),
                width.eq(layer.out_width),
                masks.eq(layer.out_mask_words),
                strip.eq(layer.strip),
                self.pass_offset.eq(0),
                self.pass_mask.eq(0),
                self.strip_columns.eq(0),
                self.row_columns.eq(0),
            ]
        return m
