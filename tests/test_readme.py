"""The code in the README runs as it stands, and its commands are ones that the program knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stillframe.cli.arguments import parse

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    cycles = [int(line.split()[0].replace(",", "")) for line in lines]
    assert all(later < cycles[0] for later in cycles[1:])  # the first frame is computed from scratch


def test_commands_are_known() -> None:
    commands = [
        shlex.split(line, comments=True)[1:]
        for block in blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("stillframe ")
    ]
    assert {command[0] for command in commands} == {
        *("run", "live", "compile", "check", "bench", "train"),
        *("build", "flash", "devices", "doctor"),
    }
    for command in commands:
        assert parse(command).command == command[0]


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert targets
    assert [t for t in targets if not (Path(__file__).parent.parent / t).exists()] == []
