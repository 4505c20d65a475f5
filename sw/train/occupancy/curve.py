"""The trade-off as a drawing: F1 against MACs and against cycles, along the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from stillframe.requirements import needs

from .summary import Figure, Point

COLOURS = {
    "baseline": "black",
    "spatial": "tab:blue",
    "spatial-input-delta": "tab:cyan",
    "temporal": "tab:red",
}


def draw(table: Sequence[Point], curves: Sequence[Point], title: str, file: BinaryIO) -> None:
    """Write a drawing as SVG.

    Args:
        table: Dots, with the standard deviation over seeds as bars.
        curves: Lines along the penalties, which are written beside them.
        title: In words.
        file: Where to.

    Raises:
        StillframeError: matplotlib is not installed.
    """
    with needs("matplotlib"):
        from matplotlib import rc_context
        from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(10, 4), layout="constrained")
    left, right = drawing.subplots(1, 2, sharey=True)
    for axes, key in ((left, "macs"), (right, "cycles")):
        for setup in dict.fromkeys(point.setup for point in curves):
            of_setup = sorted((p for p in curves if p.setup == setup), key=lambda p: p.penalty)
            _line(axes, of_setup, key)
        for point in table:
            _dot(axes, point, key)
        axes.set_xlabel(f"{'MACs issued' if key == 'macs' else 'cycles'} a frame")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g} k" if value else "0")
        axes.grid(alpha=0.3)
    left.set_ylabel("F1 of occupied cells")
    right.legend(fontsize=8)
    drawing.suptitle(title)
    with rc_context({"svg.hashsalt": "stillframe"}):  # the same bytes every time
        drawing.savefig(file, format="svg", metadata={"Date": None})


def _line(axes: Any, found: Sequence[Point], key: str) -> None:
    across: list[Figure] = [getattr(point, key) for point in found]
    colour = COLOURS[found[0].setup]
    axes.plot([f.mean for f in across], [p.f1.mean for p in found], ".-", color=colour, alpha=0.5)
    for figure, point in zip(across, found, strict=True):
        if point.penalty:
            axes.annotate(
                f"{point.penalty:g}",
                (figure.mean, point.f1.mean),
                xytext=(3, -9),
                textcoords="offset points",
                fontsize=7,
                color=colour,
            )


def _dot(axes: Any, point: Point, key: str) -> None:
    across: Figure = getattr(point, key)
    axes.errorbar(
        across.mean,
        point.f1.mean,
        xerr=across.spread,
        yerr=point.f1.spread,
        fmt="o",
        color=COLOURS[point.setup],
        label=point.setup,
        capsize=2,
        elinewidth=0.8,
    )
