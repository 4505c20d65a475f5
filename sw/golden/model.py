"""The golden model: every tensor of every frame, in exact integers, by Keras layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from keras import device, ops

from stillframe.contract import StillframeError
from stillframe.driver import host_ops
from stillframe.frontend.graph import LINEAR, Graph, Int8, Node
from stillframe.frontend.shapes import map_shape, shape_text
from stillframe.frontend.thresholds import thresholds_for

from .encoder import DeltaEncoder
from .layers import make_layer
from .macs import Counts, MacCounts, count_macs

BLOCK = 64
"""Frames that a layer computes at once."""

CPU = "cpu:0"
"""A GPU's convolution algorithms are not exact, not even in doubles."""


@dataclass(frozen=True)
class Trace:
    """What a run gives. All arrays have the frames first.

    Attributes:
        tensors: int8 by tensor index, (frames, *shape): every tensor as its consumers see it, that is, after
            its threshold.
        outputs: By name, (frames, *shape): the model's outputs behind their host operators; int8 codes unless
            the model ends in another type.
        sent: int64 by tensor index, (frames,): elements sent in each frame.
        macs: By the name of each node that is a sum of products (:data:`~stillframe.frontend.graph.LINEAR`).
        key: bool, (frames,): computed from scratch.
    """

    tensors: dict[int, Int8]
    outputs: dict[str, npt.NDArray[Any]]
    sent: dict[int, Counts]
    macs: dict[str, MacCounts]
    key: npt.NDArray[np.bool_]


class GoldenModel:
    """The arithmetic of the accelerator as Keras layers.

    Args:
        graph: The network.
        thresholds: Codes by tensor index (a tensor left out has 0), or one number for the tensors that
            :func:`~stillframe.frontend.thresholds_for` applies it to.
        mode: ``delta`` keeps the sums of products of every layer from frame to frame and adds what changes;
            ``direct`` computes each frame from its values. Both give the same tensors.

    Example:
        >>> golden = GoldenModel(graph, thresholds=2)
        >>> golden.run(frames).outputs["boxes"].shape
        (60, 19, 25, 4)
    """

    def __init__(
        self,
        graph: Graph,
        thresholds: int | Mapping[int, int] = 0,
        mode: Literal["delta", "direct"] = "delta",
    ) -> None:
        by_tensor = thresholds_for(graph, thresholds) if isinstance(thresholds, int) else thresholds
        if mode not in ("delta", "direct"):
            raise StillframeError(
                f"golden model: expected mode delta or direct, got {mode!r}", "choose one of these"
            )
        self.graph = graph
        self.mode = mode
        self.thresholds = {i: by_tensor.get(i, 0) for i in range(len(graph.tensors))}
        with device(CPU):
            self.layers = {node.name: make_layer(graph, node) for node in graph.nodes}
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one is a key frame."""
        self._fresh = True
        self._state: dict[str, npt.NDArray[np.int64]] = {}
        self._encoders = {
            i: DeltaEncoder(tensor.zero_point, self.thresholds[i])
            for i, tensor in enumerate(self.graph.tensors)
        }

    def run(self, frames: Int8, key: Collection[int] = ()) -> Trace:
        """Compute the next frames; what came before still counts (see :meth:`reset`).

        Args:
            frames: int8 codes, (frames, *shape of the input tensor).
            key: Indices of frames of this call to compute from scratch. The very first one always is.

        Raises:
            StillframeError: The frames have another type or shape.
        """
        shape = self.graph.tensors[0].shape
        if frames.dtype != np.int8 or frames.shape[1:] != shape or not len(frames):
            raise StillframeError(
                f"golden model {self.graph.name}: expected int8 frames of {shape_text(shape)}, "
                f"got {len(frames)} of {frames.dtype} and {shape_text(frames.shape[1:])}",
                "quantise and resize the frames as the model's input is",
            )
        is_key = np.isin(np.arange(len(frames)), list(key))
        is_key[0] |= self._fresh
        self._fresh = False
        with device(CPU):
            blocks = [
                self._block(frames[i : i + BLOCK], is_key[i : i + BLOCK])
                for i in range(0, len(frames), BLOCK)
            ]
        return blocks[0] if len(blocks) == 1 else _join(blocks)

    def _block(self, frames: Int8, key: npt.NDArray[np.bool_]) -> Trace:
        tensors: dict[int, Int8] = {}
        before: dict[int, Int8] = {}
        macs: dict[str, MacCounts] = {}

        def arrive(index: int, codes: Int8) -> None:
            shaped = codes.reshape(len(codes), *map_shape(self.graph.tensors[index].shape))
            tensors[index], before[index] = self._encoders[index].encode(shaped, key)

        arrive(0, frames)
        for node in self.graph.nodes:
            source = node.inputs[0]
            if isinstance(node, LINEAR):
                macs[node.name] = count_macs(self.graph, node, tensors[source], before[source])
            if isinstance(node, LINEAR) and self.mode == "delta":
                codes = self._delta(node, tensors[source], before[source], key)
            else:
                codes = self.layers[node.name](*(tensors[i] for i in node.inputs))
            arrive(node.output, ops.convert_to_numpy(codes))
        return Trace(
            tensors={i: x.reshape(len(x), *self.graph.tensors[i].shape) for i, x in tensors.items()},
            outputs={
                o.name: host_ops.apply(
                    o.host_ops, tensors[o.tensor].reshape(len(frames), *self.graph.tensors[o.tensor].shape)
                ).reshape(len(frames), *o.shape)
                for o in self.graph.outputs
            },
            sent={i: (x != before[i]).sum(axis=(1, 2, 3), dtype=np.int64) for i, x in tensors.items()},
            macs=macs,
            key=key,
        )

    def _delta(self, node: Node, after: Int8, before: Int8, key: npt.NDArray[np.bool_]) -> Any:
        """Z(t) = Z(t-1) + W * (x(t) - x(t-1)), from 0 and the zero point in a key frame."""
        layer = self.layers[node.name]
        sums = np.array(ops.convert_to_numpy(layer.accumulate(after.astype(np.int64) - before)))
        state = self._state.get(node.name)
        for i, is_key in enumerate(key):
            if not is_key and state is not None:
                sums[i] += state
            state = sums[i]
        if state is not None:
            self._state[node.name] = state.copy()
        return layer.requantise(ops.convert_to_tensor(sums))


def _join(blocks: list[Trace]) -> Trace:
    def join(dictionaries: list[dict[Any, Any]]) -> dict[Any, Any]:
        return {k: np.concatenate([d[k] for d in dictionaries]) for k in dictionaries[0]}

    return Trace(
        tensors=join([b.tensors for b in blocks]),
        outputs=join([b.outputs for b in blocks]),
        sent=join([b.sent for b in blocks]),
        macs={
            name: MacCounts(
                counts.dense,
                np.concatenate([b.macs[name].delta for b in blocks]),
                np.concatenate([b.macs[name].direct for b in blocks]),
            )
            for name, counts in blocks[0].macs.items()
        },
        key=np.concatenate([b.key for b in blocks]),
    )
