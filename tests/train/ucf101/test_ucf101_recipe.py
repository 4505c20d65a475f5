"""The whole recipe on the miniature: what it writes, what it refuses, and that a kill costs nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import ucf101_miniature as miniature
from conftest import Run

from stillframe.contract import StillframeError
from stillframe.frontend.quiet import quiet
from stillframe.run.progress import Silent
from stillframe.train import set_clip, sparsify, sparsity, total
from stillframe.train.ucf101 import Config, Dataset, Recipe, Video, evaluation, open_dataset, stages
from stillframe.train.ucf101.depth import network_stages, rows_of
from stillframe.train.ucf101.evaluation import evaluate, together
from stillframe.train.ucf101.results import as_json, by_class
from stillframe.train.ucf101.settings import claim
from stillframe.train.ucf101.store import Store
from stillframe.video import sources
from stillframe.video.fit import fit


def load(path: Path) -> keras.Model:
    with quiet():
        return keras.models.load_model(path)


def weights(path: Path) -> dict[str, np.ndarray]:
    """Of a saved model, the optimizer's and the steps of quantisation among them."""
    model = load(path)
    named = {f"{i} {v.path}": v.numpy() for i, v in enumerate(model.weights)}
    return named | {f"{i} {v.path}": v.numpy() for i, v in enumerate(model.optimizer.variables)}


