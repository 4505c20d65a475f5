"""``stillframe bench density``, without hardware and on it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stillframe.bench.convolutions import convolution, frames
from stillframe.cli.main import execute


def bench(*arguments: object) -> int:
    return execute(["bench", "density", *map(str, arguments)])


def macs_of_changes(size: int, channels: int, density: float, count: int) -> float:
    """Mean multiplications a frame, by changed values and the output pixels that see each of them."""
    codes = frames(convolution(channels, size), density, count)
    seen = np.full(size, 3)
    seen[[0, -1]] = 2
    pixels = seen[:, None, None] * seen[None, :, None] * channels
    return float(np.mean([((a != b) * pixels).sum() for a, b in pairwise(codes)]))


def test_points_of_the_sweep(fake_bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--channels", 4, "--channels", 8, "--density", 0.1, "--density", 1, "--size", 6, "--frames", 3)
    assert bench(*asked, "--array", "1x16", "-o", tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "nothing differs: all " in printed.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["density.json", "density.svg"]
    found = json.loads((tmp_path / "density.json").read_text())
    assert list(found) == ["schema", "command", "size", "points"]
    assert (found["schema"], found["size"]) == ("stillframe.bench.density/1", 6)
    assert [(p["channels"], p["density"]) for p in found["points"]] == [(4, 0.1), (4, 1), (8, 0.1), (8, 1)]
    for point in found["points"]:
        delta = point["modes"]["delta"]
        assert delta["macs_issued"] == macs_of_changes(6, point["channels"], point["density"], 4)
        assert delta["bound_cycles"] == delta["macs_issued"] / 16
        assert delta["utilisation"] == delta["bound_cycles"] / delta["cycles"]
    whole = found["points"][1]["modes"]["delta"]
    assert whole["macs_issued"] == whole["macs_dense"]


def test_a_convolution_that_does_not_fit(
    fake_bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = ("--array", "1x16")
    asked = ("--channels", 512, "--density", 0.1, "--size", 4)
    assert bench(*asked, *array, "-o", tmp_path / "none") == 2
    assert capsys.readouterr().err == (
        "stillframe: bench density: expected a convolution that fits 1x16@85F, found none\n"
        "  -> take fewer channels or a smaller --size, or the part virtual: --array 4x16@virtual\n"
    )
    assert not (tmp_path / "none").exists()
    assert bench(*asked, *array, "--channels", 4, "--frames", 1, "-o", tmp_path) == 0
    printed = capsys.readouterr().out
    assert printed.count("conv-512 on density 0.1, 1x16@85F, mode delta: ") == 1
    large, small = json.loads((tmp_path / "density.json").read_text())["points"]
    assert [list(mode) for mode in large["modes"].values()] == [["refused"]] * 4
    assert small["modes"]["delta"]["mismatches"] == 0


def test_on_the_simulated_accelerator(tmp_path: Path) -> None:
    asked = ("--channels", 16, "--density", 0.1, "--size", 8, "--frames", 2, "--array", "1x16")
    assert bench(*asked, "-o", tmp_path) == 0
    (point,) = json.loads((tmp_path / "density.json").read_text())["points"]
    modes = point["modes"]
    assert modes["delta"]["macs_issued"] == macs_of_changes(8, 16, 0.1, 3)
    assert modes["dense"]["macs_issued"] == modes["dense"]["macs_dense"] == 22 * 22 * 16 * 16
    assert modes["delta"]["cycles"] < modes["direct"]["cycles"] < modes["dense"]["cycles"]
    assert modes["delta"]["bound_cycles"] < modes["delta"]["cycles"]
    assert modes["delta"]["still"]["cycles"] < modes["delta"]["cycles"] / 4
    assert all(mode["mismatches"] == 0 for mode in modes.values())
