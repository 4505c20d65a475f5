"""RUN: one layer after the other, and what they count."""

from __future__ import annotations

from stillframe.contract.array import COUNTER_WORDS, LAYER_WORDS
from stillframe.contract.layer import Op
from stillframe.contract.memory_map import Counter, Memory

from ..assembler import Assembler
from ..isa import Get, Put, ShownStatus
from ..memory_plan import Places

OPERATIONS = {Op.MAC: "convolution", Op.POOL: "pool"}
"""Labels of what the machine does; they come back to ``layer_done``."""


def write(a: Assembler, places: Places) -> None:
    """Labels ``run_layers``, ``layer_done`` and ``multiply``."""
    a.label("run_layers")
    a.li(a.counters, places.host[Memory.COUNTERS])
    a.li(a.own_changed, places.changed)
    a.li(a.frame_cycles, 0)
    a.li(a.macs, 0)
    a.li(a.events, 0)
    _show_layer(a)
    a.get(a.started, Get.CYCLES)
    a.sub(a.started, a.started, a.input_cycles)  # as if the input had come just now

    a.label("layer_done")
    a.get(a.changed, Get.CHANGED)
    a.label("layer_rests")
    a.sb(a.changed, a.own_changed)
    a.sw(a.macs, a.counters, 4 * Counter.MACS_ISSUED)
    a.sw(a.events, a.counters, 4 * Counter.EVENTS)
    a.sub(a.value, a.macs_dense, a.macs)
    a.sw(a.value, a.counters, 4 * Counter.MACS_SKIPPED)
    a.get(a.value, Get.CYCLES)
    a.sub(a.value, a.value, a.started)
    a.sw(a.value, a.counters, 4 * Counter.CYCLES)
    a.add(a.frame_cycles, a.frame_cycles, a.value)
    a.test(a.last)
    a.if_nonzero("all_done")

    _show_layer(a)
    a.get(a.started, Get.CYCLES)
    a.add(a.layer, a.layer, 4 * LAYER_WORDS)
    a.add(a.counters, a.counters, 4 * COUNTER_WORDS)
    a.add(a.own_changed, a.own_changed, 1)
    a.li(a.macs, 0)
    a.li(a.events, 0)
    a.li(a.changed, 0)
    a.call("load_layer")
    # A layer rests if it may and its input is what it was.
    a.lbu(a.value, a.changed_base, a.in_layer)
    a.or_(a.value, a.value, a.key)
    a.xor(a.left, a.skip_still, 1)
    a.or_(a.value, a.value, a.left)
    a.if_zero("layer_rests")
    a.call("begin_output")
    for op, target in OPERATIONS.items():
        a.sub(a.value, a.op, int(op))
        a.if_zero(target)
    a.jump("layer_done")

    a.label("all_done")
    a.put(Put.STATUS, a.session)
    a.li(a.at, places.cycles)
    a.sw(a.frame_cycles, a.at)
    a.li(a.needs_key, 0)
    a.li(a.begun, 0)
    a.li(a.status, 0)
    a.move(a.outcome, a.status)
    a.jump("answer_cycles")

    # ``product`` = ``factor`` x ``other_factor``, which is not negative; both are lost.
    a.label("multiply")
    a.li(a.product, 0)
    a.label("multiply_bit")
    a.and_(a.value, a.other_factor, 1)
    a.if_zero("multiply_shift")
    a.add(a.product, a.product, a.factor)
    a.label("multiply_shift")
    a.add(a.factor, a.factor, a.factor)
    a.ext(a.other_factor, a.other_factor, 1, 31)
    a.if_nonzero("multiply_bit")
    a.ret("multiply")


def _show_layer(a: Assembler) -> None:
    """Where it is not counted: between two layers' cycles."""
    assert ShownStatus.SESSION == 1, "a.session is that bit"
    a.put(Put.STATUS, a.session, ShownStatus.WORKING | ShownStatus.LAYER)
