"""Walks the receptive fields of a layer's outputs, as mask words to look at."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Assert, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import MASK_REQUEST
from .signatures import LayerSignature


class PatchWalker(wiring.Component):
    """Turns a layer's geometry into requests for mask words, pixel by pixel in raster order.

    An output row none of whose kernel rows has a row flag is left out, unless every output is wanted. Of the
    others, each pixel and each pass over it gives the mask words of its kernel rows inside the image; the
    last request of a pass has ``end`` set. Kernel rows without a row flag are passed over. A kernel row is
    one run of elements, or several segments (one a column) where its columns do not touch (dilation) or a
    pass reads a share of the channels (depthwise); segments go outside, kernel rows inside.

    Of two tensors (ADD, CONCAT) the kernel rows are a row of each. A CONCAT gives every pixel of a row of
    which one has a flag.

    Throughput: one request a cycle, and one cycle more for each segment (of an undivided kernel row only in a
    pixel's first pass), for each kernel row of a segment that has no flag or lies outside the image unless it
    is the pass's last, and two for each depthwise pass after the first. An output row takes ``kernel_rows +
    stride_rows + 5`` cycles more (``kernel_rows + 5`` if the next one shares its receptive fields, the last
    one ``kernel_rows + 4``); that is all an output row left out costs. The first row begins ``pad_rows + 1``
    cycles after ``start``.

    Ports:
        start: Pulse; ``layer`` is constant from then until ``busy`` falls.
        busy: High from the cycle after ``start`` until the last request was taken.
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
        block_shift = Signal(ADDRESS_BITS)  # from a mask word to its events
        everything, concatenating = Signal(), Signal()
        m.d.comb += [
            mask_pitch.eq(layer.in_pitch >> config.mask_words_log2),
            everything.eq(layer.key | layer.evaluate_all),
            concatenating.eq(layer.op == Op.CONCAT),
        ]

        # Where the top row of the receptive fields lies; above the image while negative.
        top = Signal(signed(14))
        top_mask = Signal(ADDRESS_BITS)
        top_code = Signal(ADDRESS_BITS)
        moves = Signal(7)
        out_y = Signal(12)
        repeat_y = Signal(5)
        row_offset = Signal(ADDRESS_BITS)
        second_row = Signal(ADDRESS_BITS)  # CODES word of the second input's row

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
        border = Signal(16)  # PARAMS rows to go on for kernel rows outside the image

        # The pixel's receptive field: its first element, and its first segment's last one.
        pixel_left = Signal(signed(22))
        pixel_right = Signal(signed(22))
        row_right = Signal(21)  # the last element of the image row
        out_x = Signal(12)
        repeat_x = Signal(5)
        pixel_offset = Signal(ADDRESS_BITS)
        second = Signal(ADDRESS_BITS)  # CODES word of the second input's pixel

        # The pass.
        group = Signal(10)
        group_weight = Signal(ADDRESS_BITS)
        offset = Signal(ADDRESS_BITS)
        param_row = Signal(16)
        missing = Signal(16)  # PARAMS rows to go on for segments outside the image
        channel = Signal(12)  # depthwise: first input channel of the pass
        rest = Signal(3)  # depthwise: its outputs that belong to the pass before

        # The segment, clipped to the image.
        segment = Signal(12)
        left = Signal(signed(22))
        right = Signal(signed(22))  # its last element
        outside = Signal()
        segment_weight = Signal(ADDRESS_BITS)
        low_word = Signal(16)
        high_word = Signal(16)
        low_bit = Signal(5)
        high_bit = Signal(5)
        span = Signal(16)
        source = Signal(ADDRESS_BITS)
        shift = Signal(signed(22))  # element 0 of low_word, counted from the segment's first element

        # The position in the walk over the segment.
        kernel_row = Signal(range(MAX_KERNEL_ROWS + 1))
        live_here = Signal(MAX_KERNEL_ROWS)
        word = Signal(16)
        row_mask = Signal(ADDRESS_BITS)
        row_weight = Signal(ADDRESS_BITS)
        element = Signal(signed(22))  # of the word, counted as ``shift``

        last_word = Signal()
        last_kernel_row = Signal()
        last_segment = Signal()
        last_group = Signal()
        moving = Signal()
        request = self.o.p
        m.d.comb += [
            last_word.eq(word == high_word),
            last_kernel_row.eq(kernel_row == layer.kernel_rows - 1),
            last_segment.eq(segment == layer.segments - 1),
            last_group.eq(group == layer.groups - 1),
            request.address.eq(row_mask + word),
            request.block.eq(row_mask + word + block_shift),
            request.first.eq(Mux(word == low_word, low_bit, 0)),
            request.until.eq(Mux(last_word, high_bit, 31)),
            request.weight.eq(row_weight + Mux(layer.depthwise, 0, element)),
            request.channel.eq(element),
            request.rest.eq(rest),
            request.empty.eq(~live_here[0]),
            request.end.eq(last_segment & last_kernel_row & (last_word | ~live_here[0])),
            request.tag.offset.eq(offset),
            request.tag.row.eq(param_row + missing),
            request.tag.final.eq(last_group),
            request.tag.source.eq(source),
            request.tag.span.eq(Mux(concatenating, second, span)),
            request.tag.rows.eq(Mux(outside, 0, window_rows)),
        ]

        clipped_low = Signal(21)
        clipped_high = Signal(21)
        m.d.comb += [
            clipped_low.eq(Mux(left < 0, 0, left)),
            clipped_high.eq(Mux(right > row_right, row_right, right)),
        ]

        # Depthwise: the first input channel of the pass after (channel, rest), and what of it comes before.
        rests = Signal(4)
        wraps = Signal()
        next_channel = Signal(12)
        next_rest = Signal(3)
        after, after_rest = Signal(12), Signal(3)
        last_channel = Signal(12)
        m.d.comb += [
            rests.eq(rest + layer.group_rest),
            wraps.eq(rests >= layer.multiplier),
            next_channel.eq(channel + layer.group_channels + wraps),
            next_rest.eq(Mux(wraps, rests - layer.multiplier, rests)),
        ]

        def begin_pixel() -> list[Any]:
            return [
                segment.eq(0),
                group.eq(0),
                group_weight.eq(layer.weights),
                segment_weight.eq(layer.weights),
                param_row.eq(layer.params + border),
                missing.eq(0),
                channel.eq(0),
                rest.eq(0),
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
                    repeat_y.eq(0),
                    row_offset.eq(0),
                    second_row.eq(layer.second_codes),
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
                    m.d.sync += [
                        *begin_pixel(),
                        left.eq(-layer.pad),
                        right.eq(layer.segment - layer.pad - 1),
                        pixel_left.eq(-layer.pad),
                        pixel_right.eq(layer.segment - layer.pad - 1),
                        row_right.eq(layer.in_row - 1),
                        out_x.eq(0),
                        repeat_x.eq(0),
                        pixel_offset.eq(row_offset),
                        offset.eq(row_offset),
                        second.eq(second_row),
                    ]
                    with m.If(everything | live.any()):
                        m.next = "SEGMENT"
                    with m.Else():
                        m.next = "NEXT_ROW"

            with m.State("PASS"):  # depthwise: the channels of the next pass
                m.d.sync += [channel.eq(next_channel), rest.eq(next_rest)]
                m.next = "AFTER"

            with m.State("AFTER"):  # those of the one behind it
                m.d.sync += [after.eq(next_channel), after_rest.eq(next_rest)]
                m.next = "LAST"

            with m.State("LAST"):  # which begins with a channel that the pass shares, or with the next
                m.d.sync += last_channel.eq(Mux(last_group, layer.in_channels - 1, after - (after_rest == 0)))
                m.next = "CHANNELS"

            with m.State("CHANNELS"):
                m.d.sync += [left.eq(pixel_left + channel), right.eq(pixel_left + last_channel)]
                m.next = "SEGMENT"

            with m.State("SEGMENT"):
                beyond = Signal()
                m.d.comb += beyond.eq((right < 0) | (left > row_right))
                m.d.sync += [
                    outside.eq(beyond),
                    low_word.eq(clipped_low >> 5),
                    high_word.eq(clipped_high >> 5),
                    low_bit.eq(clipped_low[:5]),
                    high_bit.eq(clipped_high[:5]),
                    span.eq((clipped_high >> drain_log2) - (clipped_low >> drain_log2) + 1),
                    source.eq(window_code + (clipped_low >> drain_log2)),
                    shift.eq((clipped_low & ~31) - left),
                    element.eq((clipped_low & ~31) - left),
                    word.eq(clipped_low >> 5),
                    kernel_row.eq(0),
                    live_here.eq(Mux(beyond | concatenating, 0, live)),
                    row_mask.eq(top_mask),
                    row_weight.eq(segment_weight),
                ]
                with m.If(beyond):
                    m.d.sync += missing.eq(missing + layer.border_columns)
                m.next = "WALK"

            with m.State("WALK"):
                m.d.comb += [
                    self.o.valid.eq(live_here[0] | (last_kernel_row & last_segment)),
                    moving.eq(~self.o.valid | self.o.ready),
                ]
                with m.If(moving):
                    with m.If(live_here[0] & ~last_word):
                        m.d.sync += [word.eq(word + 1), element.eq(element + 32)]
                    with m.Elif(~last_kernel_row):
                        m.d.sync += [
                            word.eq(low_word),
                            element.eq(shift),
                            row_weight.eq(row_weight + layer.kernel_row),
                            kernel_row.eq(kernel_row + 1),
                            live_here.eq(live_here >> 1),
                            row_mask.eq(row_mask + layer.mask_step),
                        ]
                    with m.Elif(~last_segment):
                        m.d.sync += [
                            segment.eq(segment + 1),
                            segment_weight.eq(segment_weight + layer.segment_weights),
                            left.eq(left + layer.segment_step),
                            right.eq(right + layer.segment_step),
                        ]
                        m.next = "SEGMENT"
                    with m.Elif(~last_group):
                        m.d.sync += [
                            group.eq(group + 1),
                            segment.eq(0),
                            group_weight.eq(group_weight + layer.kernel),
                            segment_weight.eq(group_weight + layer.kernel),
                            offset.eq(offset + pass_words),
                            param_row.eq(param_row + pass_words),
                            left.eq(pixel_left),
                            right.eq(pixel_right),
                        ]
                        with m.If(layer.depthwise):
                            m.d.sync += missing.eq(0)
                            m.next = "PASS"
                        with m.Elif(layer.segments != 1):
                            m.d.sync += missing.eq(0)
                            m.next = "SEGMENT"
                        with m.Else():  # the same segment again, at once
                            m.d.sync += [
                                word.eq(low_word),
                                element.eq(shift),
                                kernel_row.eq(0),
                                live_here.eq(Mux(outside, 0, live)),
                                row_mask.eq(top_mask),
                                row_weight.eq(group_weight + layer.kernel),
                            ]
                    with m.Else():
                        m.d.sync += [
                            *begin_pixel(),
                            out_x.eq(out_x + 1),
                            repeat_x.eq(repeat_x + 1),
                            pixel_offset.eq(pixel_offset + layer.out_words),
                            offset.eq(pixel_offset + layer.out_words),
                            second.eq(second + layer.second_words),
                            left.eq(pixel_left),
                            right.eq(pixel_right),
                        ]
                        with m.If(repeat_x == layer.repeat):
                            m.d.sync += [
                                repeat_x.eq(0),
                                pixel_left.eq(pixel_left + layer.stride),
                                pixel_right.eq(pixel_right + layer.stride),
                                left.eq(pixel_left + layer.stride),
                                right.eq(pixel_right + layer.stride),
                            ]
                        with m.If(out_x == layer.out_width - 1):
                            m.next = "NEXT_ROW"
                        with m.Else():
                            m.next = "SEGMENT"

            with m.State("NEXT_ROW"):
                m.d.sync += [
                    out_y.eq(out_y + 1),
                    repeat_y.eq(repeat_y + 1),
                    row_offset.eq(row_offset + layer.out_pitch),
                    second_row.eq(second_row + layer.second_pitch),
                    moves.eq(0),
                ]
                with m.If(repeat_y == layer.repeat_rows):
                    m.d.sync += [repeat_y.eq(0), moves.eq(layer.stride_rows)]
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
