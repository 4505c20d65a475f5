"""The content of the memories: what the driver writes before the first frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stillframe.contract import Memory
from stillframe.contract.array import LAYER_WORDS
from stillframe.contract.layer import pack_layer
from stillframe.contract.memory_map import PARAM_LAST, columns
from stillframe.contract.program import LayerSpec, Segment

from .layout import Words, pack_params, pack_sum_params, pack_table, pack_weights
from .network import Network


def _descriptors(layers: Sequence[LayerSpec]) -> Words:
    rows = np.zeros((len(layers), LAYER_WORDS), np.uint32)
    for row, layer in zip(rows, layers, strict=True):
        packed = pack_layer(layer.fields)
        row[: len(packed)] = packed
    return rows.reshape(-1, 1)


def _weights(network: Network) -> Iterator[Words]:
    for layer in network.layers:
        if (product := network.product(layer)) is not None:
            yield pack_weights(product, network.step(layer).strides[1], network.side(layer), network.config)


def _params(network: Network) -> Iterator[Words]:
    for layer in network.layers:
        step, rows = network.step(layer), []
        if (product := network.product(layer)) is not None:
            rows.append(pack_params(product, network.config))
        if step.add is not None:
            rows.append(pack_sum_params(step.add.result, network.layouts[layer].words, network.config))
        if rows:
            rows[-1][-1, -1] |= PARAM_LAST
        yield from rows


def _tables(network: Network) -> Iterator[Words]:
    for layer in network.layers:
        table = network.step(layer).table
        if table is not None:
            shared = len(table) == 1
            yield pack_table(table if shared else table[network.channels(layer)], network.config)


def segments(network: Network, layers: Sequence[LayerSpec]) -> tuple[Segment, ...]:
    """Descriptors, weights, parameters and tables, each column of a memory in one piece from row 0 on.

    Layers lie in these memories one behind the other, in their order, as :func:`~.memory.place` stacks them.
    """
    config = network.config
    parts = {
        Memory.LAYERS: [_descriptors(layers)],
        Memory.WEIGHTS: list(_weights(network)),
        Memory.PARAMS: list(_params(network)),
        Memory.TABLES: list(_tables(network)),
    }
    result = []
    for memory, pieces in parts.items():
        if pieces:
            rows = np.concatenate(pieces)
            result += [
                Segment(memory, column, 0, np.ascontiguousarray(rows[:, column]))
                for column in range(columns(memory, config))
            ]
    return tuple(result)
