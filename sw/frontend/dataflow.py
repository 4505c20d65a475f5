"""Which operators of a file lead to which tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .flatbuffer import RawModel


@dataclass(frozen=True)
class Upstream:
    """What some tensors are computed from.

    Attributes:
        operators: Indices, in the order of execution; those that compute from constants alone are among them.
        stops: The tensors at which the search ended, in the file's order.
        open: Tensors that have no producer and are no constants: the model's input where it was reached.
    """

    operators: tuple[int, ...]
    stops: tuple[int, ...]
    open: tuple[int, ...]


class Dataflow:
    """Producers of a file's tensors."""

    def __init__(self, raw: RawModel) -> None:
        self.raw = raw
        self.producer = {t: operator.index for operator in raw.operators for t in operator.outputs}

    def upstream(self, tensors: Iterable[int], stops: Collection[int] = ()) -> Upstream:
        """Walk from tensors to what they are computed from, as far as ``stops``."""
        operators: set[int] = set()
        reached: set[int] = set()
        opened: set[int] = set()
        waiting = [t for t in tensors if t >= 0]
        while waiting:
            tensor = waiting.pop()
            if tensor in stops:
                reached.add(tensor)
            elif tensor not in self.producer:
                if self.raw.tensors[tensor].data is None:
                    opened.add(tensor)
            elif (index := self.producer[tensor]) not in operators:
                operators.add(index)
                waiting += [t for t in self.raw.operators[index].inputs if t >= 0]
        return Upstream(tuple(sorted(operators)), tuple(sorted(reached)), tuple(sorted(opened)))

    def downstream(self, operator: int) -> frozenset[int]:
        """Operators that depend on an operator, without itself."""
        known = set(self.raw.operators[operator].outputs)
        found = set()
        for later in self.raw.operators[operator + 1 :]:
            if known.intersection(later.inputs):
                found.add(later.index)
                known.update(later.outputs)
        return frozenset(found)

    def activations(self, operator: int) -> tuple[int, ...]:
        """Inputs of an operator that depend on the model's input."""
        return tuple(t for t in self.raw.operators[operator].inputs if t >= 0 and self.upstream([t]).open)
