"""Models with layers that the array does not have, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from host_models import head_model, tail_model, two_heads

import stillframe
from stillframe.cli.main import execute
from stillframe.contract import Program
from stillframe.frontend import read_tflite
from stillframe.golden import ReferenceModel

MODELS = {
    "tail": tail_model,
    "head": head_model,
    "head8": lambda: head_model("INT8"),
    "headu8": lambda: head_model("UINT8"),
    "heads": two_heads,
    "softmax": lambda: two_heads("SOFTMAX"),
}
RANGE = ("--input-range", "0,1")
ON_THE_HOST = {
    "tail": ["pick GATHER the array has no GATHER: compute the parts by layers of their own instead",
             "fold ABS behind pick, which runs on the host"],
    "head": ["quarter DIV the array has no DIV",
             "codes QUANTIZE before only, where the device's part begins"],
    "head8": ["turn TRANSPOSE the array has no TRANSPOSE: build the network so that maps stay "
              "height x width x channels"],
    "heads": ["fold ABS the array has no ABS", "classes GATHER behind fold, which runs on the host"],
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The ``.tflite`` file of a model by its name in MODELS."""
    path = tmp_path / f"{request.param}.tflite"
    path.write_bytes(MODELS[request.param]())
    return path


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is printed, with one space between words."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("model", MODELS, indirect=True)
@pytest.mark.parametrize("threshold", [0, 3])
def test_run_is_equal_and_says_what_the_host_computes(
    fake_device,
    model: Path,
    small_clip: Path,
    tmp_path: Path,
    threshold: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = ("--outputs", tmp_path / "o.npz", "--json", tmp_path / "o.json", "--report", tmp_path / "report")
    options = map(str, (*RANGE, "--threshold", threshold, *files))
    assert execute(["run", str(model), str(small_clip), *options]) == 0
    printed = lines(capsys)
    for line in ON_THE_HOST.get(model.stem, []):
        assert line in printed
        assert line.split()[0] in (tmp_path / "report" / "index.html").read_text()
    assert json.loads((tmp_path / "o.json").read_text())["total"]["mismatches"] == 0
    if threshold:
        return
    graph = read_tflite(model.read_bytes(), "m", "m")
    with np.load(tmp_path / "o.npz") as arrays:
        expected, _ = ReferenceModel(graph).run(arrays["inputs"])
        assert arrays["inputs"].dtype == graph.frame.dtype
        assert set(arrays) == {"inputs", *expected}
        for name, values in expected.items():
            np.testing.assert_array_equal(arrays[name], values)


@pytest.mark.parametrize("model", ["tail"], indirect=True)
def test_wrong_device_tensor_before_a_tail_is_a_mismatch(
    fake_device, model: Path, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_device.flip = {(1, 2): (3, 5, 4)}
    assert execute(["run", str(model), str(small_clip), *RANGE]) == 1
    assert capsys.readouterr().err.startswith(
        "stillframe: frame 1, layer second (CONV_2D), row 3, column 5, channel 4: expected "
    )


@pytest.mark.parametrize("model", ["tail"], indirect=True)
def test_wrong_tail_is_a_mismatch_of_its_output(
    fake_device,
    model: Path,
    small_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stillframe.driver.host_model import HostModel

    tail_run = HostModel.run

    def wrong(self: HostModel, values: list[np.ndarray]) -> list[np.ndarray]:
        picked, folded = tail_run(self, values)
        folded[1, 2, 0] ^= 4
        return [picked, folded]

    monkeypatch.setattr(HostModel, "run", wrong)  # the verifier's too: TFLite is the witness then
    assert execute(["run", str(model), str(small_clip), *RANGE]) == 1
    assert "frame 0, layer folded (output), row 1, column 2, channel 0: expected " in (
        err := capsys.readouterr().err
    )
    assert "from TFLite's reference kernels" in err


@pytest.mark.parametrize("model", ["tail"], indirect=True)
def test_split_and_program_file(
    fake_device, model: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.stillframe"
    compiled = ["compile", str(model), "--calibrate", str(small_clip), "-o", str(path), *RANGE]
    assert execute([*compiled, "--split", "first"]) == 0
    printed = lines(capsys)
    assert "picked tensor 1 12 x 16 x 3 TFLite's interpreter" in printed
    assert "second CONV_2D behind first, where --split ends the device's part" in printed
    program = Program.load(path)
    assert [layer.name for layer in program.layers] == ["image", "first"]
    assert program.split == "@0"
    assert execute(["run", str(path), str(small_clip), *RANGE]) == 0
    assert "second CONV_2D behind first, where --split ends the device's part" in lines(capsys)
    assert execute(["run", str(path), str(small_clip), *RANGE, "--split", "second"]) == 2
    assert capsys.readouterr().err == (
        f"stillframe: program {path}: expected no --split, since a program is compiled for an array, a mode, "
        "a threshold and a border, got one\n"
        "  -> leave it out, or name the model instead of the program\n"
    )


@pytest.mark.parametrize("model", ["tail"], indirect=True)
def test_split_at_no_layer(
    fake_device, model: Path, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["run", str(model), str(small_clip), *RANGE, "--split", "frist"]) == 2
    assert capsys.readouterr().err == (
        f"stillframe: {model}: expected --split to name a layer, got 'frist'\n  -> did you mean first?\n"
    )


@pytest.mark.parametrize("model", ["head", "headu8"], indirect=True)
def test_from_python(fake_device, model: Path, small_clip: Path) -> None:
    program = stillframe.compile(str(model), calibrate=str(small_clip), input_range=(0, 1))
    frames = list(stillframe.clip(str(small_clip), program, frames=2, input_range=(0, 1)))
    assert [(f.shape, f.dtype) for f in frames] == [((12, 16, 3), np.dtype(program.frame.dtype))] * 2
    if program.frame.dtype == "float32":
        assert 0.9 < max(f.max() for f in frames) <= 1


def test_keras_model_with_a_layer_that_the_array_lacks(
    fake_device, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compiled, kept, and run: outputs have the Keras model's names, and layers theirs."""
    from stillframe.frontend.quiet import load_tensorflow, quiet

    keras = load_tensorflow().keras
    keras.utils.set_random_seed(5)
    image = keras.Input((12, 16, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="body")(image)
    large = keras.layers.Conv2DTranspose(2, 3, strides=2, name="grow")(x)
    model = keras.Model(image, [large, keras.layers.Conv2D(4, 1, name="small")(x)])
    path, program = tmp_path / "net.keras", tmp_path / "net.stillframe"
    with quiet():
        model.save(path)
    assert execute(["compile", str(path), "--calibrate", str(small_clip), "-o", str(program)]) == 0
    printed = lines(capsys)
    assert any(
        line.startswith("grow TRANSPOSE_CONV the array has no TRANSPOSE_CONV: use UpSampling2D")
        for line in printed
    )
    assert {r.name for r in Program.load(program).results} == {"grow", "small"}
    assert execute(["run", str(program), str(small_clip)]) == 0
    assert "nothing differs" in capsys.readouterr().out
