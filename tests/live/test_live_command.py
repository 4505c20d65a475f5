"""The command: what it prints, how it ends, what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from stillframe.cli.main import execute
from stillframe.live.browser import open_browser

HERE = Path(__file__).parent


def start(count: int, *arguments: object) -> subprocess.Popen[str]:
    """The command on the fake device, in a process of its own."""
    path = [str(HERE), str(HERE.parent / "driver"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return subprocess.Popen(
        [sys.executable, str(HERE / "live_process.py"), str(count), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_to_the_end_of_the_clip(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    out, err = (process := start(5, "--no-page", "--log", log)).communicate(timeout=120)
    assert process.returncode == 0
    lines = out.splitlines()
    assert lines[:3] == [
        "opening device fake with the array 1x16@85F ...",
        "fake on a clip",
        "device fake, array 1x16@85F (16 lanes), mode delta, threshold 0",
    ]
    assert lines[3].startswith("frame 0: 4,242 cycles, 53.3% of MACs skipped, computed from scratch, ")
    assert re.fullmatch(r"5 frames in \d+\.\d s, 4,242 cycles a frame, 53\.3% of MACs skipped", lines[-1])
    assert json.loads(err) == {"begun": False, "half a packet": False, "runs": 5, "closed": True}
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert logged[-1] == {"end": "all frames have come", "frames": 5, "lost": 0, "dropped": 0}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_device_and_files_in_order(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    process = start(0, "--port", 0, "--log", log)
    until_frames(log, 20)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    told, left = err.splitlines()
    match = re.fullmatch(r"stillframe: stopped after (\d+) frames in \S+ s, 4,242 cycles a frame, .*", told)
    assert match
    frames = int(match[1])
    assert json.loads(left) == {"begun": False, "half a packet": False, "runs": frames, "closed": True}
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["frame"] for line in logged[1:-1]] == list(range(frames))
    assert logged[-1] == {"end": "stopped", "frames": frames, "lost": 0, "dropped": 0}


def until_frames(log: Path, count: int) -> None:
    """Wait until so many frames have been logged."""
    end = time.monotonic() + 120
    while not log.exists() or log.read_text().count("\n") <= count:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_output_that_nobody_reads_any_more(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    process = start(0, "--no-page", "--log", log)
    assert process.stdout
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 1
    assert process.stderr
    assert process.stderr.read() == ""
    process.stderr.close()
    assert json.loads(log.read_text().splitlines()[-1])["end"] == "the output was closed"


def test_page_is_there_before_the_first_frame_and_says_why_it_ends(tmp_path: Path) -> None:
    process = start(0, "--port", 0)
    assert process.stdout
    url = process.stdout.readline().split()[-1]
    with urllib.request.urlopen(f"{url}events", timeout=60) as told:
        json.loads(told.readline().removeprefix(b"data: "))
        process.send_signal(signal.SIGINT)
        last = [line for line in told if line.startswith(b"data: ")][-1]
    event = json.loads(last.removeprefix(b"data: "))
    assert (event["ended"], event["state"]) == (True, "stopped")
    process.communicate(timeout=120)
    assert process.returncode == 130


def test_clip_on_the_simulation(
    small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    arguments = ["live", str(small_tflite), str(small_clip), "--array", "1x16", "--mode", "delta", "--loop"]
    assert execute([*arguments, "--frames", "8", "--no-page", "--log", str(log)]) == 0
    assert "8 frames in " in capsys.readouterr().out
    logged = [json.loads(line) for line in log.read_text().splitlines()][1:-1]
    assert [line["key"] for line in logged] == [True] + [False] * 7  # beginning again is no reason for one
    assert [line["changed"] == 0 for line in logged] == [k == 3 for k in range(8)]  # the fourth is the third
    assert logged[3]["macs_issued"] == 0
    assert {line["macs_dense"] for line in logged} == {10 * 14 * (9 * 3 * 6 + 6 * 4)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--open", "--no-page"],
            "--open: expected a page to show in a browser, got --no-page too\n  -> leave one of them out",
        ),
        (
            ["--port", "70000"],
            "--port: expected a whole number, 0 to 65535, got '70000'\n  -> change the number",
        ),
        (
            ["--port", "1", "--no-page"],
            "command line: argument --no-page: not allowed with argument --port\n"
            "  -> see stillframe live --help",
        ),
        (
            ["--no-page", "--log", "/nowhere/log"],
            "--log /nowhere/log: expected a file that can be written, got: there is no folder /nowhere\n"
            "  -> choose a folder that exists and that you may write to",
        ),
        (
            ["--no-page", "--device", "toaster"],
            "device: expected one out of serial, sim, simserial, got 'toaster'\n"
            "  -> name one of these with --device, for example --device serial:/dev/ttyUSB0",
        ),
    ],
)
def test_wrong_use(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["live", "occupancy", "carphone", *arguments]) == 2
    assert capsys.readouterr().err == f"stillframe: {message}\n"


def test_no_browser_in_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    monkeypatch.setattr("webbrowser.get", lambda: webbrowser.GenericBrowser("true"))
    assert not open_browser("http://127.0.0.1:1/")
    monkeypatch.setattr("webbrowser.get", lambda: webbrowser.BackgroundBrowser("true"))
    monkeypatch.setattr("webbrowser.BackgroundBrowser.open", lambda self, url: True)
    assert open_browser("http://127.0.0.1:1/")

    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr("webbrowser.get", none)
    assert not open_browser("http://127.0.0.1:1/")
