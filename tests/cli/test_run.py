"""``stillframe run`` as a user sees it: exit status, files, what is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from stillframe.cli.main import execute
from stillframe.contract import Mode, Program
from stillframe.frontend import read_tflite


def run(*arguments: object) -> int:
    return execute(["run", *map(str, arguments)])


def test_equal_run(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--json", tmp_path / "r.json", "--outputs", tmp_path / "r.npz", "--report", tmp_path / "report")
    assert run(small_tflite, small_clip, "--array", "1x16", "--mode", "delta", *files) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "nothing differs: all 2,800 output values of 5 frames" in " ".join(printed.out.split())
    assert "gained over dense: " in printed.out
    assert "gained over ordinary zero skipping: " in printed.out
    assert (tmp_path / "report" / "index.html").read_text().startswith("<!doctype html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json", "r.npz", "report"]

    result = json.loads((tmp_path / "r.json").read_text())
    assert list(result) == [
        "schema", "model", "clip", "array", "mode", "threshold", "frames", "layers", "total",
    ]  # fmt: skip
    assert result["model"] == "small"
    assert result["clip"] == str(small_clip)
    assert (result["array"], result["mode"], result["threshold"]) == ("1x16@85F", "delta", 0)
    assert [list(f) for f in result["frames"]] == [
        ["index", "key", "cycles", "macs_dense", "macs_issued", "mismatches"]
    ] * 5
    assert [f["index"] for f in result["frames"]] == [0, 1, 2, 3, 4]
    assert [f["key"] for f in result["frames"]] == [True, False, False, False, False]
    dense = 10 * 14 * (9 * 3 * 6 + 6 * 4)
    assert {f["macs_dense"] for f in result["frames"]} == {dense}
    assert result["frames"][3]["macs_issued"] == 0  # a still frame
    assert 0 < result["frames"][1]["macs_issued"] < dense

    steady = result["frames"][1:]
    total = result["total"]
    assert total["cycles_per_frame"] == sum(f["cycles"] for f in steady) / 4
    assert total["macs_dense_per_frame"] == dense
    assert total["macs_issued_per_frame"] == sum(f["macs_issued"] for f in steady) / 4
    assert total["bound_cycles_per_frame"] == total["macs_issued_per_frame"] / 16
    assert total["lane_utilisation"] == total["bound_cycles_per_frame"] / total["cycles_per_frame"]
    assert (total["outputs_checked"], total["mismatches"]) == (5 * 10 * 14 * 4, 0)
    assert [layer["op"] for layer in result["layers"]] == ["INPUT", "CONV_2D", "CONV_2D"]
    assert {layer["mode"] for layer in result["layers"]} == {"delta"}
    for count in ("cycles", "macs_dense", "macs_issued"):
        assert sum(layer[count] for layer in result["layers"]) == pytest.approx(total[f"{count}_per_frame"])

    with np.load(tmp_path / "r.npz") as arrays:
        assert sorted(arrays) == ["inputs", "map"]
        assert arrays["inputs"].shape == (5, 12, 16, 3)
        assert arrays["map"].shape == (5, 10, 14, 4)
        assert arrays["inputs"].dtype == arrays["map"].dtype == np.int8
        from stillframe.golden import ReferenceModel

        reference = ReferenceModel(read_tflite(small_tflite.read_bytes(), "small", "small"))
        assert np.array_equal(arrays["map"], reference.run(arrays["inputs"])[0]["map"])


def test_part_of_a_clip(fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert run(small_tflite, small_clip, "--start", 1, "--frames", 3, "--json", path) == 0
    assert [f["index"] for f in json.loads(path.read_text())["frames"]] == [1, 2, 3]


def test_thresholds_hold_back_small_changes(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    assert run(small_tflite, small_clip, "--threshold", 255, "--mode", "delta", "--json", path) == 0
    result = json.loads(path.read_text())
    assert result["threshold"] == 255
    assert result["total"]["macs_issued_per_frame"] == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "no MACs at all" in printed
    assert "TFLite's reference kernels" not in printed


@pytest.mark.parametrize("mode", ["auto", "delta", "direct", "dense"])
def test_modes_agree(
    fake_device, small_tflite: Path, small_clip: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_tflite, small_clip, "--mode", mode) == 0
    printed = capsys.readouterr().out
    assert ("gained over dense" in printed) == (mode != "dense")
    assert ("gained over ordinary zero skipping" in printed) == (mode != "direct")


def test_one_frame_has_no_means(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ("--json", tmp_path / "r.json", "--report", tmp_path / "report")
    assert run(small_tflite, small_clip, "--frames", 1, *report) == 0
    assert "no means: every frame is a key frame" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["total"]["cycles_per_frame"] is None


def test_no_verify_compares_nothing(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_device.flip = {(1, 2): (0, 0, 0)}
    assert run(small_tflite, small_clip, "--no-verify", "--json", tmp_path / "r.json") == 0
    assert json.loads((tmp_path / "r.json").read_text())["total"]["outputs_checked"] == 0
    assert "not compared with the golden model (--no-verify), 5 frames" in capsys.readouterr().out


def test_mode_that_changes_a_result_is_a_mismatch(
    fake_device,
    small_tflite: Path,
    small_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Wrong(fake_device):  # type: ignore[misc, valid-type]
        flip = {(1, 2): (0, 0, 0)}  # noqa: RUF012

    monkeypatch.setattr("stillframe.run.baselines.Session", Wrong)
    assert run(small_tflite, small_clip, "--mode", "delta") == 1
    assert "output values differ between modes: 1 in mode dense, 1 in mode direct" in capsys.readouterr().out


def test_mismatch_names_frame_layer_and_position(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_device.flip = {(2, 1): (3, 5, 4), (2, 2): (3, 5, 1), (4, 2): (9, 13, 3)}
    assert run(small_tflite, small_clip, "--mode", "delta", "--json", tmp_path / "r.json") == 1
    printed = capsys.readouterr()
    result = json.loads((tmp_path / "r.json").read_text())
    assert [f["mismatches"] for f in result["frames"]] == [0, 0, 1, 0, 1]
    assert result["total"]["mismatches"] == 2
    name = result["layers"][1]["name"]
    assert printed.err.startswith(
        f"stillframe: frame 2, layer {name} (CONV_2D), row 3, column 5, channel 4: expected "
    )
    assert "2 of 2,800 output values differ in 5 frames" in " ".join(printed.out.split())


def test_mismatch_of_the_golden_model_names_the_output(
    fake_device,
    small_tflite: Path,
    small_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stillframe.golden import GoldenModel

    golden_run = GoldenModel.run

    def flipped(self: GoldenModel, frames: np.ndarray, key: tuple[int, ...] = ()) -> object:
        trace = golden_run(self, frames, key)
        if len(frames) == 5:  # the verifier's, not the fake device's
            trace.outputs["map"] = trace.outputs["map"].copy()
            trace.outputs["map"][3, 1, 2, 3] ^= 4
        return trace

    monkeypatch.setattr(GoldenModel, "run", flipped)
    assert run(small_tflite, small_clip, "--mode", "delta") == 1
    assert "frame 3, layer map (output), row 1, column 2, channel 3: expected " in capsys.readouterr().err


@pytest.mark.parametrize("threshold", [0, 40])
def test_key_frame_after_a_broken_link_is_followed(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, threshold: int
) -> None:
    fake_device.keys = frozenset({2})
    options = ("--mode", "delta", "--threshold", threshold, "--json", tmp_path / "r.json")
    assert run(small_tflite, small_clip, *options) == 0
    frames = json.loads((tmp_path / "r.json").read_text())["frames"]
    assert [f["key"] for f in frames] == [True, False, True, False, False]


def test_program_file_brings_array_mode_and_threshold(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, tflite = tmp_path / "small.stillframe", tmp_path / "copy.tflite"
    compiled = execute(
        f"compile {small_tflite} --calibrate {small_clip} -o {program} --save-tflite {tflite} "
        "--array 1x8@25F --mode direct --threshold 3".split()
    )
    assert compiled == 0
    assert tflite.read_bytes() == small_tflite.read_bytes()
    printed = capsys.readouterr().out
    assert "small on array 1x8@25F" in printed
    assert f"program written to {program}" in printed
    assert run(program, small_clip, "--json", tmp_path / "r.json") == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["array"], result["mode"], result["threshold"]) == ("1x8@25F", "direct", 3)
    capsys.readouterr()
    assert run(program, small_clip, "--array", "1x8", "--mode", "auto") == 2
    assert capsys.readouterr().err == (
        f"stillframe: program {program}: expected no --array or --mode, since a program is compiled for an "
        "array, a mode, a threshold and a border, got one\n"
        "  -> leave it out, or name the model instead of the program\n"
    )


def test_pinned_layers(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = read_tflite(small_tflite.read_bytes(), "small", "small")
    first, second = (node.name for node in graph.nodes)
    result = tmp_path / "r.json"
    assert run(small_tflite, small_clip, "--pin", f"{second}=direct", "--json", result) == 0
    modes = [layer["mode"] for layer in json.loads(result.read_text())["layers"]]
    assert modes == ["delta", "delta", "direct"]
    printed = capsys.readouterr().out
    assert re.search(
        rf"  planned: {re.escape(second)} direct, the others delta; estimated [\d,]+ cycles a frame "
        r"\(all delta [\d,]+, all direct [\d,]+, dense [\d,]+\)\n",
        printed,
    )
    assert run(small_tflite, small_clip, "--pin", f"{first}=delta", "--mode", "direct") == 2
    assert capsys.readouterr().err == (
        f"stillframe: mode: expected auto, since layers are pinned ({first}), got 'direct'\n"
        "  -> leave the mode out, or pin nothing\n"
    )
    program = tmp_path / "small.stillframe"
    pin = f"--pin {first}=direct"
    compiled = execute(f"compile {small_tflite} --calibrate {small_clip} -o {program} {pin}".split())
    assert compiled == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^{re.escape(first)} +direct +pinned  ", printed, re.M)
    assert run(program, small_clip, "--pin", f"{first}=delta") == 2
    assert capsys.readouterr().err == (
        f"stillframe: program {program}: expected no --pin, since a program is compiled for an "
        "array, a mode, a threshold and a border, got one\n"
        "  -> leave it out, or name the model instead of the program\n"
    )


def test_int8_model_compiles_without_a_clip(
    small_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.stillframe"
    assert execute(["compile", str(small_tflite), "-o", str(path)]) == 0
    line = "  no clip to plan by (--calibrate CLIP): direct mode only where state memory is short\n"
    assert line in capsys.readouterr().out
    assert {layer.mode for layer in Program.load(path).layers} == {Mode.DELTA}
    assert execute(["compile", str(small_tflite), "-o", str(path), "--mode", "delta"]) == 0
    assert "no clip" not in capsys.readouterr().out


def test_interrupt_leaves_nothing(
    fake_device,
    small_tflite: Path,
    small_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(self: object, codes: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake_device, "run", interrupt)
    assert run(small_tflite, small_clip, "--json", tmp_path / "r.json", "--report", tmp_path / "x") == 130
    assert capsys.readouterr().err == "stillframe: interrupted; nothing was written\n"
    assert list(tmp_path.iterdir()) == []
