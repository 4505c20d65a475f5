"""The fields of a layer's descriptor become registers of their names."""

from __future__ import annotations

from stillframe.contract.layer import LAYER_FIELDS

from ..assembler import Assembler
from ..memory_plan import Places

FIELDS = (
    *("op", "last", "use_state", "skip_still", "evaluate_all", "use_table", "table_shared", "round_once"),
    *("depthwise", "out_mode", "out_events", "in_layer", "kernel_rows", "stride_rows", "pad_rows"),
    *("kernel_columns", "stride", "pad", "repeat_rows", "repeat", "in_height", "in_width", "in_words"),
    *("in_pitch", "in_codes", "in_events", "in_masks", "in_mask_words", "in_mask_pitch", "in_rows"),
    *("in_channels", "groups", "pass_words", "last_words", "pass_macs", "last_macs", "weights", "kernel"),
    *("kernel_row", "word_row", "tap_rows", "params", "border_rows", "border_columns", "table", "state"),
    *("out_height", "out_width", "out_words", "out_codes", "out_pitch", "out_masks", "out_mask_words"),
    *("out_mask_pitch", "out_events_base", "out_rows", "threshold", "out_zero_point", "act_min", "act_max"),
    *("requant_zero_point", "macs_dense"),
)
"""Fields that the microprogram uses."""

PLACES = {
    "in_codes": "codes_base",
    "in_events": "events_base",
    "in_masks": "masks_base",
    "in_rows": "flags_base",
    "weights": "weights_base",
    "out_codes": "codes_base",
    "out_events_base": "events_base",
    "out_masks": "masks_base",
    "out_rows": "flags_base",
}
"""Fields that become addresses, and from where they count. Those of words of several bytes do where they are
used; ``weights`` becomes a word's address."""


def write(a: Assembler, places: Places) -> None:
    """Subroutine ``load_layer``: the descriptor at ``layer``."""
    a.label("load_layer")
    by_word: dict[int, list[str]] = {}
    for name in FIELDS:
        by_word.setdefault(LAYER_FIELDS[name].word, []).append(name)
    for word, names in sorted(by_word.items()):
        a.lw(a.value, a.layer, 4 * word)
        for name in names:
            field = LAYER_FIELDS[name]
            a.ext(a.reg(name), a.value, field.shift, field.width)
            if field.signed:
                assert field.width == 8
                a.byte(a.reg(name), a.reg(name))
            if name in PLACES:
                a.add(a.reg(name), a.reg(name), a.reg(PLACES[name]))
    a.or_(a.evaluate, a.evaluate_all, a.key)
    a.ret("load_layer")
