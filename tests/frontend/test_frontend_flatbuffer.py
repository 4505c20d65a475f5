"""Damaged and cut files: one message each, never a crash."""

from __future__ import annotations

import numpy as np
import pytest
from single_layers import conv_model

from stillframe.contract import StillframeError
from stillframe.frontend import Graph, read_tflite
from stillframe.frontend.flatbuffer import parse

WEIGHTS = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3))
DAMAGED = "the file is damaged or cut short: copy or convert it again"


@pytest.fixture(scope="module")
def model() -> bytes:
    return conv_model((8, 9, 3), WEIGHTS, [1, 2, 3, 4], scales=[0.01, 0.02, 0.03, 0.04])


def message(data: bytes) -> str:
    with pytest.raises(StillframeError) as error:
        read_tflite(data, "model", "model.tflite")
    return str(error.value)


def test_the_file_itself_is_read(model):
    raw = parse(model, "model.tflite")
    assert [o.op for o in raw.operators] == ["CONV_2D"]
    assert [t.name for t in raw.tensors] == ["net/image", "net/conv/kernel", "net/conv/bias", "net/conv/out"]
    assert raw.tensors[0].data is None
    np.testing.assert_array_equal(raw.tensors[1].values(), WEIGHTS)
    assert raw.tensors[2].values().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"", "b'' (0 bytes in all)"),
        (b"TFL3", "b'' (4 bytes in all)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), r"b'\r\n\x1a\n' (108 bytes in all)"),
    ],
)
def test_not_a_tflite_file(data, got):
    assert message(data) == (
        f"model.tflite: expected b'TFL3' at byte 4 of a .tflite file, got {got}\n"
        "  -> this is not a TensorFlow Lite model: give a .tflite, .keras or .h5 file"
    )


@pytest.mark.parametrize(
    ("length", "part"),
    [
        (8, "the model table at byte 28"),
        (100, "operator code 0 at byte 184"),
        (900, "buffer 0 at byte 932"),
    ],
)
def test_the_message_for_a_cut_file(model, length, part):
    assert message(model[:length]) == (
        f"model.tflite: expected {part} to be whole and inside the file's {length} bytes, "
        "got a reference out of it\n"
        f"  -> {DAMAGED}"
    )


def test_a_file_cut_anywhere_is_refused(model):
    for length in range(8, len(model)):
        assert message(model[:length]).endswith(DAMAGED), length


def test_a_string_that_reaches_over_the_end(model):
    """The first tensor's name is moved to the end of the file, which cuts it."""
    old, new = model.index(b"net/image") - 4, len(model)
    references = range(0, old, 4)
    place = next(i for i in references if i + int.from_bytes(model[i : i + 4], "little") == old)
    moved = model[:place] + (new - place).to_bytes(4, "little") + model[place + 4 :]
    whole = moved + (9).to_bytes(4, "little") + b"net/other"
    assert parse(whole, "model.tflite").tensors[0].name == "net/other"
    assert "expected tensor 0 at byte " in message(whole[:-1])
    assert message(whole[:-1]).endswith(DAMAGED)


def test_any_damaged_byte_ends_in_a_graph_or_a_message(model):
    """A changed weight cannot be told from another model; nothing but the one kind of error is raised."""
    rng = np.random.default_rng(1)
    graphs = 0
    for place in range(len(model)):
        for value in (255, int(rng.integers(256))):
            damaged = bytearray(model)
            damaged[place] = value
            graphs += is_graph_or_message(bytes(damaged))
    assert 0 < graphs < 2 * len(model)


def is_graph_or_message(data: bytes) -> bool:
    try:
        graph = read_tflite(data, "model", "model.tflite")
    except StillframeError as error:
        if not error.hint or not error.message.startswith("model.tflite: "):
            raise AssertionError(f"expected where it is and what to do, got {error}") from error
        return False
    return isinstance(graph, Graph)


def test_random_bytes_behind_the_identifier_are_refused():
    rng = np.random.default_rng(2)
    for _ in range(300):
        data = rng.integers(0, 256, int(rng.integers(8, 400)), np.uint8).tobytes()
        assert message(data[:4] + b"TFL3" + data[8:]).startswith("model.tflite: ")
