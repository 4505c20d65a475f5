"""Which nodes become layers of their own, and which join another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_graphs import AROUND, NO_PADDING, Layer, also_output, chain

from stillframe.compiler.lowering import Step, lower
from stillframe.contract import Op
from stillframe.frontend import Conv, Graph, GraphOutput, MaxPool, PRelu, Relu, Tensor
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Pad, Resize


def steps(graph: Graph) -> tuple[Step, ...]:
    return lower(graph).steps


def operators(graph: Graph) -> list[str]:
    return [step.operators for step in steps(graph)]


CONV_PRELU = chain((4, 4, 2), Layer(Conv, (1, 1), 3), Layer(PRelu))


def test_activation_joins_the_layer_before() -> None:
    (step,) = steps(CONV_PRELU)
    assert (step.operators, step.op, step.inputs, step.output) == ("CONV_2D + PRELU", Op.MAC, (0,), 2)
    assert step.table is not None
    assert step.table.shape == (3, 256)


def test_activations_join_a_pool_and_one_another() -> None:
    graph = chain((4, 4, 2), Layer(MaxPool, (2, 2)), Layer(Relu), Layer(PRelu))
    assert operators(graph) == ["MAX_POOL_2D + RELU + PRELU"]


def test_activation_behind_an_output_stands_alone() -> None:
    first, second = steps(also_output(CONV_PRELU, 1))
    assert (first.operators, first.output, first.table) == ("CONV_2D", 1, None)
    assert (second.operators, second.op, second.window) == ("PRELU", Op.POOL, (1, 1))
    assert second.table is not None


def test_activation_of_a_tensor_with_two_readers_stands_alone() -> None:
    graph = chain((4, 4, 2), Layer(Conv, (1, 1), 3), Layer(PRelu), Layer(Conv, (1, 1), 3, inputs=(1,)))
    outputs = (*graph.outputs, GraphOutput("other", 2, (4, 4, 3), 0.1, 0, ()))
    assert operators(replace(graph, outputs=outputs)) == ["CONV_2D", "PRELU", "CONV_2D"]


def test_activation_of_the_input_stands_alone() -> None:
    assert operators(chain((4, 4, 2), Layer(Relu), Layer(Relu))) == ["RELU + RELU"]


def test_equal_slopes_share_a_table() -> None:
    prelu = CONV_PRELU.nodes[1]
    assert isinstance(prelu, PRelu)
    equal = replace(prelu, alpha=prelu.alpha * 0 + 7)
    (step,) = steps(replace(CONV_PRELU, nodes=(CONV_PRELU.nodes[0], equal)))
    assert step.table is not None
    assert step.table.shape == (1, 256)


@pytest.mark.parametrize(
    ("layer", "joins"),
    [
        (Layer(DepthwiseConv, (2, 2), 1), True),
        (Layer(Mean), True),
        (Layer(AveragePool, (2, 2)), True),
        (Layer(AveragePool, (3, 3), padding=AROUND), False),
        (Layer(Add, inputs=(0, 0)), True),
        (Layer(Pad, padding=AROUND), True),
        (Layer(Resize, factors=(2, 2)), True),
        (Layer(Concat, inputs=(0, 0)), False),
    ],
    ids=lambda value: value.kind.__name__ if isinstance(value, Layer) else None,
)
def test_what_takes_a_table_by_channel(layer: Layer, joins: bool) -> None:
    """Where a PARAMS row tells the number of pixels too, or channels move, only a table for all is taken."""
    graph = chain((4, 4, 4), layer, Layer(PRelu))
    names = [node.op for node in graph.nodes]
    assert operators(graph) == ([" + ".join(names)] if joins else names)
    (step,) = steps(chain((4, 4, 4), layer, Layer(Relu)))
    assert step.table is not None
    assert step.table.shape == (1, 256)


@pytest.mark.parametrize(
    ("pad", "pool", "joins"),
    [(AROUND, (1, 1), False), (AROUND, (2, 2), True), (NO_PADDING, (1, 1), True)],
    ids=["beside", "across", "none"],
)
def test_activation_with_another_zero_point_behind_windows_beside_the_image(
    pad: tuple[tuple[int, int], tuple[int, int]], pool: tuple[int, int], joins: bool
) -> None:
    """There the device gives the zero point of the layer's output; it must not be looked up in a table."""
    relu = Layer(Relu, zero_point=-20)
    padded = chain((4, 4, 2), Layer(Pad, padding=pad), Layer(MaxPool, pool), relu, zero_point=-128)
    assert operators(padded) == (["MAX_POOL_2D + RELU"] if joins else ["MAX_POOL_2D", "RELU"])
    same = chain((4, 4, 2), Layer(Pad, padding=pad), Layer(MaxPool, pool), Layer(Relu), zero_point=-128)
    assert operators(same) == ["MAX_POOL_2D + RELU"]
    assert operators(chain((4, 4, 2), Layer(Pad, padding=AROUND), relu)) == ["PAD", "RELU"]


