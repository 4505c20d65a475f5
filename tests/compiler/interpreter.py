"""Executes a program as docs/architecture.md says, frame by frame, from its memory image alone.

It sees the array configuration and the segments, nothing of the graph, the tensors' names or the compiler's
plans, so what it computes rests on the descriptors' fields. Memories start with noise: whatever is read
before it was written shows. To see what the hardware's CODES should hold after each layer of each frame:

    python tests/compiler/interpreter.py PROGRAM CODES.npy OUT.npz

(CODES.npy: int8 input codes, frames x height x width x channels; OUT.npz: arrays ``frame<f>_layer<i>``.)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillframe.contract import Memory, Mode, Op, Program
from stillframe.contract.array import ACC_BITS, LAYER_WORDS, MASK_BITS, TABLE_ROWS
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.contract.memory_map import Param, columns, rows

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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


@dataclass(frozen=True)
class Trace:
    """What a layer did in a frame.

    Attributes:
        ran: Whether it ran (a still layer may rest).
        events: Events taken by the array, by output pixel and pass.
        macs_issued, macs_skipped: As the hardware counts them.
        pixels: Output pixels computed.
        sent: Elements of the output tensor that were sent.
        codes: The output tensor in CODES afterwards, int8 (words, drain) from its first word on.
    """

    ran: bool
    events: int
    macs_issued: int
    macs_skipped: int
    pixels: int
    sent: int
    codes: npt.NDArray[np.int8]


class Interpreter:
    """An array with a program in its memories.

    Args:
        program: The program; only ``config`` and ``segments`` are used.
        seed: Of the noise in the memories.
    """

    def __init__(self, program: Program, seed: int = 0) -> None:
        self.config = config = program.config
        self.drain = drain = config.drain
        noise = np.random.default_rng(seed)
        self.codes = noise.integers(-128, 128, (config.codes_words, drain)).astype(np.int8)
        self.events = noise.integers(-255, 256, (config.events_words, drain)).astype(np.int16)
        self.masks = noise.integers(0, 1 << 32, config.masks_words, dtype=np.uint32)
        self.flags = noise.integers(0, 2, config.rows).astype(bool)
        self.state = noise.integers(-(1 << 23), 1 << 23, (config.state_words, drain))
        image = {
            memory: noise.integers(
                0, 1 << 32, (rows(memory, config), columns(memory, config)), dtype=np.uint32
            )
            for memory in (Memory.LAYERS, Memory.WEIGHTS, Memory.PARAMS, Memory.TABLES)
        }
        for segment in program.segments:
            assert segment.row + len(segment.words) <= rows(segment.memory, config)
            image[segment.memory][segment.row : segment.row + len(segment.words), segment.column] = (
                segment.words
            )
        self.weights = image[Memory.WEIGHTS].astype("<u4").view(np.int8)
        self.params = image[Memory.PARAMS].view(np.int32)
        self.tables = image[Memory.TABLES].astype("<u4").view(np.int8).reshape(-1, drain, 4)
        self.layers: list[Fields] = []
        while not self.layers or not self.layers[-1].last:
            start = LAYER_WORDS * len(self.layers)
            self.layers.append(Fields(image[Memory.LAYERS][start : start + LAYER_WORDS, 0]))
        self.sent = [0] * len(self.layers)
        self._check_regions()

    def run(self, codes: npt.NDArray[np.int8], key: bool) -> list[Trace]:
        """Run a frame of input codes (height, width, channels), all of its pixels sent."""
        traces = []
        for index, layer in enumerate(self.layers):
            rests = layer.skip_still and not key and not self.sent[layer.in_layer]
            events = pixels = self.sent[index] = 0
            if not rests:
                self.flags[layer.out_rows : layer.out_rows + layer.out_height] = False
                if layer.op == Op.INPUT:
                    values, evaluated = self._input(layer, codes)
                elif layer.op == Op.MAC:
                    values, evaluated, events = self._mac(layer, key)
                else:
                    values, evaluated = self._pool(layer, key)
                pixels = int(evaluated.sum())
                self.sent[index] = self._encode(layer, values, evaluated, key)
            channels = (layer.groups - 1) * self.config.total_lanes + layer.last_lanes
            issued = events // layer.groups * channels if layer.op == Op.MAC else 0
            traces.append(
                Trace(
                    ran=not rests,
                    events=events,
                    macs_issued=issued,
                    macs_skipped=layer.macs_dense - issued,
                    pixels=pixels,
                    sent=self.sent[index],
                    codes=self._tensor_words(layer).copy(),
                )
            )
        return traces

    def output(self, index: int) -> npt.NDArray[np.int8]:
        """The codes of the tensor that a layer writes, int8 (height, width, channels)."""
        layer = self.layers[index]
        pixels = self._tensor_words(layer).reshape(layer.out_height, layer.out_pitch * self.drain)
        channels = (layer.out_words - 1) * self.drain + layer.out_valid
        width = layer.out_width * layer.out_words * self.drain
        return pixels[:, :width].reshape(layer.out_height, layer.out_width, -1)[:, :, :channels].copy()

    def _tensor_words(self, layer: Fields) -> npt.NDArray[np.int8]:
        return self.codes[layer.out_codes : layer.out_codes + layer.out_height * layer.out_pitch]

    def _input(self, layer: Fields, codes: npt.NDArray[np.int8]) -> tuple[Ints, Bools]:
        shape = (layer.out_height, layer.out_width)
        assert codes.shape == (*shape, layer.in_channels)
        padded = np.full((*shape, layer.out_words * self.drain), 77, np.int64)  # padding must not matter
        padded[:, :, : layer.in_channels] = codes
        return padded.reshape(*shape, layer.out_words, self.drain), np.ones(shape, bool)

    def _event_bits(self, layer: Fields) -> Bools:
        """Change bits of the input tensor, (in_height, in_row)."""
        words = layer.in_pitch * self.drain // MASK_BITS
        masks = self.masks[layer.in_masks : layer.in_masks + layer.in_height * words]
        bits = (masks[:, None] >> np.arange(MASK_BITS, dtype=np.uint32) & 1).astype(bool)
        bits = bits.reshape(layer.in_height, -1)[:, : layer.in_row]
        return bits & self.flags[layer.in_rows : layer.in_rows + layer.in_height, None]

    def _windows(self, layer: Fields, plane: npt.NDArray, unit: int, outside: int) -> npt.NDArray:
        """Receptive fields (out_height, out_width, kernel_rows, kernel_row / unit, ...) of an input plane.

        Its columns are ``unit`` elements wide; ``outside`` stands for what is outside the image.
        """
        top = np.arange(layer.out_height)[:, None] * layer.stride_rows - layer.pad_rows
        left = np.arange(layer.out_width)[:, None] * (layer.stride // unit) - layer.pad // unit
        y = top + np.arange(layer.kernel_rows)
        x = left + np.arange(layer.kernel_row // unit)
        fields = plane[
            np.clip(y, 0, layer.in_height - 1)[:, None, :, None],
            np.clip(x, 0, plane.shape[1] - 1)[None, :, None, :],
        ]
        inside_y = (y >= 0) & (y < layer.in_height)
        inside_x = (x >= 0) & (x < plane.shape[1])
        inside = inside_y[:, None, :, None] & inside_x[None, :, None, :]
        inside = inside.reshape(inside.shape + (1,) * (fields.ndim - 4))
        return np.where(inside, fields, outside)

    def _mac(self, layer: Fields, key: bool) -> tuple[Ints, Bools, int]:
        bits = self._event_bits(layer)
        first = layer.in_events * MASK_BITS // self.drain
        values = self.events[first : first + layer.in_height * layer.in_pitch].reshape(layer.in_height, -1)
        taken = self._windows(layer, bits, 1, 0)
        fields = self._windows(layer, np.where(bits, values[:, : layer.in_row], 0), 1, 0)
        shape, size = (layer.out_height, layer.out_width), layer.kernel_rows * layer.kernel_row
        assert layer.kernel == size
        # Exact in double precision: sums stay below 2**53.
        fields = fields.reshape(-1, size).astype(np.float64)
        sums = []
        for group in range(layer.groups):
            start = layer.weights + group * layer.kernel
            acc = fields @ self.weights[start : start + size].astype(np.float64)
            words = layer.last_words if group == layer.groups - 1 else layer.group_words
            sums.append(acc.astype(np.int64)[:, : words * self.drain])
        z = np.concatenate(sums, axis=1).reshape(*shape, layer.out_words, self.drain)
        evaluated = taken.any(axis=(2, 3)) | np.full(shape, bool(key or layer.evaluate_all))
        if layer.use_state:
            offsets = self._offsets(layer) + layer.state
            if not key:
                z = z + self.state[offsets]
            z = _wrap(z, ACC_BITS)
            self.state[offsets[evaluated]] = z[evaluated]
        z = _wrap(z, ACC_BITS)
        codes = self._tabulate(layer, self._requantise(layer, z))
        return codes, evaluated, int(taken.sum()) * layer.groups

    def _requantise(self, layer: Fields, z: Ints) -> Ints:
        params = self.params[layer.params : layer.params + layer.out_words].reshape(layer.out_words, -1, 3)
        params = params.astype(np.int64)
        shift = params[:, :, Param.SHIFT]
        x = _wrap(_wrap(z + params[:, :, Param.BIAS], 32) << (shift >> 8 & 7), 32)
        product, right = x * params[:, :, Param.MULTIPLIER], shift & 31
        if layer.round_once:
            code = (product + (np.int64(1) << (30 + right))) >> (31 + right)
            return np.clip(code + layer.requant_zero_point, layer.act_min, layer.act_max)
        high = (product + (1 << 30)) >> 31
        # Rounding division by a power of two, halves away from zero: gemmlowp's with a mask and a threshold.
        mask = (np.int64(1) << right) - 1
        code = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
        return np.clip(code + layer.requant_zero_point, layer.act_min, layer.act_max)

    def _pool(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        pixel = layer.in_words * self.drain
        codes = self.codes[layer.in_codes : layer.in_codes + layer.in_height * layer.in_pitch]
        plane = codes.reshape(layer.in_height, -1)[:, : layer.in_row]
        plane = plane.reshape(layer.in_height, -1, layer.in_words, self.drain)
        values = self._windows(layer, plane, pixel, -128).max(axis=(2, 3)).astype(np.int64)
        changed = self._windows(layer, self._event_bits(layer), 1, 0).any(axis=(2, 3))
        evaluated = changed | np.full(changed.shape, bool(key or layer.evaluate_all))
        return self._tabulate(layer, values), evaluated

    def _tabulate(self, layer: Fields, codes: Ints) -> Ints:
        if not layer.use_table:
            return codes
        index = codes + 128
        word = np.zeros(1, int) if layer.table_shared else np.arange(layer.out_words)
        row = (layer.table + word[:, None]) * TABLE_ROWS + index // 4
        return self.tables[row, np.arange(self.drain), index % 4].astype(np.int64)

    def _offsets(self, layer: Fields) -> npt.NDArray[np.int64]:
        """Offset of each word of the output tensor, (out_height, out_width, out_words)."""
        y = np.arange(layer.out_height)[:, None, None] * layer.out_pitch
        x = np.arange(layer.out_width)[:, None] * layer.out_words
        return y + x + np.arange(layer.out_words)

    def _encode(self, layer: Fields, y: Ints, evaluated: Bools, key: bool) -> int:
        """Delta encoder: codes (out_height, out_width, out_words, drain) of the evaluated pixels."""
        offsets = self._offsets(layer)
        valid = np.ones((layer.out_words, self.drain), bool)
        valid[-1, layer.out_valid :] = False
        address = layer.out_codes + offsets
        reference = np.full_like(y, layer.out_zero_point) if key else self.codes[address].astype(np.int64)
        sent = valid & (np.abs(y - reference) > (0 if key else layer.threshold))
        new = np.where(sent, y, reference)
        if layer.out_mode == Mode.DELTA:
            event, value = sent, y - reference
        else:
            value = new - layer.out_zero_point
            event = valid & (value != 0) if layer.out_mode == Mode.DIRECT else np.broadcast_to(valid, y.shape)
        event = event & evaluated[:, :, None, None]
        self.codes[address[evaluated]] = new[evaluated]
        if layer.out_events:
            place = layer.out_events_base + offsets[evaluated]
            self.events[place] = np.where(event, value, 0)[evaluated]
        self._set_masks(layer, event)
        return int((sent & evaluated[:, :, None, None]).sum())

    def _set_masks(self, layer: Fields, event: Bools) -> None:
        row_words = layer.out_pitch * self.drain // MASK_BITS
        bits = np.zeros((layer.out_height, row_words * MASK_BITS), bool)
        bits[:, : layer.out_width * layer.out_words * self.drain] = event.reshape(layer.out_height, -1)
        masks = (bits.reshape(-1, MASK_BITS) * (1 << np.arange(MASK_BITS))).sum(axis=1).astype(np.uint32)
        for y in np.flatnonzero(bits.any(axis=1)):
            # A row without an event keeps its old mask words: nobody may look at them.
            start = layer.out_masks + y * row_words
            self.masks[start : start + row_words] = masks[y * row_words : (y + 1) * row_words]
            self.flags[layer.out_rows + y] = True

    def _check_regions(self) -> None:
        """Regions lie inside their memories, and those that may not share words do not."""
        config, drain = self.config, self.drain
        kept: dict[str, list[tuple[int, int]]] = {"CODES": [], "MASKS": [], "ROWS": [], "STATE": []}
        for layer in self.layers:
            size = layer.out_height * layer.out_pitch
            assert layer.out_pitch * drain % MASK_BITS == 0
            assert layer.out_width * layer.out_words <= layer.out_pitch
            kept["CODES"].append((layer.out_codes, layer.out_codes + size))
            kept["MASKS"].append((layer.out_masks, layer.out_masks + size * drain // MASK_BITS))
            kept["ROWS"].append((layer.out_rows, layer.out_rows + layer.out_height))
            if layer.use_state:
                kept["STATE"].append((layer.state, layer.state + size))
            if layer.out_events:
                assert layer.out_events_base * drain % MASK_BITS == 0
                assert layer.out_events_base + size <= config.events_words
            if layer.op == Op.MAC and layer.out_events:
                first = layer.in_events * MASK_BITS // drain
                last = first + layer.in_height * layer.in_pitch
                assert layer.out_events_base + size <= first or last <= layer.out_events_base
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


def _wrap(values: Ints, bits: int) -> Ints:
    half = 1 << (bits - 1)
    return ((values + half) & ((1 << bits) - 1)) - half


def main() -> None:
    """Write what CODES should hold after each layer of each frame."""
    interpreter = Interpreter(Program.load(sys.argv[1]))
    arrays: dict[str, npt.NDArray[np.int8]] = {}
    for frame, codes in enumerate(np.load(sys.argv[2])):
        for layer, trace in enumerate(interpreter.run(codes, key=frame == 0)):
            arrays[f"frame{frame}_layer{layer}"] = trace.codes
    np.savez_compressed(sys.argv[3], allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
