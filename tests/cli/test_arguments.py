"""Wrong use of the command line: one message, exit status 2, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stillframe.cli.arguments import parse
from stillframe.cli.main import execute
from stillframe.video import ValueRange


def message(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What is printed on stderr, after asserting exit status 2."""
    assert execute([*map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "command line: the following arguments are required: COMMAND\n  -> see stillframe --help\n"),
        (
            "fly",
            "command line: argument COMMAND: invalid choice: 'fly' "
            "(choose from 'run', 'live', 'compile', 'check', 'bench', 'build', 'devices', 'flash', "
            "'doctor', 'train')\n"
            "  -> see stillframe --help\n",
        ),
        (
            "run pnet",
            "command line: the following arguments are required: CLIP\n  -> see stillframe run --help\n",
        ),
        (
            "run pnet carphone --frame 3",
            "command line: expected options of stillframe run, got --frame 3\n  -> did you mean --frames?\n",
        ),
        (
            "compile pnet --calibrate carphone -o x --xyz",
            "command line: expected options of stillframe compile, got --xyz\n  -> see stillframe compile "
            "--help\n",
        ),
        (
            "run pnet carphone --frames 0",
            "--frames: expected a whole number of 1 or more, got '0'\n  -> change the number\n",
        ),
        (
            "run pnet carphone --start -1",
            "--start: expected a whole number of 0 or more, got '-1'\n  -> change the number\n",
        ),
        (
            "run pnet carphone --threshold 256",
            "--threshold: expected a whole number, 0 to 255, got '256'\n  -> change the number\n",
        ),
        (
            "run pnet carphone --mode fast",
            "command line: argument --mode: invalid choice: 'fast' (choose from 'auto', 'delta', 'direct', "
            "'dense')\n"
            "  -> see stillframe run --help\n",
        ),
        (
            "run pnet carphone --pin conv1",
            "--pin: expected LAYER=delta or LAYER=direct, got 'conv1'\n"
            "  -> stillframe check shows the names of the layers\n",
        ),
        (
            "run pnet carphone --input-range 1,-1",
            "--input-range: expected LO,HI with LO below HI, got '1,-1'\n"
            "  -> for example --input-range 0,1 or --input-range=-1,1\n",
        ),
        (
            "run pnet carphone --device fpga",
            "device: expected one out of serial, sim, simserial, got 'fpga'\n"
            "  -> name one of these with --device, for example --device serial:/dev/ttyUSB0\n",
        ),
        (
            "run pnet carphone --array 16",
            "array: expected BxL or BxL@PART (banks x lanes), got '16'\n"
            "  -> for example --array 1x16, --array 2x8 or --array 1x16@25F\n",
        ),
        (
            "run pnet carfone",
            "clip carfone: expected a file, a folder, camera:N or one of carphone, bikes, vtest, "
            "found nothing of that name\n"
            "  -> check the name; the built-in clips are carphone, bikes, vtest\n",
        ),
        (
            "run qnet carphone",
            "model qnet: expected a .keras, .h5, .tflite or program file, a SavedModel folder, or one of "
            "pnet, pnet-small, occupancy, occupancy-baseline, found nothing of that name\n"
            "  -> check the path or the name\n",
        ),
        (
            "run pnet carphone --start 100 --frames 40",
            "clip carphone: expected 40 frames from frame 100 on, got 20: it ends after frame 119\n"
            "  -> ask for fewer with --frames, start earlier with --start, or choose a longer clip "
            "(120 frames here)\n",
        ),
    ],
)
def test_wrong_use(arguments: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message(capsys, *arguments.split()) == f"stillframe: {expected}"


def test_value_range_may_begin_with_a_minus() -> None:
    for arguments in (["--input-range", "-1,1"], ["--input-range=-1,1"]):
        assert parse(["run", "pnet", "carphone", *arguments]).input_range == ValueRange(-1, 1)


@pytest.mark.parametrize("option", ["--json", "--outputs"])
def test_file_in_a_folder_that_is_not_there(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none" / "file"
    assert message(capsys, "run", "pnet", "carphone", option, path) == (
        f"stillframe: {option} {path}: expected a file that can be written, got: there is no folder "
        f"{path.parent}\n"
        "  -> choose a folder that exists and that you may write to\n"
    )


def test_file_that_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message(capsys, "run", "pnet", "carphone", "--json", tmp_path) == (
        f"stillframe: --json {tmp_path}: expected a file that can be written, got: that is a folder\n"
        "  -> choose a folder that exists and that you may write to\n"
    )


def test_report_below_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "report"
    assert message(capsys, "run", "pnet", "carphone", "--report", path) == (
        f"stillframe: --report {path}: expected a folder that can be written to, got: {tmp_path}/file is a "
        "file\n"
        "  -> choose a folder that you may write to\n"
    )


def test_damaged_tflite(small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(64)))
    text = message(capsys, "run", path, small_clip)
    assert text.startswith(f"stillframe: {path}: expected ")
    assert text.count("\n  -> ") == 1


def test_file_of_another_kind(small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x07somewhat")
    assert message(capsys, "run", path, small_clip) == (
        f"stillframe: model {path}: expected a .keras, .h5, .tflite or program file, a SavedModel folder, "
        "got .onnx and b'\\x08\\x07somewh' at byte 0\n  -> convert the model to one of these\n"
    )


def test_damaged_program(
    small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.stillframe"
    assert execute(["compile", str(small_tflite), "--calibrate", str(small_clip), "-o", str(path)]) == 0
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    capsys.readouterr()
    text = message(capsys, "run", path, small_clip)
    assert text.startswith(f"stillframe: program {path}: expected CRC 0x")
    assert text.endswith(
        "; the file is damaged or cut short\n  -> make the program again with: stillframe compile\n"
    )


def test_program_in_a_folder_that_is_not_there(
    small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none" / "small.stillframe"
    assert message(capsys, "compile", small_tflite, "--calibrate", small_clip, "-o", path) == (
        f"stillframe: --output {path}: expected a file that can be written, got: there is no folder "
        f"{path.parent}\n"
        "  -> choose a folder that exists and that you may write to\n"
    )


def test_keras_file_that_is_none(
    small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK\x03\x04 not really")
    text = message(capsys, "run", path, small_clip)
    assert text.startswith(f"stillframe: model {path}: expected a model that Keras ")
    assert text.endswith(
        "\n  -> check that the file is whole; save it again with model.save(), without custom layers, "
        "or export it with tf.saved_model.save(model, FOLDER)\n"
    )


def test_package_missing(
    small_clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    assert message(capsys, "run", "pnet", small_clip) == (
        "stillframe: Python package mtcnn (the example model pnet): expected it installed, found no module "
        "mtcnn\n"
        "  -> run make setup, or: pip install mtcnn\n"
    )


def test_full_disk_leaves_no_half_file(
    small_tflite: Path,
    small_clip: Path,
    tmp_path: Path,
    fake_device,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(file: object, **arrays: np.ndarray) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(np, "savez_compressed", full)
    path = tmp_path / "r.npz"
    assert message(capsys, "run", small_tflite, small_clip, "--outputs", path) == (
        f"stillframe: {path}: expected a place to write to, got: No space left on device\n"
        "  -> choose a folder that exists, that you may write to and that has room\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_program_stillframe_is_installed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "stillframe", "run", "qnet"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == (
        "stillframe: command line: the following arguments are required: CLIP\n  -> see stillframe run "
        "--help\n"
    )