@pytest.mark.parametrize(("low", "high", "needs"), [(-128, 127, False), (0, 127, True), (-128, 90, True)])
def test_range_of_a_pool_is_a_table(low: int, high: int, needs: bool) -> None:
    graph = chain((4, 4, 2), Layer(MaxPool, (2, 2)))
    pool = graph.nodes[0]
    assert isinstance(pool, MaxPool)
    (step,) = steps(replace(graph, nodes=(replace(pool, act_min=low, act_max=high),)))
    if needs:
        assert step.table is not None
        assert (step.table.min(), step.table.max()) == (low, high)
    else:
        assert step.table is None


ONE_SIDED = ((0, 1), (2, 3))


@pytest.mark.parametrize(
    "layer",
    [
        Layer(Conv, (3, 3), 2),
        Layer(DepthwiseConv, (3, 3), 2),
        Layer(AveragePool, (3, 3)),
        Layer(MaxPool, (3, 3)),
        Layer(Mean),
    ],
    ids=lambda layer: layer.kind.__name__,
)
def test_pad_moves_the_window_of_the_layer_behind_it(layer: Layer) -> None:
    (step,) = steps(chain((6, 6, 2), Layer(Pad, padding=ONE_SIDED), layer, zero_point=-128))
    assert (step.inputs, step.output, step.padding) == ((0,), 2, ONE_SIDED)
    assert step.window == ((7, 11) if layer.kind is Mean else (3, 3))


@pytest.mark.parametrize(
    "layer",
    [
        Layer(AveragePool, (3, 3), padding=AROUND),
        Layer(MaxPool, (3, 3), padding=AROUND),
        Layer(Resize, factors=(2, 2)),
        Layer(Add, inputs=(1, 1)),
        Layer(Concat, inputs=(1, 1)),
    ],
    ids=lambda layer: layer.kind.__name__,
)
def test_pad_is_a_layer_before_what_sees_it(layer: Layer) -> None:
    pad, behind = steps(chain((6, 6, 2), Layer(Pad, padding=ONE_SIDED), layer, zero_point=-128))
    assert (pad.op, pad.inputs, pad.output, pad.padding) == (Op.POOL, (0,), 1, ONE_SIDED)
    assert (set(behind.inputs), behind.padding) == ({1}, layer.padding)


def test_maximum_sees_a_pad_with_codes_below_its_zero_point() -> None:
    graph = chain((6, 6, 2), Layer(Pad, padding=AROUND), Layer(MaxPool, (3, 3)), zero_point=-127)
    assert operators(graph) == ["PAD", "MAX_POOL_2D"]


def test_paddings_add_up() -> None:
    pads = [Layer(Pad, padding=ONE_SIDED), Layer(Pad, padding=AROUND)]
    (step,) = steps(chain((6, 6, 2), *pads, Layer(Conv, (3, 3), 2, padding=((2, 0), (0, 0)))))
    assert (step.inputs, step.padding) == ((0,), ((3, 2), (3, 4)))
    (pad,) = steps(chain((6, 6, 2), *pads))
    assert (pad.name, pad.inputs, pad.output, pad.padding) == ("pad2", (0,), 2, ((1, 2), (3, 4)))


def test_pad_that_is_an_output_is_a_layer_too() -> None:
    """Of two PADs before a convolution the first is an output: the convolution still reads what is padded."""
    pads = [Layer(Pad, padding=ONE_SIDED), Layer(Pad, padding=AROUND)]
    pad, conv = steps(also_output(chain((6, 6, 2), *pads, Layer(Conv, (3, 3), 2)), 1))
    assert (pad.op, pad.output, pad.padding) == (Op.POOL, 1, ONE_SIDED)
    assert (conv.inputs, conv.padding) == ((0,), ((1, 2), (3, 4)))


def test_pad_with_two_readers() -> None:
    layers = [Layer(Pad, padding=AROUND), Layer(Conv, (1, 1), 2), Layer(Concat, inputs=(1, 2))]
    pad, conv, concat = steps(chain((6, 6, 2), *layers))
    assert (pad.op, conv.inputs, conv.padding) == (Op.POOL, (0,), AROUND)
    assert (concat.op, concat.inputs) == (Op.CONCAT, (1, 2))


def test_average_divides_by_what_a_pad_added() -> None:
    """TFLite counts the pixels of a PAD but not those of a pooling's own padding."""
    own, pad = Layer(AveragePool, (2, 2), padding=AROUND), Layer(Pad, padding=AROUND)
    (padded,) = steps(chain((6, 6, 2), Layer(AveragePool, (2, 2), padding=AROUND)))
    assert padded.product is not None
    assert (padded.product.borders, padded.product.bias.shape) == ((2, 2), (4, 2))
    (behind,) = steps(chain((6, 6, 2), pad, replace(own, padding=NO_PADDING), zero_point=5))
    assert behind.product is not None
    assert (behind.product.borders, behind.product.bias.tolist()) == ((1, 1), [[20, 20]])


