"""Fields of descriptors, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_graphs import AROUND, Layer, chain

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Op
from stillframe.contract.array import LAYER_WORDS
from stillframe.contract.layer import FIELD_WORDS, LAYER_FIELDS
from stillframe.frontend import Conv, MaxPool
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Resize

ARRAY = ArrayConfig.parse("1x4@85F")
"""4 lanes, 4 elements a word."""


def fields(shape: tuple[int, int, int], *layers: Layer, zero_point: int = 0) -> dict[str, int]:
    """The last layer's descriptor; fields left out are 0."""
    program = compile_graph(chain(shape, *layers, zero_point=zero_point), ARRAY)
    return dict.fromkeys(LAYER_FIELDS, 0) | program.layers[-1].fields


def expect(descriptor: dict[str, int], **values: int) -> None:
    assert {name: descriptor[name] for name in values} == values


def test_fields_fit_the_words_of_a_layer() -> None:
    """All of them have a place of their own in the words that are reserved."""
    assert FIELD_WORDS <= LAYER_WORDS
    bits = [
        (field.word, bit)
        for field in LAYER_FIELDS.values()
        for bit in range(field.shift, field.shift + field.width)
    ]
    assert len(bits) == len(set(bits))
    assert max(bit for _, bit in bits) < 32


def test_kernel_row_in_one_piece() -> None:
    """A pixel of 5 channels is 8 elements, a row of 6 pixels 48: 64 with alignment, which is 16 words."""
    conv = fields((6, 6, 5), Layer(Conv, (3, 2), 6, strides=(2, 3), padding=((1, 0), (2, 1))))
    expect(
        conv,
        op=Op.MAC,
        kernel_rows=3,
        row_step=1,
        flag_step=1,
        mask_step=2,
        code_step=16,
        in_row=48,
        segments=1,
        segment=16,
        segment_weights=0,
        stride_rows=2,
        stride=24,
        pad_rows=1,
        pad=16,
        groups=2,
        group_words=1,
        last_words=1,
        last_lanes=2,
        kernel=48,
        kernel_row=16,
        border_rows=0,
        border_columns=0,
    )


def test_dilation_walks_columns_apart() -> None:
    conv = fields((6, 6, 5), Layer(Conv, (3, 2), 6, dilation=(2, 3)))
    expect(
        conv,
        kernel_rows=3,
        row_step=2,
        flag_step=2,
        mask_step=4,
        code_step=32,
        segments=2,
        segment=8,
        segment_step=24,
        segment_weights=8,
        kernel=48,
        kernel_row=16,
    )
    rows_only = fields((6, 6, 5), Layer(Conv, (3, 2), 6, dilation=(2, 1)))
    expect(rows_only, segments=1, segment=16, row_step=2)


@pytest.mark.parametrize(
    ("multiplier", "first_pass", "group_channels", "group_rest"),
    [(1, 4, 4, 0), (2, 2, 2, 0), (3, 2, 1, 1), (4, 1, 1, 0), (5, 1, 0, 4), (8, 1, 0, 4)],
)
def test_passes_of_a_depthwise_layer(
    multiplier: int, first_pass: int, group_channels: int, group_rest: int
) -> None:
    """Channels that the first 4 outputs come from; channels and outputs of one from a pass to the next."""
    depthwise = fields((6, 6, 5), Layer(DepthwiseConv, (3, 2), multiplier))
    expect(
        depthwise,
        depthwise=1,
        multiplier=multiplier,
        in_channels=5,
        segments=2,
        segment=first_pass,
        segment_step=8,
        segment_weights=1,
        kernel=6,
        kernel_row=2,
        group_channels=group_channels,
        group_rest=group_rest,
        groups=-(-5 * multiplier // 4),
    )


def test_all_passes_of_an_average_share_a_row_of_weights() -> None:
    """Missing rows and columns lead on through PARAMS, where there are any."""
    average = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=AROUND), zero_point=3)
    none = {"kernel": 0, "kernel_row": 0, "segment_weights": 0}
    expect(average, **none, round_once=1, border_rows=4, border_columns=2)
    assert (average["requant_zero_point"], average["out_zero_point"]) == (0, 3)
    sides = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=((0, 0), (1, 1))))
    expect(sides, border_rows=0, border_columns=2)
    ends = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=((1, 1), (0, 0))))
    expect(ends, border_rows=2, border_columns=0)
    mean = fields((6, 4, 5), Layer(Mean), zero_point=3)
    expect(mean, **none, round_once=0, kernel_rows=6, segments=4)
    assert mean["requant_zero_point"] == 3


