"""``stillframe check``: what a model takes, whether it fits, and if not, what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_writer import ModelWriter

from stillframe.cli.main import execute
from stillframe.compiler import compile_graph, compile_with_plan, profile_graph, summary
from stillframe.contract import ArrayConfig
from stillframe.contract.array import ACC_BITS
from stillframe.frontend import read_tflite
from stillframe.frontend.quiet import load_tensorflow, quiet
from stillframe.video import ValueRange, code_table, fit, open_clip

LAST = 1 / 256


def check(*arguments: object) -> int:
    return execute(["check", *map(str, arguments)])


def convolution(writer: ModelWriter, name: str, source: int, kernel: int, size: int, outputs: int) -> int:
    """A VALID convolution of 4 channels to a map of ``size`` x ``size``."""
    rng = np.random.default_rng(len(name))
    weights = rng.integers(-127, 128, (outputs, kernel, kernel, 4))
    w = writer.tensor(f"{name}/w", weights.shape, scale=[0.02] * outputs, data=weights)
    b = writer.tensor(f"{name}/b", (outputs,), "INT32", [0.002] * outputs, data=[0] * outputs)
    y = writer.tensor(f"{name}/out", (1, size, size, outputs), scale=0.1)
    writer.operator("CONV_2D", [source, w, b], [y], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    return y


def written(path: Path, *operators: str, kernel: int = 3, size: int = 8) -> Path:
    """A model of the operators named on maps of 4 channels; ``CONV_2D`` is a convolution."""
    writer = ModelWriter()
    image = tensor = writer.tensor("image", (1, size, size, 4), scale=1 / 255, zero_point=-128)
    for number, op in enumerate(operators):
        if op == "CONV_2D":
            size -= kernel - 1
            tensor = convolution(writer, f"conv{number}", tensor, kernel, size, 4)
        else:
            result = writer.tensor(f"own{number}/out", (1, size, size, 4), scale=0.1)
            writer.operator(op, [tensor], [result])
            tensor = result
    path.write_bytes(writer.finish([image], [tensor]))
    return path


def test_what_fits(small_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "check.json"
    assert check(small_tflite, "--array", "1x8@25F", "--json", path) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "small on array 1x8@25F (8 lanes), mode auto, in KiB" in printed.out
    found = json.loads(path.read_text())
    assert list(found) == [
        "schema", "model", "array", "mode", "scales", "fits", "layers", "memories", "cycles",
        "tailored_array", "board", "problems",
    ]  # fmt: skip
    assert (found["schema"], found["model"], found["array"]) == ("stillframe.check/1", "small", "1x8@25F")
    assert (found["mode"], found["scales"], found["fits"], found["problems"]) == ("auto", "model", True, [])
    assert found["cycles"] is None, "nothing is known of the frames"
    layers = found["layers"]
    assert [layer["op"] for layer in layers] == ["INPUT", "CONV_2D", "CONV_2D"]
    assert {layer["runs_on"] for layer in layers} == {"array"}
    assert {layer["mode"] for layer in layers} == {"delta"}
    assert [layer["shape"] for layer in layers] == [[12, 16, 3], [10, 14, 6], [10, 14, 4]]
    assert [layer["macs"] for layer in layers] == [0, 10 * 14 * 9 * 3 * 6, 10 * 14 * 6 * 4]
    assert [layer["weights"] for layer in layers] == [0, 9 * 3 * 6, 6 * 4]
    drain = ArrayConfig.parse("1x8@25F").drain
    for layer in layers:
        assert layer["state_bits"] == layer["memory"]["STATE"] * ACC_BITS * drain

    # The same as the compiled program takes; only EVENTS is shared over time.
    program = compile_graph(
        read_tflite(small_tflite.read_bytes(), "small", "small"), ArrayConfig.parse("1x8@25F")
    )
    for use, memory in zip(summary.memory_use(program), found["memories"], strict=True):
        assert (memory["name"], memory["used"]) == (use.name, use.used)
        assert (memory["available"], memory["word_bits"]) == (use.available, use.word_bits)
        if use.name != "EVENTS":
            assert sum(layer["memory"][use.name] for layer in layers) == use.used
    fullest = max(found["memories"], key=lambda m: m["used"] / m["available"])
    assert printed.out.splitlines()[-1] == (
        f"it fits: small on 1x8@25F; the fullest memory is {fullest['name']}, "
        f"{fullest['used'] / fullest['available']:.0%} of it used"
    )


def test_cycles_are_estimated_with_a_clip(
    small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "check.json"
    assert check(small_tflite, "--calibrate", small_clip, "--json", path) == 0
    graph = read_tflite(small_tflite.read_bytes(), "small", "small")
    clip, tensor = open_clip(str(small_clip)), graph.tensors[0]
    table = code_table(ValueRange(0, 1), tensor.scale, tensor.zero_point)
    codes = np.stack([table[fit(frame, *tensor.shape)] for frame in clip])
    _, plan = compile_with_plan(graph, ArrayConfig.parse("1x16"), profile=profile_graph(graph, codes))
    found = json.loads(path.read_text())["cycles"]
    assert found == {
        "estimated": sum(plan.cycles),
        "error": 0.05,
        "layers": list(plan.cycles),
        "in_mode": plan.alternatives,
    }
    printed = capsys.readouterr().out
    others = ", ".join(f"all {mode} {cycles:,.0f}" for mode, cycles in plan.alternatives.items())
    assert (
        f"estimated, not counted: {sum(plan.cycles):,.0f} cycles a frame ({others}), over the clip's first 4 "
        "frames behind the key frame; the device's counters differ by at most 5% on these\n"
    ) in printed
    assert [f"{cycles:,.0f}" in printed for cycles in plan.cycles] == [True] * 3


def test_pinned_layer_is_direct(
    small_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = read_tflite(small_tflite.read_bytes(), "small", "small")
    names, path = [node.name for node in graph.nodes], tmp_path / "check.json"
    assert check(small_tflite, "--pin", f"{names[0]}=direct", "--json", path) == 0
    assert [layer["mode"] for layer in json.loads(path.read_text())["layers"]] == [
        "direct",
        "direct",
        "delta",
    ]
    assert check(small_tflite, "--pin", "third=direct") == 2
    assert capsys.readouterr().err == (
        "stillframe: pin third=direct: expected the name of a layer on the array that has a choice, "
        f"got none\n  -> layers with a choice: {', '.join(names)}\n"
    )


def problems(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands behind the tables."""
    out = capsys.readouterr().out
    return out[out.index("it does not fit") :]


