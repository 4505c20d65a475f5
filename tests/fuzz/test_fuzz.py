"""Random networks: hardware, golden model and TFLite's kernels agree (``make fuzz`` runs more of them)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trial
from description import Description, Layer
from drawing import draw
from regressions import REGRESSIONS
from trial import Refusal, try_out

from stillframe.contract import Memory, Program
from stillframe.driver import Device

BLOCK, BLOCKS = 4, 10
"""Networks a test, and tests."""

SMALL = Description(
    seed=1,
    shape=(6, 7, 2),
    layers=(
        Layer(
            "conv",
            (0,),
            {
                "kernel": (2, 2),
                "strides": (1, 1),
                "padding": "same",
                "dilation": (1, 1),
                "filters": 3,
                "bias": True,
                "norm": False,
                "activation": None,
            },
        ),
    ),
    outputs=(1,),
)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_networks_agree(block: int, device: Callable[[str], Device]) -> None:
    """All three ways, at threshold 0 and above; few are refused, and those by a message."""
    refused = []
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        try:
            try_out(draw(seed), device)
        except Refusal as refusal:
            refused.append(str(refusal))
    assert len(refused) <= 1, refused


@pytest.mark.parametrize("name", REGRESSIONS)
def test_what_failed_once_agrees(name: str, device: Callable[[str], Device]) -> None:
    try_out(REGRESSIONS[name], device)


def test_a_wrong_weight_on_the_device_is_seen(
    device: Callable[[str], Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: one bit of one weight, in what is written to the device, is enough."""
    compiled = trial.compile_graph

    def damaged(*arguments: Any, **options: Any) -> Program:
        program = compiled(*arguments, **options)
        place = next(i for i, segment in enumerate(program.segments) if segment.memory is Memory.WEIGHTS)
        words = program.segments[place].words.copy()
        words[0] ^= 0x40
        segments = list(program.segments)
        segments[place] = replace(segments[place], words=words)
        return replace(program, segments=tuple(segments))

    monkeypatch.setattr(trial, "compile_graph", damaged)
    with pytest.raises(AssertionError, match=r"frame 0, layer conv1.*: .* values differ, the first at \("):
        try_out(SMALL, device)
