"""Boxes of the built-in examples."""

from __future__ import annotations

import numpy as np
import pytest

from stillframe.examples import Box, occupancy, pnet
from stillframe.examples.box import intersection_over_union, strongest


def test_intersection_over_union() -> None:
    a = Box(0, 0, 2, 2, 1)
    assert intersection_over_union(a, a) == 1
    assert intersection_over_union(a, Box(1, 0, 3, 2, 1)) == pytest.approx(1 / 3)
    assert intersection_over_union(a, Box(2, 2, 3, 3, 1)) == 0
    assert intersection_over_union(Box(1, 1, 1, 1, 1), Box(1, 1, 1, 1, 1)) == 0


def test_strongest_drops_weaker_ones_that_overlap() -> None:
    weak, strong, far = Box(0, 0, 1, 1, 0.5), Box(0.1, 0, 1.1, 1, 0.9), Box(3, 3, 4, 4, 0.6)
    assert strongest([weak, far, strong], 0.3) == [strong, far]
    assert strongest([weak, far, strong], 0.9) == [strong, far, weak]


def test_pnet_places_a_cell_and_moves_its_edges() -> None:
    faces = np.zeros((19, 25, 2), np.float32)
    boxes = np.zeros((19, 25, 4), np.float32)
    faces[4, 10, 1] = 0.95
    faces[5, 10, 1] = 0.92  # overlaps, weaker
    faces[18, 24, 1] = 0.5  # too weak
    boxes[4, 10] = [-0.5, 0, 0.25, 1]
    (found,) = pnet.detect({"b": boxes, "f": faces}, 48, 60)
    assert found.score == pytest.approx(0.95)
    assert (found.left * 60, found.right * 60) == pytest.approx((20 - 6, 32 + 3))
    assert (found.top * 48, found.bottom * 48) == pytest.approx((8, 20 + 12))


def test_occupied_cells_that_touch_are_one_place() -> None:
    logits = np.full((9, 12, 1), -3.0, np.float32)
    logits[2, 3], logits[3, 4], logits[3, 3] = 1.0, 2.0, -0.5  # touch at a corner
    logits[8, 11] = 0.25
    logits[0, 0] = 0.0  # not above 0
    near, far = occupancy.detect({"occupancy": logits}, 72, 96)
    assert (near.left * 12, near.top * 9, near.right * 12, near.bottom * 9) == pytest.approx((3, 2, 5, 4))
    assert near.score == pytest.approx(1 / (1 + np.exp(-2)))
    assert (far.left * 12, far.top * 9, far.right * 12, far.bottom * 9) == pytest.approx((11, 8, 12, 9))
    assert occupancy.detect({"occupancy": logits * 0}, 72, 96) == []
