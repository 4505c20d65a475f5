"""Adds a second tensor to what a MAC layer gives, while it passes."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .payloads import table_word
from .residual_add import ResidualAdd
from .signatures import LayerSignature
from .window_reader import window_word


class FusedAdd(wiring.Component):
    """Feeds the adder with the codes of a ``fused`` MAC layer and with those of the second tensor.

    A word of the layer's own codes comes from the requantiser, goes to the adder, the second tensor's word of
    the same offset behind it; their sum goes back to the requantiser, ``LATENCY`` cycles after the word came,
    with a PARAMS row ``out_words`` further on.

    Nothing in this loop can wait. So words come in every second cycle at most, since the adder takes two for
    a sum, and always in cycles of the same parity. The other cycles are free for sums on their way back, if
    the loop through the requantiser is an odd number of cycles long, and for the encoder to read CODES, if
    its read for a word is an odd number of cycles behind the one here. The accelerator asserts both.

    Ports:
        layer: Constant from two cycles before the first word on.
        next_offset: A cycle before a word comes, its offset.
        valid, i: Words of the layer's own codes, from the requantiser.
        read_en, read_address, read_data: Reads CODES; the data is taken two cycles later.
        operand_valid, operand: Words for :class:`~.residual_add.ResidualAdd`.
    """

    OPERAND = 2
    """Cycles from a word to the second tensor's word at the adder."""

    LATENCY = OPERAND + ResidualAdd.LATENCY

    next_offset: Signal
    valid: Signal
    read_en: Signal
    read_address: Signal
    operand_valid: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "next_offset": In(ADDRESS_BITS),
                "valid": In(1),
                "i": In(table_word(config)),
                "read_en": Out(1),
                "read_address": Out(ADDRESS_BITS),
                "read_data": In(self._codes),
                "operand_valid": Out(1),
                "operand": Out(window_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer
        own = Signal(table_word(self._config), reset_less=True)
        first, second = Signal(), Signal()  # which operand is at the adder
        m.d.sync += [
            self.read_address.eq(layer.second_codes + self.next_offset),
            first.eq(self.valid),
            second.eq(first),
            Assert(~(self.valid & first), "words in neighbouring cycles"),
        ]
        with m.If(self.valid):
            m.d.sync += [own.eq(self.i), own.row.eq(self.i.row + layer.out_words)]
        word = self.operand.output.word
        m.d.comb += [
            self.read_en.eq(self.valid),
            self.operand_valid.eq(first | second),
            self.operand.second.eq(second),
            *(word[name].eq(own[name]) for name in ("row", "offset", "valid")),
            *(
                word.codes[d].eq(Mux(second, self.read_data[d], own.codes[d]))
                for d in range(self._config.drain)
            ),
        ]
        return m
