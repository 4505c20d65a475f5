"""The paper's four set-ups: what is counted and penalised, on the input and behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """One way to train for sparsity (arXiv 2107.07305, Table 1).

    Attributes:
        name: On the command line and in results.
        title: What it is, in a few words.
        input_counts: ``changes`` or ``values``: what makes the input's MACs.
        counts: The same for all other activations.
        penalised: Whether there is a sparsity loss.
    """

    name: str
    title: str
    input_counts: str
    counts: str
    penalised: bool


SETUPS = {
    setup.name: setup
    for setup in (
        Setup("baseline", "trained for its task alone", "values", "values", False),
        Setup("spatial", "L1 on activations", "values", "values", True),
        Setup("spatial-input-delta", "L1 on activations, changes on the input", "changes", "values", True),
        Setup("temporal", "Delta Activation Layers everywhere", "changes", "changes", True),
    )
}
"""Set-ups by name."""
