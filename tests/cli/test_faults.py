"""One bit flipped on purpose in the simulated accelerator: the run says where, and exits 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from stillframe.cli.main import execute
from stillframe.contract import Memory
from stillframe.driver import FrameResult, Session

FRAME = 2
"""The frame before which something is flipped; the square moves in it."""

ROW, COLUMN = 4, 1
"""A pixel of the first convolution's output that the square leaves in that frame."""


class Faulty(Session):
    """A session that calls ``fault`` before frame ``FRAME``; it may change what the device is given."""

    fault: ClassVar[Callable[[Session, np.ndarray], None]]
    frame = -1

    def run(self, codes: np.ndarray, key: bool = False) -> FrameResult:
        self.frame += 1
        if self.frame == FRAME:
            codes = codes.copy()
            type(self).fault(self, codes)
        return super().run(codes, key)


def flip_weight(session: Session, codes: np.ndarray) -> None:
    """The weight of the first layer's first output channel for the centre tap of the red channel."""
    layer = session.program.layers[1].fields
    row = layer["weights"] + layer["kernel_row"] + layer["tap_rows"]
    segment = next(
        s
        for s in session.program.segments
        if s.memory is Memory.WEIGHTS and s.column == 0 and s.row <= row < s.row + len(s.words)
    )
    session.device.write(Memory.WEIGHTS, 0, row, [int(segment.words[row - segment.row]) ^ 0x40])


def flip_state(session: Session, codes: np.ndarray) -> None:
    """Bit 20 of the accumulator of the first layer's largest output at (ROW, COLUMN): far too large then."""
    layer = session.program.layers[1].fields
    word, column = divmod(int(session.read_tensor(1)[ROW, COLUMN].argmax()), session.program.config.drain)
    row = layer["state"] + ROW * layer["out_pitch"] + word * layer["out_width"] + COLUMN
    value = int(session.device.read(Memory.STATE, column, row, 1)[0])
    session.device.write(Memory.STATE, column, row, [value ^ 1 << 20])


def flip_event(session: Session, codes: np.ndarray) -> None:
    """What the device is told of pixel (7, 9), channel 1."""
    codes[7, 9, 1] ^= 0x20


@pytest.mark.parametrize(
    ("fault", "layer", "position"),
    [
        (flip_weight, 1, ()),
        (flip_state, 1, (ROW, COLUMN)),
        (flip_event, 0, (7, 9, 1)),
    ],
)
def test_flipped_bit(
    fault: Callable[[Session, np.ndarray], None],
    layer: int,
    position: tuple[int, ...],
    small_tflite: Path,
    small_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Faulty, "fault", staticmethod(fault), raising=False)
    monkeypatch.setattr("stillframe.run.job.Session", Faulty)
    path = tmp_path / "r.json"
    assert execute(["run", str(small_tflite), str(small_clip), "--mode", "delta", "--json", str(path)]) == 1
    result = json.loads(path.read_text())
    assert [f["mismatches"] > 0 for f in result["frames"]][: FRAME + 1] == [False, False, True]
    error = capsys.readouterr().err
    named = result["layers"][layer]
    assert error.startswith(f"stillframe: frame {FRAME}, layer {named['name']} ({named['op']}), row ")
    assert " from the golden model, got " in error
    where = [f"{name} {at}" for name, at in zip(("row", "column", "channel"), position, strict=False)]
    assert ", ".join(where) in error


def test_flipped_golden_output(
    small_tflite: Path,
    small_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stillframe.golden import GoldenModel

    golden_run = GoldenModel.run

    def flipped(self: GoldenModel, frames: np.ndarray, key: tuple[int, ...] = ()) -> object:
        trace = golden_run(self, frames, key)
        trace.outputs["map"] = trace.outputs["map"].copy()
        trace.outputs["map"][FRAME, 1, 2, 3] ^= 1
        return trace

    monkeypatch.setattr(GoldenModel, "run", flipped)
    assert execute(["run", str(small_tflite), str(small_clip), "--mode", "delta"]) == 1
    captured = capsys.readouterr()
    expected = f"stillframe: frame {FRAME}, layer map (output), row 1, column 2, channel 3: expected "
    assert captured.err.startswith(expected)
    assert "1 of 2,800 output values differ in 5 frames" in captured.out


def test_nothing_flipped(small_tflite: Path, small_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert execute(["run", str(small_tflite), str(small_clip), "--mode", "delta", "--json", str(path)]) == 0
    frames = json.loads(path.read_text())["frames"]
    assert sum(f["mismatches"] for f in frames) == 0
    assert frames[3]["macs_issued"] == 0  # a still frame
