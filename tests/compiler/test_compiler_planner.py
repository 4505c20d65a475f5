"""Which tensors the planner puts into direct mode, and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_graphs import Layer, also_output, chain

from stillframe.compiler import Density, Plan, compile_graph, compile_with_plan, draw_profile
from stillframe.compiler.planner import DIRECT_WEIGHT, choosable, state_words
from stillframe.contract import ArrayConfig, Mode, StillframeError
from stillframe.frontend import Conv, Graph, MaxPool
from stillframe.frontend.graph import Add, Concat, DepthwiseConv

ARRAY = ArrayConfig.parse("1x4@85F")
DELTA, DIRECT, DENSE = Mode.DELTA, Mode.DIRECT, Mode.DENSE

# Layers: input, conv1 (many channels), pool2, conv3. Tensors: input, tensor1, tensor2, tensor3 (output).
GRAPH = chain(
    (12, 12, 4), Layer(Conv, (3, 3), 8), Layer(MaxPool, (2, 2), strides=(2, 2)), Layer(Conv, (2, 2), 4)
)
STATE = 10 * 20 + 4 * 4
"""Words of state that it takes: conv1 has 10 rows of 20 words, conv3 4 rows of 4."""


def plan(
    graph: Graph,
    densities: Mapping[str, Density] | None = None,
    config: ArrayConfig = ARRAY,
    **arguments: Any,
) -> Plan:
    """The plan of a graph whose tensors have events at random places."""
    profile = None if densities is None else draw_profile(graph, densities, frames=2)
    return compile_with_plan(graph, config, profile=profile, **arguments)[1]


def modes(densities: Mapping[str, Density] | None = None, **arguments: Any) -> list[Mode]:
    return list(plan(GRAPH, densities, **arguments).modes)


def test_delta_without_a_profile() -> None:
    assert modes() == [DELTA] * 4


def test_direct_where_it_is_cheaper() -> None:
    busy = {name: Density(0.9, 0.9) for name in ("input", "tensor1", "tensor2", "tensor3")}
    assert modes(busy) == [DELTA] * 4, "a draw"
    assert modes(busy | {"tensor2": Density(0.9, 0.2)}) == [DELTA, DELTA, DIRECT, DELTA]
    assert modes(busy | {"tensor1": Density(0.9, 0.0)}) == [DELTA] * 4, "no MAC layer reads it"


def test_least_loss_goes_first_when_state_is_short() -> None:
    """A word less than needed: one tensor moves, the one whose layer loses least for its state."""
    config = replace(ARRAY, state_words=STATE - 1)
    assert modes(config=replace(config, state_words=STATE)) == [DELTA] * 4
    cheap_input = {"input": Density(0.5, 0.5), "tensor2": Density(0.01, 0.9)}
    assert modes(cheap_input, config=config) == [DIRECT, DELTA, DELTA, DELTA]
    cheap_second = {"input": Density(0.01, 1.0), "tensor2": Density(0.5, 0.5)}
    assert modes(cheap_second, config=config) == [DELTA, DELTA, DIRECT, DELTA]


def test_all_direct_without_state() -> None:
    program = compile_graph(GRAPH, replace(ARRAY, state_words=0))
    assert [tensor.mode for tensor in program.tensors] == [DIRECT, DELTA, DIRECT, DELTA]
    assert not any(layer.fields.get("use_state") for layer in program.layers)


def test_evaluate_all_follows_the_modes() -> None:
    """A layer fed direct, or whose output is direct, gives every output; planned layers rest when still."""
    program = compile_graph(GRAPH, ARRAY, pins={"conv3": "direct"})
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


def test_outputs_are_exact_in_either_mode() -> None:
    """An output that a MAC layer reads has a choice of mode, but no threshold."""
    graph = also_output(GRAPH, 2)
    profile = draw_profile(graph, {"tensor2": Density(0.9, 0.1)})
    program = compile_graph(graph, ARRAY, profile=profile, threshold=7)
    assert [tensor.mode for tensor in program.tensors] == [DELTA, DELTA, DIRECT, DELTA]
    assert [tensor.threshold for tensor in program.tensors] == [7, 0, 0, 0]
    assert [tensor.threshold for tensor in compile_graph(GRAPH, ARRAY, threshold=7).tensors] == [7, 0, 7, 0]


# Two branches behind a convolution meet in a sum, done by the second convolution, which a depthwise layer
# reads; the input goes to both the first one and, concatenated with what the depthwise layer gives, to the
# last layer.
BRANCHES = chain(
    (8, 8, 8),
    Layer(Conv, (1, 1), 8),
    Layer(Conv, (3, 3), 8, padding=((1, 1), (1, 1))),
    Layer(Add, inputs=(1, 2)),
    Layer(DepthwiseConv, (2, 2), 1, padding=((1, 0), (1, 0))),
    Layer(Concat, inputs=(0, 4)),
    Layer(Conv, (1, 1), 4),
)
BRANCH = Layer(Conv, (1, 1), 8)
WHOLE = 3 * 8 * 16 + 8 * 8
"""Words of state: four MAC layers read four tensors, three give 2 words a pixel, the last one."""
QUIET, BUSY = Density(changed=0.02, non_zero=0.9), Density(changed=0.9, non_zero=0.1)


def branch_modes(busy: set[str], **sizes: int) -> list[Mode]:
    names = ["input", *(f"tensor{n}" for n in range(1, 7))]
    densities = {name: BUSY if name in busy else QUIET for name in names}
    return list(plan(BRANCHES, densities, replace(ARRAY, **sizes)).modes)  # type: ignore[arg-type]


def test_branches_are_planned_tensor_by_tensor() -> None:
    """The fourth goes to a CONCAT only: nothing reads its events, so there is no choice."""
    everything = {"input", *(f"tensor{n}" for n in range(1, 7))}
    assert branch_modes(set()) == [DELTA] * 6
    assert branch_modes(everything) == [DIRECT, DIRECT, DIRECT, DELTA, DIRECT, DELTA]
    assert branch_modes({"tensor1", "tensor4"}) == [DELTA, DIRECT] + [DELTA] * 4
    assert branch_modes({"tensor3", "tensor5"}) == [DELTA, DELTA, DIRECT, DELTA, DIRECT, DELTA]
    assert branch_modes(everything, state_words=0) == [DIRECT, DIRECT, DIRECT, DELTA, DIRECT, DELTA]


def test_state_of_branches_goes_until_the_rest_fits() -> None:
    assert branch_modes(set(), state_words=WHOLE) == [DELTA] * 6
    assert branch_modes(set(), state_words=0) == [DIRECT, DIRECT, DIRECT, DELTA, DIRECT, DELTA]
    one_less = branch_modes(set(), state_words=WHOLE - 1)
    assert one_less.count(DIRECT) == 1


def test_what_reads_a_direct_tensor_gives_every_output() -> None:
    """What multiplies or adds a direct tensor, and the layer that writes it, cannot tell what changed."""
    program = compile_graph(BRANCHES, ARRAY, pins={"conv2": "direct"})
    assert [tensor.mode for tensor in program.tensors] == [DELTA, DIRECT] + [DELTA] * 4
    assert [layer.fields["evaluate_all"] for layer in program.layers] == [0, 1, 1, 0, 0, 0]
    assert [layer.fields.get("use_state", 0) for layer in program.layers] == [0, 1, 0, 1, 0, 1]
    second = compile_graph(BRANCHES, ARRAY, pins={"conv1": "direct"})
    assert [layer.fields["evaluate_all"] for layer in second.layers] == [1, 1, 0, 0, 1, 0]
    added = chain((8, 8, 8), Layer(MaxPool, (1, 1)), BRANCH, Layer(Add, inputs=(2, 0)), BRANCH, zero_point=3)
    program = compile_graph(added, ARRAY, pins={"conv2": "delta"})
    assert [layer.fields["evaluate_all"] for layer in program.layers] == [0, 0, 0, 0]
    read = replace(added, nodes=(*added.nodes[:3], replace(added.nodes[3], inputs=(0,))))
    program = compile_graph(read, ARRAY, pins={"conv4": "direct"})
    assert [layer.fields["evaluate_all"] for layer in program.layers] == [1, 1, 1, 1]


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_that_fits_is_cheaper(seed: int) -> None:
    """Against all 16 plans of the branches, with densities and state memory drawn."""
    random = np.random.default_rng(seed)
    names = ["input", *(f"tensor{n}" for n in range(1, 7))]
    densities = {name: Density(*random.random(2).tolist()) for name in names}
    config = replace(ARRAY, state_words=int(random.integers(WHOLE + 1)))
    found = plan(BRANCHES, densities, config)
    network, estimator = found.network, found.estimator
    assert estimator is not None

    def cost(candidate: list[Mode]) -> float:
        return sum(
            (DIRECT_WEIGHT if network.evaluates_all(layer, candidate) else 1)
            * estimator.layer(layer, candidate)
            for layer in range(len(candidate))
        )

    tensors = choosable(network)
    candidates = []
    for chosen in itertools.product((DELTA, DIRECT), repeat=len(tensors)):
        candidate = [DELTA] * len(found.modes)
        for tensor, mode in zip(tensors, chosen, strict=True):
            candidate[tensor] = mode
        if state_words(network, candidate) <= config.state_words:
            candidates.append(cost(candidate))
    assert state_words(network, found.modes) <= config.state_words
    assert cost(list(found.modes)) == pytest.approx(min(candidates), abs=1e-6)


def test_choices_say_what_they_cost_and_save() -> None:
    quiet = {"input": Density(0.01, 1.0), "tensor2": Density(0.9, 0.1)}
    found = plan(GRAPH, quiet)
    first, second = found.choices
    assert (first.layers, first.mode, first.why, first.state) == (("conv1",), DELTA, "fewer cycles", 200)
    assert (second.layers, second.mode, second.why, second.state) == (("conv3",), DIRECT, "fewer cycles", 16)
    assert first.delta == second.direct == sum(found.cycles), "the frame as planned"
    assert first.saved == first.direct - first.delta > 0
    assert second.saved == second.delta - second.direct > 0
    estimator = found.estimator
    assert estimator is not None
    assert first.direct == estimator.frame([DIRECT, DELTA, DIRECT, DELTA])

    short = plan(GRAPH, quiet, replace(ARRAY, state_words=199)).choices[0]
    assert (short.mode, short.why, short.saved) == (
        DIRECT,
        "state memory is short",
        first.delta - first.direct,
    )
    pinned = plan(GRAPH, quiet, pins={"conv1": "direct"}).choices[0]
    assert (pinned.mode, pinned.why) == (DIRECT, "pinned")
    assert plan(GRAPH).choices == ()


def test_pins_hold_whatever_they_cost() -> None:
    quiet = {"input": Density(0.01, 1.0), "tensor2": Density(0.01, 1.0)}
    assert modes(quiet) == [DELTA] * 4
    assert modes(quiet, pins={"conv1": "direct"}) == [DIRECT, DELTA, DELTA, DELTA]
    short = replace(ARRAY, state_words=200)
    assert modes(quiet, config=short, pins={"conv1": "delta"}) == [DELTA, DELTA, DIRECT, DELTA]


def test_pins_that_do_not_fit() -> None:
    with pytest.raises(StillframeError) as caught:
        compile_graph(GRAPH, replace(ARRAY, state_words=199), pins={"conv1": "delta"})
    assert caught.value.message == (
        "model chain on array 1x4@85F:state=199: expected at most 199 words (21492 bits) of STATE, "
        "got 200 words (21600 bits), 200 of them for layer 'conv1'"
    )
    assert caught.value.hint == (
        "pin fewer layers to delta than conv1; or share the part's block RAM out otherwise: "
        "--array 1x4@85F:codes=512,events=512,state=30720,weights=512,tables=512,masks=512; "
        "or take a larger part: --array 1x4@virtual (simulated only); "
        "or give the model an input of fewer pixels"
    )


@pytest.mark.parametrize(
    ("pins", "mode", "message", "hint"),
    [
        (
            {"conv9": "delta"},
            "auto",
            "pin conv9=delta: expected the name of a layer on the array that has a choice, got none",
            "layers with a choice: conv1, conv3",
        ),
        (
            {"maxpool2": "direct"},
            "auto",
            "pin maxpool2=direct: expected the name of a layer on the array that has a choice, "
            "got a layer that has none (MAX_POOL_2D)",
            "layers with a choice: conv1, conv3",
        ),
        (
            {"conv1": "dense"},
            "auto",
            "pin conv1=dense: expected delta or direct, got 'dense'",
            "choose one of these",
        ),
        (
            {"conv1": "delta"},
            "dense",
            "mode: expected auto, since layers are pinned (conv1), got 'dense'",
            "leave the mode out, or pin nothing",
        ),
    ],
)
def test_wrong_pins(pins: dict[str, str], mode: str, message: str, hint: str) -> None:
    with pytest.raises(StillframeError) as caught:
        compile_graph(GRAPH, ARRAY, mode=mode, pins=pins)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_pins_of_layers_that_share_a_tensor() -> None:
    graph = chain((4, 4, 4), Layer(Conv, (1, 1), 4), Layer(Conv, (1, 1), 4, inputs=(0,)))
    pins = {"conv1": "direct", "conv2": "direct"}
    assert compile_graph(graph, ARRAY, pins=pins).tensors[0].mode is DIRECT
    with pytest.raises(StillframeError) as caught:
        compile_graph(graph, ARRAY, pins=pins | {"conv2": "delta"})
    assert caught.value.message == (
        "pin conv2=delta: expected the mode of layer conv1, which reads the same values, "
        "got another than its direct"
    )
    assert caught.value.hint == "pin one of them only: conv2 and conv1 always share a mode"
