"""What is streamed: a file again and again, a camera's newest frame; how fast, and by which clock."""

from __future__ import annotations

import threading
from collections.abc import Generator
from types import SimpleNamespace

import numpy as np
import pytest
from live_fakes import frame, moving

from stillframe.contract import StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.live.clock import clock_hz
from stillframe.live.frames import Frames
from stillframe.live.newest import Newest
from stillframe.live.rate import FRAMES, Rate
from stillframe.video import Clip, open_clip


def test_file_comes_to_its_end_or_begins_again() -> None:
    assert [f.argmax() for f in Frames(moving(3))] == [f.argmax() for f in map(frame, range(3))]
    again = iter(Frames(moving(3), loop=True))
    assert [next(again).argmax() for _ in range(7)] == [frame(k % 3).argmax() for k in range(7)]


def test_camera_is_not_repeated() -> None:
    with pytest.raises(StillframeError) as caught:
        Frames(open_clip("camera:0"), loop=True)
    assert str(caught.value) == (
        "--loop: expected a file or a folder to begin again, got camera:0, which has no end\n"
        "  -> leave --loop out"
    )


class Camera:
    """Gives frames when it is told to; afterwards it waits for the next telling."""

    def __init__(self) -> None:
        self.told = threading.Semaphore(0)
        self.given = threading.Semaphore(0)
        self.error: Exception | None = None
        self.closed = False
        self.done = False

    def source(self) -> Generator[np.ndarray, None, None]:
        index = 0
        try:
            while True:
                self.told.acquire()
                if self.error:
                    raise self.error
                if self.done:
                    return
                yield frame(index)
                index += 1
                self.given.release()
        finally:
            self.closed = True

    def give(self, count: int) -> None:
        """Have so many frames taken, but for the last one at the latest."""
        for _ in range(count):
            self.told.release()
        for _ in range(count - 1):
            self.given.acquire()


def test_newest_frame_of_a_camera_and_how_many_it_cost() -> None:
    camera = Camera()
    with Frames(Clip("camera:0", 0, None, camera.source, live=True)) as frames:
        given = iter(frames)
        camera.give(1)
        assert next(given).argmax() == frame(0).argmax()
        camera.given.acquire(blocking=False)
        camera.give(4)  # while "one is computed"; the fourth may be on its way still
        camera.done = True
        camera.told.release()
        rest = [f.argmax() for f in given]
        assert rest[-1] == frame(4).argmax()
        assert frames.dropped == 4 - len(rest) > 0
    assert camera.closed


def test_camera_s_error_arrives() -> None:
    camera = Camera()
    camera.error = StillframeError("clip camera:0: gone")
    camera.told.release()
    with (
        Frames(Clip("camera:0", 0, None, camera.source, live=True)) as frames,
        pytest.raises(StillframeError, match="gone"),
    ):
        list(frames)
    assert camera.closed


def test_end_does_not_wait_for_a_camera_that_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillframe.live.newest.PATIENCE", 0.01)
    camera, asked = Camera(), []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 2

    newest = Newest(camera.source(), stop)
    assert list(newest) == []
    newest.close()
    camera.done = True
    camera.told.release()


def test_rate_follows_the_last_few_frames() -> None:
    rate = Rate()
    assert rate.add(10.0) is None
    assert rate.add(10.5) == 2
    for k in range(2 * FRAMES):
        last = rate.add(11.0 + k / 100)
    assert last == pytest.approx(100)
    assert rate.add(1000.0) == pytest.approx(1 / (1000 - 11 - (2 * FRAMES - 1) / 100))


def test_clock_of_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    boards = [SimpleNamespace(path=f"/dev/ttyUSB{k}", board=b) for k, b in enumerate(BOARDS.values())]
    monkeypatch.setattr("stillframe.driver.ports.list_boards", lambda: boards)
    first = boards[0].board.clock_mhz * 1e6
    assert clock_hz("serial:/dev/ttyUSB0") == clock_hz("serial:/dev/ttyUSB0?baud=9600") == first
    assert clock_hz("serial:/dev/ttyS7") is None
    assert clock_hz("serial") is None  # more than one
    assert clock_hz("sim") is None
    assert clock_hz("simserial") == clock_hz("simserial:?baud=1000000") == BOARDS["ulx3s-25f"].clock_mhz * 1e6
    assert clock_hz("simserial:icebreaker?baud=1000000") == 24e6
    del boards[1:]
    assert clock_hz("serial") == first
