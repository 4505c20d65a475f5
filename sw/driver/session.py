"""A program on a device: upload it, stream frames, get outputs and counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import Counter, Memory, Mode, Program, StillframeError
from ..contract.array import COUNTER_WORDS
from ..contract.packets import Status
from ..contract.program import OutputSpec, Segment
from . import host_ops
from .device import WRITE_WORDS, Device, LinkError, RefusedError
from .host_model import HostModel
from .runs import MAX_CHANNELS, encode_runs
from .tensors import Codes, read_tensors

RESTARTS = 3
"""Times that one frame is tried again as a key frame before its link error reaches the caller."""


@dataclass(frozen=True)
class LayerCounters:
    """What a layer counted in a frame (see :class:`~stillframe.contract.memory_map.Counter`)."""

    cycles: int
    macs_issued: int
    macs_skipped: int
    events: int


@dataclass(frozen=True)
class FrameResult:
    """A frame's answer.

    Attributes:
        outputs: The model's outputs by name, in their shapes, after host operators and tail; int8 codes
            unless these give another type.
        tensors: int8 codes, (height, width, channels), of the device tensors that the outputs come from, by
            index.
        key: The frame was computed from scratch: it was asked for, was the first or had to be sent again.
        cycles: Cycles of the frame, the link not counted.
        layers: Counters in the order of ``program.layers``.
        bytes_sent, bytes_received: What went over the link for the frame, failed attempts included.
    """

    outputs: Mapping[str, npt.NDArray[Any]]
    tensors: Mapping[int, Codes]
    key: bool
    cycles: int
    layers: tuple[LayerCounters, ...]
    bytes_sent: int
    bytes_received: int


class Session:
    """Streams frames through a program.

    A frame's answer is that of the program's arithmetic or an exception, never anything else: whatever leaves
    the device's state in doubt makes the next frame a key frame.

    Args:
        device: What to run on; stays open when the session ends.
        program: What to run.
        progress: Called during the upload with the words written and the words in all.

    Raises:
        StillframeError: The device is another array than the program is compiled for, or the program has a
            part for the host that TFLite's interpreter is missing for.
        LinkError: The device does not answer.
    """

    def __init__(
        self, device: Device, program: Program, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.device = device
        self.program = program
        self._input = program.tensors[0]
        if self._input.channels > MAX_CHANNELS:
            raise StillframeError(
                f"input {self._input.name}: expected at most {MAX_CHANNELS} channels, "
                f"got {self._input.channels}",
                "a pixel has to fit into a packet of the link",
            )
        self._head = HostModel(program.head, program.model) if program.head else None
        self._tail = HostModel(program.tail, program.model) if program.tail else None
        self._segments = list(_merged(program.segments))
        self._outputs = sorted({output.tensor for output in program.outputs})
        self._sent: Codes | None = None
        self._uploaded = False
        for attempt in range(RESTARTS + 1):
            try:
                self._prepare(attempt > 0, progress)
                break
            except RefusedError:  # the device was reset in between
                if attempt == RESTARTS:
                    raise

    def run(self, frame: npt.NDArray[Any], key: bool = False) -> FrameResult:
        """Run a frame.

        Args:
            frame: As ``program.frame`` describes it: int8 codes, (height, width, channels), of the program's
                input tensor, or what the model itself takes if the program has a head.
            key: Compute it from scratch. The first frame always is.

        Raises:
            StillframeError: ``frame`` has another shape or type, the host could not compute its part, or
                another array than the program is compiled for is at the other end by now.
            LinkError: The frame could not be brought through the link; the next one will be a key frame.
        """
        codes = self._codes(frame)
        before = self.device.statistics
        sent = None if key else self._sent
        self._sent = None  # until the frame is through, the device's state is in doubt
        for attempt in range(RESTARTS + 1):
            try:
                if not self._uploaded:
                    self._prepare(True)
                cycles, layers, tensors = self._frame(codes, sent)
                break
            except LinkError as error:
                # NEEDS_KEY says that the program is as it was. After anything else the device may have been
                # switched off in between.
                self._uploaded = isinstance(error, RefusedError) and error.status == Status.NEEDS_KEY
                if attempt == RESTARTS:
                    raise
                sent = None
        self._sent = codes.copy()
        after = self.device.statistics
        return FrameResult(
            outputs=self._results(tensors),
            tensors=tensors,
            key=sent is None,
            cycles=cycles,
            layers=layers,
            bytes_sent=after.sent - before.sent,
            bytes_received=after.received - before.received,
        )

    def read_tensor(self, index: int) -> Codes:
        """The codes that the device keeps for a tensor: int8, (height, width, channels), as last sent.

        Raises:
            LinkError: No answer came.
        """
        return read_tensors(self.device, self.program, [index])[index]

    def _codes(self, frame: npt.NDArray[Any]) -> Codes:
        """The device's codes of a frame, behind the head if there is one."""
        expected = self.program.frame
        if frame.shape != expected.shape or frame.dtype != np.dtype(expected.dtype):
            what = "values" if self._head else "codes"
            raise StillframeError(
                f"frame for input {expected.name}: expected {expected.dtype} {what} of shape "
                f"{expected.shape}, got {frame.dtype} of shape {frame.shape}",
                "give the frame as the model takes it"
                if self._head
                else "quantise the frame with the input's scale and zero point",
            )
        if self._head:
            (frame,) = self._head.run([frame])
        return frame.reshape(self._input.height, self._input.width, self._input.channels)

    def _results(self, tensors: Mapping[int, Codes]) -> dict[str, npt.NDArray[Any]]:
        """The model's outputs, from the tensors that leave the device."""
        values = {output.name: _output(output, tensors[output.tensor]) for output in self.program.outputs}
        if self._tail:
            part = self._tail.part
            results = self._tail.run([values[tensor.name] for tensor in part.inputs])
            values |= {tensor.name: result for tensor, result in zip(part.outputs, results, strict=True)}
        return {result.name: values[result.name] for result in self.program.results}

    def _prepare(self, anew: bool, progress: Callable[[int, int], None] | None = None) -> None:
        """Upload the program, ``anew`` if the device may have lost its session, or be another one."""
        self._uploaded = False
        if anew:
            self.device.hello()
        self.device.check(self.program.config)
        total, done = sum(len(s.words) for s in self._segments), 0
        for segment in self._segments:
            for start in range(0, len(segment.words), WRITE_WORDS):
                words = segment.words[start : start + WRITE_WORDS]
                self.device.write(segment.memory, segment.column, segment.row + start, words)
                done += len(words)
                if progress:
                    progress(done, total)
        self._uploaded = True

    def _frame(
        self, codes: Codes, sent: Codes | None
    ) -> tuple[int, tuple[LayerCounters, ...], dict[int, Codes]]:
        """Run a frame after ``sent``, or a key frame; returns cycles, counters and the outputs' tensors."""
        device = self.device
        device.begin(key=sent is None)
        for runs in encode_runs(codes, sent if self._input.mode == Mode.DELTA else None):
            device.inputs(runs)
        cycles = device.run()
        counters = device.read(Memory.COUNTERS, 0, 0, COUNTER_WORDS * len(self.program.layers))
        layers = tuple(
            LayerCounters(
                cycles=int(row[Counter.CYCLES]),
                macs_issued=int(row[Counter.MACS_ISSUED]),
                macs_skipped=int(row[Counter.MACS_SKIPPED]),
                events=int(row[Counter.EVENTS]),
            )
            for row in counters.reshape(-1, COUNTER_WORDS)
        )
        return cycles, layers, read_tensors(self.device, self.program, self._outputs)


def _output(output: OutputSpec, codes: Codes) -> npt.NDArray[Any]:
    return host_ops.apply(output.host_ops, codes[np.newaxis]).reshape(output.shape)


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The segments in the order of their addresses, with those put together that follow one another."""
    held: Segment | None = None
    for segment in sorted(segments, key=lambda s: (s.memory, s.column, s.row)):
        if held and (held.memory, held.column, held.row + len(held.words)) == (
            segment.memory,
            segment.column,
            segment.row,
        ):
            held = replace(held, words=np.concatenate((held.words, segment.words)))
            continue
        if held:
            yield held
        held = segment
    if held:
        yield held
