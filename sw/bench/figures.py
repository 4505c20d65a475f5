"""The benchmarks as drawings, SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillframe.requirements import needs
from stillframe.run.files import write

from .comparison import Comparison
from .density import Point

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"dense": "tab:gray", "direct": "tab:blue", "delta": "tab:red", "auto": "tab:green"}
BARS = tuple(COLOURS)
"""Modes from left to right."""

GRID = {"alpha": 0.3}


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as SVG, the same bytes every time; gives its path.

    Raises:
        StillframeError: It cannot be written.
    """
    with needs("matplotlib"):
        from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "stillframe"}):
        write(path, lambda file: figure.savefig(file, format="svg", metadata={"Date": None}))
    return path


def density_figure(points: Sequence[Point]) -> Figure:
    """Cycles and utilisation against density: a row for each array, a line for each number of channels.

    Raises:
        StillframeError: matplotlib is not installed.
    """
    arrays = list(dict.fromkeys(p.comparison.config.name for p in points))
    figure, axes = _subplots(len(arrays), 2, 10, 3.6)
    for (left, right), array in zip(axes, arrays, strict=True):
        of_array = [p for p in points if p.comparison.config.name == array]
        for number, channels in enumerate(dict.fromkeys(p.channels for p in of_array)):
            line = [p for p in of_array if p.channels == channels and "delta" in p.comparison.measured]
            if line:
                _against_density(left, right, line, f"{channels} channels", f"C{number}")
        right.axhline(1, color="black", linestyle="--", linewidth=1)
        left.plot([], [], "--", color="black", linewidth=1, label="bound: no lane ever waits")
        right.plot([], [], ":", color="black", linewidth=1, label="the convolution alone")
        left.plot([], [], "v", color="black", markersize=4, label="mode direct")
        left.plot([], [], "s", color="black", markersize=4, label="mode dense")
        left.set(ylabel="cycles a frame", title=f"array {array}, mode delta")
        _thousands_up(left)
        right.set(ylim=(0, 1.05), ylabel="utilisation (bound / cycles)", title=f"array {array}, mode delta")
        for side in (left, right):
            side.set(xscale="log", xlabel="density: share of the inputs that change")
            ticks = sorted({p.density for p in of_array})
            side.set_xticks(ticks, [f"{density:g}" for density in ticks])
            side.minorticks_off()
            side.grid(**GRID)
            side.legend(fontsize=7)
    return figure


def layers_figure(comparisons: Sequence[Comparison]) -> Figure:
    """Cycles of a frame by layer, stacked: a row for each clip, a column for each array, a bar for each mode.

    Args:
        comparisons: Of one model.

    Raises:
        StillframeError: matplotlib is not installed.
    """
    clips = list(dict.fromkeys(c.clip for c in comparisons))
    arrays = list(dict.fromkeys(c.config.name for c in comparisons))
    figure, axes = _subplots(len(clips), len(arrays), 4.2, 4.2, legend=2.4)
    layers = list(
        dict.fromkeys(
            layer.name
            for c in comparisons
            for m in c.measured.values()
            for layer in m.statistics.program.layers
        )
    )
    colours = _colours(len(layers))
    for comparison in comparisons:
        side = axes[clips.index(comparison.clip)][arrays.index(comparison.config.name)]
        for place, mode in enumerate(BARS):
            if mode in comparison.measured:
                _bar(side, place, comparison, mode, dict(zip(layers, colours, strict=True)))
        side.set_xticks(range(len(BARS)), BARS)
        side.set_title(f"{comparison.clip}, {comparison.config.name}")
        side.set_ylabel("cycles a frame")
        side.yaxis.set_major_formatter(_thousands)
        side.grid(axis="y", **GRID)
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=c, label=name) for name, c in zip(layers, colours, strict=True)]
    handles.append(Line2D([], [], color="black", label="bound: no lane ever waits"))
    figure.legend(handles=handles, loc="outside right upper", fontsize=7)
    figure.suptitle(comparisons[0].model)
    return figure


