"""The log: whole lines, whatever happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_fakes import make_subject, moving, open_link

from stillframe.contract import StillframeError
from stillframe.live import Stream, Totals
from stillframe.live.frames import Frames
from stillframe.live.log import Log


def test_a_line_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    subject, (device, link) = make_subject(clock_hz=5e7), open_link()
    stream = Stream(device, subject, Frames(moving(3)))
    with Log(path) as log:
        log.begin(subject)
        for view in stream:
            log.add(view)
            assert len(path.read_text().splitlines()) == view.number + 2  # nothing is held back
            link.to_host = (lambda data: b"") if view.number == 0 else (lambda data: data)
        log.end("all frames have come", stream.totals)
    head, first, lost, last, end = map(json.loads, path.read_text().splitlines())
    assert head == {
        "schema": "stillframe.live/1", "model": "fake", "clip": "a clip", "device": "fake", "clock_hz": 5e7,
        "array": "1x16@85F", "mode": "delta", "threshold": 0,
    }  # fmt: skip
    assert list(first) == [
        "frame", "time", "key", "cycles", "macs_dense", "macs_issued", "changed", "bytes_sent",
        "bytes_received", "outputs", "link",
    ]  # fmt: skip
    assert (first["frame"], first["key"], first["cycles"], first["macs_dense"]) == (0, True, 4242, 15)
    assert first["outputs"][0]["name"] == "sum"
    assert list(lost) == ["frame", "time", "lost", "link"]
    assert (lost["frame"], last["frame"], last["key"]) == (1, 2, True)
    assert last["link"]["dropped"] == 0
    assert end == {"end": "all frames have come", "frames": 2, "lost": 1, "dropped": 0}


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_full_disk() -> None:
    with Log(FULL) as log, pytest.raises(StillframeError) as caught:
        log.end("stopped", Totals())
    assert str(caught.value) == (
        "--log /dev/full: expected a file to write to, got: No space left on device\n"
        "  -> choose a place that you may write to and that has room"
    )


class Failing:
    """A file that takes a few bytes, then none."""

    def __init__(self, file: object, error: BaseException) -> None:
        self.file, self.error, self.calls = file, error, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        self.calls += 1
        if self.calls == 1:
            return self.file.write(data[:5])  # type: ignore[attr-defined,no-any-return]
        raise self.error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_half_a_line_is_taken_back(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with Log(path) as log:
        log.begin(make_subject())
        whole = path.read_bytes()
        log._file = Failing(log._file, error)  # type: ignore[assignment]
        with pytest.raises((StillframeError, KeyboardInterrupt)):
            log.end("stopped", Totals())
    assert path.read_bytes() == whole
    assert whole.endswith(b"\n")
