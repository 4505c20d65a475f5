"""``stillframe check``: does a model fit, and if not, what to do. Without hardware, within seconds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from stillframe.bitstreams.board_fit import BoardFit
    from stillframe.compiler import Plan
    from stillframe.run.check import Check

DOES_NOT_FIT = 1

HOLDS = {
    "CODES": "the value last sent of every tensor",
    "EVENTS": "changes of a frame",
    "MASKS": "which values changed",
    "ROWS": "which rows changed",
    "STATE": "sums kept from frame to frame",
    "WEIGHTS": "weights",
    "PARAMS": "biases and scales",
    "TABLES": "activations",
}
"""What the memories are for, in words."""

NOISE = (
    "the model was calibrated on noise: shapes, MACs and memory are those of the real one, scales are not; "
    "--calibrate CLIP takes a clip"
)


def check(options: argparse.Namespace) -> int:
    """Print what a model takes on an array; 0 if it fits, 1 if not."""
    from stillframe.contract.boards import find_board
    from stillframe.run.check import check_model
    from stillframe.run.files import check_file, write_json
    from stillframe.video import open_clip

    from .terminal import Terminal, make_console

    if options.json:
        check_file("--json", options.json)
    clip = open_clip(options.calibrate) if options.calibrate else None
    console = make_console()
    with Terminal(console) as terminal:
        found = check_model(
            options.model,
            options.array,
            find_board(options.board) if options.board else None,
            options.mode or "auto",
            options.threshold or 0,
            options.split or "",
            dict(options.pin),
            clip,
            options.input_range,
            terminal,
        )
    if options.json:
        write_json(options.json, found.as_json())
    if found.fit.layers:
        console.print(_layers(found))
        console.print(_memories(found))
    if found.board:
        console.print(_board(found.board))
    if found.head or found.tail:
        console.print(_host(found))
    if found.fit.plan and found.fit.plan.cycles:
        console.print(_estimate(found.fit.plan), highlight=False, soft_wrap=True)
    if found.board:
        console.print(_clock(found.board), highlight=False, soft_wrap=True)
    if found.scales == "noise":
        console.print(NOISE, highlight=False, soft_wrap=True)
    for line in _verdict(found):
        console.print(line, highlight=False, soft_wrap=True)
    return DOES_NOT_FIT if found.problems else 0


def _table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=escape(title) or None, title_justify="left")
    for column in columns:
        number = column in numbers
        table.add_column(
            column,
            justify="right" if number else "left",
            no_wrap=number or column == "output",
            overflow="fold",
        )
    return table


def _kib(bits: int) -> str:
    return f"{bits / 8192:,.1f}" if bits else ""


def _layers(found: Check) -> Table:
    from rich.markup import escape

    from stillframe.run.check import state_bits

    config, word_bits = found.config, {use.name: use.word_bits for use in found.fit.uses}
    cycles = found.fit.plan.cycles if found.fit.plan else ()
    numbers = ("MACs", *(("cycles",) if cycles else ()), "weights", "state", "in all")
    table = _table(
        f"{found.model} on array {config.name} ({config.total_lanes} lanes), mode {found.mode}, in KiB",
        *("layer", "operators", "on", "mode", "output", *numbers),
        numbers=numbers,
    )
    for operator in found.head:
        table.add_row(escape(operator.layer), operator.op, "host")
    for number, layer in enumerate(found.fit.layers):
        table.add_row(
            escape(layer.name),
            layer.operators,
            "array",
            layer.mode.name.lower(),
            " x ".join(map(str, layer.shape)),
            f"{layer.macs:,}" if layer.macs else "",
            *((f"{cycles[number]:,.0f}",) if cycles else ()),
            _kib(8 * layer.weights),
            _kib(state_bits(layer, config)),
            _kib(sum(words * word_bits[name] for name, words in layer.memory.items())),
        )
    for operator in found.tail:
        table.add_row(escape(operator.layer), operator.op, "host")
    used = {use.name: use.used * use.word_bits for use in found.fit.uses}
    weights = 8 * sum(layer.weights for layer in found.fit.layers)
    frame = (f"{sum(cycles):,.0f}",) if cycles else ()
    totals = (f"{found.macs:,}", *frame, _kib(weights), _kib(used["STATE"]), _kib(sum(used.values())))
    table.add_section()
    table.add_row("frame", "", "", "", "", *totals, style="bold")
    return table


def _memories(found: Check) -> Table:
    from rich.markup import escape

    numbers = ("KiB", "of", "used")
    table = _table("", "memory", "holds", *numbers, "", "most of it", numbers=numbers)
    for use in found.fit.uses:
        share = use.used / use.available
        table.add_row(
            use.name,
            HOLDS[use.name],
            f"{use.used * use.word_bits / 8192:,.1f}",
            f"{use.available * use.word_bits / 8192:,.1f}",
            f"{share:.0%}",
            ("#" * min(round(share * 10), 10)).ljust(10, "."),
            escape(use.largest) if use.largest_words else "",
            style="" if use.fits else "red",
        )
    return table


def _board(fit: BoardFit) -> Table:
    numbers = ("used", "of", "share")
    table = _table(f"on the board {fit.board.title}", "cells", *numbers, "", numbers=numbers)
    for use in fit.uses:
        share = use.used / use.available
        table.add_row(
            use.name,
            f"{'about ' if use.estimated else ''}{use.used:,}",
            f"{use.available:,}",
            f"{share:.0%}",
            ("#" * min(round(share * 10), 10)).ljust(10, "."),
        )
    return table


def _clock(fit: BoardFit) -> str:
    from stillframe.bitstreams.board_fit import ESTIMATE

    reach = "; what arrays of this size reach is not known"
    if fit.fmax:
        reach = f"; arrays of this size reach about {fit.fmax:.0f}"
    estimate = f"; {ESTIMATE}" if any(use.estimated for use in fit.uses) else ""
    return f"{fit.board.title}: clock {fit.board.clock_mhz:g} MHz{reach}{estimate}"


def _host(found: Check) -> Table:
    from rich.markup import escape

    table = _table("on the host", "layer", "operator", "why")
    for operator in (*found.head, *found.tail):
        table.add_row(escape(operator.layer), operator.op, escape(operator.why))
    return table


def _estimate(plan: Plan) -> str:
    from stillframe.compiler import ERROR

    others = ", ".join(f"all {mode} {cycles:,.0f}" for mode, cycles in plan.alternatives.items())
    return (
        f"estimated, not counted: {sum(plan.cycles):,.0f} cycles a frame ({others}), over the clip's first "
        f"{plan.frames} frames behind the key frame; "
        f"the device's counters differ by at most {ERROR:.0%} on these"
    )


def _verdict(found: Check) -> Iterator[str]:
    from rich.markup import escape

    if not found.problems:
        fullest = max(found.fit.uses, key=lambda use: use.used / use.available)
        yield (
            f"[bold green]it fits[/]: {escape(found.model)} on {found.config.name}; the fullest memory is "
            f"{fullest.name}, {fullest.used / fullest.available:.0%} of it used"
        )
        if found.fit.tailored:
            more = found.fit.tailored
            yield (
                f"layers are in direct mode because the state memory is short: it has {more.state_words:,} "
                f"words instead of {found.config.state_words:,} with --array {more.name}"
            )
        return
    yield f"[bold red]it does not fit[/]: {escape(found.model)} on {found.config.name}"
    for problem in found.problems:
        yield f"  {escape(problem.message)}"
        if problem.hint:
            yield f"    -> {escape(problem.hint)}"
