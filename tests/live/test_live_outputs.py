"""What is shown of an output: elements, the largest of them, or the ends of a map."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stillframe.contract.host import HostTensor
from stillframe.contract.program import OutputSpec
from stillframe.live.lines import brief
from stillframe.live.outputs import BARS, TOP, summarise


def spec(shape: tuple[int, ...], scale: float = 1 / 256, zero_point: int = -128) -> OutputSpec:
    return OutputSpec("out", 0, shape, scale, zero_point)


def test_short_vector_by_its_elements() -> None:
    output = summarise(spec((3,)), np.array([0.25, 0.5, 0.0], np.float32))
    assert output.kind == "all"
    assert [(e.label, e.value) for e in output.entries] == [("0", 0.25), ("1", 0.5), ("2", 0.0)]
    assert [e.share for e in output.entries] == pytest.approx([64 / 255, 128 / 255, 0])
    assert brief(output) == "largest is 1 with 0.5"


def test_long_vector_by_its_largest() -> None:
    values = np.zeros((1, 1, BARS + 1), np.float32)
    values[0, 0, [7, 2]] = 0.9, 0.4
    output = summarise(spec(values.shape), values)
    assert output.kind == "largest"
    assert [(e.label, e.value) for e in output.entries][:3] == [("7", 0.9), ("2", 0.4), ("0", 0.0)]
    assert len(output.entries) == TOP


def test_map_by_its_ends() -> None:
    values = np.full((4, 5, 2), 0.1, np.float32)
    values[3, 1, 0], values[0, 4, 1] = 0.75, 0.0
    output = summarise(spec(values.shape), values)
    assert output.kind == "ends"
    assert [(e.label, e.value) for e in output.entries] == [
        ("smallest at (0, 4, 1)", 0.0),
        ("largest at (3, 1, 0)", 0.75),
    ]
    assert brief(output) == "largest at (3, 1, 0) is 0.75"


@pytest.mark.parametrize(
    ("tensor", "values", "shares"),
    [
        (HostTensor("p", (2,), "float32"), [0.25, 0.75], [0.25, 0.75]),
        (HostTensor("p", (2,), "float32"), [-4, 4], [0, 1]),
        (HostTensor("p", (2,), "uint8", 2.0, 5), [-10, 500], [0, 1]),
    ],
)
def test_range_of_the_host_s_outputs(tensor: HostTensor, values: list[float], shares: list[float]) -> None:
    output = summarise(tensor, np.array(values, np.float32))
    assert [e.share for e in output.entries] == pytest.approx(shares)


def test_what_is_no_number_is_said_and_is_json() -> None:
    output = summarise(HostTensor("p", (3,), "float32"), np.array([np.nan, np.inf, 2], np.float32))
    assert [e.value for e in output.entries] == [None, None, 2.0]
    assert json.loads(json.dumps(output.as_json(), allow_nan=False))["entries"][0] == ["0", None, 0.0]
