"""Which nodes become layers of their own, and which join another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_graphs import Layer, also_output, chain

from stillframe.compiler.lowering import lower
from stillframe.contract import Op
from stillframe.frontend import Conv, Graph, GraphOutput, MaxPool, PRelu, Relu


def operators(graph: Graph) -> list[str]:
    return [step.operators for step in lower(graph)]


CONV_PRELU = chain((4, 4, 2), Layer(Conv, (1, 1), 3), Layer(PRelu))


def test_activation_joins_the_layer_before() -> None:
    (step,) = lower(CONV_PRELU)
    assert (step.operators, step.op, step.input, step.output) == ("CONV_2D + PRELU", Op.MAC, 0, 2)
    assert step.table is not None
    assert step.table.shape == (3, 256)


def test_activations_join_a_pool_and_one_another() -> None:
    graph = chain((4, 4, 2), Layer(MaxPool, (2, 2)), Layer(Relu), Layer(PRelu))
    assert operators(graph) == ["MAX_POOL_2D + RELU + PRELU"]


def test_activation_behind_an_output_stands_alone() -> None:
    first, second = lower(also_output(CONV_PRELU, 1))
    assert (first.operators, first.output, first.table) == ("CONV_2D", 1, None)
    assert (second.operators, second.op, second.window) == ("PRELU", Op.POOL, (1, 1))
    assert second.table is not None


def test_activation_of_a_tensor_with_two_readers_stands_alone() -> None:
    graph = chain((4, 4, 2), Layer(Conv, (1, 1), 3), Layer(PRelu), Layer(Conv, (1, 1), 3))
    branch = replace(graph.nodes[2], inputs=(1,))
    outputs = (*graph.outputs, GraphOutput("other", 2, (4, 4, 3), 0.1, 0, ()))
    graph = replace(graph, nodes=(*graph.nodes[:2], branch), outputs=outputs)
    assert operators(graph) == ["CONV_2D", "PRELU", "CONV_2D"]


def test_activation_of_the_input_stands_alone() -> None:
    assert operators(chain((4, 4, 2), Layer(Relu), Layer(Relu))) == ["RELU + RELU"]


def test_equal_slopes_share_a_table() -> None:
    prelu = CONV_PRELU.nodes[1]
    assert isinstance(prelu, PRelu)
    equal = replace(prelu, alpha=prelu.alpha * 0 + 7)
    (step,) = lower(replace(CONV_PRELU, nodes=(CONV_PRELU.nodes[0], equal)))
    assert step.table is not None
    assert step.table.shape == (1, 256)


@pytest.mark.parametrize(("low", "high", "needs"), [(-128, 127, False), (0, 127, True), (-128, 90, True)])
def test_range_of_a_pool_is_a_table(low: int, high: int, needs: bool) -> None:
    graph = chain((4, 4, 2), Layer(MaxPool, (2, 2)))
    pool = graph.nodes[0]
    assert isinstance(pool, MaxPool)
    (step,) = lower(replace(graph, nodes=(replace(pool, act_min=low, act_max=high),)))
    if needs:
        assert step.table is not None
        assert (step.table.min(), step.table.max()) == (low, high)
    else:
        assert step.table is None
