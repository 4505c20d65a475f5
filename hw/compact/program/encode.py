"""The output tensor: where its pixel lies, and how a code of it is encoded."""

from __future__ import annotations

from stillframe.contract.layer import Mode

from ..assembler import Assembler
from ..memory_plan import Places


def write(a: Assembler, places: Places) -> None:
    """Subroutines of the output tensor.

    ``begin_output``: clear its masks and flags, begin with its first pixel. ``next_row``, ``step_pixel``: go on to
    the next row or pixel; ``x`` is 0 then if it is a row's first, ``rows_left`` 0 behind the last one.
    ``begin_pixel``: its first channel is the next. ``encode``: ``y`` is the code of the next channel.
    ``next_channel``: that one is left out.
    """
    _begin(a)
    _walk(a)
    _encode(a)


def _clear(a: Assembler, name: str) -> None:
    """Clear ``left`` bytes at ``at``, four at a time where they are words."""
    a.label(f"clear_{name}")
    a.sub(a.left, a.left, 1)
    a.if_negative(f"cleared_{name}")
    a.sb(a.zero, a.at)
    a.add(a.at, a.at, 1)
    a.jump(f"clear_{name}")
    a.label(f"cleared_{name}")


def _begin(a: Assembler) -> None:
    a.label("begin_output")
    a.li(a.changed, 0)
    a.move(a.factor, a.out_mask_pitch)
    a.move(a.other_factor, a.out_height)
    a.call("multiply")
    a.move(a.left, a.product)
    a.move(a.at, a.out_masks)
    _clear(a, "masks")
    a.move(a.left, a.out_height)
    a.move(a.at, a.out_rows)
    _clear(a, "flags")
    # What a code is compared with: the code in CODES, in a key frame the zero point.
    a.sub(a.keep, a.key, 1)
    a.xor(a.value, a.keep, -1)
    a.and_(a.fill, a.value, a.out_zero_point)
    a.and_(a.tolerance, a.threshold, a.keep)
    a.sub(a.to_old, a.out_events_base, a.out_codes)
    a.shl(a.state_step, a.out_width, 2)
    a.move(a.rows_left, a.out_height)
    a.move(a.row_code, a.out_codes)
    a.move(a.row_mask, a.out_masks)
    a.move(a.flag, a.out_rows)
    a.jump("begin_row")


def _walk(a: Assembler) -> None:
    a.label("step_pixel")
    a.add(a.pixel_code, a.pixel_code, 1)
    a.add(a.bit, a.bit, a.bit)
    a.ext(a.value, a.bit, 8, 1)
    a.if_zero("in_mask_byte")
    a.li(a.bit, 1)
    a.add(a.pixel_mask, a.pixel_mask, 1)
    a.label("in_mask_byte")
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
    a.move(a.from_begin_output, a.from_next_row)
    a.label("begin_row")
    a.move(a.pixel_code, a.row_code)
    a.move(a.pixel_mask, a.row_mask)
    a.li(a.bit, 1)
    a.li(a.x, 0)
    a.ret("begin_output")

    a.label("begin_pixel")
    a.move(a.code, a.pixel_code)
    a.move(a.mask, a.pixel_mask)
    a.ret("begin_pixel")


def _encode(a: Assembler) -> None:
    a.label("encode")
    a.lb(a.sent, a.code)
    a.and_(a.sent, a.sent, a.keep)
    a.add(a.sent, a.sent, a.fill)
    a.sub(a.value, a.y, a.sent)
    a.sub(a.distance, a.sent, a.y)
    a.max(a.distance, a.distance, a.value)
    a.sub(a.value, a.tolerance, a.distance)
    a.if_negative("differs")
    a.move(a.y, a.sent)
    a.sb(a.y, a.code)
    a.test(a.out_mode)
    a.if_nonzero("level")
    # The channel is through.
    a.label("encoded")
    a.move(a.from_next_channel, a.from_encode)
    a.label("next_channel")
    a.add(a.code, a.code, a.out_width)
    a.add(a.mask, a.mask, a.out_mask_words)
    a.ret("next_channel")

    a.label("differs")
    a.li(a.changed, 1)
    a.sb(a.y, a.code)
    a.test(a.out_mode)
    a.if_nonzero("level")
    a.test(a.out_events)
    a.if_zero("event")
    a.add(a.value, a.code, a.to_old)
    a.sb(a.sent, a.value)
    a.label("event")
    a.lbu(a.value, a.mask)
    a.or_(a.value, a.value, a.bit)
    a.sb(a.value, a.mask)
    a.sb(a.one, a.flag)
    a.jump("encoded")
    a.label("level")
    a.sub(a.value, a.out_mode, int(Mode.DENSE))
    a.if_zero("event")
    a.sub(a.value, a.y, a.out_zero_point)
    a.if_nonzero("event")
    a.jump("encoded")
