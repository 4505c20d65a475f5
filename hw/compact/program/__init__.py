"""The microprogram, a file a job."""

from __future__ import annotations

from stillframe.contract.array import ArrayConfig

from ..assembler import Assembler
from ..memory_plan import Places
from . import boot, convolution, descriptor, encode, frame, layers, link, pool, requantise


def assemble(config: ArrayConfig) -> Assembler:
    """The microprogram for an array, with its labels and registers."""
    a, places = Assembler(), Places.of(config)
    boot.write(a, config, places)
    link.write(a, config, places)
    frame.write(a, places)
    layers.write(a, places)
    descriptor.write(a, places)
    convolution.write(a, places)
    pool.write(a)
    requantise.write(a)
    encode.write(a)
    return a


def microprogram(config: ArrayConfig) -> list[int]:
    """The microprogram's words."""
    return assemble(config).words()
