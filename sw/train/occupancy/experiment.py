"""The experiment: every case trained, tested and run on the accelerator; one row of results for each."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.driver import Device, open_device
from stillframe.frontend import from_keras
from stillframe.run.files import write_bytes, write_json
from stillframe.run.progress import Progress, Silent
from stillframe.train import export
from stillframe.train.saving import save_model
from stillframe.video import code_table

from . import network
from .accelerator import CHUNK, measure
from .dataset import VALUE_RANGE, Dataset
from .plan import COARSENESS, PENALISE, Case, Plan
from .training import calibration, evaluate, refine, train

Row = dict[str, Any]


class Experiment:
    """Runs the cases of a plan, and keeps them in a folder; what is there already is not done again.

    A case's files are ``NAME.keras`` (to train further), ``NAME.tflite`` (to run) and, last, ``NAME.json``.

    Args:
        plan: What to train.
        dataset: What to train and test on.
        folder: Where cases are kept; made if needed.
        progress: Told what is done.
    """

    def __init__(self, plan: Plan, dataset: Dataset, folder: Path, progress: Progress | None = None) -> None:
        self.plan, self.dataset, self.folder = plan, dataset, folder
        self.progress = progress or Silent()
        self.config = ArrayConfig.parse(plan.array)
        data = zlib.crc32(dataset.test.maps.tobytes(), zlib.crc32(dataset.train.frames.tobytes()))
        self._task_settings = {
            "data": data,
            "epochs": plan.epochs,
            "convolutions": [list(convolution) for convolution in network.CONVOLUTIONS],
        }
        self._settings = {
            **self._task_settings,
            "refinement": plan.refinement,
            "array": plan.array,
            "penalise": PENALISE,
            "coarseness": COARSENESS,
        }

    def run(self) -> list[Row]:
        """Train and measure what is not there yet.

        Returns:
            A row for each case, in the plan's order: see :meth:`measured`.

        Raises:
            StillframeError: The folder cannot be written, or the accelerator cannot be built.
        """
        cases = self.plan.cases()
        self._make_folder()
        left = [case for case in cases if self._kept(case.name, self._settings) is None]
        if left:
            self.progress.stage(f"building the accelerator {self.config.name}")
            with open_device("sim", self.config, on_status=self.progress.say) as device:
                self.progress.stage(f"training and measuring {len(left)} networks", self._steps(left))
                for case in left:
                    self._run(case, device)
        rows = [self._kept(case.name, self._settings) for case in cases]
        return [row for row in rows if row is not None]

    def _steps(self, left: list[Case]) -> int:
        """Epochs, and chunks of frames on the accelerator."""
        untrained = [
            s for s in {c.seed for c in left} if self._kept(_trained(s), self._task_settings) is None
        ]
        chunks = math.ceil(len(self.dataset.test) / CHUNK)
        return len(untrained) * self.plan.epochs + len(left) * (self.plan.refinement + chunks)

    def _run(self, case: Case, device: Device) -> None:
        trained = self._train(case.seed)
        note = self._note(f"{case.name}: training")
        model = refine(trained, case, self.dataset, self.plan.refinement, note)
        tflite, row = self.measured(case, model, device)
        save_model(model, self.folder / f"{case.name}.keras")
        write_bytes(self.folder / f"{case.name}.tflite", tflite)
        self._keep(case.name, self._settings, row)
        self.progress.say(
            f"{case.name}: F1 {row['f1']:.3f}, {row['macs_issued_per_frame']:,.0f} MACs "
            f"and {row['cycles_per_frame']:,.0f} cycles a frame"
        )

    def _train(self, seed: int) -> Any:
        """The network trained for its task alone; the set-ups of a seed share it."""
        name = _trained(seed)
        path = self.folder / f"{name}.keras"
        keras.utils.clear_session()
        if self._kept(name, self._task_settings) is None:
            save_model(train(self.dataset, seed, self.plan.epochs, self._note(f"{name}: training")), path)
            self._keep(name, self._task_settings, {})
        return keras.models.load_model(path, compile=False)

    def measured(self, case: Case, model: Any, device: Device) -> tuple[bytes, Row]:
        """Test a network in training's arithmetic and on the accelerator.

        Returns:
            The int8 network, and the row of results. ``f1`` is that of the accelerator's outputs;
            ``operation_sparsity`` is the paper's, by what the set-up counts. Counts ``..._per_frame`` are
            the device's own in mode ``auto``, means over the test frames but the first. ``mismatches`` counts
            outputs that differ from the golden model's, the reference kernels' or training's.
        """
        test = self.dataset.test
        logits, counts = evaluate(model, test.frames)
        graph = from_keras(export(model), calibration(self.dataset), case.name)
        source = graph.tensors[graph.input.tensor]
        table = code_table(VALUE_RANGE, source.scale, source.zero_point)
        codes = table[np.rint(test.frames * 255).astype(np.uint8)]
        found = measure(device, self.config, graph, codes, self._note(f"{case.name}: running"))
        statistics = found.statistics
        means, by_layer = statistics.total(), statistics.by_layer()
        assert means is not None  # there are more test frames than one
        assert by_layer is not None
        levels = found.levels.reshape(test.maps.shape)
        trained = np.rint(logits / graph.outputs[0].scale).astype(np.int64)
        row = {
            "setup": case.setup,
            "seed": case.seed,
            "penalty": case.penalty,
            "f1": network.f1(levels, test.maps),
            "operation_sparsity": counts.operation_sparsity,
            "macs_dense_per_frame": means.macs_dense,
            "macs_issued_per_frame": means.macs_issued,
            "cycles_per_frame": means.cycles,
            "array": self.config.name,
            "mismatches": statistics.mismatches + int(np.count_nonzero(levels != trained)),
            "layers": [
                {
                    "name": layer.name,
                    "mode": layer.mode.name.lower(),
                    "macs_issued_per_frame": of_layer.macs_issued,
                    "cycles_per_frame": of_layer.cycles,
                }
                for layer, of_layer in zip(statistics.program.layers, by_layer, strict=True)
            ],
        }
        return graph.tflite, row

    def _note(self, text: str) -> Callable[[], None]:
        return lambda: self.progress.advance(text)

    def _kept(self, name: str, settings: Row) -> Row | None:
        """The row of what was finished with the same settings."""
        try:
            kept = json.loads((self.folder / f"{name}.json").read_text())
            return kept["row"] if kept["settings"] == settings else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, name: str, settings: Row, row: Row) -> None:
        write_json(self.folder / f"{name}.json", {"settings": settings, "row": row})

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StillframeError(
                f"{self.folder}: expected a folder that can be made, got: {error.strerror}",
                "choose a folder that you may write to",
            ) from error


def _trained(seed: int) -> str:
    return f"trained-seed{seed}"
