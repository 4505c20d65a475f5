"""MAC layers: the events of a pixel's receptive field, their sums for four outputs after four."""

from __future__ import annotations

from stillframe.contract.array import LAYER_WORDS
from stillframe.contract.layer import LAYER_FIELDS

from ..assembler import Assembler
from ..isa import Get, Put
from ..memory_plan import Places


def write(a: Assembler, places: Places) -> None:
    """Label ``convolution``; subroutines ``begin_windows`` and ``next_window_row`` for all layers with a
    window."""
    _begin(a)
    _rows(a)
    _pixels(a)
    _depthwise_pixels(a)
    _scan(a)
    _windows(a)


def _input_field(a: Assembler, name: str) -> None:
    """``value``: a field of the layer that wrote the input, whose descriptor is at ``writer``."""
    field = LAYER_FIELDS[name]
    a.lw(a.value, a.writer, 4 * field.word)
    a.ext(a.value, a.value, field.shift, field.width)


def _begin(a: Assembler) -> None:
    a.label("convolution")
    assert LAYER_WORDS == 32
    a.shl(a.writer, a.in_layer, 7)
    a.add(a.writer, a.writer, a.layers_base)
    _input_field(a, "out_zero_point")
    a.put(Put.SCAN_ZERO, a.value)
    _input_field(a, "out_mode")
    a.li(a.left, 1)
    a.test(a.value)
    a.if_zero("differences")
    a.li(a.left, 0)
    a.label("differences")
    a.li(a.taps, -1)  # whether each kernel column has weights of its own
    a.test(a.tap_rows)
    a.if_nonzero("own_weights")
    a.li(a.taps, 0)
    a.add(a.left, a.left, 2)
    a.label("own_weights")
    a.put(Put.SCAN_MODE, a.left)
    a.sub(a.value, a.in_events, a.in_codes)
    a.put(Put.SCAN_OLD, a.value)
    a.test(a.depthwise)
    a.if_nonzero("channel_by_channel")
    a.put(Put.SCAN_MASK_STEP, a.in_mask_words)
    a.put(Put.SCAN_CODE_STEP, a.in_width)
    a.put(Put.SCAN_WEIGHT_STEP, a.word_row)
    a.move(a.row_count, a.in_words)
    a.jump("steps_known")
    a.label("channel_by_channel")
    a.put(Put.SCAN_MASK_STEP, a.in_mask_pitch)
    a.put(Put.SCAN_CODE_STEP, a.in_pitch)
    a.put(Put.SCAN_WEIGHT_STEP, a.kernel_row)
    a.li(a.row_count, 1)
    a.label("steps_known")
    a.sub(a.value, a.zero, a.kernel_columns)
    a.ror(a.columns_mask, a.one, a.value)
    a.sub(a.columns_mask, a.columns_mask, 1)
    a.sub(a.last_column, a.in_width, 1)
    a.call("begin_sums")
    a.call("begin_windows")


def live_rows(a: Assembler, name: str, done: str) -> None:
    """Label ``name``_row: goes on to the next output row that has something to give, at ``left_column`` its
    first pixel, or to ``done``."""
    a.label(f"{name}_row")
    a.call("find_window_row")
    a.test(a.rows_left)
    a.if_zero(done)
    a.or_(a.value, a.live, a.evaluate)
    a.if_nonzero(f"{name}_pixels")
    a.call("next_row")
    a.jump(f"{name}_row")
    a.label(f"{name}_pixels")
    a.sub(a.left_column, a.zero, a.pad)


def _next_pixel(a: Assembler, pixel: str) -> None:
    a.add(a.left_column, a.left_column, a.stride)
    a.call("step_pixel")
    a.test(a.x)
    a.if_nonzero(pixel)
    a.jump("convolution_row")


def _list_events(a: Assembler, nothing: str) -> None:
    """The list of the window's events behind the scan; to ``nothing`` if there is nothing to give."""
    a.call("scan")
    a.get(a.value, Get.LIST)
    a.add(a.events, a.events, a.value)
    a.or_(a.value, a.value, a.evaluate)
    a.if_zero(nothing)


