"""The registry of built-in models. A new example is a module with a builder and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.video.value_range import ValueRange

from .box import Box

Detect = Callable[[Mapping[str, npt.NDArray[np.float32]], int, int], list[Box]]
"""From one frame's outputs as real values by name, and the input's height and width, to what they show."""


@dataclass(frozen=True)
class Example:
    """A built-in model.

    Attributes:
        name: Its name on the command line.
        title: What it is, in a few words.
        build: Makes the Keras model, weights included; None if the example is an int8 model.
        value_range: What pixels 0 and 255 stand for.
        detect: What its outputs show in the frame, for the report.
        finds: What a box of ``detect`` is, in the singular.
        tflite: The file of the int8 model, if it is one.
    """

    name: str
    title: str
    build: Callable[[], Any] | None
    value_range: ValueRange
    detect: Detect
    finds: str
    tflite: Path | None = None


def _pnet(name: str, title: str, small: bool) -> Example:
    from . import pnet

    build = partial(pnet.build, *pnet.SMALL) if small else pnet.build
    return Example(name, title, build, pnet.VALUE_RANGE, pnet.detect, "face")


def _occupancy(name: str, title: str) -> Example:
    from . import occupancy

    return Example(
        name,
        title,
        None,
        occupancy.VALUE_RANGE,
        occupancy.detect,
        "occupied place",
        occupancy.FOLDER / f"{name}.tflite",
    )


MODELS: dict[str, Callable[[], Example]] = {
    "pnet": partial(_pnet, "pnet", "MTCNN's face proposal network", False),
    "pnet-small": partial(_pnet, "pnet-small", "the same on fewer pixels, for small parts", True),
    "occupancy": partial(_occupancy, "occupancy", "where people are, trained to change less"),
    "occupancy-baseline": partial(_occupancy, "occupancy-baseline", "where people are, not trained for it"),
}
"""Examples by name."""


def find_example(name: str) -> Example | None:
    """The example of that name, or None."""
    return MODELS[name]() if name in MODELS else None
