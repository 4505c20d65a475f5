"""Finds the output rows of a layer that have anything to compute."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS, ArrayConfig

from .payloads import KERNEL_ROWS
from .signatures import LayerSignature


class RowFinder(wiring.Component):
    """Keeps the row flags; gives the kernel rows of each output row that has one with a flag, downwards.

    With ``key`` or ``evaluate_all`` every output row is given. Of two tensors (ADD, CONCAT) the kernel rows
    are a row of each.

    Throughput: an output row takes ``kernel_rows + stride_rows + 5`` cycles, given or not, and longer if it
    is not taken; ``stride_rows`` less if it shares its kernel rows with the one before. The first is there
    ``pad_rows + kernel_rows + 5`` cycles after ``start``.

    Ports:
        start: Pulse; ``layer`` is constant from then until ``busy`` falls.
        busy: High from the cycle after ``start`` until the last row was taken or left out.
        flag_en, flag_row, flag: Writes a row flag (never one that is being read).
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
                "flag_row": In(14),
                "flag": In(1),
                "o": Out(stream.Signature(KERNEL_ROWS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, row = self.layer, self.o.p
        mask_pitch = layer.in_pitch >> self._config.mask_words_log2

        m.submodules.row_flags = flags = Memory(shape=1, depth=self._config.rows, init=[])
        flag_write = flags.write_port()
        flag_read = flags.read_port()
        m.d.comb += [
            flag_write.addr.eq(self.flag_row),
            flag_write.data.eq(self.flag),
            flag_write.en.eq(self.flag_en),
        ]

        # Where the top row of the receptive fields lies; above the image while negative.
        top = Signal(signed(14))
        top_mask = Signal(ADDRESS_BITS)
        top_code = Signal(ADDRESS_BITS)
        moves = Signal(7)
        out_y = Signal(12)
        repeat = Signal(5)
        offset = Signal(ADDRESS_BITS)
        second = Signal(ADDRESS_BITS)

        # What the scan of the kernel rows' flags found.
        probe = Signal(range(MAX_KERNEL_ROWS + 1))
        probe_row = Signal(signed(14))
        probe_flag = Signal(14)
        probe_code = Signal(ADDRESS_BITS)
        probed = Signal(range(MAX_KERNEL_ROWS + 1))
        probed_valid = Signal()
        probed_inside = Signal()
        live = Signal(MAX_KERNEL_ROWS)
        window_code = Signal(ADDRESS_BITS)
        window_rows = Signal(7)
        border = Signal(16)
        m.d.comb += [
            row.offset.eq(offset),
            row.masks.eq(top_mask),
            row.codes.eq(window_code),
            row.inside.eq(window_rows),
            row.border.eq(border),
            row.second.eq(second),
            row.live.eq(live),
            self.busy.eq(1),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [
                    top.eq(0),
                    top_mask.eq(layer.in_masks),
                    top_code.eq(layer.in_codes),
                    moves.eq(layer.pad_rows),
                    out_y.eq(0),
                    repeat.eq(0),
                    offset.eq(0),
                    second.eq(layer.second_codes),
                ]
                with m.If(self.start):
                    m.next = "PAD"

            with m.State("PAD"):  # start above the image
                with m.If(moves == 0):
                    m.next = "ROW"
                with m.Else():
                    m.d.sync += [
                        moves.eq(moves - 1),
                        top.eq(top - 1),
                        top_mask.eq(top_mask - mask_pitch),
                        top_code.eq(top_code - layer.in_pitch),
                    ]

            with m.State("ROW"):
                m.d.sync += [
                    probe.eq(0),
                    probe_row.eq(top),
                    probe_flag.eq(layer.in_rows + top),
                    probe_code.eq(top_code),
                    probed_valid.eq(0),
                    live.eq(0),
                    window_rows.eq(0),
                    border.eq(0),
                ]
                m.next = "PROBE"

            with m.State("PROBE"):  # one kernel row's flag a cycle; its answer comes a cycle later
                inside = (probe_row >= 0) & (probe_row < layer.in_height)
                probing = Signal()
                m.d.comb += [
                    probing.eq(probe != layer.kernel_rows),
                    flag_read.addr.eq(probe_flag),
                    flag_read.en.eq(probing),
                ]
                reading = probing & inside  # what is read elsewhere is not looked at
                m.d.sync += Assert(~(flag_write.en & reading & (flag_write.addr == flag_read.addr)))
                m.d.sync += [probed_valid.eq(probing), probed.eq(probe), probed_inside.eq(inside)]
                with m.If(probing):
                    m.d.sync += [
                        probe.eq(probe + 1),
                        probe_row.eq(probe_row + layer.row_step),
                        probe_flag.eq(probe_flag + layer.flag_step),
                        probe_code.eq(probe_code + layer.code_step),
                    ]
                    with m.If(inside):
                        m.d.sync += window_rows.eq(window_rows + 1)
                        with m.If(window_rows == 0):
                            m.d.sync += window_code.eq(probe_code)
                    with m.Else():
                        m.d.sync += border.eq(border + layer.border_rows)
                with m.If(probed_valid):
                    m.d.sync += live.bit_select(probed[: (MAX_KERNEL_ROWS - 1).bit_length()], 1).eq(
                        probed_inside & flag_read.data
                    )
                with m.If(~probing & ~probed_valid):
                    m.next = "OFFER"

            with m.State("OFFER"):
                m.d.comb += self.o.valid.eq(layer.key | layer.evaluate_all | live.any())
                with m.If(~self.o.valid | self.o.ready):
                    m.d.sync += [
                        out_y.eq(out_y + 1),
                        repeat.eq(repeat + 1),
                        offset.eq(offset + layer.out_pitch),
                        second.eq(second + layer.second_pitch),
                        moves.eq(0),
                    ]
                    with m.If(repeat == layer.repeat_rows):
                        m.d.sync += [repeat.eq(0), moves.eq(layer.stride_rows)]
                    with m.If(out_y == layer.out_height - 1):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "STRIDE"

            with m.State("STRIDE"):
                with m.If(moves == 0):
                    m.next = "ROW"
                with m.Else():
                    m.d.sync += [
                        moves.eq(moves - 1),
                        top.eq(top + 1),
                        top_mask.eq(top_mask + mask_pitch),
                        top_code.eq(top_code + layer.in_pitch),
                    ]
        return m
