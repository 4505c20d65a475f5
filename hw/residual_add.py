"""Sum or difference of two words of codes of different scales, bit for bit as TFLite's ADD and SUB."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import SUM_BITS, ArrayConfig

from .payloads import sum_word
from .rescale_lane import RescaleLane
from .signatures import LayerSignature
from .window_reader import window_word


class ResidualAdd(wiring.Component):
    """Adds the words of two tensors: one that is not ``second``, then one that is.

    A word's elements go through ``config.add_lanes`` lanes, part by part: so it takes a word in
    ``config.add_cycles`` cycles, and cannot be stalled. ``o`` comes with ``done``, :meth:`latency` cycles
    after the second word. ``busy``: a word is under way. ``layer`` is constant from two cycles before the
    first word on.
    """

    valid: Signal
    done: Signal
    busy: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "valid": In(1),
                "i": In(window_word(config)),
                "done": Out(1),
                "busy": Out(1),
                "o": Out(sum_word(config)),
            }
        )

    @staticmethod
    def latency(config: ArrayConfig) -> int:
        """A register for the word, the lanes, the sum; and its other parts."""
        return 2 + RescaleLane.LATENCY + config.add_cycles - 1

    @property
    def _order(self) -> list[int]:
        """A word's elements part by part. Those of a lane are side by side: all it has to do with is near."""
        cycles = self._config.add_cycles
        return [n * cycles + part for part in range(cycles) for n in range(self._config.add_lanes)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer, word = self._config, self.layer, self.i.word
        lanes = config.add_lanes

        # The word, shifted so that the part for the lanes is lowest, and how its operand is rescaled.
        codes = Signal(data.ArrayLayout(signed(8), config.drain), reset_less=True)
        part = Signal(config.add_cycles)  # which one is there, if any
        zero_point = Signal(signed(8), reset_less=True)
        multiplier = Signal(31, reset_less=True)
        shift = Signal(4, reset_less=True)
        negate = Signal(reset_less=True)
        # Which operand comes is known beforehand, since they take turns: what is chosen by it lies far apart.
        second = Signal()
        m.d.sync += Assert(~self.valid | (self.i.second == second), "another operand's turn")
        flip = layer.subtract.replicate(8).as_signed()
        m.d.sync += [
            codes.eq(codes.as_value() >> 8 * lanes),
            part.eq(Cat(self.valid, part)),
            Assert(~(self.valid & part[:-1].any()), "words too close together"),
        ]
        with m.If(self.valid):
            m.d.sync += [
                second.eq(~self.i.second),
                codes.eq(word.codes if config.add_cycles == 1 else Cat(word.codes[d] for d in self._order)),
                zero_point.eq(Mux(second, layer.second_zero_point ^ flip, layer.in_zero_point)),
                multiplier.eq(Mux(second, layer.second_multiplier, layer.in_multiplier)),
                shift.eq(Mux(second, layer.second_shift, layer.in_shift)),
                negate.eq(second & layer.subtract),
            ]

        # What goes along with the codes, until both operands are there.
        along = data.StructLayout(
            {"second": 1, "row": word.row.shape(), "offset": word.offset.shape(), "valid": config.drain}
        )
        here = Signal(along, name="along", reset_less=True)
        with m.If(self.valid):
            m.d.sync += here.second.eq(self.i.second)
            m.d.sync += [here[name].eq(word[name]) for name in ("row", "offset", "valid")]
        words, parts = [here], [part]
        for stage in range(RescaleLane.LATENCY):
            kept = Signal(along, name=f"along_{stage}", reset_less=True)
            there = Signal(config.add_cycles, name=f"part_{stage}")
            m.d.sync += [kept.eq(words[-1]), there.eq(parts[-1])]
            words.append(kept)
            parts.append(there)
        last, came = words[-1], Signal()
        begins = Signal()  # a first operand comes in the next cycle
        m.d.sync += [
            came.eq(parts[-2].any()),
            begins.eq(parts[-3][0] & ~words[-3].second),
            self.done.eq(parts[-1][-1] & last.second),
            self.busy.eq(self.valid | Cat(parts).any()),  # done included
        ]
        with m.If(came):
            m.d.sync += [self.o[name].eq(last[name]) for name in ("row", "offset", "valid")]

        # Parts of the first operand wait for those of the second one; it is added to zeros itself.
        first = Signal(data.ArrayLayout(signed(SUM_BITS), config.drain), reset_less=True)
        sums = Signal(data.ArrayLayout(signed(SUM_BITS), lanes))
        z = self.o.z
        if config.add_cycles > 1:  # else the order is the word's own
            z = Signal(first.shape(), name="z", reset_less=True)
            m.d.comb += [self.o.z[d].eq(z[n]) for n, d in enumerate(self._order)]
        for n in range(lanes):
            m.submodules[f"lane_{n}"] = lane = RescaleLane()
            m.d.comb += [
                lane.code.eq(codes[n]),
                lane.zero_point.eq(zero_point),
                lane.negate.eq(negate),
                lane.multiplier.eq(multiplier),
                lane.shift.eq(shift),
                # One adder: twice + 1 + 2 * first.
                sums[n].eq((Cat(Const(1, 1), first[n]).as_signed() + lane.twice) >> 1),
            ]
        with m.If(came):
            m.d.sync += [values.eq(Cat(values.as_value()[SUM_BITS * lanes :], sums)) for values in (z, first)]
        with m.If(begins):
            m.d.sync += first.eq(0)
        return m
