"""The memory of the descriptors, and the registers of the layer being run."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import LAYER_WORDS, ArrayConfig
from stillframe.contract.layer import FIELD_WORDS, LAYER_FIELDS

from .signatures import LayerSignature


class LayerLoader(wiring.Component):
    """Loads one descriptor after the other ahead of time, and gives it as registers once it is taken.

    A descriptor is shifted in word by word: registers that feed each other need no addresses, and no wide
    path from the memory. Latency: a layer is ``loaded`` ``LATENCY`` cycles after the one before was taken, or
    after ``restart``.

    Args:
        config: The array; gives the number of layers.

    Members:
        write_en, write_row, write_data: A word from the host, for LAYERS.
        restart: Pulse, begin with layer 0, and take ``key`` for it and those that follow.
        loaded: The next layer may be taken; its ``in_layer`` is known.
        take: Pulse while ``loaded``: ``layer`` is that one from the next cycle on, and ``number`` its number.
    """

    LATENCY = FIELD_WORDS + 2

    write_en: Signal
    write_row: Signal
    write_data: Signal
    restart: Signal
    key: Signal
    loaded: Signal
    take: Signal
    in_layer: Signal
    number: Signal
    layer: wiring.PureInterface

    def __init__(self, config: ArrayConfig) -> None:
        self._layers = config.layers
        depth = LAYER_WORDS * config.layers
        super().__init__(
            {
                "write_en": In(1),
                "write_row": In(range(depth)),
                "write_data": In(32),
                "restart": In(1),
                "key": In(1),
                "loaded": Out(1),
                "take": In(1),
                "in_layer": Out(LAYER_FIELDS["in_layer"].width),
                "number": Out(range(config.layers)),
                "layer": Out(LayerSignature()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = LAYER_WORDS * self._layers
        m.submodules.layers = layers = Memory(shape=32, depth=depth, init=[])
        write, read = layers.write_port(), layers.read_port()
        loading = Signal(range(self._layers + 1))
        index = Signal(range(FIELD_WORDS + 1))
        reading = Signal()
        descriptor = Signal(32 * FIELD_WORDS, reset_less=True)
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_row),
            write.data.eq(self.write_data),
            read.addr.eq(loading * LAYER_WORDS + index),
        ]
        at_end = index == FIELD_WORDS
        m.d.sync += [reading.eq(~at_end), self.loaded.eq(at_end)]
        with m.If(~at_end):
            m.d.sync += index.eq(index + 1)
        with m.If(reading):
            m.d.sync += descriptor.eq(Cat(descriptor[32:], read.data))

        fields = {
            field.name: descriptor[32 * field.word + field.shift :][: field.width]
            for field in LAYER_FIELDS.values()
        }
        m.d.comb += self.in_layer.eq(fields["in_layer"])
        with m.If(self.take):
            m.d.sync += [getattr(self.layer, name).eq(value) for name, value in fields.items()]
            m.d.sync += [self.number.eq(loading), loading.eq(loading + 1)]
        with m.If(self.restart):
            m.d.sync += [self.layer.key.eq(self.key), loading.eq(0)]
        with m.If(self.take | self.restart):
            m.d.sync += [index.eq(0), self.loaded.eq(0)]
        return m
