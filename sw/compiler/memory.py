"""Where everything lies in the array's memories, and whether it fits.

CODES, MASKS and row flags hold every tensor for ever. EVENTS is shared over time. STATE holds the
accumulators of the layers fed with deltas; WEIGHTS, PARAMS and TABLES the layers' constants.
"""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract import ArrayConfig
from stillframe.contract.array import ACC_BITS, MASK_COLUMNS, PARAMS_BITS, TABLE_ROWS

from .layout import table_blocks
from .network import Modes, Network


@dataclass(frozen=True)
class MemoryUse:
    """How much of a memory is used.

    Attributes:
        name: Name of the memory.
        used, available: Words of it.
        word_bits: Bits of a word.
        largest: What takes most of it: a layer, a layer's output, the input. Empty where it is not asked.
        largest_words: Words that it takes.
    """

    name: str
    used: int
    available: int
    word_bits: int
    largest: str = ""
    largest_words: int = 0

    @property
    def fits(self) -> bool:
        return self.used <= self.available


def memory_sizes(config: ArrayConfig) -> dict[str, tuple[int, int]]:
    """(words, bits of a word) of each memory that a program shares out, by name."""
    drain = config.drain
    return {
        "CODES": (config.codes_words, 8 * drain),
        "EVENTS": (config.events_words, 9 * drain),
        "MASKS": (config.masks_words, MASK_COLUMNS * drain),
        "ROWS": (config.rows, 1),
        "STATE": (config.state_words, ACC_BITS * drain),
        "WEIGHTS": (config.weights_words, 8 * config.total_lanes),
        "PARAMS": (config.params_words, PARAMS_BITS * drain),
        "TABLES": (config.tables_words, 32 * drain),
    }


@dataclass(frozen=True)
class Placement:
    """First words of everything, by memory name: one a tensor or layer (they share their numbers).

    Attributes:
        start: For each memory the first word of each layer's or tensor's share, 0 where it has none.
        uses: How much of each memory is used.
        shares: For each memory the words that each layer, or the tensor that it writes, takes.
    """

    start: dict[str, list[int]]
    uses: list[MemoryUse]
    shares: dict[str, list[int]]

    @property
    def shortages(self) -> list[MemoryUse]:
        """Memories that are too small."""
        return [use for use in self.uses if not use.fits]


def _shares(network: Network, modes: Modes) -> dict[str, list[int]]:
    """Words of each memory that each layer, or the tensor that it writes, takes."""
    layouts, config = network.layouts, network.config
    shares: dict[str, list[int]] = {
        "CODES": [layout.size for layout in layouts],
        "EVENTS": [
            layout.size if network.keeps_events(tensor, modes) else 0 for tensor, layout in enumerate(layouts)
        ],
        "MASKS": [layout.mask_size for layout in layouts],
        "ROWS": [layout.height for layout in layouts],
        "STATE": [0],
        "WEIGHTS": [0],
        "PARAMS": [0],
        "TABLES": [0],
    }
    for layer in network.layers:
        step, layout = network.step(layer), layouts[layer]
        weights = 0
        if step.product is not None:
            passes = network.groups(layer) if step.product.weights is not None else 1
            weights = passes * network.weight_rows(layer)
        shares["STATE"].append(layout.size if network.uses_state(layer, modes) else 0)
        shares["WEIGHTS"].append(weights)
        shares["PARAMS"].append(network.param_rows(layer))
        shares["TABLES"].append(TABLE_ROWS * table_blocks(step.table, layout.channels, config))
    return shares


def _stack(shares: list[int]) -> tuple[list[int], int]:
    """One share after the other: their first words, and the end of the last."""
    starts, end = [], 0
    for words in shares:
        starts.append(end if words else 0)
        end += words
    return starts, end


def events_words(network: Network, modes: Modes) -> int:
    """EVENTS words that a network takes."""
    return _share_over_time(network, _shares(network, modes)["EVENTS"])[1]


def _share_over_time(network: Network, shares: list[int]) -> tuple[list[int], int]:
    """First words of the tensors' shares, each in use from the layer that writes it to its last MAC reader.

    The largest go first, each to the lowest place that is free while it is in use. Both ends count: a layer
    writes its output's events while it reads its input's.
    """
    last = [max(network.mac_readers(tensor), default=tensor) for tensor in range(len(shares))]
    starts = [0] * len(shares)
    placed: list[int] = []
    for tensor in sorted((t for t, words in enumerate(shares) if words), key=lambda t: -shares[t]):
        rivals = [t for t in placed if t <= last[tensor] and tensor <= last[t]]
        for rival in sorted(rivals, key=lambda t: starts[t]):
            if starts[tensor] + shares[tensor] > starts[rival]:
                starts[tensor] = max(starts[tensor], starts[rival] + shares[rival])
        placed.append(tensor)
    return starts, max((starts[t] + shares[t] for t in placed), default=0)


def place(network: Network, modes: Modes) -> Placement:
    """Give every layer and tensor its place; whether it fits stands in the result's ``shortages``."""
    start, uses = {}, []
    shares = _shares(network, modes)
    for name, (available, bits) in memory_sizes(network.config).items():
        share = shares[name]
        if name == "EVENTS":
            start[name], used = _share_over_time(network, share)
        else:
            start[name], used = _stack(share)
        top = max(range(len(share)), key=lambda i: share[i])
        # Tensors go by their layers: a converter's names of tensors are long and say little.
        owner = f"layer {network.name(top)!r}"
        if name in TENSOR_MEMORIES:
            owner = f"the output of {owner}" if top else "the input"
        uses.append(MemoryUse(name, used, available, bits, owner, share[top]))
    return Placement(start, uses, shares)


TENSOR_MEMORIES = frozenset({"CODES", "EVENTS", "MASKS", "ROWS"})
"""Memories whose shares belong to tensors; those of the others belong to layers."""
