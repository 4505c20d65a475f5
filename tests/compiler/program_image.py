"""A program as an array holds it: descriptors with their fields, memories that start with noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillframe.contract import ArrayConfig, Memory, Op, Program
from stillframe.contract.array import ACC_BITS, ADDRESS_BITS, LAYER_WORDS, MASK_COLUMNS
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.contract.memory_map import PARAM_COLUMNS, columns, rows

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ADDRESSES = 1 << ADDRESS_BITS
"""Addresses are taken modulo this."""


class Fields:
    """The fields of a descriptor as attributes."""

    def __init__(self, words: npt.NDArray[np.uint32]) -> None:
        self.values = {}
        for field in LAYER_FIELDS.values():
            value = int(words[field.word]) >> field.shift & ((1 << field.width) - 1)
            sign = 1 << (field.width - 1)
            self.values[field.name] = (value ^ sign) - sign if field.signed else value

    def __getattr__(self, name: str) -> int:
        return self.values[name]


class Image:
    """The memories of an array with a program in them; what the program does not write is noise.

    Args:
        program: The program; only ``config`` and ``segments`` are used.
        seed: Of the noise.
    """

    def __init__(self, program: Program, seed: int) -> None:
        self.config = config = program.config
        self.drain = drain = config.drain
        noise = np.random.default_rng(seed)
        self.codes = noise.integers(-128, 128, (config.codes_words, drain)).astype(np.int8)
        self.events = noise.integers(-255, 256, (config.events_words, drain)).astype(np.int16)
        mask = 1 << MASK_COLUMNS * config.group
        self.masks = noise.integers(0, mask, (config.masks_words, config.banks)).astype(np.uint32)
        self.flags = noise.integers(0, 2, config.rows).astype(bool)
        self.state = noise.integers(-1 << ACC_BITS - 1, 1 << ACC_BITS - 1, (config.state_words, drain))
        image = {
            memory: noise.integers(
                0, 1 << 32, (rows(memory, config), columns(memory, config)), dtype=np.uint32
            )
            for memory in (Memory.LAYERS, Memory.WEIGHTS, Memory.PARAMS, Memory.TABLES)
        }
        for segment in program.segments:
            end = segment.row + len(segment.words)
            assert end <= rows(segment.memory, config)
            image[segment.memory][segment.row : end, segment.column] = segment.words
        self.weights = image[Memory.WEIGHTS].astype("<u4").view(np.int8)
        self.params = image[Memory.PARAMS].astype(np.int64).reshape(-1, PARAM_COLUMNS, drain)
        self.tables = image[Memory.TABLES].astype("<u4").view(np.int8).reshape(-1, drain, 4)
        self.layers: list[Fields] = []
        while not self.layers or not self.layers[-1].last:
            start = LAYER_WORDS * len(self.layers)
            self.layers.append(Fields(image[Memory.LAYERS][start : start + LAYER_WORDS, 0]))
        check_regions(self.layers, config)


def check_regions(layers: list[Fields], config: ArrayConfig) -> None:
    """Regions lie inside their memories, and those that may not share words do not."""
    kept: dict[str, list[tuple[int, int]]] = {"CODES": [], "MASKS": [], "ROWS": [], "STATE": []}
    for layer in layers:
        size = layer.out_height * layer.out_pitch
        assert layer.out_pitch == layer.out_width * layer.out_words
        assert layer.out_mask_words == -(-layer.out_width // MASK_COLUMNS)
        assert layer.out_mask_pitch == layer.out_mask_words * layer.out_words
        masks = layer.out_height * layer.out_mask_pitch
        kept["CODES"].append((layer.out_codes, layer.out_codes + size))
        kept["MASKS"].append((layer.out_masks, layer.out_masks + masks))
        kept["ROWS"].append((layer.out_rows, layer.out_rows + layer.out_height))
        if layer.use_state:
            kept["STATE"].append((layer.state, layer.state + size))
        if layer.out_events:
            assert layer.out_events_base + size <= config.events_words
        if layer.op == Op.MAC and layer.out_events:
            last = layer.in_events + layer.in_height * layer.in_pitch
            assert layer.out_events_base + size <= layer.in_events or last <= layer.out_events_base
    depths = {
        "CODES": config.codes_words,
        "MASKS": config.masks_words,
        "ROWS": config.rows,
        "STATE": config.state_words,
    }
    for name, regions in kept.items():
        end = 0
        for start, stop in sorted(regions):
            assert end <= start, f"{name}: {regions} overlap"
            end = stop
        assert end <= depths[name], f"{name}: {end} words, {depths[name]} there"