def _rows(a: Assembler) -> None:
    live_rows(a, "convolution", "convolution_done")
    a.test(a.depthwise)
    a.if_nonzero("depthwise_pixel")


def _pixels(a: Assembler) -> None:
    a.label("convolution_pixel")
    a.put(Put.LIST, a.zero)
    a.move(a.scan_mask, a.window_mask)
    a.move(a.scan_code, a.window_code)
    _list_events(a, "pixel_done")
    a.move(a.border, a.params)
    a.call("begin_words")
    a.move(a.base, a.weights)
    a.move(a.passes, a.groups)
    a.label("pass")
    a.put(Put.MAC, a.base)
    a.add(a.base, a.base, a.kernel)
    a.move(a.outputs, a.pass_words)
    a.sub(a.passes, a.passes, 1)
    a.if_nonzero("output")
    a.move(a.outputs, a.last_words)
    a.label("output")
    a.put(Put.FINISH, a.outputs)
    a.test(a.passes)
    a.if_nonzero("pass")
    a.label("pixel_done")
    _next_pixel(a, "convolution_pixel")

    # Each event counts once a pass, and as many multiplications as the passes have outputs.
    a.label("convolution_done")
    a.move(a.macs, a.events)
    a.test(a.depthwise)
    a.if_nonzero("layer_done")
    a.move(a.factor, a.pass_macs)
    a.sub(a.other_factor, a.groups, 1)
    a.call("multiply")
    a.add(a.factor, a.product, a.last_macs)
    a.move(a.other_factor, a.events)
    a.call("multiply")
    a.move(a.macs, a.product)
    a.move(a.factor, a.events)
    a.move(a.other_factor, a.groups)
    a.call("multiply")
    a.move(a.events, a.product)
    a.jump("layer_done")


def _depthwise_pixels(a: Assembler) -> None:
    """Each channel has events and weights of its own, which lane 0 multiplies. PARAMS tell borders apart."""
    a.label("depthwise_pixel")
    a.add(a.border, a.params, a.border_above)
    a.test(a.border_columns)
    a.if_zero("border_known")
    a.max(a.left, a.left_column, 0)
    a.add(a.value, a.left_column, a.kernel_columns)
    a.min(a.value, a.value, a.in_width)
    a.sub(a.value, a.value, a.left)
    a.sub(a.factor, a.kernel_columns, a.value)
    a.move(a.other_factor, a.border_columns)
    a.call("multiply")
    a.add(a.border, a.border, a.product)
    a.label("border_known")
    a.call("begin_words")
    a.move(a.base, a.weights)
    a.move(a.outputs, a.out_words)
    a.move(a.scan_mask, a.window_mask)
    a.move(a.scan_code, a.window_code)
    a.label("depthwise_channel")
    a.put(Put.LIST, a.zero)
    _list_events(a, "no_output")
    a.put(Put.MAC, a.base)
    a.put(Put.FINISH, a.one)
    a.jump("depthwise_next")
    a.label("no_output")
    a.put(Put.FINISH_LEAVE, a.zero)
    a.label("depthwise_next")
    a.add(a.base, a.base, a.kernel)
    a.add(a.scan_mask, a.scan_mask, a.in_mask_words)
    a.add(a.scan_code, a.scan_code, a.in_width)
    a.sub(a.outputs, a.outputs, 1)
    a.if_nonzero("depthwise_channel")
    _next_pixel(a, "depthwise_pixel")


