"""What place and route came to, as text."""

from __future__ import annotations

from stillframe.contract import ArrayConfig

from .critical_path import format_path
from .family import ECP5
from .place_and_route import Report


def format_report(report: Report, config: ArrayConfig) -> str:
    """What is used, the clock and the critical path, as text."""
    part = report.family.prefix + report.part
    if report.family is ECP5:
        part += f", speed grade {report.speed}"
    lines = [f"{report.name} {config.name} on {part}, seed {report.seed}"]
    for kind, title in report.family.resources.items():
        used, available = report.used.get(kind, (0, 0))
        share = f" of {available} ({100 * used / available:.0f} %)" if available else ""
        lines.append(f"  {title:<12}{used:>7}{share}")
    verdict = "reached" if report.meets else "NOT reached"
    lines.append(f"fmax: {report.fmax:.1f} MHz by nextpnr's estimate; {report.freq:g} MHz {verdict}")
    return "\n".join([*lines, format_path(report.path)])
