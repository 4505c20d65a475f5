"""Parts of a ``.tflite`` file as files of their own."""

from __future__ import annotations

import numpy as np
import pytest
from host_models import tail_model

from stillframe.contract.host import HostPart, HostTensor
from stillframe.driver.host_model import HostModel
from stillframe.frontend.cut import cut
from stillframe.frontend.flatbuffer import parse
from stillframe.frontend.quiet import load_tensorflow


def run(data: bytes, values: np.ndarray) -> list[np.ndarray]:
    raw = parse(data, "part")

    def tensors(indices: tuple[int, ...]) -> tuple[HostTensor, ...]:
        return tuple(HostTensor(raw.tensors[i].name, raw.tensors[i].shape[1:], "int8") for i in indices)

    return HostModel(HostPart(data, tensors(raw.inputs), tensors(raw.outputs)), "m").run([values])


def test_two_parts_give_what_the_whole_gives():
    data = tail_model()
    raw = parse(data, "m.tflite")
    border = raw.operators[1].outputs[0]
    first = cut(data, [0, 1], raw.inputs, [border])
    second = cut(data, [2, 3], [border], raw.outputs)
    frame = np.random.default_rng(3).integers(-128, 128, (12, 16, 3)).astype(np.int8)
    (between,) = run(first, frame)
    for got, expected in zip(run(second, between), run(data, frame), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_part_holds_its_own_tensors_and_constants_only():
    data = tail_model()
    raw = parse(data, "m.tflite")
    border = raw.operators[1].outputs[0]
    part = parse(cut(data, [2, 3], [border], raw.outputs), "part")
    assert [o.op for o in part.operators] == ["GATHER", "ABS"]
    assert [t.name for t in part.tensors] == [
        "net/second/out", "net/pick/places", "net/pick/out", "net/fold/out",
    ]  # fmt: skip
    assert part.tensors[part.inputs[0]].name == "net/second/out"
    assert part.output_names == ()
    weights = raw.operators[0].inputs[1]
    assert raw.tensors[weights].data.tobytes() in data
    assert raw.tensors[weights].data.tobytes() not in cut(data, [2, 3], [border], raw.outputs)


@pytest.mark.parametrize("kind", ["loop", "several outputs"])
def test_operators_of_any_kind_survive(kind: str):
    """A loop calls other subgraphs; a split has several outputs, of which only some are used."""
    tf = load_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec((1, 4, 4, 2), tf.float32)])
    def model(x):
        x = tf.nn.relu(x)
        if kind == "loop":
            return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 2.0), (0, x))[1]
        return tf.split(x, 2, axis=3)[1] + 1.0

    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.get_concrete_function()], model)
    data = converter.convert()
    raw = parse(data, "m.tflite")
    (first,) = (o for o in raw.operators if o.op == "RELU")
    rest = [o.index for o in raw.operators if o.index > first.index]
    part = cut(data, rest, first.outputs, raw.outputs)
    frame = np.random.default_rng(4).random((4, 4, 2), np.float32)  # positive: the RELU does nothing
    np.testing.assert_array_equal(run(part, frame)[0], run(data, frame)[0])
