"""What the experiment trains: set-ups, penalties, seeds, and the settings that all share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PENALTIES = {"baseline": 0.0, "spatial": 1.0, "spatial-input-delta": 1.0, "temporal": 2.0}
"""Of the set-ups in the table, run with every seed."""

CURVES = {"spatial": (0.3, 1.0, 3.0), "temporal": (1.0, 2.0, 4.0)}
"""Penalties of the trade-off curves, run with the first seed."""

COARSENESS = {"baseline": 1.0, "spatial": 1.0, "spatial-input-delta": 1.0, "temporal": 4.0}
"""Initial steps, as :func:`stillframe.train.sparsify` takes them."""

PENALISE = {"temporal": "events"}
"""What the sparsity loss sums; of values their magnitude (L1), as in the paper."""


@dataclass(frozen=True)
class Case:
    """One network to be trained.

    Attributes:
        setup: Name of the set-up.
        penalty: Weight of its sparsity loss.
        seed: Of everything random.
    """

    setup: str
    penalty: float
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.setup}-{self.penalty:g}-seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """The cases, and what all of them share.

    Attributes:
        seeds: 0 to seeds - 1.
        epochs: Of training for the task alone, which all set-ups begin with.
        refinement: Epochs that every set-up gets then, the baseline for its task alone.
        array: ``BxL`` or ``BxL@PART``.
        penalties: Of the set-ups in the table.
        curves: Penalties of the trade-off curves.
    """

    seeds: int = 3
    epochs: int = 25
    refinement: int = 40
    array: str = "1x16"
    penalties: Mapping[str, float] = field(default_factory=lambda: PENALTIES)
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: CURVES)

    def cases(self) -> list[Case]:
        """The table's for every seed, then the curves' that are still missing, with the first seed."""
        return list(dict.fromkeys([*self._table(), *self._curves()]))

    def _table(self) -> Iterator[Case]:
        for seed in range(self.seeds):
            for setup, penalty in self.penalties.items():
                yield Case(setup, penalty, seed)

    def _curves(self) -> Iterator[Case]:
        for setup, penalties in self.curves.items():
            for penalty in penalties:
                yield Case(setup, penalty, 0)
