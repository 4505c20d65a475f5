"""What an evaluated set-up is written as, and the table on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stillframe.requirements import needs
from stillframe.train import LayerSparsity, total

from .dataset import Dataset
from .depth import NetworkStage, rows_of
from .evaluation import TEST_FRAMES, Evaluation, together

with needs("rich"):
    from rich import box
    from rich.markup import escape
    from rich.table import Table

SCHEMA = 1


def as_json(
    setup: str, evaluation: Evaluation, stages: list[NetworkStage], dataset: Dataset, config: dict[str, Any]
) -> dict[str, Any]:
    """Accuracy and sparsity of one set-up, ready to be written.

    Operation sparsity is the share of MACs whose activation operand is zero; activation sparsity the share of
    activations that are (changes or values, as the set-up counts); both without each video's first frame.
    """
    counts = together(evaluation.counts.values())
    return {
        "schema": SCHEMA,
        "setup": setup,
        "config": config,
        "accuracy": evaluation.accuracy,
        "videos": sum(evaluation.videos),
        "frames_a_video": TEST_FRAMES,
        "short_videos": evaluation.short,
        **_sparsity(counts.values()),
        "stages": [
            {
                "name": stage.name,
                "height": stage.height,
                "width": stage.width,
                **_sparsity(rows_of([*stage.activations, *stage.readers], counts)),
            }
            for stage in stages
        ],
        "classes": [
            {
                "name": dataset.classes[label],
                "accuracy": evaluation.right[label] / evaluation.videos[label],
                "videos": evaluation.videos[label],
                **_sparsity(by_layer.values()),
            }
            for label, by_layer in sorted(evaluation.counts.items())
        ],
        "layers": [{"name": row.name, "kind": row.kind, **_sparsity([row])} for row in counts.values()],
    }


def _sparsity(rows: Iterable[LayerSparsity]) -> dict[str, Any]:
    """Of the layers together; None where there is nothing to count."""
    row = total(rows)
    return {
        "operation_sparsity": row.operation_sparsity if row.macs_dense else None,
        "activation_sparsity": row.activation_sparsity if row.elements else None,
        "macs_dense": row.macs_dense,
        "macs_issued": row.macs_issued,
    }


def table(results: list[dict[str, Any]], backbone: str) -> Table:
    """One row a set-up; the stages' columns are operation sparsity."""
    made = Table(
        box=box.SIMPLE_HEAD,
        title=f"{escape(backbone)} on UCF101, {results[0]['videos']:,} test videos: "
        "operation sparsity, in all and by what the MACs read",
        title_justify="left",
    )
    made.add_column("set-up")
    for name in ("accuracy", "operation sparsity", *(stage["name"] for stage in results[0]["stages"])):
        made.add_column(name, justify="right")
    for result in results:
        cells = [result["operation_sparsity"], *(stage["operation_sparsity"] for stage in result["stages"])]
        made.add_row(result["setup"], f"{result['accuracy']:.1%}", *(_percent(cell) for cell in cells))
    return made


def by_class(result: dict[str, Any], few: int = 3) -> str:
    """A line with the classes of most and of least operation sparsity."""
    ordered = sorted(
        (c for c in result["classes"] if c["operation_sparsity"] is not None),
        key=lambda c: c["operation_sparsity"],
    )
    if not ordered:
        return f"{result['setup']}: no sparsity, since every video has one frame"
    named = [f"{c['name']} {_percent(c['operation_sparsity'])}" for c in ordered]
    if len(named) <= 2 * few:
        return f"{result['setup']} by class: {', '.join(named)}"
    return f"{result['setup']} by class: {', '.join(named[:few])}, ..., {', '.join(named[-few:])}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
