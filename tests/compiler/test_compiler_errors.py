"""What a user is told when a network does not fit: whole messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_graphs import Layer, also_output, chain

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Mode, StillframeError
from stillframe.frontend import Conv, Graph, MaxPool, PRelu, Relu
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Host, Mean

SMALL = ArrayConfig.parse("1x4@25F")
VIRTUAL = ArrayConfig.parse("1x4@virtual")


def message(graph: Graph, config: ArrayConfig = SMALL, **arguments: object) -> str:
    with pytest.raises(StillframeError) as caught:
        compile_graph(graph, config, **arguments)  # type: ignore[arg-type]
    return str(caught.value)


def test_unknown_mode() -> None:
    assert message(chain((4, 4, 1), Layer(Conv, (1, 1), 1)), mode="fast") == (
        "mode: expected one of auto, delta, direct, dense, got 'fast'\n  -> choose one of these"
    )


def test_threshold_out_of_range() -> None:
    assert message(chain((4, 4, 1), Layer(Conv, (1, 1), 1)), threshold=256).startswith(
        "threshold: expected 0 to 255 codes, got 256\n  -> "
    )


def test_too_many_layers() -> None:
    graph = chain((2, 2, 1), *[Layer(Conv, (1, 1), 1)] * 32)
    assert message(graph) == (
        "model chain: expected at most 32 layers with the input, got 33\n"
        "  -> take a network with fewer layers; activations directly behind a layer do not count"
    )
    compile_graph(chain((2, 2, 1), *[Layer(Conv, (1, 1), 1)] * 31), SMALL)


def test_fused_activations_do_not_count_as_layers() -> None:
    layers = [Layer(Conv, (1, 1), 1), Layer(Relu)] * 31
    config = replace(SMALL, tables_words=31 * 64)
    assert len(compile_graph(chain((2, 2, 1), *layers), config).layers) == 32


def test_kernel_too_tall() -> None:
    assert message(chain((65, 1, 1), Layer(Conv, (65, 1), 1))) == (
        "layer 'conv1': expected a kernel of at most 64 rows, got 65\n"
        "  -> pool or stride before this layer, or take fewer pixels"
    )
    compile_graph(chain((64, 1, 1), Layer(Conv, (64, 1), 1)), SMALL)


def test_too_many_parameters_of_a_layer() -> None:
    """Of an average with 2 x 2 kinds of border, each with a row for each word of 16 channels."""
    pool = Layer(AveragePool, (3, 3), padding=((1, 1), (1, 1)))
    array = ArrayConfig.parse("4x16")
    assert message(chain((4, 4, 80), pool), array) == (
        "layer 'averagepool1': expected at most 16 words of 16 channels' PARAMS in a layer on array "
        "4x16@85F, got 20\n"
        "  -> give the layer fewer channels, an average's window less padding, or take an array of one bank, "
        "for example --array 1x16"
    )
    for config in (array, ArrayConfig.parse("1x16"), ArrayConfig.parse("4x16@virtual")):
        compile_graph(chain((4, 4, 64 if config == array else 80), pool), config)


@pytest.mark.parametrize("kind", [Conv, AveragePool, MaxPool])
def test_kernel_too_wide(kind: type) -> None:
    assert message(chain((1, 65, 1), Layer(kind, (1, 65), 1))) == (
        f"layer '{kind.__name__.lower()}1': expected a kernel of at most 64 columns, got 65\n"
        "  -> pool or stride before this layer, or take fewer pixels"
    )
    compile_graph(chain((1, 64, 1), Layer(kind, (1, 64), 1)), SMALL)


def test_stride_and_dilation_of_columns() -> None:
    assert message(chain((9, 9, 1), Layer(Conv, (1, 2), 1, strides=(1, 2), dilation=(1, 3)))) == (
        "layer 'conv1': expected a stride or a dilation of columns, "
        "got a stride of 2 and a dilation of 3\n"
        "  -> take one of them only"
    )
    compile_graph(chain((9, 9, 1), Layer(Conv, (2, 2), 1, strides=(2, 1), dilation=(3, 3))), SMALL)
    compile_graph(chain((9, 9, 1), Layer(Conv, (2, 1), 1, strides=(2, 2), dilation=(3, 3))), SMALL)


def test_pixels_of_the_input_too_large() -> None:
    assert message(chain((1, 1, 1025), Layer(Conv, (1, 1), 1)), VIRTUAL) == (
        "input 'input': expected at most 1024 channels, got 1025\n"
        "  -> give the model an input of more pixels with fewer channels"
    )
    compile_graph(chain((1, 1, 1024), Layer(Conv, (1, 1), 1)), VIRTUAL)


@pytest.mark.parametrize(
    ("layer", "operator"),
    [
        (Layer(MaxPool, (1, 1)), "MAX_POOL_2D"),
        (Layer(Add, inputs=(1, 1)), "ADD"),
        (Layer(Concat, inputs=(0, 1)), "CONCATENATION"),
    ],
)
def test_pixels_of_a_layer_on_codes_too_large(layer: Layer, operator: str) -> None:
    """Convolutions write wider pixels, pass by pass."""
    name = f"{layer.kind.__name__.lower()}2"
    wide = Layer(Conv, (1, 1), 1025)
    compile_graph(chain((1, 1, 1), wide), VIRTUAL)
    channels = 1026 if layer.kind is Concat else 1025
    assert message(chain((1, 1, 1), wide, layer), VIRTUAL) == (
        f"layer '{name}': expected at most 1024 channels of what {operator} gives, got {channels}\n"
        "  -> give the layer fewer channels"
    )


def test_accumulator_too_narrow() -> None:
    # 128 x 128 x 4096 inputs at code -128 give 2**26, the first sum that 27 bits do not hold.
    compile_graph(chain((5, 7, 117), Layer(Conv, (5, 7), 1, weight=-128)), VIRTUAL)
    assert message(chain((4, 4, 256), Layer(Conv, (4, 4), 2, weight=-128)), VIRTUAL) == (
        "layer 'conv1': expected sums of at most 27 bits, got 28 bits in output channel 0 "
        "(-66584576 to 67108864)\n"
        "  -> give the layer a smaller kernel or fewer input channels, or pool before a dense layer"
    )


def test_accumulator_of_a_depthwise_layer_is_of_one_channel() -> None:
    """64 x 64 taps overflow however few the channels; more channels than that do not."""
    layer = Layer(DepthwiseConv, (64, 64), 2, weight=-128)
    compile_graph(chain((3, 3, 1024), Layer(DepthwiseConv, (3, 3), 1, weight=-128)), VIRTUAL)
    assert message(chain((64, 64, 1), layer), VIRTUAL) == (
        "layer 'depthwiseconv1': expected sums of at most 27 bits, got 28 bits in output channel 0 "
        "(-66584576 to 67108864)\n"
        "  -> give the layer a smaller kernel or fewer input channels, or pool before a dense layer"
    )


def test_averages_of_many_pixels_fit() -> None:
    """Weights of 1: a mean over 64 rows of 64 columns needs 20 bits."""
    compile_graph(chain((64, 64, 1), Layer(Mean, shift=-12)), VIRTUAL)
    compile_graph(chain((64, 64, 1), Layer(AveragePool, (64, 64))), VIRTUAL)


@pytest.mark.parametrize("operand", ["first", "second"])
@pytest.mark.parametrize("shift", [1, -16])
def test_operands_of_a_sum_differ_too_much(operand: str, shift: int) -> None:
    graph = chain((2, 2, 1), Layer(Add, inputs=(0, 0)))
    add = graph.nodes[0]
    assert isinstance(add, Add)
    pairs = {"first": (1 << 30, 0), "second": (1 << 30, -15)} | {operand: (1 << 30, shift)}
    assert message(replace(graph, nodes=(replace(add, **pairs),))) == (
        "layer 'add1': expected operands shifted right by 0 to 15 bits, "
        f"got {-shift} for the {operand} one\n"
        "  -> the layer's scales differ too much; calibrate the model on frames like those it will see"
    )


@pytest.mark.parametrize("shift", [-32, 8])
def test_shift_of_a_sum_out_of_range(shift: int) -> None:
    graph = chain((2, 2, 1), Layer(Add, inputs=(0, 0)))
    add = graph.nodes[0]
    assert isinstance(add, Add)
    assert message(replace(graph, nodes=(replace(add, result=(1 << 30, shift)),))) == (
        "layer 'add1': expected a requantisation multiplier from 0 on and a shift of -31 to 7, "
        f"got 1073741824 and {shift} in the sum\n"
        "  -> the layer's scales differ too much; calibrate the model on frames like those it will see"
    )


@pytest.mark.parametrize("shift", [-32, 8])
def test_shift_out_of_range(shift: int) -> None:
    assert message(chain((1, 1, 1), Layer(Conv, (1, 1), 1, shift=shift))) == (
        "layer 'conv1': expected a requantisation multiplier from 0 on and a shift of -31 to 7, "
        f"got 1073741824 and {shift} in output channel 0\n"
        "  -> the layer's scales differ too much; calibrate the model on frames like those it will see"
    )


def test_sum_with_bias_too_large() -> None:
    assert message(chain((1, 1, 1), Layer(Conv, (1, 1), 1, shift=2, bias=1 << 29))) == (
        "layer 'conv1': expected sums with bias of at most 32 bits after the left shift by 2, "
        "got 33 bits in output channel 0\n"
        "  -> the layer's scales differ too much; calibrate the model on frames like those it will see"
    )


ROOMY = replace(SMALL, codes_words=8192, events_words=8192, masks_words=2048, state_words=2560)
"""SMALL with room for all but state and constants."""


def test_state_too_small_in_delta_mode() -> None:
    # 48 x 48 pixels of one channel: 2304 words of state for each layer; the array has 2560.
    graph = chain((48, 48, 1), Layer(Conv, (1, 1), 1), Layer(Conv, (1, 1), 1))
    assert message(graph, ROOMY, mode="delta") == (
        "model chain on array 1x4@25F:codes=8192,events=8192,state=2560,masks=2048: "
        "expected at most 2560 words (276480 bits) of STATE, "
        "got 4608 words (497664 bits), 2304 of them for layer 'conv1'\n"
        "  -> take --mode auto: it fits with direct mode in layer 'conv2'; "
        "or take a larger part: --array 1x4@45F; or give the model an input of fewer pixels"
    )
    compile_graph(graph, ROOMY, mode="auto")
    compile_graph(graph, ArrayConfig.parse("1x4@45F"), mode="delta")


def test_state_too_small_for_an_output_that_a_layer_reads() -> None:
    """An output may be direct as well as any other tensor: auto gives its reader's state back."""
    layers = [Layer(Conv, (1, 1), 1), Layer(Conv, (1, 1), 1)]
    graph = also_output(chain((48, 48, 1), *layers), 1)
    program = compile_graph(graph, replace(ROOMY, state_words=2000))
    assert [tensor.mode for tensor in program.tensors] == [Mode.DIRECT, Mode.DIRECT, Mode.DELTA]


