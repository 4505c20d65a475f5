"""The code of docs/training.md runs as it stands, with one epoch on a small clip; its commands are known."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from fixed_camera import scene, write_folder

from stillframe.cli.arguments import parse
from stillframe.frontend import from_keras

PAGE = (Path(__file__).parents[3] / "docs" / "training.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.S | re.M)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, saving
def test_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_folder(tmp_path / "clip", scene(120)[0])
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks("python")).replace('"vtest"', repr(str(clip)))
    code, replaced = re.subn(r"epochs=\d+", "epochs=1", code)
    assert replaced == 2
    names: dict[str, object] = {}
    exec(compile(code, "docs/training.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["conv1", "conv2", "conv3", "conv4", "occupancy"]
    assert re.fullmatch(r"[\d.]+% operation sparsity, F1 [\d.]+", lines[-1])
    graph = from_keras(tmp_path / "mine.keras", names["data"].train.frames[:2])  # type: ignore[attr-defined]
    assert [o.shape for o in graph.outputs] == [(9, 12, 1)]


def test_commands_are_known() -> None:
    commands = [
        shlex.split(line, comments=True)[1:]
        for block in blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    assert {command[0] for command in commands} == {"run", "train"}
    for command in commands:
        assert parse(command).command == command[0]


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)", PAGE)
    assert targets
    assert [t for t in targets if not (Path(__file__).parents[3] / "docs" / t).exists()] == []