def test_concatenation_of_four_is_three_layers() -> None:
    layers = [Layer(Conv, (1, 1), n) for n in (3, 4, 5)]
    layers = [replace(layer, inputs=(0,)) for layer in layers]
    lowered = lower(chain((4, 6, 2), *layers, Layer(Concat, inputs=(1, 0, 3, 2), zero_point=7), zero_point=7))
    joins = lowered.steps[3:]
    assert [step.op for step in joins] == [Op.CONCAT] * 3
    assert [step.name for step in joins] == ["concat4 (1 of 3)", "concat4 (2 of 3)", "concat4"]
    assert [(step.inputs, step.output) for step in joins] == [((1, 0), 5), ((5, 3), 6), ((6, 2), 4)]
    assert lowered.tensors[5:] == (
        Tensor("concat4 (1 of 3)", (4, 6, 5), 0.1, 7),
        Tensor("concat4 (2 of 3)", (4, 6, 10), 0.1, 7),
    )


def test_layers_of_two_inputs_and_of_none_of_its_own_window() -> None:
    pool = Layer(MaxPool, (1, 1))
    graph = chain((4, 4, 3), pool, Layer(Add, inputs=(1, 0)), Layer(Resize, factors=(2, 3)))
    _, add, resize = steps(graph)
    assert (add.op, add.inputs, add.add) == (Op.ADD, (1, 0), graph.nodes[1])
    assert (resize.op, resize.inputs, resize.repeat) == (Op.POOL, (2,), (2, 3))


CONV, SUM = Layer(Conv, (1, 1), 3), Layer(Add, inputs=(1, 0))


@pytest.mark.parametrize("inputs", [(1, 0), (0, 1)])
def test_sum_is_done_by_the_convolution_that_makes_an_operand(inputs: tuple[int, int]) -> None:
    """Its own operand comes first, with its scale."""
    graph = chain((4, 4, 3), CONV, Layer(Add, inputs=inputs), Layer(PRelu))
    add = graph.nodes[1]
    assert isinstance(add, Add)
    (step,) = steps(graph)
    assert (step.operators, step.op, step.fused) == ("CONV_2D + ADD + PRELU", Op.MAC, True)
    assert (step.name, step.inputs, step.output) == ("conv1", (0, 0), 3)
    assert step.table is not None
    assert step.add is not None
    scales = (add.first, add.second) if inputs == (1, 0) else (add.second, add.first)
    assert (step.add.inputs, step.add.first, step.add.second) == ((1, 0), *scales)


@pytest.mark.parametrize("large", [1, 2])
def test_of_two_convolutions_the_larger_one_adds(large: int) -> None:
    """It takes the sum's place, behind the other one, whatever the order of the two."""
    sizes = [(3, 3) if number == large else (1, 1) for number in (1, 2)]
    sides = [AROUND if number == large else NO_PADDING for number in (1, 2)]
    layers = [
        Layer(Conv, kernel, 3, padding=padding, inputs=(0,))
        for kernel, padding in zip(sizes, sides, strict=True)
    ]
    small, fused = steps(chain((4, 4, 3), *layers, Layer(Add, inputs=(1, 2)), CONV))[:2]
    assert (small.name, small.fused, small.output) == (f"conv{3 - large}", False, 3 - large)
    assert (fused.name, fused.fused, fused.inputs) == (f"conv{large}", True, (0, 3 - large))


@pytest.mark.parametrize(
    "layers",
    [
        [CONV, Layer(Add, inputs=(1, 1))],
        [CONV, SUM, Layer(Concat, inputs=(2, 1))],
        [CONV, Layer(Relu), Layer(Add, inputs=(2, 0))],
        [Layer(MaxPool, (1, 1)), SUM],
        [Layer(AveragePool, (3, 3), padding=AROUND), SUM],
        [Layer(AveragePool, (1, 1), zero_point=4), SUM],
    ],
    ids=["with itself", "read twice", "table between", "maximum", "borders", "average"],
)
def test_sums_that_are_layers(layers: list[Layer]) -> None:
    assert "ADD" in operators(chain((4, 4, 3), *layers))


def test_sum_of_an_output_is_a_layer() -> None:
    graph = chain((4, 4, 3), CONV, SUM)
    assert operators(also_output(graph, 1)) == ["CONV_2D", "ADD"]


@pytest.mark.parametrize(("inputs", "joins"), [((1, 0), True), ((0, 1), False)])
def test_convolution_is_not_subtracted(inputs: tuple[int, int], joins: bool) -> None:
    graph = chain((4, 4, 3), CONV, Layer(Add, inputs=inputs))
    add = graph.nodes[1]
    assert isinstance(add, Add)
    add = replace(add, op="SUB", subtract=True)
    expected = ["CONV_2D + SUB"] if joins else ["CONV_2D", "SUB"]
    assert operators(replace(graph, nodes=(graph.nodes[0], add))) == expected


def test_a_convolution_adds_once() -> None:
    """The second sum is a layer: both of its operands are read for other sums or made by one."""
    graph = chain((4, 4, 3), CONV, SUM, Layer(Add, inputs=(2, 0)))
    assert operators(graph) == ["CONV_2D + ADD", "ADD"]
