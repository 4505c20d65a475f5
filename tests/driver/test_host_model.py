"""Head and tail on the host: sessions with them on a fake device, and what is said when they cannot run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import expected, frames, make_program
from tflite_writer import ModelWriter

from stillframe.contract import ArrayConfig, Program, StillframeError
from stillframe.contract.host import Assignment, HostPart, HostTensor
from stillframe.driver import Device, Session, host_model
from stillframe.driver.host_model import HostModel

CONFIG = ArrayConfig.parse("1x16")
SHAPE = (3, 5, 3)


def part(
    op: str,
    options: str | None,
    constants: dict[str, list[int]],
    shapes: list[tuple[int, ...]],
    **fields: int,
) -> bytes:
    """One operator on int8, from the first of ``shapes`` to the last."""
    w = ModelWriter()
    x = w.tensor("in", (1, *shapes[0]), "INT8", 0.5, -3)
    inputs = [x, *(w.tensor(name, (len(v),), "INT32", data=v) for name, v in constants.items())]
    y = w.tensor("out", (1, *shapes[-1]), "INT8", 0.5, -3)
    w.operator(op, inputs, [y], options, **fields)
    return w.finish([x], [y])


def turn() -> HostPart:
    """From 5 x 3 x 3 to the 3 x 5 x 3 of the device."""
    data = part("TRANSPOSE", "TransposeOptions", {"order": [0, 2, 1, 3]}, [(5, 3, 3), SHAPE])
    return HostPart(data, (HostTensor("image", (5, 3, 3), "int8"),), (HostTensor("turned", SHAPE, "int8"),))


def pick() -> HostPart:
    """Channels 2 and 0 of the device's output."""
    data = part("GATHER", "GatherOptions", {"places": [2, 0]}, [SHAPE, (3, 5, 2)], Axis=3)
    return HostPart(
        data,
        (HostTensor("sum", SHAPE, "int8", 0.5, -3),),
        (HostTensor("picked", (3, 5, 2), "int8", 0.5, -3),),
    )


def with_parts(head: HostPart | None, tail: HostPart | None) -> Program:
    return replace(
        make_program(CONFIG),
        head=head,
        tail=tail,
        order=("picked",) if tail else (),
        assignments=(Assignment("turn", "TRANSPOSE", True, "the array has no TRANSPOSE"),),
        split="@1:@2",
    )


def open_session(program: Program) -> Session:
    return Session(Device(FakeLink(FakeDevice(CONFIG))), program)


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("tail", [False, True])
def test_a_session_takes_the_models_input_and_gives_its_outputs(head: bool, tail: bool):
    program = with_parts(turn() if head else None, pick() if tail else None)
    session = open_session(Program.from_bytes(program.to_bytes()))
    for codes in frames(np.random.default_rng(2), 4, program):
        result = session.run(codes.transpose(1, 0, 2) if head else codes)
        whole = expected(codes)
        assert list(result.outputs) == ["picked" if tail else "sum"]
        np.testing.assert_array_equal(*result.outputs.values(), whole[:, :, [2, 0]] if tail else whole)
        np.testing.assert_array_equal(result.tensors[1], whole)


def test_program_file_keeps_the_parts():
    program = with_parts(turn(), pick())
    again = Program.from_bytes(program.to_bytes())
    assert (again.head, again.tail) == (program.head, program.tail)
    assert (again.order, again.assignments, again.split) == (
        program.order,
        program.assignments,
        program.split,
    )
    assert again.frame == HostTensor("image", (5, 3, 3), "int8")
    assert again.results == (HostTensor("picked", (3, 5, 2), "int8", 0.5, -3),)


def test_frame_of_another_type_before_a_head():
    session = open_session(with_parts(turn(), None))
    with pytest.raises(StillframeError) as error:
        session.run(np.zeros((5, 3, 3), np.float32))
    assert str(error.value) == (
        "frame for input image: expected int8 values of shape (5, 3, 3), got float32 of shape (5, 3, 3)\n"
        "  -> give the frame as the model takes it"
    )


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host_model, "INTERPRETERS", ("not_installed.interpreter", "nor_this.interpreter"))
    with pytest.raises(StillframeError) as error:
        open_session(with_parts(None, pick()))
    assert str(error.value) == (
        "model fake: host part from 'sum' to 'picked': expected TFLite's interpreter to be installed, "
        "found neither LiteRT nor TensorFlow\n  -> run: pip install ai-edge-litert"
    )


def test_operator_that_the_reference_kernels_lack():
    data = part("ELU", None, {}, [SHAPE, SHAPE])
    tensors = (HostTensor("sum", SHAPE, "int8"),)
    with pytest.raises(StillframeError) as error:
        HostModel(HostPart(data, tensors, tensors), "fake")
    assert str(error.value) == (
        "model fake: host part from 'sum' to 'sum': expected operators that TFLite's reference kernels have, "
        "got: Didn't find op for builtin opcode 'ELU' version '1'. An older version of this builtin might be "
        "supported. Are you using an old TFLite binary with a newer model?\n"
        "  -> take the operator out of the model, or end the model before it"
    )


def test_output_of_another_size():
    one = replace(pick(), outputs=(HostTensor("picked", (7,), "int8"),))
    with pytest.raises(StillframeError) as error:
        HostModel(one, "fake").run([np.zeros(SHAPE, np.int8)])
    assert str(error.value) == (
        "model fake: host part from 'sum' to 'picked': expected output 'picked' of a fixed shape, (7,), "
        "got (1, 3, 5, 2)\n"
        "  -> end the model before the operator whose result has a size that depends on the frame"
    )


SCRIPT = """
import sys
import numpy as np
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import make_program
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session
config = ArrayConfig.parse("1x16")
Session(Device(FakeLink(FakeDevice(config))), make_program(config)).run(np.zeros((3, 5, 3), np.int8))
print(*sorted({"tensorflow", "ai_edge_litert", "tflite"} & set(sys.modules)))
"""


def test_a_program_without_parts_loads_no_interpreter():
    folder = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (folder, folder.parent)))},
    )
    assert (run.stdout, run.stderr) == ("\n", "")