def frames_of(video: Video) -> np.ndarray:
    """The 32 middle frames, straight from the decoder, as the network takes them."""
    frames = list(sources.file(video.path)())
    first = max(0, (len(frames) - 32) // 2)
    pixels = np.stack([fit(f, miniature.SIZE, miniature.SIZE, 3) for f in frames[first : first + 32]])
    return pixels.astype(np.float32) / np.float32(255)


# The command, in processes of its own


def test_killed_and_resumed_ends_with_the_same_weights(
    run: Run, finished: tuple[Path, str], tmp_path: Path
) -> None:
    """Killed in mid-epoch with 2 of 3 steps after a checkpoint, in two stages: bit for bit the same."""
    output = tmp_path / "run"
    every = "--checkpoint-every 3"
    for stage, steps in (("fine-tuning", 5), ("temporal, clips-of-8", 5)):
        process = run(output, (stage, steps), every)
        assert process.returncode == -9, process.stderr
        assert not (output / "temporal.json").exists()
    process = run(output, more=every)
    assert process.returncode == 0, process.stderr
    assert "temporal, clips-of-8: goes on after step 3 of 8" in process.stdout
    assert "fine-tuning" not in process.stdout
    for name in ("finetuned.keras", "temporal.keras"):
        expected, got = weights(finished[0] / name), weights(output / name)
        assert len(expected) > 10
        assert expected.keys() == got.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(got[key], value, err_msg=key)
    results = [json.loads((path / "temporal.json").read_text()) for path in (finished[0], output)]
    for result in results:
        result["config"] = None
    assert results[0] == results[1]


def test_what_a_run_prints(finished: tuple[Path, str]) -> None:
    text = finished[1]
    assert "fine-tuning: 16 clips of 1 frame a step" in text
    assert "temporal, clips-of-8: 4 clips of 8 frames a step" in text
    assert "temporal: 3 test videos have fewer than 32 frames: all were used" in text
    assert "tiny on UCF101, 6 test videos" in text
    assert "temporal by class: " in text
    assert "Standing 100.0%" in text


def test_what_a_run_writes(finished: tuple[Path, str], ucf101: Path) -> None:
    """Accuracy and counts are those of the saved network on the test list's frames, computed here again."""
    output, _ = finished
    result = json.loads((output / "temporal.json").read_text())
    dataset = open_dataset(ucf101)
    model = load(output / "temporal.keras")
    set_clip(model, None)
    right, by_label = 0, {}
    for video in dataset.test:
        model.reset_metrics()
        mean = keras.ops.softmax(model(frames_of(video))).numpy().mean(axis=0)
        right += int(mean.argmax() == video.label)
        by_label.setdefault(video.label, []).append(total(sparsity(model)))
    assert result["accuracy"] == right / 6
    assert [result[key] for key in ("schema", "setup", "videos", "short_videos")] == [1, "temporal", 6, 3]
    whole = total(row for rows in by_label.values() for row in rows)
    assert result["macs_dense"] == whole.macs_dense
    assert result["macs_issued"] == whole.macs_issued
    assert result["operation_sparsity"] == 1 - whole.macs_issued / whole.macs_dense
    for label, found in enumerate(result["classes"]):
        assert found["name"] == miniature.CLASSES[label]
        assert found["macs_issued"] == total(by_label[label]).macs_issued
    assert [stage["name"] for stage in result["stages"]] == ["input", "conv1", "head"]
    assert [stage["height"] for stage in result["stages"]] == [28, 14, 1]
    assert sum(stage["macs_issued"] for stage in result["stages"]) == whole.macs_issued
    assert sum(layer["macs_dense"] for layer in result["layers"]) == whole.macs_dense
    standing = result["classes"][miniature.CLASSES.index("Standing")]
    assert standing["operation_sparsity"] > 0.95 > result["operation_sparsity"]


def test_another_config_is_refused(finished: tuple[Path, str], ucf101: Path) -> None:
    settings = json.loads((finished[0] / "config.json").read_text())
    config = Config(**{field.name: settings[field.name] for field in fields(Config)})
    dataset = open_dataset(ucf101)
    claim(finished[0], config, dataset)
    before = {path: path.stat().st_mtime_ns for path in finished[0].rglob("*")}
    with pytest.raises(StillframeError) as error:
        Recipe(replace(config, seed=2, penalty=0.5), dataset, finished[0], finished[0]).run(["temporal"])
    assert str(error.value) == (
        f"--output {finished[0]}: expected the settings of the run that is there "
        "(penalty 1.0, seed 1), got penalty 0.5, seed 2\n"
        "  -> give the same options to go on with it, or choose another folder with --output"
    )
    assert {path: path.stat().st_mtime_ns for path in finished[0].rglob("*")} == before


# The recipe, in this process


@pytest.fixture(scope="module")
def config(network: Path) -> Config:
    return Config(str(network), None, miniature.SIZE, finetune_epochs=1, epochs=1)


def test_training_reads_one_list_and_evaluation_the_other(
    config: Config, ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here with a set-up that counts changes on the input, and values behind it."""
    read: set[tuple[str, str]] = set()
    images = Store.images

    def spy(self: Store, video: Video) -> list[np.ndarray]:
        read.add((self.encoding, video.name))
        return images(self, video)

    monkeypatch.setattr(Store, "images", spy)
    dataset = open_dataset(ucf101)
    recipe = Recipe(config, dataset, tmp_path / "run", tmp_path / "cache", workers=2)
    (result,) = recipe.run(["spatial-input-delta"])
    assert {name for kind, name in read if kind == "jpg"} == {video.name for video in dataset.train}
    assert {name for kind, name in read if kind == "png"} == {video.name for video in dataset.test}
    assert result["stages"][0]["operation_sparsity"] > 0.5
    standing = result["classes"][miniature.CLASSES.index("Standing")]
    assert standing["operation_sparsity"] < 0.9  # values are there in a still video too
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "checkpoints",
        "config.json",
        "finetuned.keras",
        "spatial-input-delta.json",
        "spatial-input-delta.keras",
    }


def test_evaluation_reads_the_test_list_once(
    ucf101: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    images = Store.images

    def spy(self: Store, video: Video) -> list[np.ndarray]:
        read.append(video.name)
        return images(self, video)

    monkeypatch.setattr(Store, "images", spy)
    dataset = open_dataset(ucf101)
    model = sparsify(load(network), "baseline", step=0.05)
    store = Store(tmp_path, 32, "png", keep=evaluation.TEST_FRAMES)
    result = evaluate(model, dataset, store, miniature.SIZE, 2, "test", Silent())
    assert sorted(read) == sorted(video.name for video in dataset.test)
    assert (result.videos, result.short) == ([2, 2, 2], 3)
    inputs = network_stages(model)[0]
    row = total(rows_of(inputs.readers, together(result.counts.values())))
    assert 0 <= row.operation_sparsity < 0.2  # values of pixels: hardly any is 0


def test_softmax_is_averaged_and_not_the_logits(ucf101: Path, tmp_path: Path) -> None:
    """One frame that is very sure must not outvote the others: logits of a made-up network."""
    video = open_dataset(ucf101).test[1]  # 40 frames, the middle 32 are used

    class Voting(keras.Model):
        def call(self, frames: object, training: bool = False) -> object:
            count = keras.ops.shape(frames)[0]
            sure = keras.ops.cast(keras.ops.arange(count) == 0, "float32")[:, None]
            return sure * keras.ops.array([[0.0, 90.0, 0.0]]) + (1 - sure) * keras.ops.array(
                [[1.0, 0.0, 0.0]]
            )

    dataset = Dataset(list(miniature.CLASSES), [], [video])
    store = Store(tmp_path, 32, "png", keep=evaluation.TEST_FRAMES)
    result = evaluate(Voting(), dataset, store, miniature.SIZE, 1, "test", Silent())
    assert (result.accuracy, result.videos, result.short) == (1.0, [1, 0, 0], 0)


def test_schedule_is_the_papers() -> None:
    first, second = stages.refinement(3)
    assert (first.frames, first.clips, first.penalty, first.epochs) == (8, 4, 1e-4, 3)
    assert (second.frames, second.clips, second.penalty, second.epochs) == (2, 16, 1e-6, 3)
    assert (stages.LEARNING_RATE, stages.MOMENTUM) == (1e-3, 0.9)
    assert np.allclose([stages.weight(s, 0.5) for s in (first, second)], [0.5, 0.005])
    assert stages.weight(stages.finetuning(1), 0.5) == 0


def test_weights_of_the_stages_reach_the_layers(
    config: Config, ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each set-up and stage: frames a clip, and the penalty."""
    seen = []

    def train(model: keras.Model, stage: stages.Stage, title: str, *_: object) -> None:
        deltas = [layer for layer in model.layers if getattr(layer, "mode", "") == "sigma-delta"]
        seen.append((title, {x.frames for x in deltas}, [*{x.penalty for x in deltas}]))

    def stop(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("stillframe.train.ucf101.recipe.train", train)
    monkeypatch.setattr("stillframe.train.ucf101.recipe.evaluate", stop)
    recipe = Recipe(
        replace(config, penalty=3.0), open_dataset(ucf101), tmp_path / "run", tmp_path / "cache", workers=2
    )
    for setup, penalties in (("baseline", (0.0, 0.0)), ("temporal", (3.0, 0.03))):
        seen.clear()
        with pytest.raises(InterruptedError):
            recipe.run([setup])
        assert seen == [
            ("fine-tuning", set(), []),
            (f"{setup}, clips-of-8", {8}, [pytest.approx(penalties[0])]),
            (f"{setup}, clips-of-2", {2}, [pytest.approx(penalties[1])]),
        ]


def test_fewer_videos_than_a_batch(config: Config, ucf101: Path, tmp_path: Path) -> None:
    dataset = open_dataset(ucf101)
    small = Dataset(dataset.classes, dataset.train[:15], dataset.test)
    with pytest.raises(StillframeError) as error:
        Recipe(config, small, tmp_path / "run", tmp_path / "cache").run(["temporal"])
    assert str(error.value) == (
        "training list: expected at least the 16 videos of a batch, got 15\n  -> list more videos"
    )
    assert not list(tmp_path.iterdir())


def test_network_of_another_form(config: Config, ucf101: Path, network: Path, tmp_path: Path) -> None:
    dataset = open_dataset(ucf101)

    def message(changed: Config, classes: list[str] = dataset.classes) -> str:
        with pytest.raises(StillframeError) as error:
            Recipe(
                changed, Dataset(classes, dataset.train, dataset.test), tmp_path / "run", tmp_path / "cache"
            ).run(["temporal"])
        assert not (tmp_path / "run").exists()
        return str(error.value)

    assert message(replace(config, size=32)) == (
        f"--backbone {network}: expected a model from (None, 32, 32, 3) to (None, 3), "
        "got one from (None, 28, 28, 3) to (None, 3)\n"
        "  -> its input is RGB from 0 to 1 of the size that --size says, its outputs one logit a class"
    )
    assert "to (None, 4), got one" in message(config, [*dataset.classes, "Flying"])
    assert message(replace(config, backbone="resnet51")) == (
        "--backbone resnet51: expected resnet50 or mobilenet, or a .keras file, found nothing of that name\n"
        "  -> check the name or the path"
    )
    assert message(replace(config, backbone="resnet50", size=31)) == (
        "--size 31: expected 32 or more for resnet50, got less\n  -> give a larger one"
    )
    broken = tmp_path / "broken.keras"
    broken.write_bytes(network.read_bytes()[:1000])
    assert message(replace(config, backbone=str(broken))).startswith(
        f"--backbone {broken}: expected a Keras model, got: "
    )
    image = keras.Input((28, 28, 3))
    x = keras.layers.GlobalAveragePooling2D()(image)
    softmax = tmp_path / "softmax.keras"
    with quiet():
        keras.Model(image, keras.layers.Dense(3, activation="softmax")(x)).save(softmax)
    assert message(replace(config, backbone=str(softmax))) == (
        f"--backbone {softmax}: expected logits as its outputs, got those of a softmax\n"
        "  -> leave the softmax out: training and evaluation have it"
    )


def test_folder_belongs_to_its_config_and_files(
    config: Config, ucf101: Path, network: Path, tmp_path: Path
) -> None:
    dataset = open_dataset(ucf101)
    copy = Path(shutil.copy(network, tmp_path / "copy.keras"))
    config = replace(config, backbone=str(copy))
    claim(tmp_path / "run", config, dataset)
    claim(tmp_path / "run", config, dataset)
    with pytest.raises(StillframeError, match=r"run that is there \(dataset [0-9a-f]{16}\), got dataset"):
        claim(tmp_path / "run", config, Dataset(dataset.classes, dataset.train[1:], dataset.test))
    miniature.tiny_network(copy)  # saved again: another file
    with pytest.raises(StillframeError, match=r"run that is there \(backbone_file [0-9a-f]{16}\), got"):
        claim(tmp_path / "run", config, dataset)
    (tmp_path / "run" / "config.json").write_text("[1")
    with pytest.raises(StillframeError, match="expected the settings of an earlier run, got a file that"):
        claim(tmp_path / "run", config, dataset)


def test_unreadable_video_is_found_before_the_training(config: Config, ucf101: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(ucf101, tmp_path / "ucf101")
    broken = copy / "UCF-101" / "Falling" / "v_Falling_g01_c02.avi"  # of the test list
    broken.write_bytes(b"")
    with pytest.raises(StillframeError) as error:
        Recipe(config, open_dataset(copy), tmp_path / "run", tmp_path / "cache", workers=2).run(["temporal"])
    assert str(broken) in str(error.value)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_damaged_checkpoint_is_a_message(config: Config, ucf101: Path, tmp_path: Path) -> None:
    dataset = open_dataset(ucf101)
    arguments = (config, dataset, tmp_path / "run", tmp_path / "cache", 2)
    Recipe(*arguments).run([])
    folder = tmp_path / "run" / "checkpoints" / "finetuned"
    data = next(folder.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(StillframeError, match=r"expected a checkpoint of this training, got: ") as error:
        Recipe(*arguments).run([])
    assert error.value.hint == f"remove {folder} to begin this stage again"


def test_loss_that_is_not_finite_stops(
    config: Config, ucf101: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nan(*_: object, **__: object) -> dict[str, float]:
        return {"loss": float("nan")}

    monkeypatch.setattr(keras.Model, "train_on_batch", nan)
    with pytest.raises(StillframeError) as error:
        Recipe(config, open_dataset(ucf101), tmp_path / "run", tmp_path / "cache", 2).run([])
    assert str(error.value) == (
        "fine-tuning, step 1: expected a finite loss, got nan\n"
        "  -> lower --penalty, or train longer for the task first (--finetune-epochs)"
    )
    assert not list((tmp_path / "run" / "checkpoints").rglob("ckpt*"))


def test_results_of_videos_of_one_frame() -> None:
    """No frame but first ones: nothing to count, which is not 0 %."""
    dataset = Dataset(["A"], [], [])
    result = as_json("temporal", evaluation.Evaluation([1], [2], 2, {0: {}}), [], dataset, {})
    assert (result["accuracy"], result["operation_sparsity"], result["short_videos"]) == (0.5, None, 2)
    assert by_class(result) == "temporal: no sparsity, since every video has one frame"
    assert together([]) == {}
