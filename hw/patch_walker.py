"""Walks the receptive fields of a layer's outputs, as mask words to look at."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS, ArrayConfig
from stillframe.contract.layer import Op

from .payloads import KERNEL_ROWS, MASK_REQUEST
from .signatures import LayerSignature


class PatchWalker(wiring.Component):
    """Turns the kernel rows of an output row into requests for mask words, pixel by pixel.

    Each pixel and each pass over it gives the mask words of its kernel rows inside the image; the last
    request of a pass has ``end`` set. Kernel rows without a row flag are passed over. A kernel row is one run
    of elements, or several segments (one a column) where its columns do not touch (dilation) or a pass reads
    a share of the channels (depthwise); segments go outside, kernel rows inside. A CONCAT gives every pixel
    of its rows.

    Throughput: one request a cycle, and one cycle more for each output row, for each segment (of an undivided
    kernel row only in a pixel's first pass), for each kernel row of a segment that has no flag or lies
    outside the image unless it is the pass's last, and four for each depthwise pass after the first.

    Ports:
        layer: Constant while ``busy`` or a row is offered.
        busy: High from the cycle after a row was taken until its last request was.
    """

    busy: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "busy": Out(1),
                "i": In(stream.Signature(KERNEL_ROWS)),
                "o": Out(stream.Signature(MASK_REQUEST)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        drain_log2 = config.drain.bit_length() - 1
        pass_words = config.total_lanes // config.drain

        block_shift = Signal(ADDRESS_BITS)  # from a mask word to its events
        concatenating = layer.op == Op.CONCAT
        m.d.sync += block_shift.eq(layer.in_events - layer.in_masks)

        row = Signal(KERNEL_ROWS, reset_less=True)

        # The pixel's receptive field: its first element, and its first segment's last one.
        pixel_left = Signal(signed(22))
        pixel_right = Signal(signed(22))
        row_right = Signal(21)  # the last element of the image row
        out_x = Signal(12)
        repeat = Signal(5)
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
            request.tag.rows.eq(Mux(outside, 0, row.inside)),
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

        def begin_pixel(border: Value) -> list[Any]:
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
                m.d.comb += [self.busy.eq(0), self.i.ready.eq(1)]
                m.d.sync += [
                    row.eq(self.i.p),
                    *begin_pixel(self.i.p.border),
                    left.eq(-layer.pad),
                    right.eq(layer.segment - layer.pad - 1),
                    pixel_left.eq(-layer.pad),
                    pixel_right.eq(layer.segment - layer.pad - 1),
                    row_right.eq(layer.in_row - 1),
                    out_x.eq(0),
                    repeat.eq(0),
                    pixel_offset.eq(self.i.p.offset),
                    offset.eq(self.i.p.offset),
                    second.eq(self.i.p.second),
                ]
                with m.If(self.i.valid):
                    m.next = "SEGMENT"

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
                    source.eq(row.codes + (clipped_low >> drain_log2)),
                    shift.eq((clipped_low & ~31) - left),
                    element.eq((clipped_low & ~31) - left),
                    word.eq(clipped_low >> 5),
                    kernel_row.eq(0),
                    live_here.eq(Mux(beyond | concatenating, 0, row.live)),
                    row_mask.eq(row.masks),
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
                                live_here.eq(Mux(outside, 0, row.live)),
                                row_mask.eq(row.masks),
                                row_weight.eq(group_weight + layer.kernel),
                            ]
                    with m.Else():
                        m.d.sync += [
                            *begin_pixel(row.border),
                            out_x.eq(out_x + 1),
                            repeat.eq(repeat + 1),
                            pixel_offset.eq(pixel_offset + layer.out_words),
                            offset.eq(pixel_offset + layer.out_words),
                            second.eq(second + layer.second_words),
                            left.eq(pixel_left),
                            right.eq(pixel_right),
                        ]
                        with m.If(repeat == layer.repeat):
                            m.d.sync += [
                                repeat.eq(0),
                                pixel_left.eq(pixel_left + layer.stride),
                                pixel_right.eq(pixel_right + layer.stride),
                                left.eq(pixel_left + layer.stride),
                                right.eq(pixel_right + layer.stride),
                            ]
                        with m.If(out_x == layer.out_width - 1):
                            m.next = "IDLE"
                        with m.Else():
                            m.next = "SEGMENT"
        return m
