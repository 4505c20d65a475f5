"""The whole experiment in miniature, from a clip to result files, on the simulated accelerator."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from fixed_camera import scene, write_folder
from tensorflow.python.framework.config import disable_op_determinism

from stillframe.cli.main import execute
from stillframe.frontend import read_tflite
from stillframe.golden import ReferenceModel
from stillframe.train.occupancy import Case, Plan, dataset, experiment, network
from stillframe.train.occupancy.plan import PENALTIES
from stillframe.video import code_table, open_clip

SETUPS = tuple(PENALTIES)
TEMPORAL = Case("temporal", PENALTIES["temporal"], 0)
KEYS = {
    *("setup", "seed", "penalty", "f1", "operation_sparsity"),
    *("macs_issued_per_frame", "cycles_per_frame", "array"),
}


@pytest.fixture(scope="module", autouse=True)
def determinism() -> Iterator[None]:
    """What the command asks for ends with these tests."""
    yield
    disable_op_determinism()


def command(clip: Path, output: Path, more: str = "") -> list[str]:
    fixed = "--seeds 1 --epochs 1 --refinement 1 --no-curves"
    return ["train", "occupancy", "--clip", str(clip), "-o", str(output), *shlex.split(f"{fixed} {more}")]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("scene") / "clip", scene(104)[0])


@pytest.fixture(scope="module")
def done(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run."""
    output = tmp_path_factory.mktemp("done") / "output"
    assert execute(command(clip, output)) == 0
    return output


def test_rows(clip: Path, done: Path) -> None:
    written = json.loads((done / "occupancy.json").read_text())
    assert shlex.split(written["command"]) == ["stillframe", *command(clip, done)]
    assert (written["train_frames"], written["test_frames"]) == (78, 26)
    rows = written["rows"]
    assert [row["setup"] for row in rows] == list(SETUPS)
    for row in rows:
        assert row.keys() >= KEYS
        assert (row["seed"], row["array"], row["mismatches"]) == (0, "1x16@85F", 0)
        for key in ("macs_issued_per_frame", "cycles_per_frame"):
            assert row[key] == pytest.approx(sum(layer[key] for layer in row["layers"]), rel=1e-12)
    temporal = rows[-1]
    assert {layer["mode"] for layer in temporal["layers"]} == {"delta"}  # so both count the same MACs
    assert temporal["macs_issued_per_frame"] == pytest.approx(
        temporal["macs_dense_per_frame"] * (1 - temporal["operation_sparsity"]), rel=1e-12
    )


def test_written_networks_give_the_f1_of_the_rows(clip: Path, done: Path) -> None:
    """By TFLite alone."""
    data = dataset.load(open_clip(str(clip)))
    for row in json.loads((done / "occupancy.json").read_text())["rows"]:
        name = Case(row["setup"], row["penalty"], 0).name
        graph = read_tflite((done / "networks" / f"{name}.tflite").read_bytes(), name, "test")
        source = graph.tensors[graph.input.tensor]
        table = code_table(dataset.VALUE_RANGE, source.scale, source.zero_point)
        codes = table[np.rint(data.test.frames * 255).astype(np.uint8)]
        (outputs,) = ReferenceModel(graph).run(codes)[0].values()
        logits = outputs.astype(int) - graph.outputs[0].zero_point
        assert network.f1(logits, data.test.maps) == row["f1"]


def test_networks_can_be_trained_further(done: Path) -> None:
    model = keras.models.load_model(done / "networks" / f"{TEMPORAL.name}.keras")
    assert model.output_shape == (None, 9, 12, 1)


def test_nothing_is_done_twice(clip: Path, done: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    written = {name: (done / name).read_bytes() for name in ("occupancy.json", "occupancy.svg")}
    for name in ("train", "refine", "open_device"):
        monkeypatch.setattr(experiment, name, None)
    capsys.readouterr()
    assert execute(command(clip, done)) == 0
    for name, before in written.items():
        assert (done / name).read_bytes() == before
    text = capsys.readouterr().out
    assert "building the accelerator" not in text
    assert "78 frames to train with, 26 to test" in text
    lines = [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0] in SETUPS]
    assert lines[:4] == list(SETUPS)
    assert "nothing differs" in text


def test_interrupted_and_run_again(
    clip: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are those of the run without interruption, and only what was not finished is done again."""
    data = dataset.load(open_clip(str(clip)))
    penalties = {setup: PENALTIES[setup] for setup in ("baseline", "temporal")}
    plan = Plan(seeds=1, epochs=1, refinement=1, penalties=penalties, curves={})
    refine, refined = experiment.refine, []

    def interrupted(trained, case, *more):
        refined.append(case.setup)
        if len(refined) == 2:
            raise KeyboardInterrupt
        return refine(trained, case, *more)

    monkeypatch.setattr(experiment, "refine", interrupted)
    with pytest.raises(KeyboardInterrupt):
        experiment.Experiment(plan, data, tmp_path).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "baseline-0-seed0.json",
        "baseline-0-seed0.keras",
        "baseline-0-seed0.tflite",
        "trained-seed0.json",
        "trained-seed0.keras",
    ]
    rows = experiment.Experiment(plan, data, tmp_path).run()
    assert refined == ["baseline", "temporal", "temporal"]
    expected = json.loads((done / "occupancy.json").read_text())["rows"]
    assert rows == [expected[0], expected[3]]


def test_rows_of_other_settings_are_not_taken(
    clip: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "open_device", lambda *_, **__: pytest.fail("something is to be done"))
    data = dataset.load(open_clip(str(clip)))
    plan = Plan(seeds=1, epochs=1, refinement=1, curves={})
    assert len(experiment.Experiment(plan, data, done / "networks").run()) == 4
    other = replace(data, train=replace(data.train, frames=data.train.frames[:, ::-1]))
    changes = (
        (replace(plan, epochs=2), data),
        (replace(plan, refinement=2), data),
        (replace(plan, seeds=2), data),
        (plan, other),
    )
    for changed, frames in changes:
        with pytest.raises(pytest.fail.Exception, match="something is to be done"):
            experiment.Experiment(changed, frames, done / "networks").run()


def test_help_tells_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute(["train", "occupancy", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    plan = Plan()
    for default in (f"(default {n})" for n in (plan.seeds, plan.epochs, plan.refinement)):
        assert default in text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("--seeds 0", "--seeds: expected a whole number of 1 or more, got '0'"),
        ("--array 16", "array: expected BxL or BxL@PART (banks x lanes), got '16'"),
        ("--clip none.avi", "clip none.avi: expected a file or folder, found nothing of that name"),
    ],
)
def test_wrong_use(clip: Path, tmp_path: Path, more: str, expected: str, capsys) -> None:
    assert execute(command(clip, tmp_path / "output", more)) == 2
    assert capsys.readouterr().err.startswith(f"stillframe: {expected}\n  -> ")
    assert not (tmp_path / "output").exists()
