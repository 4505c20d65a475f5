"""A program for the fake device, and what it computes."""

from __future__ import annotations

import numpy as np

from stillframe.contract import ArrayConfig, Memory, Mode, Program
from stillframe.contract.array import LAYER_WORDS
from stillframe.contract.layer import Op, pack_layer
from stillframe.contract.program import LayerSpec, OutputSpec, Segment, TensorSpec

WEIGHT = 7
ZERO_POINT = -3


def make_program(
    config: ArrayConfig, height: int = 3, width: int = 5, channels: int = 3, mode: Mode = Mode.DELTA
) -> Program:
    """Two tensors of one shape, one behind the other in CODES; the second is what :func:`expected` says."""
    words = -(-channels // config.drain)
    pitch = width * words

    def tensor(name: str, codes: int) -> TensorSpec:
        return TensorSpec(name, height, width, channels, 0.5, ZERO_POINT, codes, pitch, words, mode, 0)

    def fields(**other: int) -> dict[str, int]:
        return {
            "out_mode": int(mode),
            "out_height": height,
            "out_width": width,
            "out_words": words,
            "out_pitch": pitch,
            "out_zero_point": ZERO_POINT,
            "in_channels": channels,
        } | other

    layers = (
        LayerSpec("image", "INPUT", mode, 0, 0, 0, fields(op=Op.INPUT)),
        LayerSpec("sum", "SUM", mode, 0, 1, 100, fields(op=Op.MAC, last=1, out_codes=height * pitch)),
    )
    segments = [
        Segment(Memory.LAYERS, 0, i * LAYER_WORDS, np.array(pack_layer(layer.fields), np.uint32))
        for i, layer in enumerate(layers)
    ]
    weights = np.arange(300, dtype=np.uint32) + WEIGHT
    segments += [
        Segment(Memory.WEIGHTS, 0, 100, weights[100:]),
        Segment(Memory.WEIGHTS, 0, 0, weights[:100]),
        Segment(Memory.PARAMS, 1, 0, weights),
    ]
    return Program(
        model="fake",
        config=config,
        tensors=(tensor("image", 0), tensor("sum", height * pitch)),
        layers=layers,
        outputs=(OutputSpec("sum", 1, (height, width, channels), 0.5, ZERO_POINT),),
        segments=tuple(segments),
        tflite=b"",
    )


def expected(codes: np.ndarray) -> np.ndarray:
    """The output for a frame: the input's distance from its zero point + the weight, modulo 256."""
    return (codes.astype(np.int64) - ZERO_POINT + WEIGHT).astype(np.int8)


def frames(rng: np.random.Generator, count: int, program: Program, share: float = 0.2) -> list[np.ndarray]:
    """Frames in each of which about ``share`` of the pixels are new."""
    spec = program.tensors[0]
    shape = (spec.height, spec.width, spec.channels)
    made = [rng.integers(-128, 128, shape, np.int8)]
    while len(made) < count:
        new = rng.integers(-128, 128, shape, np.int8)
        made.append(np.where(rng.random(shape[:2])[..., np.newaxis] < share, new, made[-1]))
    return made
