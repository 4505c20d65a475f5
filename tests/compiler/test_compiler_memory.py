"""Where things lie, and that a memory's words are counted as they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_graphs import arrays, graphs, roomy
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import compile_graph
from stillframe.compiler.layout import (
    TensorLayout,
    pack_params,
    pack_sum_params,
    pack_table,
    pack_weights,
)
from stillframe.compiler.lowering import lower
from stillframe.compiler.memory import place
from stillframe.compiler.network import Network
from stillframe.compiler.product import Product, average_pool, convolution
from stillframe.compiler.summary import memory_use
from stillframe.contract import ArrayConfig, Memory, Mode, StillframeError
from stillframe.contract.memory_map import PARAM_LAST
from stillframe.frontend import Conv, Graph, MaxPool, PRelu, Relu
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Pad, Resize

ARRAY = ArrayConfig.parse("1x4@85F")


BANKS = ArrayConfig.parse("2x8@85F")
"""2 banks of 8 lanes, 8 elements a word: a group of 4, two kernel columns at once, for each bank."""


def test_layout_of_a_tensor() -> None:
    """In a row the first words of all pixels, then the second ones; a mask word for 8 pixels."""
    layout = TensorLayout(height=5, width=9, channels=6, drain=4)
    assert (layout.words, layout.padded_channels, layout.last_channels) == (2, 8, 2)
    assert (layout.pitch, layout.size) == (18, 90)
    assert (layout.mask_words, layout.mask_pitch, layout.mask_size) == (2, 4, 20)


def network(graph: Graph) -> Network:
    return Network(graph, lower(graph), ARRAY)


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


SHARES = {
    "convolution of two passes": (Layer(Conv, (2, 1), 6, padding=AROUND), True, 2 * 2 * 8, 2, 0),
    "depthwise": (Layer(DepthwiseConv, (3, 2), 1), True, 2 * 3 * 2, 2, 0),
    "depthwise as a convolution": (Layer(DepthwiseConv, (3, 2), 2), True, 3 * 3 * 2 * 8, 3, 0),
    "average": (Layer(AveragePool, (2, 2)), True, 1, 2, 0),
    "average with borders": (Layer(AveragePool, (3, 3), padding=AROUND), True, 1, 2 * 2 * 2, 0),
    "mean": (Layer(Mean), True, 1, 2, 0),
    "sum": (Layer(Add, inputs=(0, 0)), False, 0, 2, 0),
    "maximum": (Layer(MaxPool, (2, 2)), False, 0, 0, 0),
    "pad": (Layer(Pad, padding=AROUND), False, 0, 0, 0),
    "resize": (Layer(Resize, factors=(2, 2)), False, 0, 0, 0),
    "concatenation": (Layer(Concat, inputs=(0, 0)), False, 0, 0, 0),
    "table": (Layer(Relu), False, 0, 0, 64),
    "table by channel": (Layer(PRelu), False, 0, 0, 2 * 64),
}
"""A layer over 4 x 4 pixels of 5 channels, 4 lanes, 4 elements a word: whether it keeps state, and its words
of WEIGHTS, PARAMS, TABLES."""


@pytest.mark.parametrize("kind", SHARES)
def test_shares_of_a_layer(kind: str) -> None:
    layer, keeps_state, weights, params, tables = SHARES[kind]
    laid_out = network(chain((4, 4, 5), layer))
    size = laid_out.layouts[1].size
    shares = place(laid_out, [Mode.DELTA] * 2).shares
    assert {name: words[1] for name, words in shares.items()} == {
        "CODES": size,
        "EVENTS": 0,
        "MASKS": laid_out.layouts[1].mask_size,
        "ROWS": laid_out.layouts[1].height,
        "STATE": size if keeps_state else 0,
        "WEIGHTS": weights,
        "PARAMS": params,
        "TABLES": tables,
    }
    assert place(laid_out, [Mode.DIRECT] * 2).shares["STATE"] == [0, 0]
    assert bool(shares["EVENTS"][0]) == keeps_state, "only MAC layers read events"


def test_shares_of_a_convolution_that_adds() -> None:
    """PARAMS of the sum beside its own; only the sum has codes, and what is added has no events."""
    layers = [Layer(MaxPool, (1, 1)), Layer(Conv, (1, 1), 5, inputs=(0,)), Layer(Add, inputs=(1, 2))]
    shares = place(network(chain((4, 4, 5), *layers)), [Mode.DELTA] * 3).shares
    assert shares["PARAMS"] == [0, 0, 4]
    assert shares["CODES"] == [32, 32, 32]
    assert shares["EVENTS"] == [32, 0, 0]
    assert shares["STATE"] == [0, 0, 32]


def test_weights_of_two_passes() -> None:
    """Rows: pass, kernel row, word, kernel column, element; lanes behind the last channel are 0."""
    packed = packed_weights(chain((3, 3, 3), Layer(Conv, (2, 1), 6)))
    assert packed.shape == (2 * 2 * 4, 4)
    assert packed[0].tolist() == [0, 1, 2, 3]  # tap 0, channel 0
    assert packed[2].tolist() == [12, 13, 14, 15]  # tap 0, channel 2
    assert packed[3].tolist() == [0, 0, 0, 0]  # padding
    assert packed[4].tolist() == [18, 19, 20, 21]  # tap 1, channel 0
    assert packed[8].tolist() == [4, 5, 0, 0]  # second pass


def test_words_stand_before_kernel_columns() -> None:
    """5 channels in two words under a kernel of 1 x 2: channel 4 has the first row of the second word."""
    packed = packed_weights(chain((3, 3, 5), Layer(Conv, (1, 2), 4)))
    assert packed.shape == (2 * 2 * 4, 4)
    assert packed[:, 0].tolist() == [0, 4, 8, 12, 20, 24, 28, 32, 16, 0, 0, 0, 36, 0, 0, 0]


def test_banks_that_share_their_outputs() -> None:
    """Of two banks each has every other channel, for all of up to 8 outputs: 4 rows for 8 channels."""
    packed = packed_weights(chain((1, 1, 7), Layer(Conv, (1, 1), 5)), BANKS)
    lanes = packed.reshape(4, 2, 8)
    assert lanes[:, 0, 0].tolist() == [0, 10, 20, 30]  # output 0 of channels 0, 2, 4, 6
    assert lanes[:, 1, 0].tolist() == [5, 15, 25, 0]  # of channels 1, 3, 5
    assert lanes[1, 1].tolist() == [15, 16, 17, 18, 19, 0, 0, 0]


def test_banks_with_outputs_of_their_own() -> None:
    """Of 9 to 16 outputs each of two banks has 8, of all channels: group 0's elements, then group 1's."""
    packed = packed_weights(chain((1, 1, 7), Layer(Conv, (1, 1), 10)), BANKS)
    assert packed.shape == (8, 16)
    assert packed[:, 0].tolist() == [0, 20, 40, 60, 10, 30, 50, 0]
    assert packed[1].tolist() == [*range(20, 30)] + [0] * 6


def test_weights_of_a_depthwise_layer() -> None:
    """Rows: word, kernel row, kernel column. A lane for each element and each of 2 columns, stride apart."""
    packed = packed_weights(chain((3, 4, 9), Layer(DepthwiseConv, (2, 3), 1, strides=(1, 2))), BANKS)
    assert packed.shape == (2 * 2 * 3, 16)
    # Word, row, column; bank, element of the group, column side by side: an element's lanes are neighbours.
    bank = packed.reshape(2, 2, 3, 2, 4, 2).swapaxes(-1, -2)
    assert bank[0, 0, 0, 0].tolist() == [
        [0, 2, 4, 6],
        [18, 20, 22, 24],
    ]  # columns 0 and 2, channels 0, 2, ...
    assert bank[0, 1, 0, 1].tolist() == [[28, 30, 32, 34], [46, 48, 50, 52]]  # channels 1, 3, ...
    assert bank[0, 0, 1, 0].tolist() == [[9, 11, 13, 15], [0, 0, 0, 0]]  # there is no column 3
    assert bank[1, 0, 2, 0].tolist() == [[26, 0, 0, 0], [0, 0, 0, 0]]  # channel 8


def test_depth_multiplier_is_a_convolution_with_zeros() -> None:
    """Outputs 2 c and 2 c + 1 read channel c."""
    packed = packed_weights(chain((3, 3, 3), Layer(DepthwiseConv, (1, 2), 2)))
    by_output = packed.reshape(2, 2, 4, 4)  # pass, kernel column, channel, lane
    assert by_output[0, 0].tolist() == [[0, 1, 0, 0], [0, 0, 2, 3], [0] * 4, [0] * 4]
    assert by_output[0, 1].tolist() == [[6, 7, 0, 0], [0, 0, 8, 9], [0] * 4, [0] * 4]
    assert by_output[1, 1].tolist() == [[0] * 4, [0] * 4, [10, 11, 0, 0], [0] * 4]


def packed_weights(graph: Graph, array: ArrayConfig = ARRAY) -> np.ndarray:
    """WEIGHTS rows by lane, of the first node with weights 0, 1, 2, ... in their order."""
    node = graph.nodes[0]
    assert isinstance(node, Conv | DepthwiseConv)
    weights = np.arange(node.weights.size, dtype=np.int8).reshape(node.weights.shape)
    product = convolution(graph, replace(node, weights=weights))
    return pack_weights(product, node.strides[1], 1, array).astype("<u4").view(np.int8)


def test_weights_that_are_all_one_are_a_row() -> None:
    product = average(chain((9, 9, 7), Layer(AveragePool, (3, 3))))
    assert pack_weights(product, 1, 1, ARRAY).tolist() == [[0x01010101]]


def average(graph: Graph) -> Product:
    node = graph.nodes[0]
    assert isinstance(node, AveragePool)
    return average_pool(graph, node)


def test_params_of_a_channel() -> None:
    graph = chain((1, 1, 1), Layer(Conv, (1, 1), 5, bias=-7, shift=-9))
    conv = graph.nodes[0]
    assert isinstance(conv, Conv)
    shift = conv.shift.copy()
    shift[4] = 3
    rows = pack_params(convolution(graph, replace(conv, shift=shift)), ARRAY)
    assert rows.shape == (2, 12)
    bias, rest = (1 << 27) - 7, 31  # of 27 bits; its highest 5 and, above them, the multiplier's lowest 22
    multiplier = 1 << 30 - 22
    assert rows[0].tolist() == [bias] * 4 + [rest] * 4 + [multiplier | 9 << 9] * 4
    assert rows[1].tolist() == [bias, 0, 0, 0, rest, 0, 0, 0, multiplier | 3 << 14, 0, 0, 0]


def test_the_last_channel_of_a_layer_is_marked() -> None:
    """Behind a layer's sums and its borders: there its parameters end."""
    conv, pool = Layer(Conv, (1, 1), 5), Layer(AveragePool, (3, 3), padding=((1, 1), (1, 1)))
    graph = chain((4, 4, 5), conv, conv, Layer(Add, inputs=(1, 2)), pool)
    program = compile_graph(graph, ARRAY)
    marked = [
        (segment.column, row)
        for segment in program.segments
        if segment.memory is Memory.PARAMS and segment.column >= 8
        for row in np.flatnonzero(segment.words & PARAM_LAST)
    ]
    assert marked == [(11, 2 - 1), (11, 2 + 4 - 1), (11, 2 + 4 + 2 * 4 - 1)]


def test_params_of_a_border() -> None:
    """Rows: kernel rows outside, columns outside, word; the bias is the zero point for each pixel inside."""
    graph = chain((4, 4, 5), Layer(AveragePool, (3, 2), padding=((1, 1), (0, 1))), zero_point=10)
    rows = pack_params(average(graph), ARRAY)
    assert rows.shape == (2 * 2 * 2, 12)
    assert rows[::2, 0].tolist() == [60, 30, 40, 20]  # of 3 x 2, 3 x 1, 2 x 2, 2 x 1 pixels
    assert rows[1, 1:4].tolist() == [0] * 3, "the second word has one channel"


def test_params_of_a_sum_are_the_same_for_all_words() -> None:
    rows = pack_sum_params((1 << 30, -17), 3, ARRAY)
    assert rows.tolist() == [[0] * 4 + [0] * 4 + [1 << 30 - 22 | 17 << 9] * 4] * 3


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
    laid_out = Network(graph, lower(graph), config)
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
