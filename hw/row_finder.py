"""Finds the output rows of a layer that have anything to compute."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import KERNEL_ROWS
from .row_gate import PROBE, RowGate
from .signatures import LayerSignature

FLAG_BITS = 14
"""Width of the number of a row flag."""


class RowFinder(wiring.Component):
    """Keeps the row flags; gives the kernel rows of each output row that has one with a flag, downwards.

    With ``key`` or ``evaluate_all`` every output row is given. Of two tensors (ADD, CONCAT) the kernel rows
    are a row of each. A ``fused`` layer's output row is given, too, and all of its pixels are wanted, if that
    row of the second tensor has a flag.

    Throughput: an output row takes ``kernel_rows`` cycles, and one more if ``fused``, at least 3, or 4 if it
    is given; a row that is given can wait to be taken while the next one is looked at. The first is there
    ``max(pad_rows, stride_rows) + kernel_rows + 4`` cycles after ``start``, one more if ``fused``.

    Ports:
        start: Pulse; ``layer`` is constant from then until ``busy`` falls.
        busy: High from the cycle after ``start`` until a cycle after the last row was taken or left out.
        flag_en, flag_row, flag: Writes a row flag (never one that is being read).
        o: Its ready is looked at for nothing but whether the row is taken.
    """

    start: Signal
    busy: Signal
    flag_en: Signal
    flag_row: Signal
    flag: Signal
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "busy": Out(1),
                "flag_en": In(1),
                "flag_row": In(FLAG_BITS),
                "flag": In(1),
                "o": Out(stream.Signature(KERNEL_ROWS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer

        m.submodules.row_flags = flags = Memory(shape=1, depth=self._config.rows, init=[])
        flag_write = flags.write_port()
        flag_read = flags.read_port()
        m.d.comb += [
            flag_write.addr.eq(self.flag_row),
            flag_write.data.eq(self.flag),
            flag_write.en.eq(self.flag_en),
        ]

        # Of the layer, in registers since much hangs on them.
        multiplying, single = Signal(), Signal()
        behind = Signal(range(MAX_KERNEL_ROWS + 1))  # flags read for a row, less 1
        back_rows = Signal(signed(7))  # from a receptive field to the one before
        m.d.sync += [
            multiplying.eq(layer.op == Op.MAC),
            behind.eq(layer.kernel_rows + layer.fused - 1),
            single.eq((layer.kernel_rows == 1) & ~layer.fused),
            back_rows.eq(-layer.stride_rows),
        ]

        # The output row that is looked at, and the top of the next one's receptive field, above the image
        # while ``top`` is negative. ``back_*`` lead from a receptive field to the one before.
        row = Signal(KERNEL_ROWS, reset_less=True)
        top = Signal(signed(14), reset_less=True)
        words = Signal(ADDRESS_BITS, reset_less=True)  # EVENTS of a MAC layer, else CODES
        back_words, back_masks = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        pads, strides = Signal(7), Signal(6)
        level, known = Signal(), Signal()  # whether these are 0
        repeat, moves, bottom = Signal(5), Signal(), Signal()
        idle, preparing, prepared, over = Signal(), Signal(), Signal(), Signal()

        # The flag that is read: of a kernel row, or behind them of the second tensor's row.
        left, last = Signal.like(behind), Signal()
        probe_row = Signal(signed(14), reset_less=True)
        probe_flag = Signal(FLAG_BITS, reset_less=True)
        second_flag = Signal(FLAG_BITS, reset_less=True)
        probe = Signal(PROBE)
        m.d.comb += [
            probe.second.eq(layer.fused & last),
            probe.inside.eq((probe_row >= 0) & (probe_row < layer.in_height) & ~probe.second),
            probe.last.eq(last),
            over.eq(probe.valid & last),
            flag_read.addr.eq(Mux(probe.second, second_flag, probe_flag)),
            flag_read.en.eq(probe.valid),
        ]
        # What is read outside the image is not looked at.
        looking = probe.valid & (probe.inside | probe.second)
        m.d.sync += Assert(~(flag_write.en & looking & (flag_write.addr == flag_read.addr)))
        begin = prepared | over
        with m.If(begin):
            m.d.sync += [left.eq(behind), last.eq(single), probe_row.eq(top), row.events.eq(words)]
        with m.Elif(probe.valid):
            m.d.sync += [left.eq(left - 1), last.eq(left == 1), probe_row.eq(probe_row + layer.row_step)]
            # Events are those of the top row, wherever it is, codes of the first one inside the image.
            with m.If((probe_row < 0) & ~multiplying):
                m.d.sync += row.events.eq(row.events + layer.code_step)
        with m.If(prepared | probe.valid):
            flag_base, flag_step = Mux(begin, layer.in_rows, probe_flag), Mux(begin, top, layer.flag_step)
            m.d.sync += probe_flag.eq(flag_base + flag_step)

        # From row to row. There are 3 cycles between two of them at least: time to see whether the receptive
        # field moves, and then to move the next one's top.
        settling = Signal(2)
        m.d.sync += [
            settling.eq(Cat(over, settling)),
            moves.eq(repeat == layer.repeat_rows),  # to another receptive field, behind this row
            bottom.eq(row.y + 1 == layer.out_height),
            second_flag.eq(layer.second_rows + row.y),
        ]
        with m.If(over):
            m.d.sync += [
                row.y.eq(row.y + 1),
                row.offset.eq(row.offset + layer.out_pitch),
                row.mask.eq(row.mask + layer.out_mask_pitch),
                row.second.eq(row.second + layer.second_pitch),
                repeat.eq(Mux(moves, 0, repeat + 1)),
            ]
        raising = preparing & ~level
        with m.If(raising | (over & moves)):
            m.d.sync += row.masks.eq(row.masks - Mux(preparing, layer.in_mask_pitch, back_masks))
        with m.If(raising | ((prepared | settling[1]) & moves)):
            m.d.sync += [
                top.eq(top - Mux(raising, 1, back_rows)),
                words.eq(words - Mux(raising, layer.in_pitch, back_words)),
            ]

        # Before the first row: start above the image; a stride in words.
        with m.If(raising):
            m.d.sync += [pads.eq(pads - 1), level.eq(pads == 1)]
        with m.If(preparing & ~known):
            m.d.sync += [
                strides.eq(strides - 1),
                known.eq(strides == 1),
                back_words.eq(back_words - layer.in_pitch),
                back_masks.eq(back_masks - layer.in_mask_pitch),
            ]
        with m.If(idle):
            m.d.sync += [
                words.eq(Mux(layer.op == Op.MAC, layer.in_events, layer.in_codes)),
                row.masks.eq(layer.in_masks),
                row.second.eq(layer.second_codes),
                *(register.eq(0) for register in (row.y, row.offset, row.mask, top, repeat)),
                *(register.eq(0) for register in (back_words, back_masks)),
                pads.eq(layer.pad_rows),
                level.eq(layer.pad_rows == 0),
                strides.eq(layer.stride_rows),
                known.eq(layer.stride_rows == 0),
            ]

        m.submodules.gate = gate = RowGate()
        wiring.connect(m, wiring.flipped(self.layer), gate.layer)
        wiring.connect(m, gate.o, wiring.flipped(self.o))
        m.d.comb += [
            gate.row.eq(row),
            gate.row.codes.eq(row.events),
            gate.probe.eq(probe),
            gate.flag.eq(flag_read.data),
        ]
        m.d.comb += [self.busy.eq(~idle), prepared.eq(preparing & level & known)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                with m.If(self.start):
                    m.next = "PREPARE"

            with m.State("PREPARE"):
                m.d.comb += preparing.eq(1)
                with m.If(prepared):
                    m.next = "PROBE"

            with m.State("PROBE"):  # a flag a cycle
                m.d.comb += probe.valid.eq(~last | ~gate.pending)
                with m.If(over & bottom):
                    m.next = "FINISH"

            with m.State("FINISH"), m.If(~gate.pending):
                m.next = "IDLE"
        return m
