"""SavedModel folders, as Keras exports them and as TensorFlow saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.frontend import from_keras, from_saved_model
from stillframe.frontend.quiet import load_tensorflow, quiet

SHAPE = (12, 16, 3)
FRAMES = np.random.default_rng(0).random((8, *SHAPE), np.float32)


@pytest.fixture(scope="module")
def tf() -> Any:
    return load_tensorflow()


@pytest.fixture(scope="module")
def network(tf: Any) -> Any:
    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(3)
    image = tf.keras.Input(SHAPE, name="image")
    x = layers.Conv2D(6, 3, activation="relu", name="first")(image)
    heat = layers.Conv2D(2, 1, name="heat")(x)
    classes = layers.Dense(3, activation="softmax", name="classes")(layers.Flatten()(x))
    return tf.keras.Model(image, {"heat": heat, "classes": classes}, name="network")


def module(tf: Any, *shape: int | None, dtype: str = "float32") -> Any:
    """A plain tf.Module that filters its input, with a signature for inputs of ``shape``."""

    class Filter(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.random.default_rng(1).normal(size=(3, 3, 3, 4)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec(shape, dtype)])  # type: ignore[untyped-decorator]
        def __call__(self, frames: Any) -> Any:
            return tf.nn.relu(tf.nn.conv2d(tf.cast(frames, tf.float32), self.kernel, 1, "SAME"))

    return Filter()


def saved(tf: Any, model: Any, folder: Path, **options: Any) -> Path:
    with quiet():
        tf.saved_model.save(model, folder, **options)
    return folder


@pytest.mark.parametrize("way", ["export", "save"])
def test_a_keras_model_is_the_same_network(tf: Any, network: Any, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "exported"
    if way == "export":
        with quiet():
            network.export(folder, verbose=False)
    else:
        saved(tf, network, folder)
    graph, expected = from_saved_model(folder, FRAMES), from_keras(network, FRAMES)
    assert graph.name == "exported"
    assert {o.name: o.shape for o in graph.outputs} == {"heat": (10, 14, 2), "classes": (3,)}
    assert sorted(n.name for n in graph.nodes) == ["classes", "first", "heat"]
    nodes = {node.name: node for node in expected.nodes}
    for node in graph.nodes:
        np.testing.assert_array_equal(node.weights, nodes[node.name].weights)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(node.bias, nodes[node.name].bias)  # type: ignore[attr-defined]


@pytest.mark.parametrize("batch", [None, 1])
def test_a_module(tf: Any, tmp_path: Path, batch: int | None, capfd: pytest.CaptureFixture[str]) -> None:
    folder = saved(tf, module(tf, batch, *SHAPE), tmp_path / "filter")
    capfd.readouterr()
    graph = from_saved_model(folder, (frame for frame in FRAMES), name="mine")
    assert graph.name == "mine"
    assert [(n.op, graph.tensors[n.output].shape) for n in graph.nodes] == [("CONV_2D", (12, 16, 4))]
    assert [o.name for o in graph.outputs] == ["output_0"]
    assert capfd.readouterr() == ("", "")


def test_an_open_input_shape_may_be_given(tf: Any, tmp_path: Path) -> None:
    folder = saved(tf, module(tf, None, None, None, 3), tmp_path / "open")
    assert message(folder) == (
        "model open: expected an input of fixed height, width and channels, got ? x ? x 3\n"
        "  -> give input_shape=(height, width, channels), or export the model with a fixed input shape"
    )
    assert from_saved_model(folder, FRAMES, input_shape=SHAPE).tensors[0].shape == SHAPE
    text = message(folder, input_shape=(12, 16, 5), frames=np.zeros((2, 12, 16, 5), np.float32))
    assert text.startswith("model open: expected it to take an input of 1 x 12 x 16 x 5, got: ")
    assert text.endswith("\n  -> check the input's shape")


def message(folder: Path, frames: Any = FRAMES, **options: Any) -> str:
    with pytest.raises(StillframeError) as error:
        from_saved_model(folder, frames, **options)
    return str(error.value)


def test_calibration_frames_of_another_shape_or_none(tf: Any, tmp_path: Path) -> None:
    folder = saved(tf, module(tf, None, *SHAPE), tmp_path / "filter")
    assert message(folder, FRAMES[:, :5]) == (
        "model filter: expected calibration frames of 12 x 16 x 3, got 5 x 16 x 3 in frame 0\n"
        "  -> resize the frames to the model's input"
    )
    assert message(folder, FRAMES[:0]) == (
        "model filter: expected frames to calibrate with, got none\n  -> give frames of a typical clip"
    )


def test_folders_that_are_no_saved_models(tmp_path: Path) -> None:
    def expected(path: Path, got: str) -> str:
        return (
            f"model {path}: expected a SavedModel folder with saved_model.pb in it, got {got}\n"
            "  -> check the path; Keras's model.export(FOLDER) makes such a folder"
        )

    folder, file = tmp_path / "folder", tmp_path / "file"
    assert message(folder) == expected(folder, "nothing of that name")
    folder.mkdir()
    assert message(folder) == expected(folder, "an empty folder")
    for name in "gfedcb":
        (folder / name).write_text("")
    assert message(folder) == expected(folder, "a folder with b, c, d, e, f, ...")
    (folder / "g").unlink()
    assert message(folder) == expected(folder, "a folder with b, c, d, e, f")
    file.write_text("")
    assert message(file) == expected(file, "a file")


def test_a_damaged_saved_model(tf: Any, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"no model at all")
    text = message(tmp_path)
    assert text.startswith(
        f"model {tmp_path}: expected a SavedModel that TensorFlow {tf.__version__} can load, got: "
    )
    assert text.endswith("\n  -> check that the folder is whole, variables included; export the model again")
    assert text.count("\n") == 1


def test_weights_missing(tf: Any, tmp_path: Path) -> None:
    folder = saved(tf, module(tf, None, *SHAPE), tmp_path / "filter")
    for file in (folder / "variables").iterdir():
        file.unlink()
    assert message(folder).startswith(f"model {folder}: expected a SavedModel that TensorFlow ")


def test_inputs_that_do_not_fit(tf: Any, tmp_path: Path) -> None:
    folder = saved(tf, module(tf, 8, *SHAPE), tmp_path / "eight")
    assert message(folder) == (
        f"model {folder}: expected an input with an open batch, or one of 1, got 8 x 12 x 16 x 3\n"
        "  -> export the model with a batch of None or 1"
    )
    folder = saved(tf, module(tf, None, *SHAPE, dtype="uint8"), tmp_path / "bytes")
    assert message(folder) == (
        f"model {folder}: expected a float32 input, got uint8 in 'frames'\n"
        "  -> export the model with a float32 input; Stillframe makes it int8"
    )

    spec = tf.TensorSpec((None, *SHAPE), tf.float32)
    both = tf.Module()
    both.add = tf.function(lambda a, b: {"sum": a + b}, input_signature=[spec, spec])
    folder = saved(tf, both, tmp_path / "both", signatures=both.add)
    assert message(folder) == (
        f"model {folder}: expected one input, got 2 (a, b)\n"
        "  -> split the model, or stack its inputs into the channels of one"
    )


def test_signatures(tf: Any, tmp_path: Path) -> None:
    filters = module(tf, None, *SHAPE)
    folder = saved(tf, filters, tmp_path / "one", signatures={"other": filters.__call__})
    assert len(from_saved_model(folder, FRAMES).nodes) == 1
    folder = saved(tf, filters, tmp_path / "two", signatures={"a": filters.__call__, "b": filters.__call__})
    hint = "\n  -> save it with tf.saved_model.save(model, FOLDER, signatures=FUNCTION)"
    assert message(folder) == (f"model {folder}: expected a signature 'serving_default', got 'a', 'b'{hint}")
    folder = saved(tf, tf.Module(), tmp_path / "none")
    assert message(folder) == (
        f"model {folder}: expected a signature 'serving_default', got no signature at all{hint}"
    )
