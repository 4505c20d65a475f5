"""What draws random networks, tries them out and makes them smaller."""

from __future__ import annotations

import description as description_module
import pytest
import trial
from description import Description, Layer
from drawing import LARGEST_DEPTH, UnbuildableError, build, draw
from kinds import KINDS
from shrinking import pruned, shrink
from trial import situations, try_out

from stillframe.frontend.graph import LINEAR

SEEDS = range(60)


def test_a_seed_gives_the_same_network_again() -> None:
    assert [draw(seed) for seed in SEEDS] == [draw(seed) for seed in SEEDS]
    assert situations(3) == situations(3)


def test_networks_differ_and_have_every_kind() -> None:
    drawn = [draw(seed) for seed in SEEDS]
    assert {layer.kind for each in drawn for layer in each.layers} == set(KINDS)
    assert len({len(each.layers) for each in drawn}) > LARGEST_DEPTH
    assert len({each.shape for each in drawn}) > 50
    assert {len(each.outputs) for each in drawn} >= {1, 2, 3}


def test_printed_network_is_python() -> None:
    for seed in SEEDS:
        assert eval(str(draw(seed)), vars(description_module)) == draw(seed)


def test_pruned_keeps_what_outputs_need() -> None:
    layers = (
        Layer("pad", (0,), {"padding": ((1, 0), (0, 0))}),
        Layer("mean", (0,), {"keep": False}),
        Layer("norm", (1,)),
        Layer("mean", (3,), {"keep": True}),
    )
    kept = pruned(Description(1, (4, 4, 2), layers, (4,)))
    assert [layer.kind for layer in kept.layers] == ["pad", "norm", "mean"]
    assert [layer.inputs for layer in kept.layers] == [(0,), (1,), (2,)]
    assert kept.outputs == (3,)


def test_shrink_leaves_what_fails() -> None:
    """A network in which a strided depthwise layer is at fault ends as that layer alone."""

    def fails(candidate: Description) -> bool:
        try:
            build(candidate)
        except UnbuildableError:
            return False
        return any(
            layer.kind == "depthwise" and layer.options["strides"] != (1, 1) for layer in candidate.layers
        )

    large = next(each for each in map(draw, range(200)) if fails(each) and len(each.layers) > 5)
    small = shrink(large, fails, attempts=400)
    (layer,) = small.layers
    assert layer.options["multiplier"] == 1
    assert layer.options["kernel"] == (1, 1)
    assert small.shape == (1, 1, 1)


def test_a_wrong_weight_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: one weight, changed by one in what is read from the file, is enough."""
    seed = next(s for s in SEEDS if draw(s).layers[0].kind == "conv" and 1 in draw(s).outputs)
    read = trial.read_tflite

    def damaged(*arguments: object) -> object:
        graph = read(*arguments)
        node = next(node for node in graph.nodes if isinstance(node, LINEAR))
        node.weights.flat[0] ^= 1
        return graph

    try_out(draw(seed), None)
    monkeypatch.setattr(trial, "read_tflite", damaged)
    with pytest.raises(AssertionError, match=r"golden model, delta: tensor .* is not TFLite's"):
        try_out(draw(seed), None)
