"""Axes, paths and changed pixels of the report."""

from __future__ import annotations

import numpy as np
import pytest

from stillframe.report.changes import changes
from stillframe.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, chart, round_step, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1200, "1.2 k"),
        (2000, "2 k"),
        (34_000, "34 k"),
        (250_000, "250 k"),
        (3.4e6, "3.4 M"),
    ],
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("span", "most", "step"),
    [(100, 4, 50), (100, 5, 20), (79_000, 4, 20_000), (60, 8, 10), (0, 4, 1), (3, 8, 0.5)],
)
def test_round_step(span: float, most: int, step: float) -> None:
    assert round_step(span, most) == step


def test_chart_spans_its_frame() -> None:
    drawn = chart("title", 7, [Line("ours", "this run", [0, 40, 20])])
    top, bottom = TOP, HEIGHT - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / 3
    x = [round(LEFT + step * k, 2) for k in range(4)]
    middle = (top + bottom) / 2
    assert drawn.lines == [
        (
            "ours",
            "this run",
            f"M{x[0]},{float(bottom)} L{x[1]},{float(bottom)} L{x[1]},{float(top)} L{x[2]},{float(top)} "
            f"L{x[2]},{middle} L{x[3]},{middle}",
        )
    ]
    assert [tick.text for tick in drawn.up] == ["0", "10", "20", "30", "40"]
    assert [tick.text for tick in drawn.across] == ["7", "8", "9"]


def test_chart_of_nothing_but_zeros() -> None:
    drawn = chart("title", 0, [Line("ours", "this run", [0, 0])])
    assert drawn.up[0].text == "0"
    assert drawn.up[-1].at == TOP


def test_changes_are_from_the_value_last_sent() -> None:
    frames = [np.array([[[v, 0]]], np.int8) for v in (0, 2, 4, 5, -128, 127)]
    assert [int(change[0, 0]) for change in changes(frames, 2)] == [255, 0, 4, 0, 132, 255]
    assert [int(change[0, 0]) for change in changes(frames, 0)] == [255, 2, 2, 1, 133, 255]
