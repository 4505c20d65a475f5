"""What the estimate takes a layer's work to be, against plain loops over requests, taps and pixels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from column_requests import Strip
from small_graphs import Layer, chain

from stillframe.compiler import compile_with_plan
from stillframe.compiler.estimate import time_layer
from stillframe.compiler.network import Network
from stillframe.compiler.rows import FOUND, LEAST, Rows
from stillframe.compiler.steps import Steps
from stillframe.compiler.walk import Row, walk
from stillframe.contract import ArrayConfig
from stillframe.frontend import Conv
from stillframe.frontend.graph import DepthwiseConv


def draw(seed: int) -> tuple[Network, Any]:
    """A convolution of any geometry on any array, and its descriptor's fields."""
    random = np.random.default_rng(seed)
    height, width, channels = random.integers((1, 1, 1), (8, 40, 20)).tolist()
    rows, columns = random.integers(1, (min(height, 4) + 1, min(width, 9) + 1)).tolist()
    kind = Conv if seed % 3 else DepthwiseConv
    layer = Layer(
        kind,
        (rows, columns),
        int(random.integers(1, 40)) if kind is Conv else 1,
        strides=tuple(random.integers(1, 5, 2).tolist()),
        padding=((1, 0), tuple(random.integers(0, columns, 2).tolist())),
    )
    array = ("1x4", "1x16", "2x8", "4x16", "8x16")[seed % 5]
    config = ArrayConfig.parse(f"{array}@virtual")
    program, plan = compile_with_plan(chain((height, width, channels), layer), config)
    return plan.network, SimpleNamespace(**{"stride_log2": 0, **program.layers[1].fields})


