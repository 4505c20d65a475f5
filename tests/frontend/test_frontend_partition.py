"""Which layers run where: chosen, asked for with ``split``, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tflite
from host_models import Chain, head_model, tail_model, two_heads

from stillframe.contract import StillframeError
from stillframe.driver.host_model import HostModel
from stillframe.frontend import Graph, read_tflite
from stillframe.frontend.advice import ADVICE, advice
from stillframe.frontend.operators import HANDLERS
from stillframe.golden import GoldenModel, ReferenceModel


def read(data: bytes, split: str = "") -> Graph:
    return read_tflite(data, "m", "m.tflite", split=split)


def places(graph: Graph) -> dict[str, str]:
    """Where each layer runs: nothing for the array, the reason for the host."""
    return {a.layer: a.why for a in graph.assignments}


def assert_equals_reference(graph: Graph) -> None:
    """Head, golden model and tail one after the other give what TFLite gives for the whole model."""
    rng = np.random.default_rng(9)
    shape, dtype = graph.frame.shape, np.dtype(graph.frame.dtype)
    if dtype.kind == "f":
        frames = rng.normal(0, 8, (4, *shape)).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        frames = rng.integers(limits.min, limits.max + 1, (4, *shape)).astype(dtype)
    expected, _ = ReferenceModel(graph).run(frames)
    assert list(expected) == [result.name for result in graph.results]
    codes = frames
    if graph.head:
        head = HostModel(graph.head, "m")
        codes = np.stack([head.run([frame])[0] for frame in frames])
    given = dict(GoldenModel(graph).run(codes).outputs)
    if graph.tail:
        tail = HostModel(graph.tail, "m")
        rows = [tail.run([given[t.name][i] for t in graph.tail.inputs]) for i in range(4)]
        given |= {
            t.name: np.stack(v) for t, v in zip(graph.tail.outputs, zip(*rows, strict=True), strict=True)
        }
    for name, values in expected.items():
        assert given[name].dtype == values.dtype
        np.testing.assert_array_equal(given[name], values, err_msg=name)


PICK = "the array has no GATHER: compute the parts by layers of their own instead"
TURN = "the array has no TRANSPOSE: build the network so that maps stay height x width x channels"


def test_a_model_for_the_array_alone_has_no_parts_for_the_host():
    w = Chain()
    x = w.int8("image", (1, 12, 16, 3))
    graph = read(w.finish([x], [w.softmax(w.conv(x, 4, "only"), "soft")]))
    assert (graph.head, graph.tail, graph.order, graph.split) == (None, None, (), "")
    assert places(graph) == {"only": "", "soft": "the driver applies it to the device's output"}
    assert graph.results == graph.outputs
    assert_equals_reference(graph)


def test_what_is_refused_and_all_behind_it_is_the_tail():
    graph = read(tail_model())
    assert [node.name for node in graph.nodes] == ["first", "second"]
    assert places(graph) == {
        "first": "", "second": "", "pick": PICK, "fold": "behind pick, which runs on the host",
    }  # fmt: skip
    assert graph.head is None
    assert graph.tail is not None
    assert [t.name for t in graph.tail.inputs] == ["net/second/out"] == [o.name for o in graph.outputs]
    assert [(r.name, r.shape) for r in graph.results] == [("picked", (12, 16, 3)), ("folded", (12, 16, 3))]
    assert_equals_reference(graph)


def test_only_the_refused_one_of_two_heads_is_the_hosts():
    graph = read(two_heads())
    assert [node.name for node in graph.nodes] == ["trunk", "boxes"]
    assert [o.name for o in graph.outputs] == ["net/boxes/out", "net/trunk/out"]
    assert [r.name for r in graph.results] == ["net/boxes/out", "net/classes/out"]
    assert_equals_reference(graph)


def test_an_operator_of_the_driver_before_a_refused_one_goes_with_it():
    graph = read(two_heads("SOFTMAX"))
    assert places(graph) == {
        "trunk": "", "boxes": "", "soft": "for classes, which runs on the host", "classes": PICK,
    }  # fmt: skip
    assert graph.tail is not None
    assert [t.name for t in graph.tail.inputs] == ["net/trunk/out"]
    assert_equals_reference(graph)


@pytest.mark.parametrize("dtype", ["FLOAT32", "INT8", "UINT8"])
def test_what_is_refused_at_the_beginning_is_the_head(dtype: str):
    graph = read(head_model(dtype))
    assert [node.name for node in graph.nodes] == ["only"]
    assert graph.input.host_ops == ()
    assert graph.frame.dtype == dtype.lower()
    before = "before only, where the device's part begins"
    assert (
        places(graph)
        == {
            "FLOAT32": {"quarter": "the array has no DIV", "codes": before, "only": ""},
            "INT8": {"turn": TURN, "only": ""},
            "UINT8": {"turn": TURN, "codes": before, "only": ""},
        }[dtype]
    )
    assert_equals_reference(graph)


def test_head_and_tail_at_once():
    w = Chain()
    x = w.int8("image", (1, 12, 16, 3))
    y = w.conv(w.transpose(x, (0, 2, 1, 3), "turn"), 5, "only")
    graph = read(w.finish([x], [w.dequantize(w.gather(y, [1, 3], "pick"), "real")]))
    assert graph.head is not None
    assert graph.tail is not None
    assert [(r.dtype, r.scale, r.zero_point) for r in graph.tail.outputs] == [("float32", 1.0, 0)]
    assert_equals_reference(graph)


@pytest.mark.parametrize(("channels", "larger"), [(8, "left"), (40, "right")])
def test_the_side_with_more_multiplications_is_the_arrays(channels: int, larger: str):
    """A refused operator between two convolutions, of 27 and ``channels`` multiplications an element."""
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    y = w.conv(w.transpose(w.conv(x, 5, "left"), (0, 2, 1, 3), "turn"), channels, "right", 1)
    graph = read(w.finish([x], [y]))
    assert [node.name for node in graph.nodes] == [larger]
    assert (graph.head is None, graph.tail is None) == (larger == "left", larger == "right")
    assert_equals_reference(graph)


def test_a_refused_layer_beside_the_device_is_joined_in_the_tail():
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    trunk = w.conv(x, 4, "trunk")
    side = w.absolute(trunk, "fold")
    main = w.conv(trunk, 4, "main")
    y = w.int8("net/join/out", (1, 8, 8, 4))
    w.operator("MAXIMUM", [main, side], [y], "MaximumMinimumOptions")
    graph = read(w.finish([x], [y]))
    assert graph.tail is not None
    assert [t.name for t in graph.tail.inputs] == ["net/trunk/out", "net/main/out"]
    assert_equals_reference(graph)


def test_what_would_abort_the_process_is_refused_on_the_host_too():
    """TFLite does not refuse such a softmax: it aborts, and takes the process with it."""
    chain = Chain()
    x = chain.int8("net/image", (1, 6, 5, 3))
    y = chain.softmax(chain.absolute(chain.conv(x, 4, "conv"), "abs"), "softmax", 2.0**-40)
    with pytest.raises(StillframeError) as caught:
        read(chain.finish([x], [y]))
    assert str(caught.value) == (
        "m.tflite: layer 'softmax' (operator 2, SOFTMAX): expected beta x scale above 2**-26, "
        "got 9.094947017729282e-13 x 0.05000000074505806\n"
        "  -> calibrate on frames that exercise the layer: the scale is that of a tensor that is always 0"
    )


def straight() -> bytes:
    """Three convolutions and a softmax."""
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    y = w.conv(w.conv(w.conv(x, 5, "conv1"), 6, "conv2"), 4, "conv3")
    return w.finish([x], [w.softmax(y, "soft")])


@pytest.mark.parametrize(
    ("split", "nodes", "canonical"),
    [
        ("conv3", ["conv1", "conv2", "conv3"], "@2"),
        ("conv1", ["conv1"], "@0"),
        (":conv2", ["conv1", "conv2"], "@1"),
        ("conv2:", ["conv2", "conv3"], "@1:"),
        ("conv2:conv2", ["conv2"], "@1:@1"),
        ("@1:@2", ["conv2", "conv3"], "@1:@2"),
        ("soft", ["conv1", "conv2", "conv3"], "@3"),
    ],
)
def test_the_border_as_asked(split: str, nodes: list[str], canonical: str):
    graph = read(straight(), split)
    assert [node.name for node in graph.nodes] == nodes
    assert graph.split == canonical
    assert (graph.head is None) == (nodes[0] == "conv1")
    assert (graph.tail is None) == (nodes[-1] == "conv3")
    assert_equals_reference(graph)
    again = read(straight(), graph.split)
    assert again.assignments == graph.assignments
    assert again.split == canonical


def test_reasons_for_the_border_as_asked():
    assert places(read(straight(), "conv2:conv2")) == {
        "conv1": "before conv2, where --split begins the device's part",
        "conv2": "",
        "conv3": "behind conv2, where --split ends the device's part",
        "soft": "behind conv3, which runs on the host",
    }


def branches() -> bytes:
    """A trunk, two branches, and what joins them."""
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    trunk = w.conv(x, 4, "trunk")
    a, b = w.conv(w.conv(trunk, 4, "left"), 4, "left2"), w.conv(trunk, 4, "right")
    y = w.int8("net/join/out", (1, 8, 8, 4))
    w.operator("MAXIMUM", [a, b], [y], "MaximumMinimumOptions")
    return w.finish([x], [w.conv(y, 2, "last")])


def float_middle() -> bytes:
    w = Chain()
    x = w.tensor("image", (1, 8, 8, 3), "FLOAT32")
    y = w.divide(x, 2.0, "half")
    return w.finish([x], [w.conv(w.quantize(y, "codes"), 4, "only")])


def reads_the_input() -> bytes:
    """The device takes the quantised input, a refused operator the input itself."""
    w = Chain()
    x = w.tensor("image", (1, 8, 8, 3), "FLOAT32")
    y = w.conv(w.quantize(x, "codes"), 4, "only")
    return w.finish([x], [y, w.divide(x, 2.0, "half")])


OTHERS = "leave --split out to have the border chosen, or "
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "unknown": (
        straight,
        "conv9",
        "m.tflite: expected --split to name a layer, got 'conv9'\n  -> did you mean conv3 or conv2 or conv1?",
    ),
    "unknown and unlike": (
        straight,
        "pool",
        "m.tflite: expected --split to name a layer, got 'pool'\n  -> name one of conv1, conv2, conv3, soft",
    ),
    "unknown number": (
        straight,
        "@4",
        "m.tflite: expected --split to name a layer, got '@4'\n  -> name one of conv1, conv2, conv3, soft",
    ),
    "order": (
        straight,
        "conv3:conv1",
        "m.tflite: expected --split FIRST:LAST with the first layer on the device before the last, "
        "got 'conv3' behind 'conv1'\n  -> name them the other way round",
    ),
    "refused layer": (
        tail_model,
        "pick",
        "m.tflite: expected --split to name layers that the device can compute, "
        f"got 'pick': {PICK}\n  -> {OTHERS}end the device's part before that layer",
    ),
    "behind a refused layer": (
        tail_model,
        "fold",
        "m.tflite: expected --split to name layers that the device can compute, "
        "got 'fold': behind pick, which runs on the host\n"
        f"  -> {OTHERS}end the device's part before that layer",
    ),
    "nothing left": (
        straight,
        "soft:",
        "m.tflite: expected --split to leave the device a layer with multiplications, got the layers none\n"
        f"  -> {OTHERS}let the device's part reach further",
    ),
    "first of two inputs": (
        branches,
        "join:",
        "m.tflite: expected --split to begin the device's part at a layer with one input, "
        "got 'join' with 2 ('net/left2/out', 'net/right/out')\n"
        "  -> begin at a layer before the branches part, or behind the layer that joins them",
    ),
    "first in a branch": (
        branches,
        "left2:",
        "m.tflite: expected --split to begin the device's part at a layer through whose input "
        "'net/left/out' everything passes, got 'left2' beside another branch\n"
        "  -> begin at a layer before the branches part, or behind the layer that joins them",
    ),
    "first of floats": (
        float_middle,
        "codes:",
        "m.tflite: expected --split to begin the device's part at a layer with an int8 input, "
        "got 'codes' with float32 1 x 8 x 8 x 3\n  -> begin behind the layer that quantises",
    ),
    "input read twice": (
        reads_the_input,
        "",
        "m.tflite: expected layers behind the device to read what the device computes, "
        "got 'half', which reads 'image'\n"
        "  -> let all layers read the model's input behind the same operators",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_impossible_border(case: str):
    make, split, expected = REFUSED[case]
    with pytest.raises(StillframeError) as error:
        read(make(), split)
    assert str(error.value) == expected


def test_first_in_a_branch_works_where_everything_passes():
    graph = read(branches(), "last:")
    assert [node.name for node in graph.nodes] == ["last"]
    assert_equals_reference(graph)


OUTSIDE = sorted(
    name
    for name, number in vars(tflite.BuiltinOperator).items()
    if isinstance(number, int) and name not in HANDLERS
)


@pytest.mark.parametrize("op", [name for name in OUTSIDE if name != "CUSTOM"])
def test_every_other_operator_is_named_with_its_layer_and_what_works_instead(op: str):
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    y = w.int8("net/strange/out", (1, 8, 8, 3))
    w.operator(op, [x], [y])
    with pytest.raises(StillframeError) as error:
        read(w.finish([x], [y]))
    assert str(error.value) == (
        f"m.tflite: layer 'strange' (operator 0, {op}): expected a supported operator, got {op}\n"
        f"  -> {ADVICE.get(op, 'replace the layer')}; supported are {', '.join(sorted(HANDLERS))}"
    )


def test_advice_is_for_operators_outside_the_list_only():
    assert not set(ADVICE) & set(HANDLERS)
    assert set(ADVICE) <= {*OUTSIDE, "EINSUM"}
    assert advice("ABS", ["CONV_2D", "ADD"]) == "replace the layer; supported are ADD, CONV_2D"


def test_a_damaged_layer_is_an_error_and_not_the_hosts():
    w = Chain()
    x = w.int8("image", (1, 8, 8, 3))
    y = w.conv(x, 4, "good")
    z = w.int8("net/bad/out", (1, 8, 8, 5))
    k = w.tensor("net/bad/kernel", (6, 1, 1, 4), "INT8", 0.1, data=np.ones(24))
    w.operator("CONV_2D", [y, k], [z], "Conv2DOptions", Padding=0, StrideH=1, StrideW=1)
    with pytest.raises(StillframeError) as error:
        read(w.finish([x], [z]))
    assert str(error.value) == (
        "m.tflite: layer 'bad' (operator 1, CONV_2D): expected an output of 8 x 8 x 6, got 8 x 8 x 5\n"
        "  -> convert the model again: the file is damaged"
    )
