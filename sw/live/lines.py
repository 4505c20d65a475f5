"""A frame in one line."""

from __future__ import annotations

from .outputs import Output
from .views import Lost, Totals, View


def line(frame: View | Lost) -> str:
    """What came of a frame."""
    if isinstance(frame, Lost):
        return f"frame {frame.number}: LOST, the next one is computed from scratch: {frame.message}"
    parts = [
        f"{frame.cycles:,} cycles" + milliseconds(frame),
        skipped(frame.skipped),
        f"{frame.changed_share:.1%} of pixels changed" if not frame.result.key else "computed from scratch",
        f"{frame.result.bytes_sent + frame.result.bytes_received:,} bytes",
        f"{frame.rate:.1f} frames a second" if frame.rate else "",
        counts(frame.totals),
        *(f"{output.name}: {brief(output)}" for output in frame.outputs),
    ]
    return f"frame {frame.number}: " + ", ".join(part for part in parts if part)


def milliseconds(view: View) -> str:
    """The time by the device's clock in brackets; nothing if that is unknown."""
    return "" if view.milliseconds is None else f" ({view.milliseconds:.2f} ms)"


def skipped(share: float | None) -> str:
    """The share of multiplications that were not done; nothing for a network without any."""
    return "" if share is None else f"{share:.1%} of MACs skipped"


def counts(totals: Totals) -> str:
    """Frames lost and dropped; nothing if there are none."""
    found = [f"{n:,} {name}" for n, name in ((totals.lost, "lost"), (totals.dropped, "dropped")) if n]
    return ", ".join(found)


def brief(output: Output) -> str:
    """An output's largest figure."""
    entry = max(output.entries, key=lambda e: e.share)
    value = "no number" if entry.value is None else f"{entry.value:g}"
    return f"{entry.label} is {value}" if output.kind == "ends" else f"largest is {entry.label} with {value}"


def summary(totals: Totals) -> str:
    """What came of all frames."""
    steady = totals.frames - totals.scratch
    parts = [
        f"{totals.frames:,} frame{'' if totals.frames == 1 else 's'} in {totals.seconds:.1f} s",
        counts(totals),
        f"{totals.cycles / steady:,.0f} cycles a frame" if steady else "",
        skipped(1 - totals.macs_issued / totals.macs_dense if totals.macs_dense else None),
    ]
    return ", ".join(part for part in parts if part)
