"""Channels that are events together, in one group of a depthwise layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from program_check import check
from small_graphs import AROUND, Layer, chain
from test_compiler_channel_order import uneven

from stillframe.compiler import compile_with_plan
from stillframe.compiler.estimate import Estimator
from stillframe.compiler.like_channels import _events, _events_with, _gains, gathered
from stillframe.compiler.lowering import lower
from stillframe.compiler.network import Network
from stillframe.contract import ArrayConfig
from stillframe.frontend import Conv
from stillframe.frontend.graph import DepthwiseConv


def events_of_kinds(kinds: list[int], pixels: int = 400) -> npt.NDArray[np.bool_]:
    """Channels of a kind are events in the same pixels; kind k in about a pixel of 2 + k."""
    random = np.random.default_rng(0)
    of_kind = random.random((pixels, max(kinds) + 1)) < 1 / (2 + np.arange(max(kinds) + 1))
    return of_kind[:, kinds]


@pytest.mark.parametrize(("groups", "word"), [(1, 4), (4, 16), (4, 8)])
def test_channels_that_are_alike_come_together(groups: int, word: int) -> None:
    """As many of a kind as a group has channels of a word: no group mixes two kinds."""
    size = word // groups
    kinds = np.random.default_rng(1).permutation(np.repeat(np.arange(32 // size), size))
    events = events_of_kinds(kinds.tolist())
    order = np.array(gathered(events, word, groups))
    assert sorted(order) == list(range(32))
    places = np.arange(32)
    cells = places // word * groups + places % groups
    for cell in np.unique(cells):
        assert len(set(kinds[order[cells == cell]])) == 1
    # The groups of a word have about as much to do: they are neighbours by activity.
    assert (np.diff(_events(events.T[order], cells)) <= 0).all()


def test_gains_are_what_an_exchange_brings() -> None:
    random = np.random.default_rng(0)
    events = random.random((11, 60)) < 0.4
    cells, order = np.array([0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2]), random.permutation(11)
    gains = _gains(_events_with(events, cells, order, np.arange(11))[:, order], cells)
    for first in range(11):
        for second in range(11):
            exchanged = order.copy()
            exchanged[[first, second]] = order[[second, first]]
            lost = _events(events[order], cells).sum() - _events(events[exchanged], cells).sum()
            assert gains[first, second] == lost


def test_cells_of_a_part_of_a_word() -> None:
    """Ten channels: the groups have three or two of them, and each channel its place."""
    events = np.random.default_rng(2).random((300, 10)) < np.linspace(0.1, 0.9, 10)
    order = gathered(events, 16, 4)
    assert sorted(order) == list(range(10))


def test_the_models_order_where_all_are_alike() -> None:
    assert gathered(np.ones((50, 16), np.bool_), 16, 4) == ()
    assert gathered(np.zeros((50, 16), np.bool_), 16, 4) == ()
    assert gathered(events_of_kinds([0, 1, 2, 3] * 4), 16, 4) == ()  # groups are so by themselves


@pytest.mark.parametrize("array", ["1x16@virtual", "4x16@virtual"])
def test_a_depthwise_layer_takes_fewer_cycles(array: str) -> None:
    config = ArrayConfig.parse(array)
    graph = chain(
        (16, 16, 3),
        Layer(Conv, (3, 3), 32, padding=AROUND),
        Layer(DepthwiseConv, (3, 3), 1, padding=AROUND),
        Layer(Conv, channels=64),
    )
    often = [0.7 if channel // config.banks % 2 else 0.03 for channel in range(32)]
    profile = uneven(graph, {1: often})
    program, plan = compile_with_plan(graph, config, mode="delta", profile=profile)
    natural = Estimator(Network(graph, lower(graph), config), profile)
    assert plan.estimator is not None
    assert plan.estimator.layer(2, plan.modes) < 0.75 * natural.layer(2, plan.modes)
    assert program.tensors[1].order == program.tensors[2].order != ()
    check(graph, program, 0, 0)
