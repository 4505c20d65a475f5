"""A model too large for the default array, and one with a tensor that only the program has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from single_layers import concat_model, conv_model

from stillframe.cli.main import execute
from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import FrameResult
from stillframe.frontend import read_tflite
from stillframe.golden import GoldenModel
from stillframe.run.verify import Verifier

SMALL_CLIP = ["--input-range", "0,1", "--frames", "3"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A convolution over more pixels than an 85F keeps codes of."""
    path = tmp_path / "large.tflite"
    weights = np.random.default_rng(3).integers(-9, 10, (16, 3, 3, 3), np.int8)
    path.write_bytes(conv_model((120, 160, 3), weights, np.zeros(16), scales=[0.02] * 16))
    return path


def test_it_is_simulated_all_the_same(
    fake_device, large: Path, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["run", str(large), str(small_clip), *SMALL_CLIP]) == 0
    out = capsys.readouterr().out
    assert "model large on array 1x16@85F: expected at most " in out
    assert "so it runs on 1x16@virtual, with memories larger than any part's: simulated only" in out
    assert "array 1x16@virtual (16 lanes)" in out


def test_unless_an_array_was_asked_for(
    fake_device, large: Path, small_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["run", str(large), str(small_clip), *SMALL_CLIP, "--array", "1x16"]) == 2
    assert "take a larger part: --array 1x16@virtual (simulated only)" in capsys.readouterr().err


def test_a_tensor_between_two_concatenations_is_no_concern_of_the_verifier() -> None:
    graph = read_tflite(concat_model((6, 5, 3)), "joined", "joined")
    program = compile_graph(graph, ArrayConfig.parse("1x16"))
    assert [tensor.name for tensor in program.tensors if tensor.name.startswith("concat")] == [
        "concat (1 of 2)"
    ]
    frames = np.random.default_rng(1).integers(-128, 128, (2, 6, 5, 3), np.int8)
    verifier = Verifier(graph, program)
    verifier.expect(frames)
    joined = program.outputs[0].tensor
    codes = GoldenModel(graph).run(frames).outputs[program.outputs[0].name]
    answer = FrameResult({program.outputs[0].name: codes[0]}, {joined: codes[0]}, True, 1, (), 0, 0)
    assert verifier.check(answer) == (codes[0].size, 0)
