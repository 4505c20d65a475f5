"""What a ``fused`` layer's words go through between two times in the requantiser."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract import ArrayConfig
from stillframe.contract.array import ADDRESS_BITS
from stillframe.hw.fused_add import FusedAdd
from stillframe.hw.payloads import sum_word, table_word
from stillframe.hw.residual_add import ResidualAdd
from stillframe.hw.signatures import LayerSignature


class FusedSums(wiring.Component):
    """:class:`FusedAdd` with its adder, which :class:`~stillframe.hw.windows.Windows` lends to it."""

    valid: Signal
    next_offset: Signal
    read_en: Signal
    read_address: Signal
    done: Signal
    busy: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "next_offset": In(ADDRESS_BITS),
                "valid": In(1),
                "i": In(table_word(config)),
                "read_en": Out(1),
                "read_address": Out(ADDRESS_BITS),
                "read_data": In(data.ArrayLayout(signed(8), config.drain)),
                "done": Out(1),
                "busy": Out(1),
                "o": Out(sum_word(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fused = fused = FusedAdd(self._config)
        m.submodules.adder = adder = ResidualAdd(self._config)
        for part in (fused, adder):
            wiring.connect(m, wiring.flipped(self.layer), part.layer)
        m.d.sync += [adder.valid.eq(fused.operand_next), self.read_address.eq(fused.next_address)]
        m.d.comb += [
            fused.next_offset.eq(self.next_offset),
            fused.valid.eq(self.valid),
            fused.i.eq(self.i),
            self.read_en.eq(fused.read_en),
            fused.read_data.eq(self.read_data),
            adder.i.eq(fused.operand),
            self.done.eq(adder.done),
            self.busy.eq(adder.busy),
            self.o.eq(adder.o),
        ]
        return m
