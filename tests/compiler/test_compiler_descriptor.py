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

BANKS = ArrayConfig.parse("4x16@85F")
"""4 banks of 16 lanes, 16 elements a word, a group of 4 for each bank."""


def fields(
    shape: tuple[int, int, int], *layers: Layer, zero_point: int = 0, array: ArrayConfig = ARRAY
) -> dict[str, int]:
    """The last layer's descriptor; fields left out are 0."""
    program = compile_graph(chain(shape, *layers, zero_point=zero_point), array)
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


def test_window_of_a_convolution() -> None:
    """A pixel of 5 channels is 2 words, a row of 9 pixels 18: and 2 x 2 mask words."""
    conv = fields((6, 9, 5), Layer(Conv, (3, 2), 6, strides=(2, 3), padding=((1, 0), (2, 1))))
    expect(
        conv,
        op=Op.MAC,
        in_height=6,
        in_width=9,
        in_words=2,
        in_pitch=18,
        in_mask_words=2,
        in_mask_pitch=4,
        kernel_rows=3,
        row_step=1,
        flag_step=1,
        mask_step=4,
        event_step=18,
        code_step=18,
        kernel_columns=2,
        span=1,
        dilation=1,
        stride_rows=2,
        stride=3,
        stride_log2=0,
        pad_rows=1,
        pad=2,
        out_width=4,
        out_words=2,
        out_pitch=8,
        out_mask_words=1,
        out_mask_pitch=2,
    )


def test_dilation() -> None:
    conv = fields((6, 9, 5), Layer(Conv, (3, 2), 6, dilation=(2, 3)))
    expect(conv, row_step=2, flag_step=2, mask_step=8, event_step=36, code_step=36, span=3, dilation=3)
    column = fields((6, 9, 5), Layer(Conv, (3, 1), 6, strides=(1, 2), dilation=(2, 3)))
    expect(column, row_step=2, span=0, dilation=1, stride=2)


@pytest.mark.parametrize(("stride", "log2"), [(1, 0), (2, 1), (3, 0), (4, 2), (5, 0), (8, 3), (16, 0)])
def test_strides(stride: int, log2: int) -> None:
    """Of those that are no power of two, or too large a one, no logarithm is told."""
    conv = fields((1, 40, 1), Layer(Conv, (1, 1), 1, strides=(1, stride)))
    expect(conv, stride=stride, stride_log2=log2)


def test_passes_of_a_convolution() -> None:
    """6 outputs of 4 lanes: a full pass and one of 2. Rows: kernel row, word, column, element."""
    conv = fields((6, 9, 5), Layer(Conv, (3, 2), 6))
    expect(
        conv,
        depthwise=0,
        share_log2=0,
        groups=2,
        pass_words=1,
        last_words=1,
        pass_macs=4,
        last_macs=2,
        tap_rows=4,
        word_row=8,
        kernel_row=16,
        kernel=48,
        border_rows=0,
        border_columns=0,
    )


@pytest.mark.parametrize(
    ("channels", "share_log2", "groups", "pass_words", "last_words", "last_macs"),
    [
        (5, 2, 1, 1, 1, 5),
        (16, 2, 1, 1, 1, 16),
        (17, 1, 1, 2, 2, 17),
        (32, 1, 1, 2, 2, 32),
        (33, 0, 1, 4, 3, 33),
        (64, 0, 1, 4, 4, 64),
        (65, 0, 2, 4, 1, 1),
        (150, 0, 3, 4, 2, 22),
    ],
)
def test_banks_share_few_outputs(
    channels: int, share_log2: int, groups: int, pass_words: int, last_words: int, last_macs: int
) -> None:
    """Of 20 input channels, 2 words; a bank has a fourth, a half or all of their 32 elements."""
    conv = fields((6, 9, 20), Layer(Conv, (3, 2), channels), array=BANKS)
    elements = 16 >> share_log2
    expect(
        conv,
        share_log2=share_log2,
        groups=groups,
        pass_words=pass_words,
        last_words=last_words,
        pass_macs=min(64, 16 * (4 >> share_log2)),
        last_macs=last_macs,
        tap_rows=elements,
        word_row=2 * elements,
        kernel_row=2 * 2 * elements,
        kernel=3 * 2 * 2 * elements,
    )


@pytest.mark.parametrize(("array", "groups", "share_log2"), [(ARRAY, 5, 0), (BANKS, 2, 2)])
def test_passes_of_a_depthwise_layer(array: ArrayConfig, groups: int, share_log2: int) -> None:
    """One for each word of 20 channels, a row of weights for each kernel column."""
    expect(
        fields((6, 9, 20), Layer(DepthwiseConv, (3, 2), 1), array=array),
        depthwise=1,
        share_log2=share_log2,
        groups=groups,
        pass_words=1,
        last_words=1,
        tap_rows=1,
        word_row=0,
        kernel_row=2,
        kernel=6,
    )


