"""PARAMS: what each channel is requantised with, and how it comes to the lanes."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory, ReadPort
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, PARAMS_COPIED, PARAMS_GRANULE, ArrayConfig
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.contract.memory_map import PARAM_COLUMN_BITS, PARAM_FIELDS

from .signatures import COLUMN_BITS

ROW_BITS = 16
"""Width of a PARAMS row's number in :func:`~stillframe.hw.payloads.sum_word`."""

CHANNEL = data.StructLayout(
    {name: signed(bits) if name == "bias" else bits for name, bits in PARAM_FIELDS.items()}
)
"""A channel's word, as :mod:`stillframe.contract.memory_map` has it."""

USED = data.StructLayout({name: CHANNEL[name].shape for name in PARAM_FIELDS if name != "last"})
"""What of it the lanes need."""


class Parameters(wiring.Component):
    """Gives the parameters of a row of ``drain`` channels, ``LATENCY`` cycles after its number, one a cycle.

    They lie in block RAM. Rows of few channels are read from there (``params_cache`` 0). Those of many would
    take more block RAMs for their width than for what they hold: there a row of the block RAM is
    :data:`~stillframe.contract.array.PARAMS_COPIED` channels, as far apart as can be. From a layer's start on
    its rows are copied to LUT RAM, one of the block RAM a cycle, up to the channel marked ``last`` or until
    the LUT RAM is full.

    Attributes:
        enable: Without it ``channels`` and what is on the way there keep their values.
        row: PARAMS row, one of the layer's.
        channels: Parameters of the row that was asked for.
        start: Pulse, a layer's work begins; params: its first row, constant from then on.
        loaded: Its rows are there. From the second cycle after ``start`` on it tells of this layer: it is low
            for 2 cycles and one for each row of the block RAM.
        write_en, write_column, write_row, write_data: Host's port, for use while no word is requantised.
    """

    LATENCY = 2

    enable: Signal
    row: Signal
    channels: data.View[data.ArrayLayout]
    start: Signal
    params: Signal
    loaded: Signal
    write_en: Signal
    write_column: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        super().__init__(
            {
                "enable": In(1),
                "row": In(ROW_BITS),
                "channels": Out(data.ArrayLayout(USED, config.drain)),
                "start": In(1),
                "params": In(LAYER_FIELDS["params"].width),
                "loaded": Out(1, init=1),
                "write_en": In(1),
                "write_column": In(COLUMN_BITS),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.config.params_cache:
            self._copied(m, self._store(m, PARAMS_COPIED))
        else:
            self._direct(m, self._store(m, self.config.drain))
        return m

    def _store(self, m: Module, across: int) -> ReadPort:
        """The block RAM, ``across`` channels a row, with the host's port to it."""
        drain = self.config.drain
        m.submodules.store = store = Memory(
            shape=CHANNEL.size * across,
            depth=self.config.params_words * drain // across,
            init=[],
            attrs={"ram_style": "block"},
        )
        write = store.write_port(granularity=PARAMS_GRANULE)
        part, channel, column = self._host_place(across)
        lanes, of_column = CHANNEL.size // PARAMS_GRANULE, PARAM_COLUMN_BITS // PARAMS_GRANULE
        m.d.comb += [
            write.addr.eq(Cat(part, self.write_row)),
            write.data.eq(
                Cat(self.write_data[n % PARAM_COLUMN_BITS] for n in range(CHANNEL.size)).replicate(across)
            ),
            write.en.eq(
                Cat(
                    self.write_en & (channel == n // lanes) & (column == n % lanes // of_column)
                    for n in range(lanes * across)
                )
            ),
        ]
        return store.read_port()

    def _host_place(self, across: int) -> tuple[Value, Value, Value]:
        """Of the host's column: row of the block RAM within the PARAMS row, channel in it, its column."""
        outer = self.config.drain.bit_length() - 1
        inner = outer - (across.bit_length() - 1)
        bits = self.write_column
        return bits[:inner], bits[inner:outer], bits[outer:]

    def _direct(self, m: Module, read: ReadPort) -> None:
        channels = Signal(data.ArrayLayout(CHANNEL, self.config.drain), reset_less=True)
        m.d.comb += [read.addr.eq(self.row), read.en.eq(self.enable), self.loaded.eq(1)]
        # A block RAM's output is late in the cycle.
        with m.If(self.enable):
            m.d.sync += channels.eq(read.data)
        m.d.comb += [self.channels[d].eq(channels[d].as_value()) for d in range(self.config.drain)]

    def _copied(self, m: Module, read: ReadPort) -> None:
        drain, depth = self.config.drain, self.config.params_cache
        parts = drain // PARAMS_COPIED
        part_bits = parts.bit_length() - 1
        m.submodules.cache = cache = Memory(
            shape=data.ArrayLayout(USED.size, drain), depth=depth, init=[], attrs={"ram_style": "distributed"}
        )
        write, out = cache.write_port(granularity=1), cache.read_port(domain="comb")

        # The lanes' side. Rows lie in the cache by their number modulo its depth.
        with m.If(self.enable):
            m.d.sync += [out.addr.eq(self.row), self.channels.eq(out.data)]

        # The copy: a row of the block RAM is asked for, comes out, and is in ``found``.
        start = Signal()  # the pulse comes late in its cycle
        asked, coming, there = Signal(), Signal(), Signal()
        # A bit for the part of a cache's row that is next, and, if ``there``, for the one that is written:
        # much hangs on it.
        turn, writing = Signal(parts, init=1), Signal(parts)
        next_turn = Mux(there, turn.rotate_left(1), turn)
        first = Cat(Const(0, part_bits), self.params)
        address = Signal.like(read.addr, reset_less=True)
        found = Signal(data.ArrayLayout(CHANNEL, PARAMS_COPIED), reset_less=True)
        place, count = (
            Signal(range(depth * parts), name=name, reset_less=True) for name in ("place", "count")
        )
        m.d.sync += [
            start.eq(self.start),
            address.eq(address + 1),
            coming.eq(asked),
            there.eq(coming),
            found.eq(read.data),
            turn.eq(next_turn),
            writing.eq(Mux(coming, next_turn, 0)),
            Assert(writing == Mux(there, turn, 0), "another part"),
            Assert(~there | turn.bit_select(place[:part_bits], 1), "another turn"),
        ]
        with m.If(there):
            m.d.sync += [place.eq(place + 1), count.eq(count + 1)]
        with m.If(there & (found[-1].last | count.all())):
            m.d.sync += [asked.eq(0), coming.eq(0), there.eq(0), self.loaded.eq(1)]
            m.d.sync += writing.eq(0)
        with m.If(start):
            m.d.sync += [
                asked.eq(1),
                coming.eq(0),
                there.eq(0),
                self.loaded.eq(0),
                address.eq(first),
                place.eq(first),
                count.eq(0),
                turn.eq(1),
                writing.eq(0),
            ]
        m.d.comb += [
            read.addr.eq(address),
            write.addr.eq(place[part_bits:]),
            write.en.eq(Cat(writing[d % parts] for d in range(drain))),
            *(write.data[d].eq(found[d // parts].as_value()) for d in range(drain)),
        ]
