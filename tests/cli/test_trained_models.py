"""Networks trained for temporal sparsity on the command line: examples, two beside each other, files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stillframe.cli.main import execute
from stillframe.frontend.quiet import load_tensorflow, quiet
from stillframe.run.models import load_model
from stillframe.run.progress import Silent
from stillframe.video import open_clip


def run(*arguments: object) -> int:
    return execute(["run", *map(str, arguments)])


def sparse_model(fold: bool = True):
    """A convolution with batch norm, 12 x 16 x 1, with Delta Activation Layers."""
    load_tensorflow()
    with quiet():
        import keras

        from stillframe.train import sparsify

        keras.utils.set_random_seed(4)
        image = keras.Input((12, 16, 1))
        x = keras.layers.Conv2D(4, 3, name="only")(image)
        x = keras.layers.BatchNormalization(name="norm")(x)
        model = keras.Model(image, keras.layers.ReLU(name="relu")(x))
        frames = np.random.default_rng(5).random((4, 12, 16, 1), np.float32)
        return sparsify(model, calibration=frames, fold_batch_norm=fold)


def test_two_examples_beside_each_other(
    fake_device, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("occupancy", small_clip, "--beside", "occupancy-baseline") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("nothing differs: all 540 output values of 5 frames") == 2
    found = re.search(
        r"occupancy beside occupancy-baseline: ([\d.]+)x fewer cycles, ([\d.]+)x fewer MACs: "
        r"([\d,]+) against ([\d,]+) cycles, ([\d,]+) against ([\d,]+) MACs",
        printed,
    )
    assert found
    cycles, base_cycles, macs, base_macs = (int(n.replace(",", "")) for n in found.groups()[2:])
    assert float(found[1]) == round(base_cycles / cycles, 2)
    assert float(found[2]) == pytest.approx(base_macs / macs, abs=0.01)  # the means are printed rounded
    assert macs < base_macs


def test_a_difference_in_the_other_model_counts(
    fake_device, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_device.flip[2, 5] = (1, 2, 0)
    assert run("occupancy", small_clip, "--beside", "occupancy-baseline") == 1
    assert capsys.readouterr().err.count("frame 2, layer") == 2


def test_an_unknown_other_model(small_clip: Path, capsys: pytest.CaptureFixture[str], fake_device) -> None:
    assert run("occupancy", small_clip, "--beside", "nothing") == 2
    assert "model nothing: expected a .keras" in capsys.readouterr().err


def test_a_trained_model_runs_without_export(tmp_path: Path, small_clip: Path) -> None:
    path = tmp_path / "trained.keras"
    model = sparse_model()
    with quiet():
        model.save(path)
    graph = load_model(str(path), open_clip(str(small_clip)), None, Silent()).graph
    scales = {float(layer.steps) for layer in model.layers if hasattr(layer, "steps")}
    assert {tensor.scale for tensor in graph.tensors} == scales


def test_batch_norms_that_are_not_folded(
    tmp_path: Path, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unfolded.keras"
    with quiet():
        sparse_model(fold=False).save(path)
    assert run(path, small_clip) == 2
    assert capsys.readouterr().err == (
        f"stillframe: model {path}: expected Delta Activation Layers as stillframe.train.sparsify places "
        "them, got: Expected batch norms folded into the layers before them. Received: norm behind only. "
        "Use stillframe.train.fold_batch_norm(model) first, and refine once more if it cost accuracy.\n"
        "  -> see docs/training.md\n"
    )
