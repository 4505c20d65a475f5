"""Models of each kind, and the range of values that is chosen for their input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.frontend.quiet import load_tensorflow, quiet
from stillframe.run.models import load_model
from stillframe.run.progress import Silent
from stillframe.video import ValueRange, open_clip


class Said(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras model of one convolution, 12 x 16 x 1."""
    keras = load_tensorflow().keras
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 16, 1))
    path = tmp_path_factory.mktemp("models") / "grey.keras"
    with quiet():
        keras.Model(image, keras.layers.Conv2D(4, 3, name="only")(image)).save(path)
    return path


def test_keras_file_takes_0_to_1(keras_file: Path, small_clip: Path) -> None:
    said = Said()
    clip = open_clip(str(small_clip))
    model = load_model(str(keras_file), clip, None, said)
    assert said.lines == [
        "input range 0..1 (taken for Keras models without a Rescaling layer; --input-range overrides)"
    ]
    assert model.graph.name == "grey"
    assert model.input_shape == (12, 16, 1)
    codes = model.codes(clip, 3)
    assert codes.shape == (3, 12, 16, 1)
    tensor = model.graph.tensors[model.graph.input.tensor]
    real = tensor.scale * (codes.astype(float) - tensor.zero_point)
    assert 0 <= real.min() < 0.2
    assert 0.9 < real.max() <= 1


def test_range_as_asked(keras_file: Path, small_clip: Path) -> None:
    said = Said()
    model = load_model(str(keras_file), open_clip(str(small_clip)), ValueRange(-2, 3), said)
    assert said.lines == ["input range -2..3 (as asked; --input-range overrides)"]
    tensor = model.graph.tensors[model.graph.input.tensor]
    assert tensor.scale * (127 - tensor.zero_point) > 2.5


def test_range_of_a_model_that_rescales_itself() -> None:
    from stillframe.run.float_models import _begins_with_rescaling

    keras = load_tensorflow().keras
    layers = keras.layers
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(2, 1)])
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner])
    plain = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 1), layers.Rescaling(2.0)])
    assert _begins_with_rescaling(inner)
    assert _begins_with_rescaling(outer)
    assert not _begins_with_rescaling(plain)


def test_keras_model_without_clip(keras_file: Path) -> None:
    with pytest.raises(StillframeError) as caught:
        load_model(str(keras_file), None, None, Silent())
    assert str(caught.value) == (
        f"model {keras_file}: expected a clip to calibrate a Keras model with, got none\n"
        "  -> name one, for example --calibrate carphone"
    )


def saved_model(folder: Path, *shape: int | None) -> Path:
    """A SavedModel of one convolution."""
    keras = load_tensorflow().keras
    keras.utils.set_random_seed(3)
    with quiet():
        model = keras.Sequential([keras.Input(shape), keras.layers.Conv2D(4, 3, name="only")])
        model.export(folder, verbose=False)
    return folder


def test_saved_model(small_clip: Path, tmp_path: Path) -> None:
    said, folder = Said(), saved_model(tmp_path / "grey", 12, 16, 1)
    model = load_model(str(folder), open_clip(str(small_clip)), None, said)
    assert said.lines == [
        "input range 0..1 (taken for SavedModels, which do not tell; --input-range overrides)"
    ]
    assert model.graph.name == "grey"
    assert model.input_shape == (12, 16, 1)
    assert [node.name for node in model.graph.nodes] == ["only"]
    with pytest.raises(StillframeError) as caught:
        load_model(str(folder), None, None, Silent())
    assert str(caught.value) == (
        f"model {folder}: expected a clip to calibrate a SavedModel with, got none\n"
        "  -> name one, for example --calibrate carphone"
    )


def test_saved_model_of_open_size(small_clip: Path, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "open", None, None, 3)
    with pytest.raises(StillframeError) as caught:
        load_model(str(folder), open_clip(str(small_clip)), None, Silent())
    assert str(caught.value) == (
        f"model {folder}: expected an input of fixed height, width and channels, got shape (None, None, 3)\n"
        "  -> export it with a fixed input shape"
    )


def test_file_inside_a_saved_model(tmp_path: Path) -> None:
    path = saved_model(tmp_path / "grey", 12, 16, 1) / "saved_model.pb"
    with pytest.raises(StillframeError) as caught:
        load_model(str(path), None, None, Silent())
    assert str(caught.value) == (
        f"model {path}: expected a .keras, .h5, .tflite or program file, a SavedModel folder, got .pb and "
        f"{path.read_bytes()[:8]!r} at byte 0\n  -> name its folder"
    )


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(StillframeError) as caught:
        load_model(str(tmp_path), None, None, Silent(), noise=True)
    assert str(caught.value) == (
        f"model {tmp_path}: expected a SavedModel folder with saved_model.pb in it, got an empty folder\n"
        "  -> check the path; Keras's model.export(FOLDER) makes such a folder"
    )


def test_noise_in_place_of_a_clip(keras_file: Path) -> None:
    first, second = (
        load_model(str(keras_file), None, ValueRange(-1, 1), Silent(), noise=True).graph for _ in range(2)
    )
    assert first.tflite == second.tflite
    tensor = first.tensors[first.input.tensor]
    assert tensor.scale == pytest.approx(2 / 255, rel=0.05)
    assert abs(tensor.zero_point) <= 1


def test_keras_model_of_open_size(small_clip: Path, tmp_path: Path) -> None:
    keras = load_tensorflow().keras
    image = keras.Input((None, None, 3))
    path = tmp_path / "open.keras"
    with quiet():
        keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(path)
    with pytest.raises(StillframeError) as caught:
        load_model(str(path), open_clip(str(small_clip)), None, Silent())
    assert str(caught.value) == (
        f"model {path}: expected an input of fixed height, width and channels, got shape (None, None, 3)\n"
        "  -> build it with keras.Input((height, width, channels))"
    )


def test_example_has_its_range_and_finds_faces() -> None:
    from stillframe.examples import find_example
    from stillframe.golden import ReferenceModel

    said = Said()
    clip = open_clip("carphone", frames=51)
    model = load_model("pnet", clip, None, said)
    assert said.lines == ["input range -1..1 (known of the example; --input-range overrides)"]
    assert model.example == find_example("pnet")
    assert model.input_shape == (48, 60, 3)
    codes = model.codes(clip, 51)[50:]
    outputs, _ = ReferenceModel(model.graph).run(codes)
    real = {
        o.name: (o.scale * (outputs[o.name][0].astype(np.float32) - o.zero_point)).astype(np.float32)
        for o in model.graph.outputs
    }
    assert model.example is not None
    (face,) = model.example.detect(real, 48, 60)
    assert face.score > 0.95
    assert 0.25 < face.left < face.right < 0.55
    assert 0.2 < face.top < face.bottom < 0.7
