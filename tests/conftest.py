"""What tests of the whole chain share: a small model, and a device that answers without hardware."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from devices import Devices

from stillframe.contract import ArrayConfig, Op, Program
from stillframe.contract.program import LayerSpec
from stillframe.driver import FrameResult, LayerCounters
from stillframe.driver.host_model import HostModel
from stillframe.frontend import read_tflite
from stillframe.frontend.results import renamed
from stillframe.golden import MacCounts

# With oneDNN's kernels the heap was damaged now and then where small convolutions were trained, and a worker
# of pytest died some tests later; without them it was not seen. Read when TensorFlow is first used.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

CYCLES_A_MAC = 1 / 8
"""Of the fake device: so many cycles for each MAC issued, and one for each element of a layer's output."""


class FakeDevice:
    """What :func:`stillframe.driver.open_device` gives, without a transport."""

    def __init__(self, name: str, config: ArrayConfig, on_status: Callable[[str], None]) -> None:
        self.name, self.config = name, config
        self.closed = False

    def __enter__(self) -> FakeDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


class FakeSession:
    """What :class:`stillframe.driver.Session` does, computed by the golden model.

    ``flip`` maps (frame, device tensor) to a position whose code is answered wrong by one bit.
    """

    flip: dict[tuple[int, int], tuple[int, int, int]] = {}  # noqa: RUF012
    keys: frozenset[int] = frozenset()

    def __init__(self, device: FakeDevice, program: Program) -> None:
        from stillframe.golden import GoldenModel

        self.device, self.program = device, program
        graph = read_tflite(program.tflite, program.model, "program", split=program.split)
        names = zip((o.name for o in graph.outputs), (o.name for o in program.outputs), strict=True)
        self.graph = renamed(graph, dict(names))
        self.head = HostModel(program.head, program.model) if program.head else None
        self.tail = HostModel(program.tail, program.model) if program.tail else None
        names = {tensor.name: i for i, tensor in enumerate(self.graph.tensors)}
        self.index = [names[t.name] for t in program.tensors]
        thresholds = {names[t.name]: t.threshold for t in program.tensors}
        self.golden = GoldenModel(self.graph, thresholds)
        self.frame = -1
        self.tensors: dict[int, np.ndarray] = {}

    def run(self, codes: np.ndarray) -> FrameResult:
        self.frame += 1
        key = self.frame == 0 or self.frame in self.keys
        if self.head:
            (codes,) = self.head.run([codes])
        trace = self.golden.run(codes[np.newaxis], key=(0,) if key else ())
        self.tensors = {
            d: trace.tensors[i][0].reshape(t.height, t.width, t.channels).copy()
            for d, (i, t) in enumerate(zip(self.index, self.program.tensors, strict=True))
        }
        for (frame, tensor), position in self.flip.items():
            if frame == self.frame:
                self.tensors[tensor][position] ^= 1
        macs = iter(trace.macs.values())  # in the order of the convolutions
        layers = tuple(
            self._counters(layer, next(macs) if layer.fields["op"] == Op.MAC else None)
            for layer in self.program.layers
        )
        outputs = {}
        for output in self.program.outputs:
            flipped = any(f == self.frame and t == output.tensor for f, t in self.flip)
            values = trace.outputs[output.name][0]
            outputs[output.name] = self.tensors[output.tensor].reshape(output.shape) if flipped else values
        if self.tail:
            results = self.tail.run([outputs[tensor.name] for tensor in self.tail.part.inputs])
            outputs |= {t.name: values for t, values in zip(self.tail.part.outputs, results, strict=True)}
        return FrameResult(
            outputs={result.name: outputs[result.name] for result in self.program.results},
            tensors={o.tensor: self.tensors[o.tensor] for o in self.program.outputs},
            key=key,
            cycles=sum(c.cycles for c in layers),
            layers=layers,
            bytes_sent=0,
            bytes_received=0,
        )

    def _counters(self, layer: LayerSpec, macs: MacCounts | None) -> LayerCounters:
        elements = int(np.prod(self.tensors[layer.output].shape))
        if macs is None:
            return LayerCounters(elements, 0, 0, 0)
        issued = {"DELTA": macs.delta, "DIRECT": macs.direct, "DENSE": [macs.dense]}[layer.mode.name][0]
        return LayerCounters(elements + int(issued * CYCLES_A_MAC), int(issued), macs.dense - int(issued), 0)

    def read_tensor(self, index: int) -> np.ndarray:
        return self.tensors[index]


@pytest.fixture
def fake_device(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    """Makes the main job run on a :class:`FakeSession`, whose ``flip`` a test may fill."""
    monkeypatch.setattr("stillframe.run.job.open_device", FakeDevice)
    monkeypatch.setattr("stillframe.run.job.Session", FakeSession)
    monkeypatch.setattr("stillframe.run.baselines.Session", FakeSession)
    monkeypatch.setattr(FakeSession, "flip", {})
    monkeypatch.setattr(FakeSession, "keys", frozenset())
    return FakeSession


@pytest.fixture(scope="session")
def device() -> Iterator[Devices]:
    """Opens the simulated device of an array: all programs run on the same instance."""
    devices = Devices()
    yield devices
    devices.close()


@pytest.fixture(scope="session")
def small_tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 model of two convolutions, 12 x 16 x 3 in the range 0..1, output ``map`` of 10 x 14 x 4."""
    from stillframe.frontend import from_keras
    from stillframe.frontend.quiet import load_tensorflow

    keras = load_tensorflow().keras
    keras.utils.set_random_seed(7)
    image = keras.Input((12, 16, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="first")(image)
    model = keras.Model(image, {"map": keras.layers.Conv2D(4, 1, name="second")(x)})
    frames = np.random.default_rng(1).random((8, 12, 16, 3), np.float32)
    frames[0, 0, 0, 0], frames[0, 0, 0, 1] = 0, 1
    path = tmp_path_factory.mktemp("models") / "small.tflite"
    path.write_bytes(from_keras(model, frames, "small").tflite)
    return path


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 5 images, 32 x 24: a bright square moves over noise; the fourth equals the third."""
    import cv2

    folder = tmp_path_factory.mktemp("clip")
    background = np.random.default_rng(2).integers(0, 120, (24, 32, 3), np.uint8)
    for k in range(5):
        frame = background.copy()
        at = 4 * min(k, 2) if k < 4 else 16
        frame[8:16, at : at + 8] = 250
        cv2.imwrite(str(folder / f"{k}.png"), frame)
    return folder
