"""What is watched in these tests: the fake device of the driver's tests, its program, and moving frames."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import make_program

from stillframe.contract import ArrayConfig
from stillframe.driver import Device
from stillframe.live.subject import Subject
from stillframe.run.encoder import Encoder
from stillframe.video import Clip

HEIGHT, WIDTH = 6, 8
CONFIG = ArrayConfig.parse("1x16")


def table() -> np.ndarray:
    """Codes of pixels: 0 is -128."""
    return (np.arange(256) - 128).astype(np.int8)


def make_subject(clip: str = "a clip", clock_hz: float | None = None) -> Subject:
    """The fake device's program, watched."""
    return Subject(
        program=make_program(CONFIG, HEIGHT, WIDTH),
        encoder=Encoder((HEIGHT, WIDTH, 3), table()),
        clip=clip,
        device="fake",
        mode="delta",
        threshold=0,
        clock_hz=clock_hz,
    )


def frame(index: int) -> np.ndarray:
    """A frame of the model's size in which one pixel differs from the one before."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image.reshape(-1, 3)[index % (HEIGHT * WIDTH)] = 200
    return image


def moving(count: int | None) -> Clip:
    """Frames 0 to ``count`` - 1, without end if None."""

    def source() -> Generator[np.ndarray, None, None]:
        index = 0
        while count is None or index < count:
            yield frame(index)
            index += 1

    return Clip("moving", 0, None, source)


class TidyLink(FakeLink):
    """A link and a device that do not keep what went through them."""

    def write(self, data: bytes) -> None:
        super().write(data)
        self.written.clear()
        self.device.words.clear()


def open_link() -> tuple[Device, TidyLink]:
    """The fake device behind a link to do things to."""
    link = TidyLink(FakeDevice(CONFIG))
    return Device(link), link