def test_second_input_is_a_second_kernel_row() -> None:
    """Steps from the first tensor to the second, forwards and backwards."""
    branch = Layer(Conv, (1, 1), 5)
    forth = fields((6, 6, 5), branch, Layer(Add, inputs=(0, 1)))
    expect(
        forth,
        two_inputs=1,
        in_layer=0,
        second_layer=1,
        kernel_rows=2,
        row_step=0,
        flag_step=6,
        mask_step=12,
        code_step=96,
        in_codes=0,
        segments=1,
    )
    back = fields((6, 6, 5), branch, Layer(Add, inputs=(1, 0)))
    expect(
        back,
        in_layer=1,
        second_layer=0,
        flag_step=(1 << 14) - 6,
        mask_step=(1 << 20) - 12,
        code_step=(1 << 20) - 96,
        in_codes=96,
    )
    itself = fields((6, 6, 5), Layer(Add, inputs=(0, 0)))
    expect(
        itself,
        flag_step=0,
        mask_step=0,
        code_step=0,
        second_layer=0,
    )


def test_operands_of_a_sum() -> None:
    graph = chain((6, 6, 5), Layer(Conv, (1, 1), 5, zero_point=-9), Layer(Add, inputs=(1, 0), zero_point=4))
    add = graph.nodes[1]
    assert isinstance(add, Add)
    add = replace(add, first=(1 << 29, -3), second=(1 << 28, -15), subtract=True, act_min=-7, act_max=8)
    program = compile_graph(replace(graph, nodes=(graph.nodes[0], add)), ARRAY)
    expect(
        program.layers[2].fields,
        op=Op.ADD,
        subtract=1,
        in_zero_point=-9,
        second_zero_point=0,
        in_multiplier=1 << 29,
        in_shift=3,
        second_multiplier=1 << 28,
        second_shift=15,
        act_min=-7,
        act_max=8,
        requant_zero_point=4,
        out_zero_point=4,
    )


def test_channels_of_a_concatenation() -> None:
    layers = [Layer(Conv, (1, 1), 8), Layer(Concat, inputs=(0, 1))]
    expect(
        fields((6, 6, 5), *layers),
        op=Op.CONCAT,
        in_words=2,
        in_valid=1,
        second_codes=96,
        second_pitch=16,
        second_words=2,
        second_valid=4,
        out_words=4,
        out_valid=1,
    )


def test_windows_of_codes() -> None:
    """RESIZE repeats a window of one pixel, once less than its factor."""
    resize = fields((6, 6, 5), Layer(Resize, factors=(2, 3)))
    expect(resize, op=Op.POOL, segment=8, repeat_rows=1, repeat=2)
    maximum = fields((6, 6, 5), Layer(MaxPool, (2, 3)))
    expect(maximum, segment=24, segments=1, repeat_rows=0, repeat=0)


def test_pixels_as_wide_as_they_come() -> None:
    """What only one kind of layer needs keeps no other one from thousands of channels."""
    config = ArrayConfig.parse("1x16@virtual")
    compile_graph(chain((1, 1, 4), Layer(Conv, (1, 1), 5000), Layer(Conv, (1, 1), 2)), config)
