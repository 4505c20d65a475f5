"""Adds a second tensor to what a MAC layer gives, while it passes."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig

from .code_memory import CodeMemory
from .payloads import table_word
from .residual_add import ResidualAdd
from .signatures import LayerSignature
from .window_reader import window_word


class FusedAdd(wiring.Component):
    """Feeds the adder with the codes of a ``fused`` MAC layer and with those of the second tensor.

    A word of the layer's own codes comes from the requantiser, goes to the adder, the second tensor's word of
    the same offset behind it; their sum goes back to the requantiser, :meth:`latency` cycles after the word
    came, with a PARAMS row ``out_words`` further on.

    Nothing in this loop can wait. So a word comes in one of 2 * ``config.add_cycles`` cycles at most, as many
    as the adder takes for a sum, and always in the same one of them. The others are free for sums on their
    way back and for the encoder to read CODES, if neither the loop through the requantiser nor the way to the
    encoder's read is a multiple of so many cycles long. The accelerator asserts both.

    Ports:
        layer: Constant from two cycles before the first word on.
        next_offset: A cycle before a word comes, its offset.
        valid, i: Words of the layer's own codes, from the requantiser.
        next_address: In the cycle before a read of CODES, where; read_en, read_data: the data is taken two
            cycles later.
        operand_next: In the next cycle a word for :class:`~.residual_add.ResidualAdd` comes; operand: it.
    """

    next_offset: Signal
    valid: Signal
    read_en: Signal
    next_address: Signal
    operand_next: Signal

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
                "next_address": Out(ADDRESS_BITS),
                "read_data": In(self._codes),
                "operand_next": Out(1),
                "operand": Out(window_word(config)),
            }
        )

    @staticmethod
    def latency(config: ArrayConfig) -> int:
        """A register for the word, the other operand behind it, and the adder's."""
        return 1 + config.add_cycles + ResidualAdd.latency(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, cycles = self.layer, self._config.add_cycles
        own = Signal(table_word(self._config), reset_less=True)
        came = Signal(max(1 + cycles, 2 * cycles - 1))  # by how many cycles ago
        second = came[cycles]  # this operand is at the adder; ``came[0]``: the first one
        m.d.sync += [
            came.eq(Cat(self.valid, came)),
            Assert(~(self.valid & came[: 2 * cycles - 1].any()), "words too close together"),
        ]
        # The data comes for one cycle, CODES' latency after the read.
        other = self.read_data
        if cycles > 1:
            other = Signal(self._codes, reset_less=True)
            with m.If(came[CodeMemory.LATENCY - 1]):
                m.d.sync += other.eq(self.read_data)
        with m.If(self.valid):
            m.d.sync += [own.eq(self.i), own.row.eq(self.i.row + layer.out_words)]
        word = self.operand.word
        m.d.comb += [
            self.next_address.eq(layer.second_codes + self.next_offset),
            self.read_en.eq(self.valid),
            self.operand_next.eq(self.valid | came[cycles - 1]),
            self.operand.second.eq(second),
            *(word[name].eq(own[name]) for name in ("row", "offset", "valid")),
            *(word.codes[d].eq(Mux(second, other[d], own.codes[d])) for d in range(self._config.drain)),
        ]
        return m
