"""``stillframe train occupancy``: the experiment on a fixed camera, told on the terminal."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_FOLDER = Path("build/occupancy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options. Imports nothing that takes long."""
    from .arguments import number

    add = parser.add_argument
    add("--clip", metavar="CLIP", help="a fixed camera's clip (default vtest, of Debian's opencv-doc)")
    add("--seeds", metavar="N", type=number("--seeds", 1, 100), help="seeds of the table (default 3)")
    add("--epochs", metavar="N", type=number("--epochs", 1), help="of the network's training (default 25)")
    add(
        "--refinement",
        metavar="N",
        type=number("--refinement", 1),
        help="epochs of each set-up's refinement (default 40)",
    )
    add("--array", metavar="BxL[@PART]", help="the accelerator (default 1x16)")
    add("--no-curves", action="store_true", help="only the table, not the curves over the penalty's weight")
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=DEFAULT_FOLDER,
        help=f"folder for results and networks (default {DEFAULT_FOLDER}); what is there is not done again",
    )


def run(options: argparse.Namespace) -> int:
    """Train, measure, write the results; 0."""
    from stillframe.run.files import check_folder

    check_folder("--output", options.output)
    from stillframe.frontend.quiet import load_tensorflow

    from .terminal import Terminal, make_console

    console = make_console()
    load_tensorflow()
    from stillframe.train.occupancy import Experiment, Plan, results

    names = ("clip", "seeds", "epochs", "refinement", "array")
    given: dict[str, Any] = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if options.no_curves:
        given["curves"] = ()
    plan = replace(Plan(), **given)
    with Terminal(console) as terminal:
        rows = Experiment(plan, options.output / "runs", terminal).run()
    results.write_results(options.output, rows, plan, shlex.join(["stillframe", *options.arguments]))
    by_setup = results.table_rows(rows, plan)
    console.print(_table(by_setup, plan))
    gain = results.ratios(by_setup)
    console.print(
        f"[bold]temporal against baseline[/]: {gain['macs']:.2f}x fewer MACs issued, "
        f"{gain['cycles']:.2f}x fewer cycles, F1 {gain['f1']:+.3f}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"results and curves: {options.output / 'occupancy.json'}, {options.output / 'occupancy.svg'}; "
        f"networks: {options.output / 'runs'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _table(by_setup: dict[str, list[Any]], plan: Any) -> Table:
    from rich import box
    from rich.table import Table

    from stillframe.train.occupancy.results import Spread

    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"occupancy of {plan.clip}, test frames, array {plan.array}: "
        f"mean and spread over {plan.seeds} seeds",
        title_justify="left",
    )
    table.add_column("set-up")
    columns = (
        ("penalty", "penalty", "{:g}", ""),
        ("f1", "F1", "{:.3f}", "{:.3f}"),
        ("operation_sparsity", "operation sparsity", "{:.1%}", "{:.1%}"),
        ("macs_issued_per_frame", "MACs issued", "{:,.0f}", "{:,.0f}"),
        ("cycles_per_frame", "cycles", "{:,.0f}", "{:,.0f}"),
    )
    for _, title, _, _ in columns:
        table.add_column(title, justify="right")
    for setup, rows in by_setup.items():
        cells = []
        for key, _, mean, deviation in columns:
            spread = Spread.of(row[key] for row in rows)
            text = mean.format(spread.mean)
            cells.append(f"{text} ± {deviation.format(spread.deviation)}" if deviation else text)
        table.add_row(setup, *cells)
    return table
