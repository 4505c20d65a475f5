"""How the results are shown: a table, a line for each set-up, and the trade-off curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from stillframe.requirements import needs

from .summary import WITHIN, Figure, Point, baseline_of, best

with needs("rich"):
    from rich import box
    from rich.table import Table

with needs("matplotlib"):
    import matplotlib.figure

SCHEMA = "stillframe.train.occupancy/1"

COLOURS = {"baseline": "black", "spatial": "C1", "spatial-input-delta": "C2", "temporal": "C0"}


def table(found: Sequence[Point], title: str) -> Table:
    """One row a point: means, with the sample standard deviation over seeds."""
    baseline = baseline_of(found)
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    made.add_column("set-up")
    for name in ("penalty", "F1", "operation sparsity", "MACs issued", "fewer", "cycles", "fewer"):
        made.add_column(name, justify="right")
    for point in found:
        made.add_row(
            point.setup,
            f"{point.penalty:g}" if point.penalty else "",
            _cell(point.f1, ".3f"),
            _cell(point.operation_sparsity, ".1%"),
            _cell(point.macs, ",.0f"),
            f"{baseline.macs.mean / point.macs.mean:.2f}x" if baseline and point.macs.mean else "",
            _cell(point.cycles, ",.0f"),
            f"{baseline.cycles.mean / point.cycles.mean:.2f}x" if baseline else "",
        )
    return made


def _cell(figure: Figure, form: str) -> str:
    spread = f" \N{PLUS-MINUS SIGN} {figure.spread:{form}}" if figure.spread else ""
    return f"{figure.mean:{form}}{spread}"


def verdicts(found: Sequence[Point]) -> Iterator[str]:
    """A line for each set-up against the baseline, at equal F1."""
    baseline = baseline_of(found)
    if baseline is None:
        return
    for setup in dict.fromkeys(point.setup for point in found if point is not baseline):
        point = best(found, setup, baseline)
        if point is None:
            yield f"{setup}: at no penalty tried is F1 within {WITHIN:g} of the baseline's"
            continue
        yield (
            f"{setup} at penalty {point.penalty:g}: {baseline.macs.mean / point.macs.mean:.2f}x fewer MACs and "
            f"{baseline.cycles.mean / point.cycles.mean:.2f}x fewer cycles than the baseline, "
            f"F1 {point.f1.mean:.3f} against {baseline.f1.mean:.3f}"
        )


def write_curve(found: Sequence[Point], title: str, file: BinaryIO) -> None:
    """Draw F1 over MACs issued a frame as SVG, a line for each set-up along its penalties."""
    drawing = matplotlib.figure.Figure(figsize=(7.2, 4.5), layout="constrained")
    axes = drawing.add_subplot()
    for setup in dict.fromkeys(point.setup for point in found):
        of_setup = sorted((p for p in found if p.setup == setup), key=lambda p: p.penalty)
        axes.errorbar(
            [p.macs.mean for p in of_setup],
            [p.f1.mean for p in of_setup],
            xerr=[p.macs.spread for p in of_setup],
            yerr=[p.f1.spread for p in of_setup],
            label=setup,
            color=COLOURS.get(setup),
            marker="o",
            capsize=2,
            elinewidth=0.8,
        )
        for point in of_setup:
            if point.penalty:
                axes.annotate(
                    f"{point.penalty:g}",
                    (point.macs.mean, point.f1.mean),
                    xytext=(4, -10),
                    textcoords="offset points",
                    fontsize=8,
                )
    axes.set(xscale="log", xlabel="MACs issued a frame", ylabel="F1 of occupied cells", title=title)
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    with matplotlib.rc_context({"svg.hashsalt": "stillframe"}):  # the same bytes every time
        drawing.savefig(file, format="svg", metadata={"Date": None})


def as_json(rows: list[dict[str, Any]], command: str, clip: str, train: int, test: int) -> dict[str, Any]:
    """What ``occupancy.json`` holds."""
    return {
        "schema": SCHEMA,
        "command": command,
        "clip": clip,
        "train_frames": train,
        "test_frames": test,
        "rows": rows,
    }
