"""Channels in another order than the model's: which order is chosen, and that it changes no code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_check import check
from random_graphs import arrays, graphs
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import Density, Profile, compile_with_plan, draw_profile, summarise
from stillframe.compiler.channel_order import ordered, tied
from stillframe.compiler.class_balance import Work, balanced
from stillframe.compiler.compile import assemble
from stillframe.compiler.estimate import Estimator
from stillframe.compiler.lowering import lower
from stillframe.compiler.memory import place
from stillframe.compiler.modes import plan_for
from stillframe.compiler.network import Network
from stillframe.compiler.profile import Activity
from stillframe.compiler.walk import walk
from stillframe.contract import ArrayConfig, Mode, Program
from stillframe.frontend import Conv, Graph, MaxPool
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Pad, Resize

ARRAY = ArrayConfig.parse("4x16@virtual")


def network(graph: Graph, config: ArrayConfig = ARRAY) -> Network:
    return Network(graph, lower(graph), config)


def shuffled(graph: Graph, config: ArrayConfig, mode: str, threshold: int, seed: int) -> Program:
    """A program with a random order of the channels of every tensor that may have one."""
    random, natural = np.random.default_rng(seed), network(graph, config)
    orders: list[tuple[int, ...]] = [()] * len(natural.tensors)
    for tensors in tied(natural):
        order = tuple(random.permutation(natural.layouts[tensors[0]].channels).tolist())
        for tensor in tensors:
            orders[tensor] = order
    mixed = replace(natural, orders=orders)
    modes = plan_for(mixed, mode, None).modes
    return assemble(mixed, modes, place(mixed, modes), mode, threshold)


def uneven(graph: Graph, shares: dict[int, list[float]]) -> Profile:
    """A profile in which the channels of some tensors change in these shares of the pixels."""
    profile, random = draw_profile(graph, {}, 4), np.random.default_rng(1)
    tensors = dict(profile.tensors)
    for number, share in shares.items():
        tensor = graph.tensors[number]
        drawn = random.random((4, *tensor.shape)) < np.array(share)
        tensors[tensor.name] = Activity(drawn, drawn[..., ::-1])
    return replace(profile, tensors=tensors)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    graph=graphs(),
    config=arrays(),
    mode=st.sampled_from(["delta", "direct", "dense"]),
    threshold=st.sampled_from([0, 0, 3]),
    seed=st.integers(0, 1000),
)
def test_no_order_changes_a_code(
    graph: Graph, config: ArrayConfig, mode: str, threshold: int, seed: int
) -> None:
    check(graph, shuffled(graph, config, mode, threshold, seed), threshold, seed)


def test_a_wrong_order_is_found() -> None:
    """The comparison above means something."""
    graph = chain((6, 6, 2), Layer(MaxPool, (2, 2)), Layer(Conv, (3, 3), 5, weight=0, shift=0))
    bias = np.arange(5, dtype=np.int32) * 10
    conv = replace(graph.nodes[1], bias=bias)  # type: ignore[call-arg]
    graph = replace(graph, nodes=(graph.nodes[0], conv))
    program = shuffled(graph, ARRAY, "delta", 0, 0)
    check(graph, program, 0, 0)
    *tensors, last = program.tensors
    assert len(last.order) == 5
    told = replace(last, order=(last.order[1], last.order[0], *last.order[2:]))
    with pytest.raises(AssertionError, match=f"tensor {last.name}"):
        check(graph, replace(program, tensors=(*tensors, told)), 0, 0)


def test_tensors_that_share_an_order() -> None:
    graph = chain(
        (12, 16, 3),
        Layer(Conv, (3, 3), 10, padding=AROUND),
        Layer(Conv, (3, 3), 10, padding=AROUND),
        Layer(Add, inputs=(1, 2)),  # done by the convolution before it
        Layer(DepthwiseConv, (3, 3), 1),
        Layer(DepthwiseConv, (3, 3), 2),  # its outputs are as free as a convolution's
        Layer(Pad, padding=AROUND),
        Layer(MaxPool, (2, 2)),
        Layer(Resize, factors=(2, 2)),
        Layer(AveragePool, (2, 2)),
        Layer(Mean),
        Layer(Conv, channels=7),
    )
    assert tied(network(graph)) == [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10]]


def test_input_and_concatenation_stay() -> None:
    graph = chain(
        (8, 8, 4),
        Layer(DepthwiseConv, (1, 1), 1),
        Layer(Conv, channels=4),
        Layer(Conv, channels=4),
        Layer(Concat, inputs=(2, 3)),
        Layer(Conv, channels=4),
        Layer(Concat, inputs=(1, 4, 5)),
        Layer(MaxPool),
        Layer(Conv, channels=5),
    )
    assert tied(network(graph)) == [[9]]  # tensors 6 and 7 are made by the second CONCATENATION's two layers


@pytest.mark.parametrize("channels", [16, 19, 64])
@pytest.mark.parametrize("shares", [(2,), (4,), (2, 4), (8,)])
def test_classes_get_equal_work(channels: int, shares: tuple[int, ...]) -> None:
    often = 1 + np.arange(channels) % 8
    rows = np.random.default_rng(channels).poisson(often, (200, channels)).astype(float)
    works = [Work(share, rows) for share in shares]
    order = balanced(works)
    assert sorted(order) == list(range(channels))
    random = np.random.default_rng(0)
    for work in works:
        found = work.busiest(np.array(order))
        assert found < 0.98 * work.busiest(np.arange(channels))
        assert found < 1.01 * min(work.busiest(random.permutation(channels)) for _ in range(200))


def test_gains_are_what_an_exchange_brings() -> None:
    random = np.random.default_rng(0)
    work, order = Work(4, random.poisson(3, (20, 11)).astype(float)), random.permutation(11)
    for first in range(11):
        for second, gain in enumerate(work.gains(order, first)):
            exchanged = order.copy()
            exchanged[[first, second]] = order[[second, first]]
            assert gain == work.busiest(order) - work.busiest(exchanged)


def test_channels_that_change_together_are_parted() -> None:
    """Two pairs, each channel as active as any other, but a pair at a time."""
    rows = np.array([[5, 0, 5, 0], [0, 5, 0, 5]] * 3, float)
    assert balanced([Work(2, rows)]) in ((1, 0, 2, 3), (0, 1, 3, 2), (0, 3, 2, 1), (2, 1, 0, 3))


def test_what_is_balanced_stays() -> None:
    rows = np.ones((5, 12))
    assert balanced([Work(4, rows)]) == ()


HOT = [0.5 if channel % 4 == 0 else 0.02 for channel in range(16)]
"""All that is active is in one class of four."""


def hot_graph(outputs: int) -> Graph:
    return chain(
        (16, 16, 3),
        Layer(Conv, (3, 3), 16, padding=AROUND),
        Layer(Conv, (3, 3), outputs, padding=AROUND),
    )


@pytest.mark.parametrize("mode", ["auto", "delta"])
def test_fewer_cycles_are_estimated(mode: str) -> None:
    graph = hot_graph(16)
    profile = uneven(graph, {1: HOT})
    program, plan = compile_with_plan(graph, ARRAY, mode=mode, profile=profile)
    assert [bool(tensor.order) for tensor in program.tensors] == [False, True, False]
    natural = Estimator(network(graph), profile).frame(plan.modes)
    assert sum(plan.cycles) < 0.5 * natural
    assert "\nchannels in an order that saves cycles: the output of conv1\n" in summarise(program)
    check(graph, program, 0, 0)
    assert compile_with_plan(graph, ARRAY, mode=mode, profile=profile)[0].to_bytes() == program.to_bytes()
    assert Program.from_bytes(program.to_bytes()).tensors == program.tensors


def test_natural_where_nothing_is_gained() -> None:
    unshared, alike = hot_graph(48), draw_profile(hot_graph(16), {"tensor1": Density(0.8, 0.3)}, 4)
    for graph, profile in (
        (hot_graph(16), None),  # nothing is known
        (unshared, uneven(unshared, {1: HOT})),  # each bank has outputs of its own
        (hot_graph(16), alike),  # an order that is more equal by itself takes more cycles by the estimate
    ):
        program, plan = compile_with_plan(graph, ARRAY, mode="delta", profile=profile)
        assert not plan.network.orders
        assert not any(tensor.order for tensor in program.tensors)


def test_order_by_what_is_an_event_in_the_planned_mode() -> None:
    """What is not zero in direct mode, nothing in dense mode: there all channels are alike."""
    graph = hot_graph(16)
    profile = uneven(graph, {1: HOT})  # not zero are the mirrored channels
    natural = network(graph)
    by_mode = {mode: ordered(natural, profile, [mode] * 3).order(1) for mode in Mode}
    hot = {Mode.DELTA: range(0, 16, 4), Mode.DIRECT: range(3, 16, 4)}
    for mode, channels in hot.items():
        assert {by_mode[mode].index(channel) % 4 for channel in channels} == set(range(4))
    assert by_mode[Mode.DENSE] == ()
    direct, plan = compile_with_plan(graph, ARRAY, profile=profile, pins={"conv2": "direct"})
    assert direct.tensors[1].order == ordered(natural, profile, plan.modes).order(1) != by_mode[Mode.DELTA]


def test_walk_sees_channels_where_they_are() -> None:
    graph = hot_graph(16)
    natural = network(graph)
    mixed = replace(natural, orders=[(), tuple(range(15, -1, -1)), ()])
    marks = draw_profile(graph, {"tensor1": Density(0.3, 0.3)}).tensors["tensor1"].changed
    for name in ("events", "cycles", "words"):
        found, expected = walk(mixed, 2, marks), walk(natural, 2, marks[..., ::-1])
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
