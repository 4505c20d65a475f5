"""Which lane of a bank is whose, and which output each has."""

from __future__ import annotations

from itertools import product

import pytest

from stillframe.contract import ArrayConfig

ARRAYS = ("1x4@25F", "1x16@85F", "2x8@85F", "2x16@85F", "4x4@virtual", "4x8@45F", "4x16@85F", "8x16@virtual")


@pytest.mark.parametrize("name", ARRAYS)
def test_each_lane_has_a_lane_group_and_a_place(name: str) -> None:
    config = ArrayConfig.parse(name)
    places = list(product(range(config.taps), range(config.group)))
    assert sorted(config.lane(*place) for place in places) == list(range(config.lanes))
    assert all(config.tap_and_place(config.lane(*place)) == place for place in places)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_output_has_a_lane_for_each_column(name: str) -> None:
    config = ArrayConfig.parse(name)
    for side_log2 in range(config.taps.bit_length()):
        outputs, side = config.lanes >> side_log2, 1 << side_log2
        found = [config.output_and_column(lane, side_log2) for lane in range(config.lanes)]
        assert sorted(found) == list(product(range(outputs), range(side)))
        assert [output for output, _ in found[:outputs]] == list(range(outputs))
        for lane, (_, column) in enumerate(found):
            assert column == config.tap_and_place(lane)[0] * side // config.taps


@pytest.mark.parametrize("name", ["4x4@virtual", "4x8@virtual", "4x16@85F", "8x16@virtual"])
def test_an_elements_lanes_lie_near_it_where_words_are_wide(name: str) -> None:
    """Those of a depthwise layer, if lanes and elements are spread over the same width."""
    config = ArrayConfig.parse(name)
    for element in range(config.drain):
        for tap in range(config.taps):
            lane = config.lane(tap, element // config.banks)
            assert abs(lane * config.drain // config.lanes - element) < config.banks
