"""Which tensors the planner puts into direct mode, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from small_graphs import Layer, also_output, chain

from stillframe.compiler import Density, compile_graph
from stillframe.contract import ArrayConfig, Mode
from stillframe.frontend import Conv, MaxPool

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
