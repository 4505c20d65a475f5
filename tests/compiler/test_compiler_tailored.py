"""Block RAM that is shared out for one network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_graphs import Layer, chain

from stillframe.compiler import Density, compile_graph, draw_profile, examine
from stillframe.contract import ArrayConfig, Mode
from stillframe.frontend import Conv

ARRAY = ArrayConfig.parse("1x4@25F")

# Two layers of 30 x 30 pixels of a word each: 900 words of state for each.
GRAPH = chain((30, 30, 1), Layer(Conv, (1, 1), 1), Layer(Conv, (1, 1), 1))
QUIET = {name: Density(0.02, 0.9) for name in ("input", "tensor1", "tensor2")}


@pytest.mark.parametrize("drawn", [False, True], ids=["without frames", "with a profile"])
def test_state_gets_what_the_others_do_not_need(drawn: bool) -> None:
    array = replace(ARRAY, state_words=1024)
    profile = draw_profile(GRAPH, QUIET, frames=2) if drawn else None
    short = examine(GRAPH, array, profile=profile)
    assert short.fits
    assert [layer.mode for layer in short.layers].count(Mode.DIRECT) == 1
    better = short.tailored
    assert better is not None
    assert better.state_words >= 1800
    assert better.codes_words >= 3 * 900
    assert better.block_rams <= 56
    fit = examine(GRAPH, better, profile=profile)
    assert fit.fits
    assert {layer.mode for layer in fit.layers} == {Mode.DELTA}
    assert fit.tailored is None, "nothing is short"
    assert ArrayConfig.parse(better.name) == better
    compile_graph(GRAPH, better, profile=profile)


def test_nothing_better_where_nothing_is_short() -> None:
    assert examine(chain((8, 8, 4), Layer(Conv, (1, 1), 8)), ARRAY).tailored is None


def test_a_network_that_fits_if_memories_are_shared_out_otherwise() -> None:
    """16 x 16 taps in 4 passes: 4,096 rows of weights, twice as many as the part has for them."""
    graph = chain((16, 16, 1), Layer(Conv, (16, 16), 13))
    (problem,) = examine(graph, ARRAY).problems
    assert problem.hint is not None
    name = problem.hint.removeprefix("share the part's block RAM out otherwise: --array ").partition(";")[0]
    assert ArrayConfig.parse(name).weights_words == 4096
    assert examine(graph, ArrayConfig.parse(name)).fits


@pytest.mark.parametrize("array", ["1x4@virtual", "1x4@UP5K"])
def test_fixed_memories(array: str) -> None:
    config = ArrayConfig.parse(array)
    fit = examine(GRAPH, replace(config, state_words=1000))
    assert fit.tailored is None
