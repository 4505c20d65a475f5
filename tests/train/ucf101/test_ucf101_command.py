"""``stillframe train ucf101``: wrong use is one message, and long work says how long it will take."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from stillframe.cli import time_left, train_ucf101
from stillframe.cli.arguments import parse
from stillframe.cli.main import execute
from stillframe.cli.time_left import TimeLeft, duration
from stillframe.train.delta_activation import PENALISE
from stillframe.train.gradients import GRADIENTS
from stillframe.train.setups import SETUPS
from stillframe.train.ucf101 import Config


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--epochs 0", "--epochs: expected a whole number of 1 or more, got '0'\n  -> change the number"),
        ("--penalty -1", "--penalty: expected a number of 0 or more, got '-1'\n  -> change the number"),
        ("--penalty inf", "--penalty: expected a number of 0 or more, got 'inf'\n  -> change the number"),
        ("--coarseness 0", "--coarseness: expected a number above 0, got '0'\n  -> change the number"),
        ("--coarseness big", "--coarseness: expected a number above 0, got 'big'\n  -> change the number"),
        ("--split 4", "--split: expected a whole number, 1 to 3, got '4'\n  -> change the number"),
        (
            "--setup temporal dense",
            "command line: argument --setup: invalid choice: 'dense' (choose from 'baseline', 'spatial', "
            "'spatial-input-delta', 'temporal')\n  -> see stillframe train ucf101 --help",
        ),
        (
            "--backbone my.keras --weights imagenet",
            "--weights imagenet: expected none with --backbone my.keras, which has its own\n"
            "  -> leave it out",
        ),
    ],
)
def test_wrong_use(options: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "run"
    arguments = ["train", "ucf101", "--data", str(tmp_path), "--output", str(output), *options.split()]
    assert execute(arguments) == 2
    assert capsys.readouterr().err == f"stillframe: {expected}\n"
    assert not output.exists()


def test_dataset_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["train", "ucf101"]) == 2
    assert "the following arguments are required: --data" in capsys.readouterr().err


def test_choices_and_defaults_are_the_cores() -> None:
    """They stand in the command again, so that its help does not import TensorFlow."""
    assert tuple(SETUPS) == train_ucf101.SETUPS
    assert tuple(PENALISE) == train_ucf101.PENALISE
    assert tuple(GRADIENTS) == train_ucf101.GRADIENTS
    options, config = parse(["train", "ucf101", "--data", "x"]), Config()
    for name in ("backbone", "size", "epochs", "penalty", "penalise", "gradient", "coarseness", "seed"):
        assert getattr(options, name) == getattr(config, name), name
    assert options.setup == ["temporal"]


def test_long_work_says_how_long_it_takes_where_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step takes 20 s: a line every other step, with the rest of 5 steps."""
    now = 0.0
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now)
    text = io.StringIO()
    with TimeLeft(Console(file=text, width=100)) as terminal:
        terminal.stage("training", 5)
        for step in range(1, 6):
            now = 20.0 * step
            terminal.advance(f"loss {step}")
    assert text.getvalue().splitlines() == [
        "training ...",
        "  2 of 5, loss 2, 1:00 left",
        "  4 of 5, loss 4, 0:20 left",
        "  5 done in 100.0 s, loss 5",
    ]


def test_durations() -> None:
    assert [duration(s) for s in (0, 59.6, 309, 7509)] == ["0:00", "1:00", "5:09", "2:05:09"]