def lanes_figure(comparisons: Sequence[Comparison]) -> Figure:
    """Cycles of a frame against the array's lanes: a drawing for each model and clip, a line for each mode.

    Raises:
        StillframeError: matplotlib is not installed.
    """
    runs = list(dict.fromkeys((c.model, c.clip) for c in comparisons))
    figure, axes = _subplots(1, len(runs), 4.6, 4)
    for side, (model, clip) in zip(axes[0], runs, strict=True):
        of_run = sorted(
            (c for c in comparisons if (c.model, c.clip) == (model, clip)), key=lambda c: c.config.total_lanes
        )
        for mode in BARS:
            line = [c for c in of_run if mode in c.measured]
            lanes = [c.config.total_lanes for c in line]
            means = [c.measured[mode].means for c in line]
            side.plot(lanes, [m.cycles for m in means], ".-", color=COLOURS[mode], label=mode)
            side.plot(lanes, [m.bound_cycles for m in means], "--", color=COLOURS[mode], linewidth=1)
        side.plot([], [], "--", color="black", linewidth=1, label="bound: no lane ever waits")
        ticks = sorted({c.config.total_lanes for c in of_run})
        names = {n: "\n".join(c.config.name for c in of_run if c.config.total_lanes == n) for n in ticks}
        side.set(xscale="log", xlabel="lanes", ylabel="cycles a frame", title=f"{model}, {clip}")
        side.set_xticks(ticks, [f"{n}\n{names[n]}" for n in ticks], fontsize=8)
        side.minorticks_off()
        _thousands_up(side)
        side.grid(**GRID)
        side.legend(fontsize=7)
    return figure


def _subplots(rows: int, columns: int, width: float, height: float, legend: float = 0) -> tuple[Any, Any]:
    """A figure and its axes, (rows, columns), each of a size in inches."""
    with needs("matplotlib"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns + legend, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _against_density(left: Any, right: Any, line: Sequence[Point], label: str, colour: str) -> None:
    """The lines of one convolution."""
    density = [p.density for p in line]
    means = [p.comparison.measured["delta"].means for p in line]
    left.plot(density, [m.cycles for m in means], ".-", color=colour, label=label)
    left.plot(density, [m.bound_cycles for m in means], "--", color=colour, linewidth=1)
    for mode, marker in (("direct", "v"), ("dense", "s")):
        others = [(p.density, p.comparison.cycles(mode)) for p in line if mode in p.comparison.measured]
        left.plot([d for d, _ in others], [c for _, c in others], marker, color=colour, markersize=4)
    right.plot(density, [m.lane_utilisation for m in means], ".-", color=colour, label=label)
    alone = [p.layer_utilisation("delta") for p in line]
    right.plot(density, alone, ":", color=colour, linewidth=1)


def _bar(side: Any, place: int, comparison: Comparison, mode: str, colours: dict[str, Any]) -> None:
    """One mode's layers, the first at the bottom, its bound as a line across and its cycles above."""
    found = comparison.measured[mode]
    bottom = 0.0
    layers = zip(found.statistics.program.layers, found.statistics.by_layer() or (), strict=True)
    for layer, means in layers:
        side.bar(place, means.cycles, bottom=bottom, color=colours[layer.name], width=0.7)
        bottom += means.cycles
    side.hlines(found.means.bound_cycles, place - 0.42, place + 0.42, color="black")
    side.annotate(
        f"{found.means.cycles / 1000:,.4g} k\n{found.means.lane_utilisation:.0%}",
        (place, bottom),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
    )
    side.margins(y=0.14)


def _colours(count: int) -> list[Any]:
    """Colours that neighbours can be told apart by."""
    from matplotlib import colormaps

    return [colormaps["tab20"](index % 20) for index in range(count)]


def _thousands_up(side: Any) -> None:
    """A logarithmic axis of cycles with a number at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullLocator

    side.set_yscale("log")
    side.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    side.yaxis.set_minor_locator(NullLocator())
    side.yaxis.set_major_formatter(_thousands)


def _thousands(value: float, _: int) -> str:
    return f"{value / 1000:g} k" if value else "0"


def network_figures(comparisons: Sequence[Comparison], folder: Path) -> Iterator[Path]:
    """Draw what there is to draw of networks into a folder; yields the files.

    Raises:
        StillframeError: matplotlib is not installed, or a file cannot be written.
    """
    for model in dict.fromkeys(c.model for c in comparisons):
        of_model = [c for c in comparisons if c.model == model]
        yield save(layers_figure(of_model), folder / f"layers-{model}.svg")
    if len({c.config.total_lanes for c in comparisons}) > 1:
        yield save(lanes_figure(comparisons), folder / "lanes.svg")
