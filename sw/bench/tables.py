"""The benchmarks as tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stillframe.requirements import needs

from .comparison import MODES, Comparison
from .density import Point
from .simulation import Speed

with needs("rich"):
    from rich import box
    from rich.markup import escape
    from rich.table import Table

RATIOS = {
    "delta_over_direct": "delta takes at most {:.3f} times the cycles of direct",
    "direct_over_dense": "direct takes at most {:.3f} times the cycles of dense",
    "auto_over_better": "auto takes at most {:.3f} times the cycles of the better of delta and direct",
}
"""The ratios of :meth:`.comparison.Comparison.ratios` in words."""


def networks_table(comparisons: Sequence[Comparison]) -> Table:
    """A row for each model, clip, array and mode."""
    table = _table(
        "means over the non-key frames, from the device's counters; utilisation = bound / cycles",
        ("array and mode",),
        ("cycles", "bound", "utilisation", "MACs issued", "key /\ndense bound", "still /\ndense"),
    )
    for comparison in comparisons:
        table.add_row(f"{escape(comparison.model)} on {escape(comparison.clip)}, {comparison.config.name}")
        for mode in reversed(MODES):
            cells = _cells(comparison, mode) if mode in comparison.measured else ["does not fit"]
            table.add_row(f"  {mode}", *cells)
        table.add_section()
    return table


def _cells(comparison: Comparison, mode: str) -> list[str]:
    found = comparison.measured[mode]
    means, share = found.means, comparison.still_share(mode)
    return [
        f"{means.cycles:,.0f}",
        f"{means.bound_cycles:,.0f}",
        f"{means.lane_utilisation:.1%}",
        f"{means.macs_issued / means.macs_dense:.1%}" if means.macs_dense else "",
        f"{found.key.cycles / found.dense_bound:.3f}" if found.dense_bound else "",
        "" if share is None or mode == "dense" else f"{share:.2%}",
    ]


def density_table(points: Sequence[Point]) -> Table:
    """A row for each array, convolution and density, the columns for mode delta unless they name another."""
    table = _table(
        "single 3x3 convolutions in mode delta; utilisation = bound / cycles, of the frame and of the "
        "convolution alone",
        ("array", "channels"),
        ("density", "cycles", "bound", "frame", "convolution", "auto", "direct", "dense"),
    )
    last: tuple[str, int] | None = None
    for point in points:
        comparison = point.comparison
        group = (comparison.config.name, point.channels)
        if last and group != last:
            table.add_section()
        names = ("", "") if group == last else (group[0], str(point.channels))
        last = group
        others = [_count(comparison.cycles(mode)) for mode in ("auto", "direct", "dense")]
        alone = point.layer_utilisation("delta")
        if alone is None:
            table.add_row(*names, f"{point.density:g}", "does not fit", "", "", "", *others)
            continue
        means = comparison.measured["delta"].means
        table.add_row(
            *names,
            f"{point.density:g}",
            f"{means.cycles:,.0f}",
            f"{means.bound_cycles:,.0f}",
            f"{means.lane_utilisation:.1%}",
            f"{alone:.1%}",
            *others,
        )
    return table


def speed_table(speeds: Sequence[Speed]) -> Table:
    """A row for each array."""
    table = _table(
        "the simulated accelerator on this machine, driver included, in processor time",
        ("array", "model", "clip"),
        ("cycles", "seconds", "cycles a second", "the slowest repeat"),
    )
    for speed in speeds:
        table.add_row(
            speed.config.name,
            escape(speed.model),
            escape(speed.clip),
            f"{speed.cycles:,}",
            f"{min(speed.seconds):.2f}",
            f"{speed.best:,.0f}",
            f"{speed.worst:,.0f}",
        )
    return table


def verdicts(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What the modes are worth beside one another at worst, and whether anything differed."""
    for name, text in RATIOS.items():
        found = [(ratio, c) for c in comparisons if (ratio := c.ratios()[name]) is not None]
        if found:
            ratio, worst = max(found, key=lambda pair: pair[0])
            where = f"{worst.model} on {worst.clip}, {worst.config.name}"
            yield f"{text.format(ratio)} ({escape(where)})"
    differing = sum(c.mismatches for c in comparisons)
    checked = sum(c.checked for c in comparisons)
    yield (
        f"[bold red]{differing:,} of {checked:,} output values differ[/]"
        if differing
        else f"[bold green]nothing differs[/]: all {checked:,} output values, of all modes, are equal to the "
        "golden model's"
    )


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for name in texts:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