def test_depth_multipliers_are_convolutions() -> None:
    """An event is of use to its channel's outputs only; they are counted in the last pass."""
    expect(
        fields((6, 9, 5), Layer(DepthwiseConv, (3, 2), 3)),
        depthwise=0,
        groups=4,
        pass_macs=0,
        last_macs=3,
        tap_rows=4,
        word_row=8,
        kernel_row=16,
        kernel=48,
        macs_dense=4 * 3 * 8 * 2 * 5 * 3,
    )


def test_all_passes_of_an_average_share_a_row_of_weights() -> None:
    """Missing rows and columns lead on through PARAMS, where there are any."""
    average = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=AROUND), zero_point=3)
    none = {"kernel": 0, "kernel_row": 0, "word_row": 0, "tap_rows": 0}
    expect(average, **none, depthwise=1, groups=2, round_once=1, border_rows=4, border_columns=2)
    assert (average["requant_zero_point"], average["out_zero_point"]) == (0, 3)
    sides = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=((0, 0), (1, 1))))
    expect(sides, border_rows=0, border_columns=2)
    ends = fields((6, 6, 5), Layer(AveragePool, (3, 3), padding=((1, 1), (0, 0))))
    expect(ends, border_rows=2, border_columns=0)
    mean = fields((6, 4, 5), Layer(Mean), zero_point=3)
    expect(mean, **none, depthwise=1, round_once=0, kernel_rows=6, kernel_columns=4, strip=1)
    assert mean["requant_zero_point"] == 3


def test_second_input_is_a_second_kernel_row() -> None:
    """Steps from the first tensor to the second, forwards and backwards."""
    branch = Layer(MaxPool, (1, 1))
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
        event_step=0,
        code_step=72,
        in_codes=0,
    )
    back = fields((6, 6, 5), branch, Layer(Add, inputs=(1, 0)))
    expect(
        back,
        in_layer=1,
        second_layer=0,
        flag_step=(1 << 14) - 6,
        mask_step=(1 << 20) - 12,
        code_step=(1 << 20) - 72,
        in_codes=72,
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
    layers = [Layer(MaxPool, (1, 1), zero_point=-9), Layer(Add, inputs=(1, 0), zero_point=4)]
    graph = chain((6, 6, 5), *layers)
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


def test_sum_in_a_convolution() -> None:
    """5 channels are 2 words; its own operand is the first one; the sum's PARAMS stand behind its own."""
    layers = [Layer(MaxPool, (1, 1)), Layer(Conv, (1, 1), 5, zero_point=-9), Layer(Add, inputs=(1, 2))]
    graph = chain((6, 6, 5), *layers, Layer(Conv, (1, 1), 3), zero_point=4)
    pool, conv, add, last = graph.nodes
    assert isinstance(conv, Conv)
    assert isinstance(add, Add)
    conv = replace(conv, act_min=-60, act_max=70)
    add = replace(add, first=(1 << 29, -3), second=(1 << 28, -15), act_min=-7, act_max=8)
    program = compile_graph(replace(graph, nodes=(pool, conv, add, last)), ARRAY)
    assert [layer.op for layer in program.layers[1:]] == ["MAX_POOL_2D", "CONV_2D + ADD", "CONV_2D"]
    fused = program.layers[2].fields
    expect(
        dict.fromkeys(LAYER_FIELDS, 0) | fused,
        op=Op.MAC,
        fused=1,
        subtract=0,
        two_inputs=1,
        in_layer=1,
        second_layer=1,
        kernel_rows=1,
        row_step=1,
        flag_step=1,
        second_codes=72,
        second_rows=6,
        in_zero_point=-9,
        second_zero_point=4,
        in_multiplier=1 << 28,
        in_shift=15,
        second_multiplier=1 << 29,
        second_shift=3,
        own_min=-60,
        own_max=70,
        act_min=-7,
        act_max=8,
        requant_zero_point=4,
    )
    assert program.layers[3].fields["params"] == fused["params"] + 4


def test_channels_of_a_concatenation() -> None:
    layers = [Layer(Conv, (1, 1), 8), Layer(Concat, inputs=(0, 1))]
    expect(
        fields((6, 6, 5), *layers),
        op=Op.CONCAT,
        in_words=2,
        in_valid=1,
        second_codes=72,
        second_pitch=12,
        second_words=2,
        second_valid=4,
        out_words=4,
        out_valid=1,
    )


def test_windows_of_codes() -> None:
    """RESIZE repeats a window of one pixel, once less than its factor."""
    resize = fields((6, 6, 5), Layer(Resize, factors=(2, 3)))
    expect(resize, op=Op.POOL, kernel_columns=1, span=0, repeat_rows=1, repeat=2)
    maximum = fields((6, 6, 5), Layer(MaxPool, (2, 3)))
    expect(maximum, kernel_columns=3, span=2, repeat_rows=0, repeat=0)


def test_pixels_as_wide_as_they_come() -> None:
    """What only one kind of layer needs keeps no other one from thousands of channels."""
    config = ArrayConfig.parse("1x16@virtual")
    compile_graph(chain((1, 1, 4), Layer(Conv, (1, 1), 5000), Layer(Conv, (1, 1), 2)), config)
