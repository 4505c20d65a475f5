"""``stillframe live`` on the fake device, as a process; afterwards a line about how the device was left.

The first argument is how many frames there are, 0 for no end; the others are the command's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator

import numpy as np
from fake_device import FakeDevice
from live_fakes import TidyLink, frame, make_subject

from stillframe.cli.main import execute
from stillframe.driver.registry import TRANSPORTS
from stillframe.live import watch
from stillframe.live.subject import Subject
from stillframe.video import Clip

links = []


def open_fake(config: object, address: str, **options: object) -> TidyLink:
    """The transport of ``--device fake``."""
    links.append(TidyLink(FakeDevice(config)))  # type: ignore[arg-type]
    return links[-1]


def prepare(options: object, progress: object) -> tuple[Subject, Clip]:
    """Frames at a hundred a second."""
    count = int(sys.argv[1])

    def source() -> Generator[np.ndarray, None, None]:
        index = 0
        while index < count or not count:
            yield frame(index)
            index += 1
            time.sleep(0.01)

    return make_subject(), Clip("a clip", 0, None, source)


TRANSPORTS["fake"] = open_fake
watch.prepare = prepare  # type: ignore[assignment]
status = execute(["live", "fake", "a clip", "--device", "fake", *sys.argv[2:]])
for link in links:  # one, unless it was stopped before
    left = {
        "begun": link.device._begun,
        "half a packet": bool(link.device._buffer),
        "runs": link.device.runs,
        "closed": link.closed,
    }
    print(json.dumps(left), file=sys.stderr)
sys.exit(status)
