"""``stillframe bench simulation``: that it counts cycles and says what it ran. No times are asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillframe.cli.main import execute


def test_cycles_a_second(
    small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--frames", 2, "--repeat", 3, "--array", "1x16", "-o", tmp_path)
    assert execute(["bench", "simulation", *map(str, (small_tflite, small_clip, *asked))]) == 0
    assert "cycles a second" in capsys.readouterr().out
    found = json.loads((tmp_path / "simulation.json").read_text())
    assert list(found) == ["schema", "command", "frames", "runs"]
    assert (found["schema"], found["frames"]) == ("stillframe.bench.simulation/1", 2)
    (run,) = found["runs"]
    assert (run["array"], run["lanes"]) == ("1x16@85F", 16)
    assert (run["model"], run["clip"]) == ("small", str(small_clip))
    assert len(run["seconds"]) == 3
    assert run["cycles_per_second"] == run["cycles"] / min(run["seconds"])
    assert run["cycles"] > 2 * 12 * 16 * 3  # a byte of the link is a cycle at least
