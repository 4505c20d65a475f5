"""The output tensor: where its pixel lies, and what the encoder has to know of it."""

from __future__ import annotations

from ..assembler import Assembler
from ..isa import Put


def write(a: Assembler) -> None:
    """Subroutines of the output tensor.

    ``begin_output``: clear its masks and flags, begin with its first pixel. ``next_row``, ``step_pixel``: go
    on to the next row or pixel; ``x`` is 0 then if it is a row's first, ``rows_left`` 0 behind the last one.
    ``begin_pixel``: its first channel is the next to be encoded.
    """
    a.label("begin_output")
    a.move(a.factor, a.out_mask_pitch)
    a.move(a.other_factor, a.out_height)
    a.call("multiply")
    a.move(a.left, a.product)
    a.move(a.at, a.out_masks)
    a.call("clear")
    a.move(a.left, a.out_height)
    a.move(a.at, a.out_rows)
    a.call("clear")
    a.put(Put.ENCODE_CLEAR, a.zero)
    a.put(Put.ENCODE_CODE_STEP, a.out_width)
    a.put(Put.ENCODE_MASK_STEP, a.out_mask_words)
    a.sub(a.value, a.out_events_base, a.out_codes)
    a.put(Put.ENCODE_OLD, a.value)
    a.put(Put.ENCODE_ZERO, a.out_zero_point)
    a.put(Put.ENCODE_THRESHOLD, a.threshold)
    a.put(Put.ENCODE_KEY, a.key)
    a.put(Put.ENCODE_MODE, a.out_mode)
    a.put(Put.ENCODE_EVENTS, a.out_events)
    a.put(Put.FINISH_USE_TABLE, a.use_table)
    a.move(a.rows_left, a.out_height)
    a.move(a.row_code, a.out_codes)
    a.move(a.row_mask, a.out_masks)
    a.move(a.flag, a.out_rows)
    a.put(Put.ENCODE_FLAG, a.flag)
    a.li(a.x, 0)
    a.ret("begin_output")

    # ``left`` bytes at ``at``, a word where four are left and it is aligned.
    a.label("clear")
    a.and_(a.value, a.at, 3)
    a.if_nonzero("clear_byte")
    a.sub(a.value, a.left, 4)
    a.if_negative("clear_byte")
    a.sw(a.zero, a.at)
    a.add(a.at, a.at, 4)
    a.move(a.left, a.value)
    a.jump("clear")
    a.label("clear_byte")
    a.sub(a.left, a.left, 1)
    a.if_negative("cleared")
    a.sb(a.zero, a.at)
    a.add(a.at, a.at, 1)
    a.jump("clear")
    a.label("cleared")
    a.ret("clear")

    a.label("step_pixel")
    a.add(a.x, a.x, 1)
    a.sub(a.value, a.x, a.out_width)
    a.if_zero("row_done")
    a.ret("step_pixel")
    a.label("row_done")
    a.move(a.from_next_row, a.from_step_pixel)
    a.label("next_row")
    a.sub(a.rows_left, a.rows_left, 1)
    a.add(a.row_code, a.row_code, a.out_pitch)
    a.add(a.row_mask, a.row_mask, a.out_mask_pitch)
    a.add(a.flag, a.flag, 1)
    a.put(Put.ENCODE_FLAG, a.flag)
    a.li(a.x, 0)
    a.ret("next_row")

    a.label("begin_pixel")
    a.put(Put.ENCODE_CODE, a.row_code, a.x)
    a.ext(a.value, a.x, 3, 29)
    a.put(Put.ENCODE_MASK, a.row_mask, a.value)
    a.put(Put.ENCODE_COLUMN, a.x)
    a.ret("begin_pixel")
