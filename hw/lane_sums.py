"""From accumulators of lanes to the sums of an activation word."""

from __future__ import annotations

from itertools import zip_longest

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ACC_BITS, ArrayConfig

from .payloads import ACCUMULATOR
from .selecting_adder import SelectingAdder
from .side_columns import column_bits
from .signatures import LayerSignature


class LaneSums(wiring.Component):
    """Element d of the word is output ``word`` * drain + d of the pass: that is unit * lanes + lane, for the
    sum over the banks whose unit, ``bank >> share_log2``, it is. In a depthwise layer it is the sum over the
    lane groups of its bank. With kernel columns side by side all banks have the same outputs, lane modulo
    ``lanes >> side_log2``, and what lanes have for the same one is added up. Only what was touched counts.

    Latency ``latency`` cycles, throughput a word a cycle.

    Ports:
        start: Pulse before a layer.
        word: Which word of the pass, from 0. begins: It is taken, the next one comes; release: the next
            pixel's first one does. Which lanes a word takes is so in registers: many accumulators hang on it.
        touches, acc: Those of the pixel, as :class:`~.mac_array.MacArray` shows them, sums a cycle later.
        z: The sums, which wrap at ``ACC_BITS`` bits.
    """

    start: Signal
    word: Signal
    begins: Signal
    release: Signal
    touches: data.View[data.ArrayLayout]
    acc: data.View[data.ArrayLayout]
    z: data.View[data.ArrayLayout]

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "word": In(7),
                "begins": In(1),
                "release": In(1),
                "touches": In(data.ArrayLayout(config.taps, config.banks)),
                "acc": In(data.ArrayLayout(ACCUMULATOR, config.total_lanes)),
                "z": Out(data.ArrayLayout(ACCUMULATOR, config.drain)),
            }
        )

    @property
    def latency(self) -> int:
        """A stage decides, one chooses, each level of the tree of adders has one, and one folds."""
        operands = max(len(self._outputs(0)), self._config.taps)
        return 2 + (operands - 1).bit_length() + bool(self._folds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sums: list[Value] = []
        for d in range(self._config.drain):
            operands: list[Value] = list(self._chosen(m, d))
            for level in range(self.latency - 1 - bool(self._folds)):
                stage = [
                    Signal(ACCUMULATOR, name=f"sum_{d}_{level}_{n}", reset_less=True)
                    for n in range(len(operands))
                ]
                m.d.sync += [s.eq(operand) for s, operand in zip(stage, operands, strict=True)]
                operands = [
                    (a + b)[:ACC_BITS].as_signed() for a, b in zip(stage[::2], stage[1::2], strict=False)
                ]
            sums.append(stage[0])
        for place in self._folds:
            sums = self._folded(m, place, sums)
        for z, total in zip(self.z, sums, strict=True):
            m.d["sync" if self._folds else "comb"] += z.eq(total)
        return m

    @property
    def _lane_bits(self) -> int:
        return self._config.lanes.bit_length() - 1

    @property
    def _word_bits(self) -> int:
        return self._config.drain.bit_length() - 1

    @property
    def _column_places(self) -> range:
        """Bits of a lane's number that may tell apart kernel columns of the same output."""
        columns = column_bits(self._config) if self._config.banks > 1 else 0
        return range(self._lane_bits - columns, self._lane_bits)

    @property
    def _folds(self) -> list[int]:
        """Those that are bits of an element's number too, highest first."""
        return [place for place in reversed(self._column_places) if place < self._word_bits]

    def _alike(self, place: int) -> Value:
        """Whether lanes whose numbers differ in a bit have the same output."""
        return self.layer.side_log2 >= self._lane_bits - place

    def _folded(self, m: Module, place: int, sums: list[Value]) -> list[Value]:
        """The sums; to each below a place the one with that bit is added if it is another column's."""
        select = Signal(name=f"select_{place}")
        m.d.sync += select.eq(self._alike(place))
        folded = list(sums)
        for d in range(1 << place):
            m.submodules[f"fold_{place}_{d}"] = adder = SelectingAdder(ACC_BITS)
            m.d.comb += [adder.select.eq(select), adder.a.eq(sums[d]), adder.b.eq(sums[d | 1 << place])]
            folded[d] = adder.o.as_signed()
        return folded

    def _chosen(self, m: Module, d: int) -> list[Value]:
        """What is added up for element ``d``: accumulators, or 0 where they do not belong to it."""
        config, layer = self._config, self.layer
        bank, place = d % config.banks, d // config.banks
        spread = [(bank, t * config.group + place) for t in range(config.taps)]
        operands = []
        for n, (plain, depthwise) in enumerate(zip_longest(self._outputs(d), spread)):
            value: Value = Const(0)
            if plain:
                b, lane = plain
                group = lane // config.group if config.banks > 1 else 0  # else all are touched or none
                own = self.touches[b][group] & self._takes(m, b, lane, d) & ~layer.depthwise
                value |= self._gated(m, f"plain_{d}_{n}", own, b, lane)
            if depthwise:
                b, lane = depthwise
                own = self.touches[b][lane // config.group] & layer.depthwise
                value |= self._gated(m, f"depthwise_{d}_{n}", own, b, lane)
            operands.append(value)
        return operands

    def _outputs(self, d: int) -> list[tuple[int, int]]:
        """The lanes, by bank and lane in it, whose output can be element ``d`` of a word."""
        config = self._config
        shared = min(config.drain, config.lanes)
        return [(b, lane) for b in range(config.banks) for lane in range(d % shared, config.lanes, shared)]

    def _gated(self, m: Module, name: str, gate: Value, b: int, lane: int) -> Value:
        """A lane's accumulator, or 0 where a cycle ago it was not wanted."""
        wanted = Signal(name=name, reset_less=True)
        m.d.sync += wanted.eq(gate)
        return self.acc[b * self._config.lanes + lane].as_unsigned() & wanted.replicate(ACC_BITS)

    def _takes(self, m: Module, b: int, lane: int, d: int) -> Value:
        """Whether that lane's output is element ``d`` of the word that is shown."""
        takes = Signal(name=f"takes_{b}_{lane}", reset_less=True)
        with m.If(self.begins):
            m.d.sync += takes.eq(self._is_output(b, lane, d, self.word + 1))
        with m.If(self.release | self.start):
            m.d.sync += takes.eq(self._is_output(b, lane, d, Const(0)))
        return takes

    def _is_output(self, b: int, lane: int, d: int, word: Value) -> Value:
        """Whether that lane's output is element ``d`` of a word."""
        unit = (b >> self.layer.share_log2)[:3]
        own: Value | int = lane
        for place in self._column_places:
            if place >= self._word_bits and lane >> place & 1:
                own = Mux(self._alike(place), own & ~(1 << place), own)
        output = (unit << self._lane_bits) | own
        return output == (word << self._word_bits) | d
