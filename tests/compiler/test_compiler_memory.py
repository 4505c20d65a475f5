"""Where things lie, and that a memory's words are counted as they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_graphs import arrays, graphs, roomy
from small_graphs import Layer, chain

from stillframe.compiler import compile_graph
from stillframe.compiler.layout import TensorLayout, pack_params, pack_table, pack_weights
from stillframe.compiler.lowering import lower
from stillframe.compiler.memory import place
from stillframe.compiler.network import Network
from stillframe.compiler.summary import memory_use
from stillframe.contract import ArrayConfig, Mode, StillframeError
from stillframe.frontend import Conv, Graph, MaxPool

ARRAY = ArrayConfig.parse("1x4@85F")


def test_rows_start_on_32_elements() -> None:
    layout = TensorLayout(height=5, width=7, channels=6, drain=4)
    assert (layout.words, layout.padded_channels) == (2, 8)
    assert layout.pitch == 16  # 7 pixels x 8 elements = 56, up to 64
    assert (layout.size, layout.mask_words) == (80, 10)


def network(graph: Graph) -> Network:
    return Network(graph, tuple(lower(graph)), ARRAY)


def test_events_are_reused_behind_the_last_reader() -> None:
    """Neighbours never share words, every other tensor may; a tensor that no MAC layer reads has none."""
    layers = [Layer(Conv, (1, 1), 4)] * 4 + [Layer(MaxPool, (2, 2))]
    chained = network(chain((8, 8, 4), *layers))
    placement = place(chained, [Mode.DELTA] * 6)
    size = 8 * 8  # words of a tensor
    assert placement.start["EVENTS"] == [0, size, 0, size, 0, 0]
    assert {use.name: use.used for use in placement.uses}["EVENTS"] == 2 * size


def test_events_of_a_branch_stay_until_its_last_reader() -> None:
    graph = chain((8, 8, 4), *[Layer(Conv, (1, 1), 4)] * 3)
    late = replace(graph.nodes[2], inputs=(0,))
    placement = place(network(replace(graph, nodes=(*graph.nodes[:2], late))), [Mode.DELTA] * 4)
    assert placement.start["EVENTS"][:2] == [0, 64]


def test_weights_of_two_passes() -> None:
    """Rows: pass, kernel row, padded element of the kernel row; lanes behind the last channel are 0."""
    graph = chain((3, 3, 3), Layer(Conv, (2, 1), 6))
    conv = graph.nodes[0]
    assert isinstance(conv, Conv)
    weights = np.arange(2 * 1 * 3 * 6, dtype=np.int8).reshape(2, 1, 3, 6)
    packed = pack_weights(replace(conv, weights=weights), ARRAY).astype("<u4").view(np.int8)
    assert packed.shape == (2 * 2 * 4, 4)
    assert packed[0].tolist() == [0, 1, 2, 3]  # tap 0, channel 0
    assert packed[2].tolist() == [12, 13, 14, 15]  # tap 0, channel 2
    assert packed[3].tolist() == [0, 0, 0, 0]  # padding
    assert packed[4].tolist() == [18, 19, 20, 21]  # tap 1, channel 0
    assert packed[8].tolist() == [4, 5, 0, 0]  # second pass


def test_params_of_a_channel() -> None:
    conv = chain((1, 1, 1), Layer(Conv, (1, 1), 5, bias=-7, shift=-9)).nodes[0]
    assert isinstance(conv, Conv)
    shift = conv.shift.copy()
    shift[4] = 3
    rows = pack_params(replace(conv, shift=shift), ARRAY)
    assert rows.shape == (2, 12)
    assert rows[0, :3].tolist() == [0xFFFFFFF9, 1 << 30, 9]
    assert rows[1].tolist() == [0xFFFFFFF9, 1 << 30, 3 << 8] + [0] * 9


def test_table_of_a_channel() -> None:
    codes = np.arange(-128, 128).astype(np.int8)
    rows = pack_table(np.stack([codes, codes[::-1], codes, codes, codes[::-1]]), ARRAY)
    assert rows.shape == (128, 4)
    assert rows[0].tolist() == [0x83828180, 0x7C7D7E7F, 0x83828180, 0x83828180]
    assert rows[64].tolist() == [0x7C7D7E7F, 0, 0, 0]
    shared = pack_table(codes[None], ARRAY)
    assert shared.shape == (64, 4)
    assert (shared == shared[:, :1]).all()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=graphs(), config=arrays())
def test_use_of_a_program_is_what_was_planned(graph: Graph, config: ArrayConfig) -> None:
    """What the summary reads off a program equals what the compiler compared with the memories."""
    laid_out = Network(graph, tuple(lower(graph)), config)
    planned = place(laid_out, [Mode.DELTA] * len(laid_out.tensors)).uses
    program = compile_graph(graph, config, mode="delta")
    assert [(u.name, u.used, u.available) for u in planned] == [
        (u.name, u.used, u.available) for u in memory_use(program)
    ]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=graphs())
def test_a_word_less_is_too_little(graph: Graph) -> None:
    """A memory may be filled to its last word, and one word less is noticed."""
    sizes = {
        "CODES": "codes_words",
        "EVENTS": "events_words",
        "MASKS": "masks_words",
        "ROWS": "rows",
        "STATE": "state_words",
        "WEIGHTS": "weights_words",
        "PARAMS": "params_words",
        "TABLES": "tables_words",
    }
    config = roomy(ARRAY)
    for use in memory_use(compile_graph(graph, config, mode="delta")):
        if use.used:
            full: dict[str, Any] = {sizes[use.name]: use.used}
            short: dict[str, Any] = {sizes[use.name]: use.used - 1}
            compile_graph(graph, replace(config, **full), mode="delta")
            with pytest.raises(StillframeError, match=f"of {use.name}, got {use.used} words"):
                compile_graph(graph, replace(config, **short), mode="delta")