@pytest.mark.parametrize("seed", range(60))
def test_requests_of_a_row(seed: int) -> None:
    """Blocks, what is asked for in them, and what is complete behind them."""
    network, fields = draw(seed)
    row = Row.of(network, 1)
    at_once = network.config.taps if network.channelwise(1) else 1 << fields.side_log2
    block = 0
    for number, start in enumerate(range(0, fields.out_width, fields.strip)):
        strip = Strip(fields, start, min(fields.strip, fields.out_width - start))
        blocks = len(strip.complete)
        assert (row.strip[block : block + blocks] == number).all()
        assert (row.complete[block : block + blocks] - start).tolist() == strip.complete
        asked = sorted(
            (request.block + block, *(request.word * 8 + column for column in request.columns))
            for request in strip.requests()
        )
        found = [
            (block, *np.flatnonzero(columns).tolist())
            for columns, of_block in zip(row.asked.T, row.of_block, strict=True)
            for block in np.flatnonzero(of_block).tolist()
            if row.strip[block] == number
        ]
        assert sorted(found) == asked
        taps = np.zeros((blocks, fields.in_width), np.int64)
        np.add.at(taps, (strip.taps.block, strip.taps.column), 1)
        cycles = row.cycles[:, block : block + blocks].T
        assert (cycles == (taps + at_once - 1) // at_once).all()
        highest = [strip.taps.pixel[strip.taps.block == b].max(initial=0) for b in range(blocks)]
        assert (row.highest[block : block + blocks] - start >= highest).all()
        for x, pixel in zip(strip.taps.column, strip.taps.pixel, strict=True):
            assert row.reach[x, start + pixel]
        block += blocks
    assert block == len(row.complete)


@pytest.mark.parametrize("seed", range(20))
def test_work_of_the_rows(seed: int) -> None:
    """Events, taps and touched pixels, by kernel row, element and tap."""
    network, fields = draw(seed)
    step, config, source = network.step(1), network.config, network.layouts[0]
    random = np.random.default_rng(seed)
    marks = random.random((2, source.height, source.width, source.channels)) < 0.1
    work = walk(network, 1, marks)
    passes = network.groups(1) if network.channelwise(1) else 1
    for frame in range(2):
        for row in range(network.layouts[1].height):
            live = 0
            taps = np.zeros((passes, config.banks), np.int64)
            touched = np.zeros((passes, fields.out_width), np.bool_)
            for tap in range(step.window[0]):
                y = row * step.strides[0] - step.padding[0][0] + tap
                if not 0 <= y < source.height:
                    continue
                live += bool(marks[frame, y].any())
                for x, channel in np.argwhere(marks[frame, y]):
                    at = channel // config.drain if network.channelwise(1) else 0
                    reached = np.flatnonzero(work.row.reach[x])
                    touched[at, reached] = True
                    turn = (y + x) % config.banks * source.channels if network.spreads(0) else 0
                    taps[at, (turn + channel) % config.drain % config.banks] += len(reached)
            assert work.live[frame, row] == live
            assert (work.touched[frame, row] == touched).all()
            if network.side(1) == 1 and not network.channelwise(1):
                assert (work.cycles[frame, row].sum(axis=1) == taps).all()
            else:
                assert (work.cycles[frame, row].sum(axis=1) <= taps).all()


def test_rows_of_frames_side_by_side() -> None:
    given = np.array([[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]], np.bool_)
    rows = Rows.of(given)
    assert rows.given.tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert rows.rows[0, :2].tolist() == [1, 4]
    assert rows.rows[2].tolist() == [0, 1, 2]
    assert rows.advance.tolist() == [[2, 3, 0], [0, 0, 0], [1, 1, 1]]
    assert rows.left.tolist() == [1, 6, 3]
    assert rows.pick(np.arange(18).reshape(3, 6)).tolist() == [[1, 4, 0], [0, 0, 0], [12, 13, 14]]


def test_slots_of_a_step() -> None:
    """A step waits for the pixel 16 before its last one, of its own pass over the row or an earlier one."""
    config = ArrayConfig.parse("1x16@virtual")
    graph = chain((2, 40, 4), Layer(Conv, (1, 1), 32))
    network = compile_with_plan(graph, config)[1].network
    assert (network.groups(1), network.blocks(1).columns) == (2, 8)
    marks = np.ones((1, 2, 40, 4), np.bool_)
    marks[0, :, 3] = False
    steps = Steps.of(
        network, 1, np.zeros((1, 2), np.bool_), walk(network, 1, marks), np.ones((1, 2), np.bool_)
    )
    assert steps.slot.tolist() == [-1, -1, *range(18)]
    assert steps.behind[2:].max() == 0, "the last pixel of each of these steps is needed"
    # 4 words of 4 channels for each of 8 pixels, of the first block only 7 and a cycle for the other.
    assert steps.drain[:, 0].tolist() == [29, 32, 32, 32, 32] * 4
    assert steps.drained[:, 0].tolist() == [28, 32, 32, 32, 32] * 4


def test_changes_that_no_window_sees() -> None:
    """A layer that runs without a row to give takes what its row finder takes."""
    config = ArrayConfig.parse("4x16@virtual")
    graph = chain((8, 8, 4), Layer(Conv, (1, 1), 4, strides=(2, 2)))
    network = compile_with_plan(graph, config)[1].network
    marks = np.zeros((2, 8, 8, 4), np.bool_)
    marks[:, 1::2] = True
    (cycles,) = set(time_layer(network, 1, False, [marks], np.zeros((2, 4), np.bool_)))
    assert cycles == 4 * LEAST + 2 + FOUND
    assert (time_layer(network, 1, True, [marks], np.zeros((2, 4), np.bool_)) > cycles + 4 * 4).all()


def test_frames_are_timed_as_if_alone() -> None:
    """Busy and quiet frames side by side, of which each has other rows."""
    random = np.random.default_rng(3)
    graph = chain((20, 24, 8), Layer(Conv, (3, 3), 20, padding=((1, 1), (1, 1))))
    network = compile_with_plan(graph, ArrayConfig.parse("2x8@virtual"))[1].network
    marks = random.random((6, 20, 24, 8)) < np.array([0.9, 0.2, 0.03, 0.003, 0.001, 0])[:, None, None, None]
    flags = random.random((6, 20)) < 0.5
    together = time_layer(network, 1, False, [marks], flags)
    alone = [time_layer(network, 1, False, [marks[[f]]], flags[[f]])[0] for f in range(6)]
    assert together.tolist() == alone
    assert (np.diff(together) < 0).all()
