"""Coverage-guided fuzzing of what the driver reads: ``python tests/driver/fuzz_driver.py -runs=100000``.

libFuzzer, which Atheris brings, looks for bytes that take new ways through the driver. Whatever they are, a
request is answered or raises a StillframeError within its time, and an answer of a frame is right. Needs
``pip install atheris``.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["stillframe.driver", "stillframe.contract.packets"]):
    import numpy as np
    from fake_device import FakeDevice
    from fake_program import expected, frames, make_program
    from test_driver_fuzz import CONFIG, LESS_NOISE, Babbler, longest

    from stillframe.contract import Memory, StillframeError
    from stillframe.driver import Device, LinkError, Session, reader

KINDS = ["none", "flip", "cut", "insert", "twice", "behind", "sequence", "type"]
"""What a link may do to an answer; lies with a right CRC are for requests, not for frames."""

LIES = ["payload", "status"]

PROGRAM = make_program(CONFIG)
FRAMES = frames(np.random.default_rng(1), 3, PROGRAM)
reader.NOISE_BYTES = LESS_NOISE  # so that many are tried in a short time


def plan(data: atheris.FuzzedDataProvider, kinds: list[str]) -> list:
    """Bytes and changes of answers, as long as there is data."""
    pieces: list = []
    while data.remaining_bytes() > 1 and len(pieces) < 60:
        if data.ConsumeBool():
            pieces.append(data.ConsumeBytes(data.ConsumeIntInRange(0, 60)))
        else:
            kind = kinds[data.ConsumeIntInRange(0, len(kinds) - 1)]
            pieces.append((kind, data.ConsumeIntInRange(0, 1 << 13), data.ConsumeBytes(8)))
    return pieces


def request(data: atheris.FuzzedDataProvider) -> None:
    """One request, answered or given up."""
    which = data.ConsumeIntInRange(0, 3)
    link = Babbler(FakeDevice(CONFIG), plan(data, KINDS + LIES))
    device = Device(link)
    requests = (
        lambda: device.read(Memory.STATE, 0, 0, 300),
        lambda: device.write(Memory.STATE, 0, 0, [1, 2, 3]),
        lambda: device.begin(True),
        device.run,
    )
    with suppress(StillframeError):
        device.hello()
        requests[which]()
    assert link.now < longest(5, 1e-5)


def stream(data: atheris.FuzzedDataProvider) -> None:
    """Frames, each with the right answer or none."""
    link = Babbler(FakeDevice(CONFIG), [], None)
    session = Session(Device(link), PROGRAM)
    link._plan = plan(data, KINDS)
    for frame in FRAMES:
        with suppress(LinkError):
            np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def one(data: bytes) -> None:
    """What libFuzzer calls."""
    provider = atheris.FuzzedDataProvider(data)
    (request if provider.ConsumeBool() else stream)(provider)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
