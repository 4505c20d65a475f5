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
from fixed_point import rounding_divide, wrap
from mac_sums import mac_sums
from program_image import ADDRESSES, Bools, Fields, Image, Ints
from receptive_walk import Walk

from stillframe.contract import Mode, Op, Program
from stillframe.contract.array import ACC_BITS, MASK_BITS, SUM_BITS, TABLE_ROWS
from stillframe.contract.memory_map import Param


@dataclass(frozen=True)
class Trace:
    """What a layer did in a frame.

    Attributes:
        ran: Whether it ran (a still layer may rest).
        events: Events taken by the array, by output pixel and pass.
        macs_issued, macs_skipped: As the hardware counts them.
        pixels: Output pixels computed, in part at least.
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
        self.image = Image(program, seed)
        self.layers, self.drain = self.image.layers, self.image.drain
        self.sent = [0] * len(self.layers)

    def run(self, codes: npt.NDArray[np.int8], key: bool) -> list[Trace]:
        """Run a frame of input codes (height, width, channels), all of its pixels sent."""
        traces = []
        for index, layer in enumerate(self.layers):
            inputs = [layer.in_layer, layer.second_layer][: 1 + layer.two_inputs]
            rests = layer.skip_still and not key and not any(self.sent[tensor] for tensor in inputs)
            events = issued = pixels = self.sent[index] = 0
            if not rests:
                # The mask writer clears the output's flags before the first event is looked for.
                self.image.flags[layer.out_rows : layer.out_rows + layer.out_height] = False
                match layer.op:
                    case Op.INPUT:
                        values, evaluated = self._input(layer, codes)
                    case Op.MAC:
                        values, evaluated, events, issued = self._mac(layer, key)
                    case Op.POOL:
                        values, evaluated = self._pool(layer, key)
                    case Op.ADD:
                        values, evaluated = self._add(layer, key)
                    case Op.CONCAT:
                        values, evaluated = self._concat(layer, key)
                pixels = int(evaluated.any(axis=2).sum())
                self.sent[index] = self._encode(layer, values, evaluated, key)
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
        return self.image.codes[layer.out_codes : layer.out_codes + layer.out_height * layer.out_pitch]

    def _input(self, layer: Fields, codes: npt.NDArray[np.int8]) -> tuple[Ints, Bools]:
        shape = (layer.out_height, layer.out_width, layer.out_words)
        assert codes.shape == (*shape[:2], layer.in_channels)
        padded = np.full((*shape[:2], layer.out_words * self.drain), 77, np.int64)  # padding must not matter
        padded[:, :, : layer.in_channels] = codes
        return padded.reshape(*shape, self.drain), np.ones(shape, bool)

    def _mac(self, layer: Fields, key: bool) -> tuple[Ints, Bools, int, int]:
        sums = mac_sums(layer, self.image)
        z, evaluated = sums.z, sums.touched | bool(key or layer.evaluate_all)
        if layer.use_state:
            offsets = self._offsets(layer) + layer.state
            z = wrap(z if key else z + self.image.state[offsets], ACC_BITS)
            self.image.state[offsets[evaluated]] = z[evaluated]
        codes = self._tabulate(layer, self._requantise(layer, wrap(z, ACC_BITS), sums.rows))
        return codes, evaluated, sums.events, sums.issued

    def _requantise(self, layer: Fields, z: Ints, rows: Ints) -> Ints:
        """Codes of sums (out_height, out_width, out_words, drain) by PARAMS rows of the words."""
        params = self.image.params[np.broadcast_to(rows, z.shape[:3])]
        shift = params[..., Param.SHIFT]
        x = wrap(wrap(z + params[..., Param.BIAS], 32) << (shift >> 8 & 7), 32)
        product, right = x * params[..., Param.MULTIPLIER], shift & 31
        if layer.round_once:
            code = (product + (np.int64(1) << (30 + right))) >> (31 + right)
        else:
            code = rounding_divide((product + (1 << 30)) >> 31, right)
        return np.clip(code + layer.requant_zero_point, layer.act_min, layer.act_max)

    def _everywhere(self, layer: Fields, key: bool, pixels: Bools) -> Bools:
        """(out_height, out_width, out_words): what is computed if ``pixels`` are touched."""
        return np.repeat((pixels | bool(key or layer.evaluate_all))[:, :, None], layer.out_words, axis=2)

    def _pool(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """The maximum over the window's pixels inside the image, the zero point where there is none."""
        walk, pixel = Walk(layer, self.image), layer.in_words * self.drain
        assert (layer.in_words, layer.segments, layer.segment % pixel) == (layer.out_words, 1, 0)
        left = walk.left[:, None] + np.arange(0, layer.segment, pixel)
        inside = (left >= 0) & (left < layer.in_row)
        inside = walk.inside[:, None, :, None] & inside[None, :, None]
        words = walk.codes[:, None, :, None] + np.where(inside, left[None, :, None] // self.drain, 0)
        codes = self.image.codes[words[..., None] + np.arange(layer.in_words)].astype(np.int64)
        codes = np.where(inside[..., None, None], codes, -129).max(axis=(2, 3))
        codes = np.where(codes < -128, layer.out_zero_point, codes)
        return self._tabulate(layer, codes), self._everywhere(layer, key, walk.touched())

    def _add(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """Each operand less its zero point, times 2**20, rescaled; their sum requantised."""
        walk = Walk(layer, self.image)
        assert (layer.kernel_rows, layer.in_words) == (2, layer.out_words)
        words = walk.codes[:, :, None] + walk.left // self.drain
        codes = self.image.codes[words[..., None] + np.arange(layer.in_words)].astype(np.int64)
        first = (codes[:, 0] - layer.in_zero_point) << 20
        second = (codes[:, 1] - layer.second_zero_point) << 20
        sign = -1 if layer.subtract else 1
        z = rounding_divide((first * layer.in_multiplier + (1 << 30)) >> 31, layer.in_shift)
        z += rounding_divide((second * sign * layer.second_multiplier + (1 << 30)) >> 31, layer.second_shift)
        assert (z == wrap(z, SUM_BITS)).all()
        codes = self._requantise(layer, z, layer.params + np.arange(layer.out_words))
        return self._tabulate(layer, codes), self._everywhere(layer, key, walk.touched())

    def _concat(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """The channels of both pixels without a gap; all pixels of a row in which one changed."""
        walk = Walk(layer, self.image)
        first = walk.codes[:, :1] + walk.left // self.drain
        second = np.arange(layer.out_height)[:, None] * layer.second_pitch
        second = (layer.second_codes + second + np.arange(layer.out_width) * layer.second_words) % ADDRESSES
        parts = []
        for start, words, valid in (
            (first, layer.in_words, layer.in_valid),
            (second, layer.second_words, layer.second_valid),
        ):
            codes = self.image.codes[start[..., None] + np.arange(words)].astype(np.int64)
            parts.append(codes.reshape(*start.shape, -1)[:, :, : (words - 1) * self.drain + valid])
        joined = np.concatenate(parts, axis=2)
        assert joined.shape[2] == (layer.out_words - 1) * self.drain + layer.out_valid
        codes = np.zeros((*joined.shape[:2], layer.out_words * self.drain), np.int64)
        codes[:, :, : joined.shape[2]] = joined
        codes = codes.reshape(*joined.shape[:2], layer.out_words, self.drain)
        rows = np.repeat(walk.rows[:, None], layer.out_width, axis=1)
        return self._tabulate(layer, codes), self._everywhere(layer, key, rows)

    def _tabulate(self, layer: Fields, codes: Ints) -> Ints:
        if not layer.use_table:
            return codes
        assert layer.table_shared or layer.op != Op.CONCAT, "no word of a CONCAT tells its channels"
        assert layer.table_shared or not (layer.border_rows or layer.border_columns)
        index = codes + 128
        word = np.zeros(1, int) if layer.table_shared else np.arange(layer.out_words)
        row = (layer.table + word[:, None]) * TABLE_ROWS + index // 4
        return self.image.tables[row, np.arange(self.drain), index % 4].astype(np.int64)

    def _offsets(self, layer: Fields) -> Ints:
        """Offset of each word of the output tensor, (out_height, out_width, out_words)."""
        y = np.arange(layer.out_height)[:, None, None] * layer.out_pitch
        x = np.arange(layer.out_width)[:, None] * layer.out_words
        return y + x + np.arange(layer.out_words)

    def _encode(self, layer: Fields, y: Ints, evaluated: Bools, key: bool) -> int:
        """Delta encoder: codes (out_height, out_width, out_words, drain), of the evaluated words."""
        offsets, image = self._offsets(layer), self.image
        valid = np.ones((layer.out_words, self.drain), bool)
        valid[-1, layer.out_valid :] = False
        address = layer.out_codes + offsets
        reference = np.full_like(y, layer.out_zero_point) if key else image.codes[address].astype(np.int64)
        sent = valid & (np.abs(y - reference) > (0 if key else layer.threshold))
        new = np.where(sent, y, reference)
        if layer.out_mode == Mode.DELTA:
            event, value = sent, y - reference
        else:
            value = new - layer.out_zero_point
            event = valid & (value != 0) if layer.out_mode == Mode.DIRECT else np.broadcast_to(valid, y.shape)
        event = event & evaluated[..., None]
        image.codes[address[evaluated]] = new[evaluated]
        if layer.out_events:
            place = layer.out_events_base + offsets[evaluated]
            image.events[place] = np.where(event, value, 0)[evaluated]
        self._set_masks(layer, event)
        return int((sent & evaluated[..., None]).sum())

    def _set_masks(self, layer: Fields, event: Bools) -> None:
        row_words = layer.out_pitch * self.drain // MASK_BITS
        bits = np.zeros((layer.out_height, row_words * MASK_BITS), bool)
        bits[:, : layer.out_width * layer.out_words * self.drain] = event.reshape(layer.out_height, -1)
        masks = (bits.reshape(-1, MASK_BITS) * (1 << np.arange(MASK_BITS))).sum(axis=1).astype(np.uint32)
        for y in np.flatnonzero(bits.any(axis=1)):
            # A row without an event keeps its old mask words: nobody may look at them.
            start = layer.out_masks + y * row_words
            self.image.masks[start : start + row_words] = masks[y * row_words : (y + 1) * row_words]
            self.image.flags[layer.out_rows + y] = True


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
