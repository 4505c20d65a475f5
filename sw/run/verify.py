"""Compares what a device answers with the golden model, and finds the first layer that differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import Program
from stillframe.driver import FrameResult, Session
from stillframe.driver.host_model import HostModel
from stillframe.frontend.graph import Graph, Int8

if TYPE_CHECKING:
    from stillframe.golden import Trace

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """A mismatch: the first in execution order and raster order in the first frame that has one.

    Attributes:
        frame: Number of the frame in the clip.
        layer: Name of the layer, or of the output if every layer's codes agree.
        op: Operators that the layer executes.
        position: Index of the element: (row, column, channel), or of the output's shape.
        expected, got: The two values.
        count: Elements of that layer that differ.
        witness: What the expected value comes from.
    """

    frame: int
    layer: str
    op: str
    position: tuple[int, ...]
    expected: float
    got: float
    count: int
    witness: str

    def __str__(self) -> str:
        names = ("row", "column", "channel") if len(self.position) == 3 else ("index",) * len(self.position)
        where = ", ".join(f"{name} {index}" for name, index in zip(names, self.position, strict=True))
        more = f" (and {self.count - 1:,} more values there)" if self.count > 1 else ""
        return (
            f"frame {self.frame}, layer {self.layer} ({self.op}), {where}: "
            f"expected {self.expected:g} from {self.witness}, got {self.got:g}{more}"
        )


class Verifier:
    """Checks frames in the device's order: :meth:`expect` some, :meth:`check` each.

    Args:
        graph: The network.
        program: What the device runs. If no tensor has a threshold, TFLite's reference kernels are a second,
            outside witness.
    """

    def __init__(self, graph: Graph, program: Program) -> None:
        from stillframe.golden import GoldenModel, ReferenceModel

        self.program = program
        index = {tensor.name: i for i, tensor in enumerate(graph.tensors)}
        # A tensor between the layers of one operator is the program's alone.
        self._graph_tensor = [index.get(tensor.name) for tensor in program.tensors]
        thresholds = {index[t.name]: t.threshold for t in program.tensors if t.name in index}
        self._golden = GoldenModel(graph, thresholds)
        self._head = HostModel(program.head, program.model) if program.head else None
        self._tail = HostModel(program.tail, program.model) if program.tail else None
        self._tensors = _tensors_behind(program)
        self._reference = None if any(thresholds.values()) else ReferenceModel(graph)
        self._frames: Values = np.empty(0, np.int8)
        self._trace: Trace
        self._golden_results: dict[str, Values] = {}
        self._witness: dict[str, Values] = {}
        self._now = 0

    def expect(self, frames: Values) -> None:
        """Compute the next frames, (frames, ...), each as the session takes it. Those before are done."""
        self._frames, self._now = frames, -1
        self._run_golden(key=())
        if self._reference:
            self._witness, _ = self._reference.run(frames)

    def check(self, result: FrameResult) -> tuple[int, int]:
        """Compare what the device answered to the next of the frames.

        Returns:
            Output values compared, and how many differ from the golden model or the reference kernels (for an
            output of the host also if only the codes before it differ).
        """
        self._now += 1
        if result.key and not self._trace.key[self._now]:  # the link failed, the session began anew
            self._frames, self._now = self._frames[self._now :], 0
            self._witness = {name: values[-len(self._frames) :] for name, values in self._witness.items()}
            self._run_golden(key=(0,))
        checked = differ = 0
        for output in self.program.results:
            got = result.outputs[output.name]
            wrong = got != self._golden_results[output.name][self._now]
            if self._witness:
                wrong |= got != self._witness[output.name][self._now]
            tensors = self._tensors[output.name]
            inner = sum(int(np.count_nonzero(result.tensors[t] != self._map(t))) for t in tensors)
            checked += got.size
            differ += max(int(np.count_nonzero(wrong)), inner)
        return checked, differ

    def _run_golden(self, key: tuple[int, ...]) -> None:
        """Have the golden model compute the frames, between the host's parts."""
        codes = self._frames
        if self._head:
            codes = np.stack([values for frame in codes for values in self._head.run([frame])])
        self._trace = self._golden.run(codes, key)
        self._golden_results = dict(self._trace.outputs)
        if self._tail:
            taken = [self._trace.outputs[tensor.name] for tensor in self._tail.part.inputs]
            given = [self._tail.run(values) for values in zip(*taken, strict=True)]
            for tensor, values in zip(self._tail.part.outputs, zip(*given, strict=True), strict=True):
                self._golden_results[tensor.name] = np.stack(values)

    def locate(self, frame: int, session: Session, result: FrameResult) -> Difference:
        """Find what differs in the frame checked last, by reading tensors back in execution order.

        Args:
            frame: Its number, for the message.
            session: The session, after that frame.
            result: What the device answered.
        """
        for layer in self.program.layers:
            if self._graph_tensor[layer.output] is None:
                continue
            got, expected = session.read_tensor(layer.output), self._map(layer.output)
            if not np.array_equal(got, expected):
                return _first(frame, layer.name, layer.op, expected, got, "the golden model")
        for output in self.program.results:
            for witness, values in (
                ("the golden model", self._golden_results),
                ("TFLite's reference kernels", self._witness),
            ):
                if output.name in values:
                    expected, got = values[output.name][self._now], result.outputs[output.name]
                    if not np.array_equal(got, expected):
                        return _first(frame, output.name, "output", expected, got, witness)
        # The answer differed, but what the device holds now does not: it was read back wrong.
        for output in self.program.outputs:
            expected, got = self._map(output.tensor), result.tensors[output.tensor]
            if not np.array_equal(got, expected):
                return _first(frame, output.name, "output as read", expected, got, "the golden model")
        raise ValueError("expected a frame that differs, got one that does not")

    def _map(self, tensor: int) -> Int8:
        """A device tensor as the golden model has it, (height, width, channels)."""
        spec = self.program.tensors[tensor]
        index = self._graph_tensor[tensor]
        assert index is not None, f"tensor {spec.name}: it is one of the model's"
        values = self._trace.tensors[index][self._now]
        return values.reshape(spec.height, spec.width, spec.channels)


def _tensors_behind(program: Program) -> dict[str, list[int]]:
    """Device tensors that each result is made from."""
    tensors = {output.name: [output.tensor] for output in program.outputs}
    if program.tail:
        taken = [tensors[tensor.name][0] for tensor in program.tail.inputs]
        tensors |= {tensor.name: taken for tensor in program.tail.outputs}
    return tensors


def _first(frame: int, layer: str, op: str, expected: Values, got: Values, witness: str) -> Difference:
    wrong = np.argwhere(got != expected)
    position = tuple(int(i) for i in wrong[0])
    return Difference(
        frame, layer, op, position, float(expected[position]), float(got[position]), len(wrong), witness
    )
