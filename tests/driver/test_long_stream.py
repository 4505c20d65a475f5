"""A session goes on for as long as one likes: the host's memory does not grow, and answers stay right."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_network import LARGE, tiny_case

from stillframe.driver import Device, Session
from stillframe.sim.native import open_sim

Stream = Callable[[int], None]
"""Runs so many frames more."""


@pytest.fixture
def stream() -> Iterator[Stream]:
    """On the simulated accelerator; each answer is held against the golden model's."""
    case = tiny_case(LARGE)
    with open_sim(LARGE) as simulation:
        session = Session(Device(simulation), case.program)

        def run(count: int) -> None:
            for index in range(count):
                index %= len(case.frames)
                result = session.run(case.frames[index])
                np.testing.assert_array_equal(result.outputs["output"], case.answers[index])

        yield run


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("first", "last", "growth"),
    [
        pytest.param(200, 1_000, 1 << 20, id="short"),
        pytest.param(10_000, 100_000, 4 << 20, id="long", marks=pytest.mark.full),
    ],
)
def test_resident_memory_stays_flat(stream: Stream, first: int, last: int, growth: int) -> None:
    stream(first)
    before = resident()
    stream(last - first)
    after = resident()
    print(f"\n{before:,} bytes resident after {first:,} frames, {after:,} after {last:,}")
    assert after - before < growth


def test_no_python_object_is_kept(stream: Stream) -> None:
    """So that a byte kept of each frame would be found."""
    stream(70)
    tracemalloc.start()
    try:
        stream(70)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        stream(400)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4_000