def test_frames_too_large_for_any_part() -> None:
    graph = chain((400, 800, 2), Layer(Conv, (1, 1), 1, strides=(20, 20)))
    assert message(graph, ArrayConfig.parse("1x16@85F")) == (
        "model chain on array 1x16@85F: expected at most 22528 words (720896 bits) of CODES, "
        "got 320800 words (10265600 bits), 320000 of them for the input; "
        "at most 10752 words (387072 bits) of EVENTS, got 320000 words (11520000 bits), "
        "320000 of them for the input; "
        "at most 3072 words (98304 bits) of MASKS, got 40100 words (1283200 bits), "
        "40000 of them for the input\n"
        "  -> give the model an input of fewer pixels"
    )


def test_a_tensor_is_named_by_its_layer() -> None:
    graph = chain((8, 8, 4), Layer(Conv, (1, 1), 8))
    assert message(graph, replace(SMALL, codes_words=100)) == (
        "model chain on array 1x4@25F:codes=100,state=2048: expected at most 100 words (3200 bits) of CODES, "
        "got 192 words (6144 bits), 128 of them for the output of layer 'conv1'\n"
        "  -> share the part's block RAM out otherwise: "
        "--array 1x4@25F:codes=512,events=512,state=5120,weights=512,masks=512; "
        "or take a larger part: --array 1x4@45F; or give the model an input of fewer pixels"
    )


