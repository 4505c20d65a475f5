"""Cycles that layers take in a frame, before any hardware runs: a model of the accelerator and a profile."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from stillframe.contract import Mode, Op
from stillframe.contract.layer import FIELD_WORDS
from stillframe.driver.runs import RUN_HEADER_BYTES

from .network import Modes, Network
from .pace import time_windows
from .profile import Activity, Marks, Profile, rows_with
from .rows import Times, finding
from .steps import Steps
from .timing import time_mac
from .walk import live_rows, walk

ERROR = 0.05
"""Most by which a frame's estimate differs from the device's count of the same frames (docs/planner.md)."""

AROUND = 14
"""Cycles of the sequencer around a layer's work."""

REST = FIELD_WORDS + 3
"""Cycles for a layer that rests: the next one's descriptor is loaded meanwhile."""

INPUT = 12
"""Cycles of the input beside its words."""


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
            self._known[key] = float(self._layer(layer, modes, everything, rests).mean())
        return self._known[key]

    def _layer(self, layer: int, modes: Modes, everything: bool, rests: bool) -> Times:
        """Cycles in each frame, (frames,)."""
        network = self.network
        if layer == 0:
            return self._input(modes[0])
        sources = network.sources(layer)
        changed = [self._activity[source].changed.any(axis=(1, 2, 3)) for source in sources]
        active = np.logical_or.reduce(changed) if rests else np.ones(self.frames, np.bool_)
        cycles = np.full(self.frames, REST, float)
        if active.any():
            marks = [self._activity[source].events(modes[source], active) for source in sources]
            flags = rows_with(self._activity[layer].events(modes[layer], active))
            cycles[active] = AROUND + time_layer(network, layer, everything, marks, flags)
        return cycles

    def _input(self, mode: Mode) -> Times:
        """Cycles of the input in each frame, (frames,): a word a cycle, and the last masks."""
        layout, sent = self.network.layouts[0], []
        for arriving in self._arriving:
            pixels = arriving if mode is Mode.DELTA else np.ones_like(arriving)
            sent.append(np.count_nonzero(_with_gaps(pixels.ravel(), layout.channels)))
        return (np.array(sent, float) + 1) * layout.words + INPUT


def time_layer(network: Network, layer: int, everything: bool, marks: list[Marks], flags: Marks) -> Times:
    """Cycles of a layer other than the input, from its start until its output is in the masks: (frames,).

    Args:
        everything: Every output is given, also where nothing changed.
        marks: Events of its input tensors, bool (frames, height, width, channels).
        flags: Output rows with events, bool (frames, rows).
    """
    if network.step(layer).op is Op.MAC:
        work = walk(network, layer, marks[0])
        whole = np.full_like(flags, everything)
        fused = network.step(layer).fused
        if fused:  # of rows in which the second tensor changed
            whole |= rows_with(marks[1])
        steps = Steps.of(network, layer, whole, work, flags)
        find, copying = finding(network, layer, steps.rows), network.copying(layer)
        every = network.word_cycles(layer) if fused else 0
        return time_mac(steps, find, network.config.banks, copying, every)
    given = np.ones_like(flags) if everything else live_rows(network, layer, marks)
    return time_windows(network, layer, given, flags)


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
