"""What the finisher has to know of a layer and of a pixel."""

from __future__ import annotations

from ..assembler import Assembler
from ..isa import Put


def write(a: Assembler) -> None:
    """Subroutines ``begin_sums``, before a layer's first output, and ``begin_words``, before a pixel's first
    one; ``border`` is that one's PARAMS row."""
    a.label("begin_sums")
    a.put(Put.FINISH_ONCE, a.round_once)
    a.sub(a.value, a.act_min, a.requant_zero_point)
    a.put(Put.FINISH_LOWEST, a.value)
    a.sub(a.value, a.act_max, a.requant_zero_point)
    a.put(Put.FINISH_HIGHEST, a.value)
    a.put(Put.FINISH_ZERO, a.requant_zero_point)
    a.put(Put.FINISH_USE_STATE, a.use_state)
    a.put(Put.FINISH_FRESH, a.key)
    a.xor(a.value, a.table_shared, 1)
    a.put(Put.FINISH_BY_CHANNEL, a.value)
    a.shl(a.table, a.table, 8)
    a.add(a.table, a.table, a.tables_base)
    a.add(a.table, a.table, 128)  # where code 0 stands
    a.shl(a.state, a.state, 2)
    a.add(a.state, a.state, a.state_base)
    a.ret("begin_sums")

    a.label("begin_words")
    a.add(a.value, a.row_code, a.x)
    a.put(Put.ENCODE_CODE, a.value)
    a.sub(a.value, a.value, a.out_codes)
    a.shl(a.value, a.value, 2)
    a.put(Put.FINISH_STATE, a.state, a.value)
    a.add(a.value, a.border, a.border)
    a.add(a.value, a.value, a.border)
    a.shl(a.value, a.value, 2)
    a.put(Put.FINISH_PARAM, a.params_base, a.value)
    a.put(Put.FINISH_ENTRY, a.table)
    a.ext(a.value, a.x, 3, 29)
    a.put(Put.ENCODE_MASK, a.row_mask, a.value)
    a.put(Put.ENCODE_COLUMN, a.x)
    a.ret("begin_words")