def _scan(a: Assembler) -> None:
    """Subroutine ``scan``: a mask byte's columns of the window after the other's, from ``left_column`` on."""
    a.label("scan")
    a.add(a.end, a.left_column, a.kernel_columns)
    a.sub(a.end, a.end, 1)
    a.min(a.end, a.end, a.last_column)
    a.if_negative("scanned")
    a.ext(a.end, a.end, 3, 29)
    a.max(a.at, a.left_column, 0)
    a.ext(a.at, a.at, 3, 29)
    a.sub(a.value, a.end, a.at)
    a.if_negative("scanned")
    a.label("scan_byte")
    a.shl(a.column, a.at, 3)
    a.sub(a.value, a.column, a.left_column)
    a.ror(a.left, a.columns_mask, a.value)
    a.put(Put.SCAN_SELECT, a.left)
    a.and_(a.value, a.value, a.taps)
    a.put(Put.SCAN_WEIGHTS, a.window_weight, a.value)
    a.put(Put.SCAN_MASKS, a.scan_mask, a.at)
    a.put(Put.SCAN_CODES, a.scan_code, a.column)
    a.put(Put.SCAN, a.scan_count)
    a.add(a.at, a.at, 1)
    a.sub(a.value, a.end, a.at)
    a.if_not_negative("scan_byte")
    a.label("scanned")
    a.ret("scan")


def _windows(a: Assembler) -> None:
    """Subroutine ``begin_windows``: before a layer's first row. ``find_window_row``: the next output row's
    window, its rows inside the image: ``window_mask``, ``window_code`` (of their first), ``window_weight``,
    ``window_rows``, ``scan_count``; ``live``: one of them has an event; ``border_above``: PARAMS rows for
    those outside."""
    a.label("begin_windows")
    for distance, mask, code in (
        ("pad_rows", "window_pad_masks", "window_pad_codes"),
        ("stride_rows", "mask_stride", "code_stride"),
    ):
        for pitch, result in (("in_mask_pitch", mask), ("in_pitch", code)):
            a.move(a.factor, a.reg(pitch))
            a.move(a.other_factor, a.reg(distance))
            a.call("multiply")
            a.move(a.reg(result), a.product)
    a.sub(a.top, a.zero, a.pad_rows)
    a.sub(a.top_mask, a.in_masks, a.window_pad_masks)
    a.sub(a.top_code, a.in_codes, a.window_pad_codes)
    a.li(a.repeats_left, 0)
    a.ret("begin_windows")

    a.label("find_window_row")
    a.sub(a.repeats_left, a.repeats_left, 1)
    a.if_not_negative("window_found")
    a.move(a.repeats_left, a.repeat_rows)
    a.move(a.row, a.top)
    a.move(a.window_mask, a.top_mask)
    a.move(a.window_code, a.top_code)
    a.li(a.window_weight, 0)
    a.li(a.border_above, 0)
    a.add(a.end, a.top, a.kernel_rows)
    a.label("above")
    a.test(a.row)
    a.if_not_negative("inside")
    a.add(a.window_mask, a.window_mask, a.in_mask_pitch)
    a.add(a.window_code, a.window_code, a.in_pitch)
    a.add(a.window_weight, a.window_weight, a.kernel_row)
    a.add(a.border_above, a.border_above, a.border_rows)
    a.add(a.row, a.row, 1)
    a.jump("above")
    a.label("inside")
    a.li(a.live, 0)
    a.li(a.window_rows, 0)
    a.li(a.scan_count, 0)
    a.label("window_row")
    a.sub(a.value, a.row, a.end)
    a.if_not_negative("window_ends")
    a.sub(a.value, a.row, a.in_height)
    a.if_not_negative("below")
    a.lbu(a.value, a.in_rows, a.row)
    a.or_(a.live, a.live, a.value)
    a.add(a.window_rows, a.window_rows, 1)
    a.add(a.scan_count, a.scan_count, a.row_count)
    a.add(a.row, a.row, 1)
    a.jump("window_row")
    a.label("below")
    a.add(a.border_above, a.border_above, a.border_rows)
    a.add(a.row, a.row, 1)
    a.jump("window_row")
    a.label("window_ends")
    a.add(a.top, a.top, a.stride_rows)
    a.add(a.top_mask, a.top_mask, a.mask_stride)
    a.add(a.top_code, a.top_code, a.code_stride)
    a.label("window_found")
    a.ret("find_window_row")
