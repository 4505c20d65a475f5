"""Cycles that layers take in a frame, before any hardware runs: a model of the accelerator and a profile."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from stillframe.contract import Mode
from stillframe.contract.array import MASK_BITS
from stillframe.contract.layer import FIELD_WORDS
from stillframe.driver.runs import RUN_HEADER_BYTES

from .network import Modes, Network
from .profile import Activity, Marks, Profile, rows_with
from .timing import closing, time_layer
from .walk import walk

ERROR = 0.05
"""Most by which a frame's estimate differs from the device's count of the same frames (docs/planner.md)."""

LOAD = FIELD_WORDS + 2
"""Cycles of the sequencer before a layer begins, or is found to rest."""

COUNT = 4
"""Cycles in which the sequencer writes a layer's counters."""


class Estimator:
    """Estimated cycles of a network's layers, means over a profile's frames.

    A layer's cycles depend on the modes of its input tensors and of its output; each combination is estimated
    once.

    Args:
        network: The network on its array.
        profile: Activity of the tensors of its graph.
    """

    def __init__(self, network: Network, profile: Profile) -> None:
        self.network = network
        self._arriving = profile.arriving
        self._activity = _activities(network, profile)
        self._known: dict[tuple[object, ...], float] = {}

    @property
    def frames(self) -> int:
        """Frames of the profile."""
        return len(self._arriving)

    def frame(self, modes: Modes, rests: bool = True) -> float:
        """Cycles of a whole frame."""
        return sum(self.layer(layer, modes, rests) for layer in range(len(modes)))

    def layer(self, layer: int, modes: Modes, rests: bool = True) -> float:
        """Cycles of a layer, from the load of its descriptor to its last counter.

        Args:
            layer: Its number; 0 is the input.
            modes: Of each device tensor.
            rests: It does nothing in a frame in which its input did not change (``skip_still``).
        """
        network = self.network
        everything = network.evaluates_all(layer, modes)
        key = (layer, modes[layer], *(modes[source] for source in network.sources(layer)), everything, rests)
        if key not in self._known:
            cycles = [self._layer(layer, modes, everything, rests, frame) for frame in range(self.frames)]
            self._known[key] = sum(cycles) / len(cycles)
        return self._known[key]

    def _layer(self, layer: int, modes: Modes, everything: bool, rests: bool, frame: int) -> float:
        network, layout = self.network, self.network.layouts[layer]
        flags = rows_with(self._activity[layer].events(modes[layer], frame))
        if layer == 0:
            pixels = self._arriving[frame] if modes[0] is Mode.DELTA else np.ones_like(self._arriving[frame])
            sent = np.flatnonzero(_with_gaps(pixels.ravel(), layout.channels))
            row, column = divmod(int(sent[-1]), layout.width) if len(sent) else (-1, -1)
            word = ((column + 1) * layout.padded_channels - 1) // MASK_BITS
            return len(sent) * layout.words + 2 + closing(layout, flags, row, word, layout.height) + COUNT
        sources = network.sources(layer)
        if rests and not any(self._activity[source].changed[frame].any() for source in sources):
            return LOAD + COUNT
        marks = [self._activity[source].events(modes[source], frame) for source in sources]
        work = walk(network, layer, marks)
        return LOAD + time_layer(network, layer, everything, work, flags) + 3 + COUNT


def _activities(network: Network, profile: Profile) -> list[Activity]:
    """Of each device tensor; one between the layers of a CONCATENATION is put together from its parts."""
    found: list[Activity] = []
    for layer, tensor in enumerate(network.tensors):
        activity = profile.tensors.get(tensor.name)
        if activity is None:
            parts = [found[source] for source in network.sources(layer)]
            activity = Activity(
                np.concatenate([part.changed for part in parts], axis=-1),
                np.concatenate([part.non_zero for part in parts], axis=-1),
            )
        found.append(activity)
    return found


def _with_gaps(pixels: Marks, channels: int) -> Marks:
    """Pixels of a frame that travel: those that differ, and gaps no longer than the header of a new run."""
    gap = RUN_HEADER_BYTES // channels
    sent = pixels.copy()
    places = np.flatnonzero(pixels)
    for before, after in pairwise(places.tolist()):
        if after - before <= gap + 1:
            sent[before:after] = True
    return sent
