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
from receptive_walk import KernelRows

from stillframe.contract import Mode, Op, Program
from stillframe.contract.array import ACC_BITS, MASK_COLUMNS, SUM_BITS, TABLE_ROWS


@dataclass(frozen=True)
class Trace:
    """What a layer did in a frame.

    Attributes:
        ran: Whether it ran (a still layer may rest).
        events: Events x kernel columns that they meet, of each pass, as the hardware counts them.
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
                valid = np.ones((layer.out_words, self.drain), bool)
                valid[-1, layer.out_valid :] = False
                # The mask writer clears the output's flags before the first event is looked for.
                self.image.flags[layer.out_rows : layer.out_rows + layer.out_height] = False
                match layer.op:
                    case Op.INPUT:
                        values, evaluated = self._input(layer, codes)
                        valid = self._real(layer)
                    case Op.MAC:
                        values, evaluated, events, issued = self._mac(layer, key)
                    case Op.POOL:
                        values, evaluated = self._pool(layer, key)
                    case Op.ADD:
                        values, evaluated = self._add(layer, key)
                    case Op.CONCAT:
                        values, evaluated = self._concat(layer, key)
                pixels = int(evaluated.any(axis=2).sum())
                self.sent[index] = self._encode(layer, values, evaluated, valid, key)
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
        codes = self.image.codes[layer.out_codes + self._offsets(layer)]
        if layer.op == Op.INPUT:
            return codes[self._real(layer)].reshape(layer.out_height, layer.out_width, -1)
        channels = (layer.out_words - 1) * self.drain + layer.out_valid
        return codes.reshape(layer.out_height, layer.out_width, -1)[:, :, :channels].copy()

    def _tensor_words(self, layer: Fields) -> npt.NDArray[np.int8]:
        return self.image.codes[layer.out_codes : layer.out_codes + layer.out_height * layer.out_pitch]

    def _input(self, layer: Fields, codes: npt.NDArray[np.int8]) -> tuple[Ints, Bools]:
        shape = (layer.out_height, layer.out_width, layer.out_words)
        assert codes.shape == (*shape[:2], layer.in_channels)
        padded = np.full((*shape, self.drain), 77, np.int64)  # padding must not matter
        padded[self._real(layer)] = codes.ravel()
        return padded, np.ones(shape, bool)

    def _real(self, layer: Fields) -> Bools:
        """Which elements of the input are channels, (out_height, out_width, out_words, drain)."""
        y, x = np.mgrid[: layer.out_height, : layer.out_width][..., None]
        first = (y + x) % self.image.config.banks * layer.in_channels if layer.spread else 0 * x
        element = np.arange(layer.out_words * self.drain)
        real = (first <= element) & (element < first + layer.in_channels)
        return real.reshape(*real.shape[:2], layer.out_words, self.drain)

    def _mac(self, layer: Fields, key: bool) -> tuple[Ints, Bools, int, int]:
        sums = mac_sums(layer, self.image)
        z, evaluated = sums.z, sums.touched | bool(key or layer.evaluate_all)
        if layer.fused:
            rows = slice(layer.second_rows, layer.second_rows + layer.out_height)
            evaluated = evaluated | self.image.flags[rows, None, None]
        if layer.use_state:
            offsets = self._offsets(layer) + layer.state
            z = wrap(z if key else z + self.image.state[offsets], ACC_BITS)
            self.image.state[offsets[evaluated]] = z[evaluated]
        codes = self._requantise(layer, wrap(z, ACC_BITS), sums.rows, own=layer.fused == 1)
        if layer.fused:
            other = self.image.codes[layer.second_codes + self._offsets(layer)].astype(np.int64)
            rows = layer.params + layer.out_words + np.arange(layer.out_words)
            codes = self._requantise(layer, self._sum(layer, codes, other), rows)
        return self._tabulate(layer, codes), evaluated, sums.events, sums.issued

    def _requantise(self, layer: Fields, z: Ints, rows: Ints, own: bool = False) -> Ints:
        """Codes of sums (out_height, out_width, out_words, drain) by PARAMS rows of the words; ``own``: those
        that a second tensor is added to."""
        low, middle, high = np.moveaxis(self.image.params[np.broadcast_to(rows, z.shape[:3])], -2, 0)
        bias, multiplier = low | (middle & 31) << 27, middle >> 5 | (high & 511) << 22
        right, left = high >> 9 & 31, high >> 14 & 7
        x = wrap(wrap(z + bias, 32) << left, 32)
        product = x * multiplier
        if layer.round_once and (own or not layer.fused):
            code = (product + (np.int64(1) << (30 + right))) >> (31 + right)
        else:
            code = rounding_divide((product + (1 << 30)) >> 31, right)
        if own:
            return np.clip(code + layer.in_zero_point, layer.own_min, layer.own_max)
        return np.clip(code + layer.requant_zero_point, layer.act_min, layer.act_max)

    def _given(self, layer: Fields, key: bool, kernel_rows: KernelRows) -> Bools:
        """(out_height, out_width, out_words): all words of the rows that a layer on codes computes."""
        rows = kernel_rows.rows | bool(key or layer.evaluate_all)
        shape = (layer.out_height, layer.out_width, layer.out_words)
        return np.broadcast_to(rows[:, None, None], shape)

    def _pool(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """The maximum over the window's pixels inside the image, the zero point where there is none."""
        kernel_rows = KernelRows(layer, self.image)
        assert (layer.in_words, layer.dilation) == (layer.out_words, 1)
        left = np.arange(layer.out_width) // (layer.repeat + 1) * layer.stride - layer.pad
        columns = left[:, None] + np.arange(layer.kernel_columns)
        inside = (columns >= 0) & (columns < layer.in_width)
        words = kernel_rows.codes[:, None, :, None] + np.where(inside, columns, 0)[None, :, None]
        codes = self._codes(words, layer.in_words, layer.in_width)
        inside = kernel_rows.inside[:, None, :, None] & inside[None, :, None]
        codes = np.where(inside[..., None, None], codes, -129).max(axis=(2, 3))
        codes = np.where(codes < -128, layer.out_zero_point, codes)
        return self._tabulate(layer, codes), self._given(layer, key, kernel_rows)

    def _codes(self, words: Ints, count: int, width: int) -> Ints:
        """Codes of pixels by their first CODES words, (..., count, drain)."""
        return self.image.codes[words[..., None] + np.arange(count) * width].astype(np.int64)

    def _add(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """The sum of both operands, requantised."""
        kernel_rows = KernelRows(layer, self.image)
        assert (layer.kernel_rows, layer.in_words) == (2, layer.out_words)
        words = kernel_rows.codes[:, :, None] + np.arange(layer.out_width)
        codes = self._codes(words, layer.in_words, layer.in_width)
        z = self._sum(layer, codes[:, 0], codes[:, 1])
        codes = self._requantise(layer, z, layer.params + np.arange(layer.out_words))
        return self._tabulate(layer, codes), self._given(layer, key, kernel_rows)

    def _sum(self, layer: Fields, first: Ints, second: Ints) -> Ints:
        """Each operand less its zero point, times 2**20, rescaled; their sum."""
        first = (first - layer.in_zero_point) << 20
        second = (second - layer.second_zero_point) << 20
        sign = -1 if layer.subtract else 1
        z = rounding_divide((first * layer.in_multiplier + (1 << 30)) >> 31, layer.in_shift)
        z += rounding_divide((second * sign * layer.second_multiplier + (1 << 30)) >> 31, layer.second_shift)
        assert (z == wrap(z, SUM_BITS)).all()
        return z

    def _concat(self, layer: Fields, key: bool) -> tuple[Ints, Bools]:
        """The channels of both pixels without a gap."""
        kernel_rows = KernelRows(layer, self.image)
        second = layer.second_codes + np.arange(layer.out_height)[:, None] * layer.second_pitch
        parts = []
        for start, words, valid in (
            (kernel_rows.codes[:, :1], layer.in_words, layer.in_valid),
            (second % ADDRESSES, layer.second_words, layer.second_valid),
        ):
            codes = self._codes(start + np.arange(layer.out_width), words, layer.out_width)
            channels = (words - 1) * self.drain + valid
            parts.append(codes.reshape(layer.out_height, layer.out_width, -1)[:, :, :channels])
        joined = np.concatenate(parts, axis=2)
        assert joined.shape[2] == (layer.out_words - 1) * self.drain + layer.out_valid
        codes = np.zeros((*joined.shape[:2], layer.out_words * self.drain), np.int64)
        codes[:, :, : joined.shape[2]] = joined
        codes = codes.reshape(*joined.shape[:2], layer.out_words, self.drain)
        return self._tabulate(layer, codes), self._given(layer, key, kernel_rows)

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
        return y + np.arange(layer.out_width)[:, None] + np.arange(layer.out_words) * layer.out_width

    def _encode(self, layer: Fields, y: Ints, evaluated: Bools, valid: Bools, key: bool) -> int:
        """Delta encoder: codes (out_height, out_width, out_words, drain), of the evaluated words; ``valid``:
        which elements are channels, of a pixel or of each."""
        offsets, image = self._offsets(layer), self.image
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
        """Mask bits (out_height, out_width, out_words, drain), written for whole rows that have one."""
        banks, group = self.image.config.banks, self.image.config.group
        columns = layer.out_mask_words * MASK_COLUMNS
        bits = np.zeros((layer.out_height, layer.out_words, columns, self.drain), bool)
        bits[:, :, : layer.out_width] = event.transpose(0, 2, 1, 3)
        # Element s * banks + q of column c of a mask word: bit c * group + s in the memory of group q.
        split = bits.reshape(layer.out_height, layer.out_mask_pitch, MASK_COLUMNS, group, banks)
        by_group = np.moveaxis(split, -1, -3).reshape(*split.shape[:2], banks, -1)
        masks = (by_group * (1 << np.arange(MASK_COLUMNS * group))).sum(axis=-1).astype(np.uint32)
        for y in np.flatnonzero(event.any(axis=(1, 2, 3))):
            # A row without an event keeps its old mask words: nobody may look at them.
            start = layer.out_masks + y * layer.out_mask_pitch
            self.image.masks[start : start + layer.out_mask_pitch] = masks[y]
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
