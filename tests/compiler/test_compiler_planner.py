"""Which tensors the planner puts into direct mode, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from small_graphs import Layer, also_output, chain

from stillframe.compiler import Density, compile_graph
from stillframe.compiler.lowering import lower
from stillframe.compiler.network import Network
from stillframe.compiler.planner import estimate
from stillframe.contract import ArrayConfig, Mode
from stillframe.frontend import Conv, MaxPool
from stillframe.frontend.graph import Add, Concat, DepthwiseConv, Mean

ARRAY = ArrayConfig.parse("1x4@85F")
DELTA, DIRECT, DENSE = Mode.DELTA, Mode.DIRECT, Mode.DENSE

# Layers: input, conv1 (many channels), pool2, conv3. Tensors: input, tensor1, tensor2, tensor3 (output).
GRAPH = chain(
    (12, 12, 4), Layer(Conv, (3, 3), 8), Layer(MaxPool, (2, 2), strides=(2, 2)), Layer(Conv, (2, 2), 4)
)
STATE = 10 * 24 + 4 * 8
"""Words of state that it takes: conv1 has 10 rows of 24 words, conv3 4 rows of 8."""


def modes(**arguments: object) -> list[Mode]:
    program = compile_graph(GRAPH, arguments.pop("config", ARRAY), **arguments)  # type: ignore[arg-type]
    return [tensor.mode for tensor in program.tensors]


def test_delta_without_a_profile() -> None:
    assert modes() == [DELTA] * 4


def test_direct_where_it_is_clearly_cheaper() -> None:
    busy = {name: Density(0.9, 0.9) for name in ("input", "tensor1", "tensor2", "tensor3")}
    assert modes(profile=busy) == [DELTA] * 4
    assert modes(profile=busy | {"tensor2": Density(0.9, 0.2)}) == [DELTA, DELTA, DIRECT, DELTA]
    assert modes(profile=busy | {"input": Density(0.9, 0.88)}) == [DELTA] * 4, "4 % are not clear"
    assert modes(profile=busy | {"tensor1": Density(0.9, 0.0)}) == [DELTA] * 4, "no MAC layer reads it"


def test_least_loss_goes_first_when_state_is_short() -> None:
    """A word less than needed: one tensor moves, the one whose layer loses least for its state."""
    config = replace(ARRAY, state_words=STATE - 1)
    assert modes(config=replace(config, state_words=STATE)) == [DELTA] * 4
    cheap_input = {"input": Density(0.5, 0.5), "tensor2": Density(0.01, 0.9)}
    assert modes(config=config, profile=cheap_input) == [DIRECT, DELTA, DELTA, DELTA]
    cheap_second = {"input": Density(0.01, 1.0), "tensor2": Density(0.5, 0.5)}
    assert modes(config=config, profile=cheap_second) == [DELTA, DELTA, DIRECT, DELTA]


def test_all_direct_without_state() -> None:
    program = compile_graph(GRAPH, replace(ARRAY, state_words=0))
    assert [tensor.mode for tensor in program.tensors] == [DIRECT, DELTA, DIRECT, DELTA]
    assert not any(layer.fields.get("use_state") for layer in program.layers)


def test_evaluate_all_follows_the_modes() -> None:
    """A layer fed direct, or whose output is direct, gives every output; planned layers rest when still."""
    config = replace(ARRAY, state_words=10 * 24)
    program = compile_graph(
        GRAPH, config, profile={"input": Density(0.01, 1.0), "tensor2": Density(0.5, 0.5)}
    )
    assert [tensor.mode for tensor in program.tensors] == [DELTA, DELTA, DIRECT, DELTA]
    assert [layer.fields["evaluate_all"] for layer in program.layers] == [0, 0, 1, 1]
    assert [layer.fields["skip_still"] for layer in program.layers[1:]] == [1, 1, 1]
    assert [layer.mode for layer in program.layers] == [DELTA, DELTA, DELTA, DIRECT]


def test_baselines_do_their_work_in_full() -> None:
    for mode, everywhere in (("direct", DIRECT), ("dense", DENSE)):
        program = compile_graph(GRAPH, ARRAY, mode=mode)
        assert {tensor.mode for tensor in program.tensors} == {everywhere}
        for layer in program.layers[1:]:
            fields = layer.fields
            assert (fields["evaluate_all"], fields["skip_still"], fields["use_state"]) == (1, 0, 0)


def test_outputs_stay_delta_and_exact() -> None:
    graph = also_output(GRAPH, 2)
    busy = {"tensor2": Density(0.9, 0.1)}
    program = compile_graph(graph, ARRAY, profile=busy, threshold=7)
    assert [tensor.mode for tensor in program.tensors] == [DELTA] * 4
    assert [tensor.threshold for tensor in program.tensors] == [7, 0, 0, 0]
    assert [tensor.threshold for tensor in compile_graph(GRAPH, ARRAY, threshold=7).tensors] == [7, 0, 7, 0]


# Two branches behind a convolution meet in a sum, which a depthwise layer reads; the input goes to both the
# convolution and, concatenated with what the depthwise layer gives, to the last layer.
BRANCHES = chain(
    (8, 8, 8),
    Layer(Conv, (1, 1), 8),
    Layer(Conv, (3, 3), 8, padding=((1, 1), (1, 1))),
    Layer(Add, inputs=(1, 2)),
    Layer(DepthwiseConv, (2, 2), 1, padding=((1, 0), (1, 0))),
    Layer(Concat, inputs=(0, 4)),
    Layer(Conv, (1, 1), 4),
)
QUIET, BUSY = Density(changed=0.1, non_zero=0.9), Density(changed=0.9, non_zero=0.1)


def branch_modes(busy: set[str], **sizes: int) -> list[Mode]:
    names = ["input", *(f"tensor{n}" for n in range(1, 7))]
    profile = {name: BUSY if name in busy else QUIET for name in names}
    program = compile_graph(BRANCHES, replace(ARRAY, **sizes), profile=profile)  # type: ignore[arg-type]
    return [tensor.mode for tensor in program.tensors]


def test_branches_are_planned_tensor_by_tensor() -> None:
    """Tensors 2 and 4 go to an ADD and a CONCAT only: nothing reads their events, so there is no choice."""
    everything = {"input", *(f"tensor{n}" for n in range(1, 7))}
    assert branch_modes(set()) == [DELTA] * 7
    assert branch_modes(everything) == [DIRECT, DIRECT, DELTA, DIRECT, DELTA, DIRECT, DELTA]
    assert branch_modes({"tensor1"}) == [DELTA, DIRECT, DELTA, DELTA, DELTA, DELTA, DELTA]


def test_state_of_branches_goes_until_the_rest_fits() -> None:
    """Four MAC layers read four tensors: three of 2 words a pixel, the last of one."""
    whole = 3 * 8 * 16 + 8 * 8
    assert branch_modes(set(), state_words=whole) == [DELTA] * 7
    assert branch_modes(set(), state_words=0) == [DIRECT, DIRECT, DELTA, DIRECT, DELTA, DIRECT, DELTA]
    one_less = branch_modes(set(), state_words=whole - 1)
    assert one_less.count(DIRECT) == 1


def test_what_reads_a_direct_tensor_gives_every_output() -> None:
    """The ADD of a direct tensor and another, and the layer that writes it, cannot tell what changed."""
    program = compile_graph(BRANCHES, ARRAY, profile={"tensor1": BUSY})
    assert [tensor.mode for tensor in program.tensors] == [DELTA, DIRECT] + [DELTA] * 5
    assert [layer.fields["evaluate_all"] for layer in program.layers] == [0, 1, 1, 1, 0, 0, 0]
    assert [layer.fields.get("use_state", 0) for layer in program.layers] == [0, 1, 0, 0, 1, 0, 1]
    second = compile_graph(BRANCHES, ARRAY, profile={"input": BUSY})
    assert [layer.fields["evaluate_all"] for layer in second.layers] == [1, 1, 0, 0, 0, 1, 0]


def test_estimates_of_layers() -> None:
    """16 pixels of 8 channels, drained in 2 words; a quarter of the elements changed, half are not zero."""
    layers = [
        Layer(Conv, (1, 1), 20),  # 5 passes of 4 lanes
        Layer(DepthwiseConv, (1, 1), 1, inputs=(0,)),  # a word of 4 elements at once
        Layer(DepthwiseConv, (1, 1), 4, inputs=(0,)),  # an event for 4 lanes
        Layer(Mean, inputs=(0,)),
        Layer(Add, inputs=(0, 2)),
        Layer(MaxPool, (2, 2), inputs=(0,)),
    ]
    graph = chain((4, 4, 8), *layers)
    network = Network(graph, lower(graph), ARRAY)

    profile = {"input": Density(changed=0.25, non_zero=0.5)}

    def cycles(layer: int, mode: Mode) -> float:
        return estimate(network, [mode] * len(network.tensors), profile, layer)

    assert cycles(1, DIRECT) == 16 * 8 * 5 * 0.5
    assert cycles(1, DENSE) == 16 * 8 * 5
    assert cycles(2, DENSE) == 16 * 2
    assert cycles(2, DIRECT) == 16 * 2, "draining takes longer than its events"
    assert cycles(3, DIRECT) == 16 * 8, "4 words are drained of each pixel and channel pair"
    assert cycles(4, DIRECT) == 16 * 2 * (1 - 0.5**4)
    assert cycles(5, DENSE) == 16 * 2 * 2, "a word of each tensor"
    assert cycles(6, DENSE) == 9 * 2 * 4
    touched = 1 - 0.75**8
    assert cycles(1, DELTA) == max(16 * 8 * 5 * 0.25, 16 * 5 * touched)
    assert cycles(2, DELTA) == max(16 * 2 * (1 - 0.75**4), 16 * 2 * touched)