def test_weights_too_large() -> None:
    # 16 x 16 taps, padded from 1 channel to 4, in 4 passes of 4 lanes: 4096 rows.
    assert message(chain((16, 16, 1), Layer(Conv, (16, 16), 13))) == (
        "model chain on array 1x4@25F: expected at most 2048 words (65536 bits) of WEIGHTS, "
        "got 4096 words (131072 bits), 4096 of them for layer 'conv1'\n"
        "  -> share the part's block RAM out otherwise: "
        "--array 1x4@25F:codes=512,events=512,state=4096,weights=4096,masks=512; "
        "or take a larger part: --array 1x4@45F; or give the model fewer channels"
    )


def test_tables_too_large_for_any_real_part() -> None:
    """Not even if the block RAM is shared out otherwise."""
    assert message(chain((1, 1, 1024), Layer(PRelu))) == (
        "model chain on array 1x4@25F: expected at most 512 words (65536 bits) of TABLES, "
        "got 16384 words (2097152 bits), 16384 of them for layer 'prelu1'\n"
        "  -> take a larger part: --array 1x4@virtual (simulated only); or give the model fewer channels"
    )


def test_the_virtual_part_has_nothing_larger() -> None:
    graph = chain((8, 8, 4), Layer(Conv, (1, 1), 8))
    assert message(graph, replace(VIRTUAL, codes_words=100)) == (
        "model chain on array 1x4@virtual:codes=100,state=262144: "
        "expected at most 100 words (3200 bits) of CODES, got 192 words (6144 bits), "
        "128 of them for the output of layer 'conv1'\n"
        "  -> give the model an input of fewer pixels"
    )


def test_field_too_large() -> None:
    assert message(chain((65, 1, 1), Layer(MaxPool, (1, 1), strides=(64, 1)))) == (
        "layer 'maxpool1': field stride_rows: expected 0 to 63, got 64 "
        "(rows between neighbouring receptive fields)\n"
        "  -> the layer is larger than a descriptor can say: take fewer pixels, channels or strides"
    )


def test_operator_without_lowering() -> None:
    graph = chain((2, 2, 1), Layer(Conv, (1, 1), 1))
    softmax = Host("softmax", "SOFTMAX", (0,), 1, {"op": "SOFTMAX"})
    assert message(replace(graph, nodes=(softmax,))) == (
        "layer 'softmax': expected an operator that the accelerator executes, got SOFTMAX\n"
        "  -> take the layer out, or end the model before it with --split"
    )


def test_names_must_differ() -> None:
    graph = chain((2, 2, 1), Layer(Conv, (1, 1), 1))
    tensors = tuple(replace(tensor, name="same") for tensor in graph.tensors)
    assert message(replace(graph, tensors=tensors)) == (
        "model chain: expected tensors with names of their own, got 'same' twice\n"
        "  -> give the model's layers different names"
    )
