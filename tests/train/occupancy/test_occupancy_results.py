"""Table, verdicts and drawing, of rows made up."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from stillframe.contract import StillframeError
from stillframe.train.occupancy import Dataset, Plan, network
from stillframe.train.occupancy.dataset import Part
from stillframe.train.occupancy.results import Results

PART = Part(np.zeros((2, 72, 96, 1), np.float32), np.zeros((2, 9, 12, 1), np.float32))
PLAN = Plan(
    seeds=2,
    penalties={"baseline": 0.0, "spatial": 0.1, "temporal": 2.0},
    curves={"spatial": (0.01, 0.1), "temporal": (2.0, 4.0)},
)


def row(setup: str, penalty: float, seed: int, f1: float, macs: float, cycles: float, wrong: int = 0) -> dict:
    return {
        "setup": setup,
        "seed": seed,
        "penalty": penalty,
        "f1": f1,
        "operation_sparsity": 1 - macs / 1000,
        "macs_issued_per_frame": macs,
        "cycles_per_frame": cycles,
        "array": "1x16@85F",
        "mismatches": wrong,
    }


ROWS = [
    row("baseline", 0, 0, 0.9, 400, 60),
    row("spatial", 0.1, 0, 0.85, 150, 30),
    row("temporal", 2, 0, 0.9, 100, 25),
    row("baseline", 0, 1, 0.92, 440, 60),
    row("spatial", 0.1, 1, 0.91, 150, 30),
    row("temporal", 2, 1, 0.906, 110, 15),
    row("spatial", 0.01, 0, 0.9, 200, 40),
    row("temporal", 4, 0, 0.895, 50, 12),
]


def results(rows: list[dict]) -> Results:
    return Results(rows, PLAN, Dataset("street", PART, PART), "stillframe train occupancy")


def test_table_has_the_penalties_of_all_seeds() -> None:
    console = Console(width=140, file=io.StringIO())
    console.print(results(ROWS).table())
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines() if " ± " in line]
    assert lines == [
        "baseline 0.910 ± 0.014 58.0% ± 2.8% 420 ± 28 1.00x 60 1.00x",
        "spatial 0.1 0.880 ± 0.042 85.0% 150 2.80x 30 2.00x",
        "temporal 2 0.903 ± 0.004 89.5% ± 0.7% 105 ± 7 4.00x 20 ± 7 3.00x",
    ]


def test_verdicts_at_equal_f1() -> None:
    """A set-up's means against the baseline's; along the curves, seed 0 against seed 0."""
    assert list(results(ROWS).verdicts()) == [
        "spatial: F1 more than 0.01 below the baseline's (over 2 seeds)",
        "temporal 2: 4.00x fewer MACs, 3.00x fewer cycles than the baseline, F1 0.903 against 0.910 "
        "(over 2 seeds)",
        "spatial 0.01: 2.00x fewer MACs, 1.50x fewer cycles than the baseline, F1 0.900 against 0.900 "
        "(seed 0, best penalty of the curve)",
        "temporal 4: 8.00x fewer MACs, 5.00x fewer cycles than the baseline, F1 0.895 against 0.900 "
        "(seed 0, best penalty of the curve)",
        "nothing differs: the accelerator's outputs are those of training, for all networks and frames",
    ]


def test_a_difference_is_told() -> None:
    found = results([*ROWS, row("temporal", 4, 0, 0.9, 1, 1, wrong=3)])
    assert found.mismatches == 3
    assert list(found.verdicts())[-1] == "3 output values DIFFER from training or the golden model"


def test_files(tmp_path: Path) -> None:
    json_file, svg = results(ROWS).write(tmp_path)
    assert json.loads(json_file.read_text())["rows"] == ROWS
    drawn = svg.read_bytes()
    assert b"<svg" in drawn
    results(ROWS).write(tmp_path)
    assert svg.read_bytes() == drawn
    assert sorted(path.name for path in tmp_path.iterdir()) == ["occupancy.json", "occupancy.svg"]


def test_matplotlib_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(StillframeError, match=r"Python package matplotlib .*: expected it installed"):
        results(ROWS).write(tmp_path)
    assert not (tmp_path / "occupancy.svg").exists()


def test_f1() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0], np.float32)
    assert network.f1(np.array([2, 0.1, -1, 3, -2, 0]), truth) == pytest.approx(2 / 3)  # 0 is not above 0
    assert network.f1(truth - 0.5, truth) == 1
    assert network.f1(np.zeros(6), np.zeros(6, np.float32)) == 1


def test_clips_are_consecutive_frames() -> None:
    """Whatever is drawn: a clip's frames follow each other, and are mirrored and brightened as one."""
    frames = np.zeros((75, 72, 96, 1), np.float32)
    frames += np.arange(75, dtype=np.float32)[:, None, None, None] / 100
    frames[:, :, 0] += 0.005  # the left edge
    maps = np.zeros((75, 9, 12, 1), np.float32)
    maps[:, :, 0] = 1
    clips = network.Clips(Part(frames, maps), seed=3)
    assert len(clips) == 4
    mirrored, seen = set(), set()
    for _ in range(3):
        for batch, truth, weights in (clips[i] for i in range(len(clips))):
            assert batch.shape == (16, 72, 96, 1)
            np.testing.assert_array_equal(weights, 1 + 2 * truth[..., 0])
            for clip, its_maps in zip(np.split(batch, 2), np.split(truth, 2), strict=True):
                flipped = bool(its_maps[0, 0, 0, 0] == 0)
                mirrored.add(flipped)
                assert (its_maps == its_maps[0]).all()
                assert (clip[:, 0, -1 if flipped else 0] > clip[:, 0, 50]).all()
                levels = clip[:, 0, 50, 0]
                steps = np.diff(levels)
                np.testing.assert_allclose(steps, steps[0], atol=1e-6)  # one frame after the other
                brightness = steps[0] * 100
                assert 0.9 <= brightness <= 1.1
                seen.add(round(float(levels[0] / brightness * 100)))
        clips.on_epoch_end()
    assert mirrored == {False, True}
    assert len(seen) > 12  # cut elsewhere in every epoch