def test_what_does_not_fit_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, result = written(tmp_path / "large.tflite", "CONV_2D", size=100), tmp_path / "check.json"
    assert check(path, "--array", "1x4@25F", "--mode", "delta", "--json", result) == 1
    found = json.loads(result.read_text())
    assert not found["fits"]
    (problem,) = found["problems"]
    assert "take a larger part: --array 1x4@85F" in problem["hint"]
    assert problems(capsys) == (
        f"it does not fit: large on 1x4@25F\n  {problem['message']}\n    -> {problem['hint']}\n"
    )
    short = {m["name"] for m in found["memories"] if m["used"] > m["available"]}
    assert short == {
        name for name in ("CODES", "EVENTS", "MASKS", "STATE") if f"of {name}," in problem["message"]
    }
    assert check(path, "--array", "1x4@85F", "--mode", "delta") == 0


def test_everything_that_is_wrong_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums that are too wide in two layers, and memory that is short: not the first of them alone."""
    writer = ModelWriter()
    image = writer.tensor("image", (1, 60, 60, 4), scale=1 / 255, zero_point=-128)
    ends = []
    for name in ("one", "two"):
        w = writer.tensor(f"{name}/w", (4, 60, 60, 4), scale=[0.02] * 4, data=np.full((4, 60, 60, 4), 127))
        b = writer.tensor(f"{name}/b", (4,), "INT32", [0.02 / 255] * 4, data=[0] * 4)
        ends.append(writer.tensor(f"{name}/out", (1, 1, 1, 4), scale=0.1))
        writer.operator(
            "CONV_2D", [image, w, b], [ends[-1]], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1
        )
    path = tmp_path / "dense.tflite"
    path.write_bytes(writer.finish([image], ends))
    assert check(path, "--array", "1x4@25F") == 1
    lines = problems(capsys).splitlines()
    starts = [line.split(":")[0] for line in lines[1::2]]
    assert starts == ["  layer 'one'", "  layer 'two'", "  model dense on array 1x4@25F"]
    assert all(line.startswith("    -> ") for line in lines[2::2])


def test_a_tail_runs_on_the_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "tail.tflite", "CONV_2D", "CONV_2D", "ROUND", "FLOOR")
    result = tmp_path / "check.json"
    assert check(path, "--json", result) == 0
    found = json.loads(result.read_text())
    assert [(layer["op"], layer["runs_on"]) for layer in found["layers"]] == [
        ("INPUT", "array"), ("CONV_2D", "array"), ("CONV_2D", "array"), ("ROUND", "host"), ("FLOOR", "host"),
    ]  # fmt: skip
    assert found["layers"][3] == {
        "name": "own2",
        "op": "ROUND",
        "runs_on": "host",
        "supported": False,
        "why": "the array has no ROUND",
    }
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines() if "own" in line and "host" in line] == [
        ["own2", "ROUND", "host"],
        ["own3", "FLOOR", "host"],
        ["own3", "FLOOR", "behind", "own2,", "which", "runs", "on", "the", "host"],
    ]
    assert [line.split(maxsplit=2)[2].strip() for line in out.splitlines() if "no ROUND" in line] == [
        "the array has no ROUND"
    ]


def test_split(tmp_path: Path) -> None:
    path, result = written(tmp_path / "net.tflite", "CONV_2D", "CONV_2D"), tmp_path / "check.json"
    assert check(path, "--split", "conv0", "--json", result) == 0
    layers = json.loads(result.read_text())["layers"]
    assert [(layer["op"], layer["runs_on"]) for layer in layers] == [
        ("INPUT", "array"), ("CONV_2D", "array"), ("CONV_2D", "host"),
    ]  # fmt: skip
    assert layers[2]["supported"]


def test_nothing_for_the_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = ModelWriter()
    image = writer.tensor("image", (1, 8, 8, 4), scale=0.1)
    ends = []
    for op in ("ROUND", "FLOOR"):
        ends.append(writer.tensor(f"{op.lower()}/out", (1, 8, 8, 4), scale=0.1))
        writer.operator(op, [image], [ends[-1]])
    path = tmp_path / "none.tflite"
    path.write_bytes(writer.finish([image], ends))
    assert check(path) == 1
    lines = problems(capsys).splitlines()
    assert lines[0] == f"it does not fit: {path} on 1x16@85F"
    for line, op, number in ((lines[1], "ROUND", 0), (lines[3], "FLOOR", 1)):
        assert line == (
            f"  {path}: layer '{op.lower()}' (operator {number}, {op}): "
            f"expected a supported operator, got {op}"
        )
    assert lines[2].startswith("    -> replace the layer; supported are ")


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras = load_tensorflow().keras
    path = tmp_path_factory.mktemp("models") / "net.keras"
    with quiet():
        keras.Sequential([keras.Input((12, 16, 3)), keras.layers.Conv2D(4, 3, name="only")]).save(path)
    return path


def test_a_keras_model_without_a_clip(
    keras_file: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(*options: object) -> tuple[dict[str, Any], str]:
        path = tmp_path / "check.json"
        assert check(keras_file, "--json", path, *options) == 0
        return json.loads(path.read_text()), capsys.readouterr().out

    noise, told = found()
    clip, not_told = found("--calibrate", small_clip, "--mode", "delta")
    note = (
        "the model was calibrated on noise: shapes, MACs and memory are those of the real one, scales are not"
    )
    assert (note in told, note in not_told) == (True, False)
    assert (noise["scales"], clip["scales"]) == ("noise", "clip")
    assert noise["layers"] == clip["layers"]
    assert noise["memories"] == clip["memories"]


def test_what_the_converter_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tf = load_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))])  # type: ignore[untyped-decorator]
    def erf(frames: Any) -> Any:
        return tf.math.erf(frames)

    model = tf.Module()
    model.erf = erf
    with quiet():
        tf.saved_model.save(model, tmp_path / "erf", signatures=erf)
    assert check(tmp_path / "erf") == 1
    lines = problems(capsys).splitlines()
    assert (
        lines[1]
        == "  model erf: expected a network that TensorFlow's converter can bring to int8, got tf.Erf"
    )


def test_a_program_file_brings_its_array(small_tflite: Path, tmp_path: Path) -> None:
    program, path = tmp_path / "small.stillframe", tmp_path / "check.json"
    assert execute(["compile", str(small_tflite), "--array", "1x8@45F", "-o", str(program)]) == 0
    assert check(program, "--json", path) == 0
    assert json.loads(path.read_text())["array"] == "1x8@45F"
    assert check(program, "--array", "1x4", "--json", path) == 0
    assert json.loads(path.read_text())["array"] == "1x4@85F"


@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL3" + bytes(range(64))])
def test_a_damaged_file_is_wrong_input(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert check(path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"stillframe: {path}: expected ")
    assert error.count("\n  -> ") == 1


def test_wrong_use(tmp_path: Path, small_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(small_tflite, "--json", tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"stillframe: --json {tmp_path}: expected a file that can be")
    assert check(small_tflite, "--threshold", 3, "--frames", 2) == 2
    assert capsys.readouterr().err.startswith(
        "stillframe: command line: expected options of stillframe check, got --frames 2\n"
    )
