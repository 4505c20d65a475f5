"""From accumulators of lanes to the sums of an activation word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import zip_longest
from operator import or_

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

    Latency ``latency`` cycles from the word, throughput a word a cycle.

    Ports:
        word: Which word of the pass, from 0.
        touches, acc: Those of the pixel, as :class:`~.mac_array.MacArray` shows them: ``acc`` a cycle later.
        z: The sums, which wrap at ``ACC_BITS`` bits.
    """

    word: Signal
    touches: data.View[data.ArrayLayout]
    acc: data.View[data.ArrayLayout]
    z: data.View[data.ArrayLayout]

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "word": In(7),
                "touches": In(data.ArrayLayout(config.taps, config.banks)),
                "acc": In(data.ArrayLayout(ACCUMULATOR, config.total_lanes)),
                "z": Out(data.ArrayLayout(ACCUMULATOR, config.drain)),
            }
        )

    @property
    def latency(self) -> int:
        """The cycle in which accumulators come, a stage that chooses, one for each level of the tree of
        adders, and one more if there are folds."""
        return 2 + self._levels + bool(self._folds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sums: list[Value] = []
        plain, depthwise = self._gates(m)
        # A fold adds what comes from far away: each has a stage, and for that the first levels share one.
        shared = range(1, len(self._folds))
        for d in range(self._config.drain):
            operands: list[Value] = list(self._chosen(d, plain, depthwise))
            for level in range(1 + self._levels):
                if level not in shared:
                    operands = self._stage(m, f"sum_{d}_{level}", operands)
                added = [
                    (a + b)[:ACC_BITS].as_signed()
                    for a, b in zip(operands[::2], operands[1::2], strict=False)
                ]
                operands = added or operands
            sums += operands
        for place in self._folds:
            sums = self._stage(m, f"folded_{place}", self._folded(m, place, sums))
        m.d.comb += [z.eq(total) for z, total in zip(self.z, sums, strict=True)]
        return m

    @property
    def _levels(self) -> int:
        """Of the tree of adders."""
        return (max(len(self._outputs(0)), self._config.taps) - 1).bit_length()

    def _stage(self, m: Module, name: str, values: Sequence[Value]) -> list[Value]:
        """Values, a cycle later."""
        stage = [Signal(ACCUMULATOR, name=f"{name}_{n}", reset_less=True) for n in range(len(values))]
        m.d.sync += [register.eq(value) for register, value in zip(stage, values, strict=True)]
        return list(stage)

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
        """Whether lanes whose numbers differ in a bit may have the same output."""
        return self.layer.side_log2 >= self._lane_bits - place

    def _folded(self, m: Module, place: int, sums: list[Value]) -> list[Value]:
        """The sums; to each below a place one with that bit is added if it is another column's of the same
        output (:meth:`~.ArrayConfig.output_and_column`)."""
        select = Signal(name=f"select_{place}")
        m.d.sync += select.eq(self._alike(place))
        folded = list(sums)
        # Where lanes are interleaved, the bit that tells their groups' columns apart lies further down.
        beside = 1 << place + 1 - self._config.group.bit_length() if self._config.interleaved else 0
        for d in range(1 << place):
            m.submodules[f"fold_{place}_{d}"] = adder = SelectingAdder(ACC_BITS)
            other = (d | 1 << place) ^ beside
            m.d.comb += [adder.select.eq(select), adder.a.eq(sums[d]), adder.b.eq(sums[other])]
            folded[d] = adder.o.as_signed()
        return folded

    def _chosen(
        self,
        d: int,
        plain_gates: Mapping[tuple[int, int, int, int], Signal],
        depthwise_gates: Mapping[tuple[int, int], Signal],
    ) -> list[Value]:
        """What is added up for element ``d``: accumulators, or 0 where they do not belong to it."""
        config = self._config
        bank, place = d % config.banks, d // config.banks
        spread = [(bank, config.lane(t, place)) for t in range(config.taps)]
        operands = []
        for plain, depthwise in zip_longest(self._outputs(d), spread):
            gates: dict[tuple[int, int], Value] = {}
            if plain:
                gates[plain] = plain_gates[self._part(plain[0], plain[1], d)]
            if depthwise:
                b, lane = depthwise
                gate = depthwise_gates[b, config.tap_and_place(lane)[0]]
                gates[depthwise] = gates.get(depthwise, Const(0)) | gate
            gated = (Mux(gate, self.acc[b * config.lanes + lane], 0) for (b, lane), gate in gates.items())
            operands.append(reduce(or_, gated))
        return operands

    def _outputs(self, d: int) -> list[tuple[int, int]]:
        """The lanes, by bank and lane in it, whose output can be element ``d`` of a word."""
        config = self._config
        shared = min(config.drain, config.lanes)
        return [(b, lane) for b in range(config.banks) for lane in range(d % shared, config.lanes, shared)]

    def _part(self, b: int, lane: int, d: int) -> tuple[int, int, int, int]:
        """What tells whether that lane's output is element ``d`` of a word and counts, if it is for some
        word: the bank, the lane group, and what the lane's number and the element's do not have in common."""
        # With one bank lane groups are touched all or not at all.
        group = self._config.tap_and_place(lane)[0] if self._config.banks > 1 else 0
        return b, group, lane >> self._common_bits, d >> self._common_bits

    @property
    def _common_bits(self) -> int:
        """Of numbers of lanes and elements: an output's lane and element are alike in them."""
        return min(self._lane_bits, self._word_bits)

    def _gates(
        self, m: Module
    ) -> tuple[dict[tuple[int, int, int, int], Signal], dict[tuple[int, int], Signal]]:
        """Whether outputs are in the word and were touched: by parts, in a layer that is not depthwise; and
        by bank and lane group in one that is. In registers: much hangs on them."""
        config = self._config
        depthwise = Signal(reset_less=True)
        m.d.sync += depthwise.eq(self.layer.depthwise)
        plain_gates: dict[tuple[int, int, int, int], Signal] = {}
        shown: dict[tuple[int, ...], Value] = {}
        for d in range(config.drain):
            for b, lane in self._outputs(d):
                part = _, group, *numbers = self._part(b, lane, d)
                if part in plain_gates:
                    continue
                if (b, *numbers) not in shown:
                    shown[b, *numbers] = self._is_output(m, b, *numbers) & ~depthwise
                gate = Signal(name="plain_{}_{}_{}_{}".format(*part), reset_less=True)
                m.d.sync += gate.eq(self.touches[b][group] & shown[b, *numbers])
                plain_gates[part] = gate
        depthwise_gates = {
            (b, t): Signal(name=f"depthwise_{b}_{t}", reset_less=True)
            for b in range(config.banks)
            for t in range(config.taps)
        }
        m.d.sync += [gate.eq(self.touches[b][t] & depthwise) for (b, t), gate in depthwise_gates.items()]
        return plain_gates, depthwise_gates

    def _is_output(self, m: Module, b: int, lane: int, d: int) -> Value:
        """Whether a part's outputs are in the word."""
        common = self._common_bits
        unit = (b >> self.layer.share_log2)[:3]
        own: Value | int = lane
        for place in self._column_places:
            if place >= common and lane >> place - common & 1:
                own = Mux(self._alike(place), own & ~(1 << place - common), own)
        number = (unit << self._lane_bits - common) | own
        output = Signal(number.shape(), name=f"output_{b}_{lane}_{d}", reset_less=True)
        m.d.sync += output.eq(number)
        return output == (self.word << self._word_bits - common) | d
