"""From a sum to the code that is encoded."""

from __future__ import annotations

from stillframe.contract.memory_map import Param

from ..assembler import Assembler
from ..isa import Get, Put


def write(a: Assembler) -> None:
    """Subroutines ``begin_sums`` (a layer's), ``begin_words`` (a pixel's; ``border`` is its PARAMS row),
    ``sum_through``: ``sum`` is the array's of the next channel; ``code_through``: ``y`` is its code before the table;
    ``leave_word``: the next channel has nothing."""
    assert [Param.BIAS, Param.MULTIPLIER, Param.SHIFT] == [0, 1, 2]
    a.label("begin_sums")
    a.put(Put.SCALE_ONCE, a.round_once)
    a.sub(a.lowest, a.act_min, a.requant_zero_point)
    a.sub(a.highest, a.act_max, a.requant_zero_point)
    a.shl(a.table, a.table, 8)
    a.add(a.table, a.table, a.tables_base)
    a.add(a.table, a.table, 128)  # where code 0 stands
    a.xor(a.table_step, a.table_shared, 1)
    a.shl(a.table_step, a.table_step, 8)
    a.shl(a.state, a.state, 2)
    a.add(a.state, a.state, a.state_base)
    a.ret("begin_sums")

    a.label("begin_words")
    a.sub(a.value, a.pixel_code, a.out_codes)
    a.shl(a.value, a.value, 2)
    a.add(a.accumulator, a.state, a.value)
    a.add(a.value, a.border, a.border)
    a.add(a.value, a.value, a.border)
    a.shl(a.value, a.value, 2)
    a.add(a.param, a.params_base, a.value)
    a.move(a.entry, a.table)
    a.move(a.code, a.pixel_code)
    a.move(a.mask, a.pixel_mask)
    a.ret("begin_words")

    a.label("sum_through")
    a.test(a.use_state)
    a.if_zero("summed")
    a.lw(a.value, a.accumulator)
    a.and_(a.value, a.value, a.keep)
    a.add(a.sum, a.sum, a.value)
    a.sw(a.sum, a.accumulator)
    a.label("summed")
    a.lw(a.value, a.param, 4 * Param.MULTIPLIER)
    a.put(Put.SCALE_MULTIPLIER, a.value)
    a.lw(a.value, a.param, 4 * Param.SHIFT)
    a.put(Put.SCALE_SHIFT, a.value)
    a.lw(a.value, a.param, 4 * Param.BIAS)
    a.put(Put.SCALE, a.sum, a.value)
    a.add(a.accumulator, a.accumulator, a.state_step)
    a.add(a.param, a.param, 4 * len(Param))
    a.get(a.y, Get.SCALED)
    a.max(a.y, a.y, a.lowest)
    a.min(a.y, a.y, a.highest)
    a.add(a.y, a.y, a.requant_zero_point)
    a.move(a.from_code_through, a.from_sum_through)
    a.label("code_through")
    a.move(a.from_encode, a.from_code_through)
    a.test(a.use_table)
    a.if_zero("encode")
    a.lb(a.y, a.entry, a.y)
    a.add(a.entry, a.entry, a.table_step)
    a.jump("encode")

    a.label("leave_word")
    a.add(a.accumulator, a.accumulator, a.state_step)
    a.add(a.param, a.param, 4 * len(Param))
    a.add(a.entry, a.entry, a.table_step)
    a.move(a.from_next_channel, a.from_leave_word)
    a.jump("next_channel")
