"""What a run prints at its end: the table per layer, and what was gained."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.markup import escape
from rich.table import Table

from stillframe.run import Job
from stillframe.run.baselines import TITLES
from stillframe.run.statistics import Means


def layers(job: Job) -> Table:
    """One row a layer, means over non-key frames."""
    statistics = job.statistics
    total, by_layer = statistics.total(), statistics.by_layer()
    lanes = job.program.config.total_lanes
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{escape(job.program.model)} on {escape(job.clip.name)}, array {job.program.config.name} "
        f"({lanes} lanes), mode {job.mode}, threshold {job.threshold}: "
        f"means over {len(statistics.steady)} non-key frames",
        title_justify="left",
    )
    table.add_column("layer")
    table.add_column("operators")
    table.add_column("mode")
    for name in ("cycles", "MACs dense", "MACs issued", "issued", "lanes busy"):
        table.add_column(name, justify="right")
    for index, layer in enumerate(job.program.layers):
        means = by_layer[index] if by_layer else None
        table.add_row(escape(layer.name), layer.op, layer.mode.name.lower(), *_cells(means))
    table.add_section()
    table.add_row("frame", "", "", *_cells(total), style="bold")
    return table


def _cells(means: Means | None) -> list[str]:
    if means is None:
        return ["-"] * 5
    if not means.macs_dense:
        return [f"{means.cycles:,.0f}", "", "", "", ""]
    return [
        f"{means.cycles:,.0f}",
        f"{means.macs_dense:,.0f}",
        f"{means.macs_issued:,.0f}",
        f"{means.macs_issued / means.macs_dense:.1%}",
        f"{means.lane_utilisation:.1%}",
    ]


def summary(job: Job) -> Iterator[str]:
    """Lines with the gain and the verdict."""
    total = job.statistics.total()
    if total:
        yield (
            f"{total.cycles:,.0f} cycles and {total.macs_issued:,.0f} MACs a frame, "
            f"as counted by the device; lanes busy {total.lane_utilisation:.1%}"
        )
    for gain in job.gains:
        macs = "no MACs at all" if gain.macs is None else f"{gain.macs:.2f}x fewer MACs"
        frames = (
            f" (over the first {gain.frames} of them)" if gain.frames < len(job.statistics.steady) else ""
        )
        yield (
            f"[bold]gained over {TITLES[gain.mode]}[/]: {gain.cycles:.2f}x fewer cycles, {macs}{frames}: "
            f"{gain.ours.cycles:,.0f} against {gain.baseline.cycles:,.0f} cycles, "
            f"{gain.ours.macs_issued:,.0f} against {gain.baseline.macs_issued:,.0f} MACs"
        )
    if not total:
        yield "no means: every frame is a key frame; give more with --frames"
    yield verdict(job)


def beside(job: Job, other: Job) -> str | None:
    """The line that compares two models on the same frames; None if one has no means."""
    ours, theirs = job.statistics.total(), other.statistics.total()
    if ours is None or theirs is None:
        return None
    macs = (
        f"{theirs.macs_issued / ours.macs_issued:.2f}x fewer MACs" if ours.macs_issued else "no MACs at all"
    )
    return (
        f"[bold]{escape(job.program.model)} beside {escape(other.program.model)}[/]: "
        f"{theirs.cycles / ours.cycles:.2f}x fewer cycles, {macs}: "
        f"{ours.cycles:,.0f} against {theirs.cycles:,.0f} cycles, "
        f"{ours.macs_issued:,.0f} against {theirs.macs_issued:,.0f} MACs"
    )


def verdict(job: Job) -> str:
    """The line that says whether anything differed, and from what."""
    statistics = job.statistics
    frames = len(statistics.frames)
    differing = {mode: b.mismatches for mode, b in job.baselines.items() if b.mismatches}
    if statistics.mismatches:
        count = f"{statistics.mismatches:,} of {statistics.checked:,}"
        return f"[bold red]{count} output values differ[/] in {frames} frames"
    if differing:
        text = ", ".join(f"{count:,} in mode {mode}" for mode, count in differing.items())
        return f"[bold red]output values differ between modes[/]: {text}"
    if not job.options.verify:
        return f"[yellow]not compared with the golden model[/] (--no-verify), {frames} frames"
    witness = " and to TFLite's reference kernels'" if job.threshold == 0 else ""
    return (
        f"[bold green]nothing differs[/]: all {statistics.checked:,} output values of {frames} frames are "
        "equal "
        f"to the Keras golden model's{witness}"
    )
