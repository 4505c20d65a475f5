"""Frames through the fake device: what is told of each, of lost ones too, and that nothing piles up."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator
from itertools import islice

import numpy as np
import pytest
from fake_device import CYCLES
from live_fakes import HEIGHT, WIDTH, TidyLink, frame, make_subject, moving, open_link, table

from stillframe.driver import LinkError
from stillframe.live import Lost, Stream, View
from stillframe.live.feed import Feed
from stillframe.live.frames import Frames
from stillframe.live.lines import line, summary
from stillframe.live.stop import Stop
from stillframe.live.stream import GIVE_UP
from stillframe.video import Clip


def test_what_is_told_of_a_frame() -> None:
    device, _ = open_link()
    stream = Stream(device, make_subject(clock_hz=1e6), Frames(moving(4)))
    views = list(stream)
    assert [type(view) for view in views] == [View] * 4
    first, _, third, last = views
    assert isinstance(third, View)
    assert [view.number for view in views] == [0, 1, 2, 3]
    assert np.array_equal(third.frame, frame(2))
    assert np.array_equal(third.result.outputs["sum"], (table()[frame(2)].astype(int) + 10).astype(np.int8))
    assert (third.cycles, third.milliseconds) == (CYCLES, CYCLES / 1000)
    assert (third.macs_issued, third.macs_dense, third.skipped) == (7, 15, 8 / 15)
    # The pixel that was bright, and the one that is.
    assert np.argwhere(third.changed).tolist() == [[0, 1], [0, 2]]
    assert third.changed_share == 2 / (HEIGHT * WIDTH)
    assert isinstance(first, View)
    assert (first.result.key, first.changed_share, first.rate) == (True, 1.0, None)
    assert third.rate is not None
    assert third.boxes is None
    assert [output.kind for output in third.outputs] == ["ends"]
    assert (last.totals.frames, last.totals.scratch, last.totals.lost) == (4, 1, 0)
    assert last.totals == stream.totals
    assert last.totals.cycles == 3 * CYCLES
    assert line(third).startswith(
        "frame 2: 4,242 cycles (4.24 ms), 53.3% of MACs skipped, 4.2% of pixels changed, "
    )
    assert summary(stream.totals).startswith("4 frames in ")
    assert summary(stream.totals).endswith(" s, 4,242 cycles a frame, 53.3% of MACs skipped")


def test_limit_ends_before_another_frame_is_asked_for() -> None:
    given = []

    def source() -> Generator[np.ndarray, None, None]:
        for index in range(9):
            given.append(index)
            yield frame(index)

    device, _ = open_link()
    stream = Stream(device, make_subject(), Frames(Clip("counted", 0, None, source)), limit=3)
    assert len(list(stream)) == 3
    assert given == [0, 1, 2]


def silence(link: TidyLink, wanted: bool) -> None:
    link.to_host = (lambda data: b"") if wanted else (lambda data: data)


def test_lost_frame_is_told_and_the_next_is_computed_from_scratch() -> None:
    device, link = open_link()
    stream = iter(Stream(device, make_subject(), Frames(moving(5))))
    assert isinstance(next(stream), View)
    silence(link, True)
    lost = next(stream)
    assert isinstance(lost, Lost)
    assert (lost.number, lost.totals.frames, lost.totals.lost) == (1, 1, 1)
    assert lost.message.startswith("link: expected an answer to HELLO, got none that is whole in 3 attempts")
    assert line(lost).startswith("frame 1: LOST, the next one is computed from scratch: link: expected")
    silence(link, False)
    third, fourth = next(stream), next(stream)
    assert isinstance(third, View)
    assert isinstance(fourth, View)
    assert (third.number, third.result.key, third.changed_share) == (2, True, 1.0)
    assert np.array_equal(third.result.outputs["sum"], (table()[frame(2)].astype(int) + 10).astype(np.int8))
    assert (fourth.result.key, fourth.totals.frames, fourth.totals.lost) == (False, 3, 1)
    assert fourth.link.resynchronisations > 0
    assert summary(fourth.totals).startswith("3 frames in ")
    assert ", 1 lost, " in summary(fourth.totals)


def test_link_that_brings_nothing_through_is_given_up() -> None:
    device, link = open_link()
    stream = iter(Stream(device, make_subject(), Frames(moving(None))))
    assert isinstance(next(stream), View)
    silence(link, True)
    assert [type(next(stream)) for _ in range(GIVE_UP)] == [Lost] * GIVE_UP
    with pytest.raises(LinkError) as caught:
        next(stream)
    assert str(caught.value) == (
        "link: expected frames to come through, lost 3 one after the other: link: expected an answer to "
        "HELLO, got none that is whole in 3 attempts\n"
        "  -> check power and cable, that nothing else uses the port, and that the bitstream is loaded"
    )


def test_signal_within_a_frame_waits_for_its_end() -> None:
    device, link = open_link()
    with Stop() as stop:
        stop.gently = True
        frames = iter(Stream(device, make_subject(), Frames(moving(None), stop=stop), stop=stop))
        assert isinstance(next(frames), View)

        def strike(data: bytes) -> bytes:
            if link.device._begun:  # a frame is half on its way
                signal.raise_signal(signal.SIGINT)
            return data

        link.to_device = strike
        view = next(frames)
        assert isinstance(view, View)
        assert stop.requested
        assert next(frames, None) is None
    assert not link.device._begun
    assert not link.device._buffer


def test_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stillframe.live.stop.time.monotonic", lambda: now[0])
    with Stop() as stop:
        stop.gently = True
        signal.raise_signal(signal.SIGTERM)
        now[0] += 0.1
        signal.raise_signal(signal.SIGINT)  # make's, after the terminal's: the same wish
        now[0] += 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_before_the_first_frame_does_not_wait(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stop(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_memory_stays_as_it_is() -> None:
    """With a browser that looks at some frames, and frames lost."""
    device, link = open_link()
    subject, feed = make_subject(), Feed()
    feed.begin(subject)
    version = after = -1
    blocks, lost = [], 0
    stream = iter(Stream(device, subject, Frames(moving(None))))
    for _ in range(4):
        for view in islice(stream, 600):
            feed.add(view)
            lost += isinstance(view, Lost)
            if view.number % 50 == 0:
                news = feed.next(version, after, 0)
                assert news
                version, after, _, _ = news
            silence(link, view.number % 300 == 299)
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert lost == 7
    # One object kept of each frame would be 1200 blocks.
    assert blocks[3] - blocks[1] < 200, blocks
