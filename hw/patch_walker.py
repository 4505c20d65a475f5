"""Walks the receptive fields of a layer's outputs, as mask words to look at."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MAX_KERNEL_ROWS, ArrayConfig

from .payloads import MASK_REQUEST
from .signatures import LayerSignature


class PatchWalker(wiring.Component):
    """Turns a layer's geometry into requests for mask words, pixel by pixel in raster order.

    An output row none of whose kernel rows has a row flag is left out, unless every output is wanted. Of the
    others, each pixel and each pass over it gives the mask words of its kernel rows inside the image; the
    last request of a pass has ``end`` set. Kernel rows without a row flag are passed over.

    Throughput: one request a cycle, and one cycle more for each pixel and each kernel row without a flag
    that is not the kernel's last. An output row takes ``kernel_rows + stride_rows + 5`` cycles more (the
    last one ``kernel_rows + 4``); that
    is all an output row left out costs. The first row begins ``pad_rows + 1`` cycles after ``start``.

    Ports:
        start: Pulse; ``layer`` is constant from then until ``busy`` falls.
        busy: High from the cycle after ``start`` until the last request was taken.
        flag_en, flag_row, flag: Writes a row flag (one row a cycle, never while walking).
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
                "flag_row": In(12),
                "flag": In(1),
                "o": Out(stream.Signature(MASK_REQUEST)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        drain_log2 = config.drain.bit_length() - 1
        pass_words = config.total_lanes // config.drain

        m.submodules.row_flags = flags = Memory(shape=1, depth=config.rows, init=[])
        flag_write = flags.write_port()
        flag_read = flags.read_port()
        m.d.comb += [
            flag_write.addr.eq(self.flag_row),
            flag_write.data.eq(self.flag),
            flag_write.en.eq(self.flag_en),
        ]

        mask_pitch = Signal(16)  # mask words from row to row
        block_shift = Signal(16)  # from a mask word to its events
        everything = Signal()
        m.d.comb += [
            mask_pitch.eq(layer.in_pitch >> config.mask_words_log2),
            everything.eq(layer.key | layer.evaluate_all),
        ]

        # Where the top row of the receptive fields lies; above the image while negative.
        top = Signal(signed(14))
        top_mask = Signal(16)
        top_code = Signal(16)
        moves = Signal(6)
        out_y = Signal(12)
        row_offset = Signal(16)

        # What the scan of the kernel rows' flags found.
        probe = Signal(range(MAX_KERNEL_ROWS + 1))
        probe_row = Signal(signed(14))
        probe_code = Signal(16)
        probed = Signal(range(MAX_KERNEL_ROWS + 1))
        probed_valid = Signal()
        probed_inside = Signal()
        live = Signal(MAX_KERNEL_ROWS)
        window_code = Signal(16)
        window_rows = Signal(6)

        # The pixel and its kernel row, clipped to the image.
        left = Signal(signed(22))
        right = Signal(signed(22))  # its last element
        row_right = Signal(21)  # the last element of the image row
        out_x = Signal(12)
        pixel_offset = Signal(16)
        low_word = Signal(16)
        high_word = Signal(16)
        low_bit = Signal(5)
        high_bit = Signal(5)
        span = Signal(16)
        source = Signal(16)
        weight_shift = Signal(16)  # WEIGHTS row of low_word's element 0 within a kernel row

        # The position in the walk over the pixel.
        group = Signal(10)
        kernel_row = Signal(range(MAX_KERNEL_ROWS + 1))
        live_here = Signal(MAX_KERNEL_ROWS)
        word = Signal(16)
        row_mask = Signal(16)
        row_weight = Signal(16)
        weight = Signal(16)
        offset = Signal(16)
        param_row = Signal(16)

        last_word = Signal()
        last_kernel_row = Signal()
        last_group = Signal()
        moving = Signal()
        request = self.o.p
        m.d.comb += [
            last_word.eq(word == high_word),
            last_kernel_row.eq(kernel_row == layer.kernel_rows - 1),
            last_group.eq(group == layer.groups - 1),
            request.address.eq(row_mask + word),
            request.block.eq(row_mask + word + block_shift),
            request.first.eq(Mux(word == low_word, low_bit, 0)),
            request.until.eq(Mux(last_word, high_bit, 31)),
            request.weight.eq(weight),
            request.empty.eq(~live_here[0]),
            request.end.eq(last_kernel_row & (last_word | ~live_here[0])),
            request.tag.offset.eq(offset),
            request.tag.row.eq(param_row),
            request.tag.final.eq(last_group),
            request.tag.source.eq(source),
            request.tag.span.eq(span),
            request.tag.rows.eq(window_rows),
        ]

        clipped_low = Signal(21)
        clipped_high = Signal(21)
        m.d.comb += [
            clipped_low.eq(Mux(left < 0, 0, left)),
            clipped_high.eq(Mux(right > row_right, row_right, right)),
        ]

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [
                    block_shift.eq(layer.in_events - layer.in_masks),
                    top.eq(0),
                    top_mask.eq(layer.in_masks),
                    top_code.eq(layer.in_codes),
                    moves.eq(layer.pad_rows),
                    out_y.eq(0),
                    row_offset.eq(0),
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
                    probe_code.eq(top_code),
                    probed_valid.eq(0),
                    live.eq(0),
                    window_rows.eq(0),
                ]
                m.next = "PROBE"

            with m.State("PROBE"):  # one kernel row's flag a cycle; its answer comes a cycle later
                inside = (probe_row >= 0) & (probe_row < layer.in_height)
                probing = Signal()
                m.d.comb += [
                    probing.eq(probe != layer.kernel_rows),
                    flag_read.addr.eq(layer.in_rows + probe_row),
                    flag_read.en.eq(probing),
                ]
                m.d.sync += [probed_valid.eq(probing), probed.eq(probe), probed_inside.eq(inside)]
                with m.If(probing):
                    m.d.sync += [
                        probe.eq(probe + 1),
                        probe_row.eq(probe_row + 1),
                        probe_code.eq(probe_code + layer.in_pitch),
                    ]
                    with m.If(inside):
                        m.d.sync += window_rows.eq(window_rows + 1)
                        with m.If(window_rows == 0):
                            m.d.sync += window_code.eq(probe_code)
                with m.If(probed_valid):
                    m.d.sync += live.bit_select(probed[:5], 1).eq(probed_inside & flag_read.data)
                with m.If(~probing & ~probed_valid):
                    m.d.sync += [
                        left.eq(-layer.pad),
                        right.eq(layer.kernel_row - layer.pad - 1),
                        row_right.eq(layer.in_row - 1),
                        out_x.eq(0),
                        pixel_offset.eq(row_offset),
                    ]
                    with m.If(everything | live.any()):
                        m.next = "PIXEL"
                    with m.Else():
                        m.next = "NEXT_ROW"

            with m.State("PIXEL"):
                m.d.sync += [
                    low_word.eq(clipped_low >> 5),
                    high_word.eq(clipped_high >> 5),
                    low_bit.eq(clipped_low[:5]),
                    high_bit.eq(clipped_high[:5]),
                    span.eq((clipped_high >> drain_log2) - (clipped_low >> drain_log2) + 1),
                    source.eq(window_code + (clipped_low >> drain_log2)),
                    weight_shift.eq((clipped_low & ~31) - left),
                    word.eq(clipped_low >> 5),
                    group.eq(0),
                    kernel_row.eq(0),
                    live_here.eq(live),
                    row_mask.eq(top_mask),
                    row_weight.eq(layer.weights),
                    weight.eq(layer.weights + (clipped_low & ~31) - left),
                    offset.eq(pixel_offset),
                    param_row.eq(layer.params),
                ]
                m.next = "WALK"

            with m.State("WALK"):
                m.d.comb += [
                    self.o.valid.eq(live_here[0] | last_kernel_row),
                    moving.eq(~self.o.valid | self.o.ready),
                ]
                with m.If(moving):
                    with m.If(live_here[0] & ~last_word):
                        m.d.sync += [word.eq(word + 1), weight.eq(weight + 32)]
                    with m.Else():
                        m.d.sync += [
                            word.eq(low_word),
                            row_weight.eq(row_weight + layer.kernel_row),
                            weight.eq(row_weight + layer.kernel_row + weight_shift),
                            kernel_row.eq(kernel_row + 1),
                            live_here.eq(live_here >> 1),
                            row_mask.eq(row_mask + mask_pitch),
                        ]
                        with m.If(last_kernel_row):
                            m.d.sync += [
                                group.eq(group + 1),
                                kernel_row.eq(0),
                                live_here.eq(live),
                                row_mask.eq(top_mask),
                                offset.eq(offset + pass_words),
                                param_row.eq(param_row + pass_words),
                            ]
                            with m.If(last_group):
                                m.d.sync += [
                                    left.eq(left + layer.stride),
                                    right.eq(right + layer.stride),
                                    out_x.eq(out_x + 1),
                                    pixel_offset.eq(pixel_offset + layer.out_words),
                                ]
                                with m.If(out_x == layer.out_width - 1):
                                    m.next = "NEXT_ROW"
                                with m.Else():
                                    m.next = "PIXEL"

            with m.State("NEXT_ROW"):
                m.d.sync += [
                    out_y.eq(out_y + 1),
                    row_offset.eq(row_offset + layer.out_pitch),
                    moves.eq(layer.stride_rows),
                ]
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
