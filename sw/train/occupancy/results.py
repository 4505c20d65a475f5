"""How the results are shown and written: a table, a line for each set-up, ``occupancy.json``, the curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillframe.requirements import needs
from stillframe.run.files import write, write_json

from .curve import draw
from .dataset import Dataset
from .plan import Plan
from .summary import WITHIN, Figure, Point, best, points

with needs("rich"):
    from rich import box
    from rich.table import Table

SCHEMA = "stillframe.train.occupancy/1"


@dataclass(frozen=True)
class Results:
    """Rows of a whole experiment.

    Attributes:
        rows: See :meth:`.experiment.Experiment.measured`.
        plan, dataset: What they came of.
        command: The command line, for the file.
    """

    rows: list[dict[str, Any]]
    plan: Plan
    dataset: Dataset
    command: str

    @property
    def mismatches(self) -> int:
        """Outputs that differed, over all networks."""
        return sum(row["mismatches"] for row in self.rows)

    @property
    def table_points(self) -> list[Point]:
        """The set-ups at the penalties that were run with every seed."""
        penalties = self.plan.penalties
        return points(row for row in self.rows if penalties.get(row["setup"]) == row["penalty"])

    @property
    def curve_points(self) -> list[Point]:
        """All set-ups at all penalties, with the first seed only."""
        return points(row for row in self.rows if row["seed"] == 0)

    def write(self, folder: Path) -> list[Path]:
        """Write ``occupancy.json`` and ``occupancy.svg``; gives their paths.

        Raises:
            StillframeError: They cannot be written, or matplotlib is not installed.
        """
        json, svg = folder / "occupancy.json", folder / "occupancy.svg"
        plan, dataset = self.plan, self.dataset
        write_json(
            json,
            {
                "schema": SCHEMA,
                "command": self.command,
                "clip": dataset.name,
                "train_frames": len(dataset.train),
                "test_frames": len(dataset.test),
                "epochs": plan.epochs,
                "refinement": plan.refinement,
                "rows": self.rows,
            },
        )
        title = f"Occupancy of {dataset.name}: {len(dataset.test)} test frames on {self.rows[0]['array']}"
        write(svg, lambda file: draw(self.table_points, self.curve_points, title, file))
        return [json, svg]

    def table(self) -> Table:
        """One row a set-up: means, with the sample standard deviation over seeds."""
        found = self.table_points
        baseline = next((point for point in found if point.setup == "baseline"), None)
        made = Table(
            box=box.SIMPLE_HEAD,
            title=f"occupancy of {self.dataset.name}, {len(self.dataset.test)} test frames on "
            f"{self.rows[0]['array']}: mean and standard deviation over {self._seeds}",
            title_justify="left",
        )
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
                _ratio(baseline.macs if baseline else None, point.macs),
                _cell(point.cycles, ",.0f"),
                _ratio(baseline.cycles if baseline else None, point.cycles),
            )
        return made

    def verdicts(self) -> Iterator[str]:
        """A line for each set-up beside the baseline, over all seeds, and one on the curves."""
        yield from self._beside(self.table_points, f"over {self._seeds}")
        if self.plan.curves:
            yield from self._beside(self.curve_points, "seed 0, best penalty of the curve")
        yield (
            "nothing differs: the accelerator's outputs are those of training, for all networks and frames"
            if not self.mismatches
            else f"{self.mismatches:,} output values DIFFER from training or the golden model"
        )

    @property
    def _seeds(self) -> str:
        return "1 seed" if self.plan.seeds == 1 else f"{self.plan.seeds} seeds"

    def _beside(self, found: list[Point], what: str) -> Iterator[str]:
        baseline = next((point for point in found if point.setup == "baseline"), None)
        if baseline is None:
            return
        for setup in dict.fromkeys(point.setup for point in found if point is not baseline):
            point = best(found, setup, baseline)
            if point is None:
                yield f"{setup}: F1 more than {WITHIN:g} below the baseline's ({what})"
            else:
                yield (
                    f"{setup} {point.penalty:g}: {_ratio(baseline.macs, point.macs)} fewer MACs, "
                    f"{_ratio(baseline.cycles, point.cycles)} fewer cycles than the baseline, "
                    f"F1 {point.f1.mean:.3f} against {baseline.f1.mean:.3f} ({what})"
                )


def _cell(figure: Figure, form: str) -> str:
    spread = f" \N{PLUS-MINUS SIGN} {figure.spread:{form}}" if figure.spread else ""
    return f"{figure.mean:{form}}{spread}"


def _ratio(of: Figure | None, to: Figure) -> str:
    return f"{of.mean / to.mean:.2f}x" if of and to.mean else ""
