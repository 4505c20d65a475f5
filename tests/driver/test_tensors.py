"""Tensors as they lie in CODES: rows, in a row channel words, in these pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_links import FakeLink
from fake_program import make_program

from stillframe.contract import ArrayConfig, Memory
from stillframe.driver.device import Device
from stillframe.driver.tensors import read_tensors


@pytest.mark.parametrize("array", ["1x16@25F", "1x16", "2x8", "4x16"])  # 2, 4, 8 and 16 codes a word
def test_words_of_a_pixel_lie_a_row_apart(array: str) -> None:
    config = ArrayConfig.parse(array)
    program = make_program(config, height=2, width=3, channels=19)
    fake = FakeDevice(config)
    codes = np.random.default_rng(0).integers(-128, 128, (2, 2, 3, 19)).astype(np.int8)
    memory = fake.memories[Memory.CODES]
    for tensor, y, x, c in np.ndindex(codes.shape):
        spec = program.tensors[tensor]
        word, element = divmod(c, config.drain)
        row = spec.codes + y * spec.words * 3 + word * 3 + x
        memory[element // 4, row] |= np.uint32(int(codes[tensor, y, x, c]) & 255) << 8 * (element % 4)
    device = Device(FakeLink(fake))
    device.hello()
    found = read_tensors(device, program, [1, 0])
    for tensor in (0, 1):
        np.testing.assert_array_equal(found[tensor], codes[tensor])


def test_channels_come_back_in_the_models_order() -> None:
    config = ArrayConfig.parse("1x16")
    program = make_program(config, height=1, width=2, channels=6)
    order = (4, 0, 5, 1, 3, 2)
    tensors = (program.tensors[0], replace(program.tensors[1], order=order))
    fake = FakeDevice(config)
    for tensor in tensors:
        for x, position in np.ndindex(2, 6):
            word, element = divmod(position, config.drain)
            channel = tensor.order[position] if tensor.order else position
            fake.memories[Memory.CODES][0, tensor.codes + word * 2 + x] |= np.uint32(
                10 * x + channel << 8 * element
            )
    device = Device(FakeLink(fake))
    device.hello()
    for codes in read_tensors(device, replace(program, tensors=tensors), [0, 1]).values():
        assert codes.tolist() == [[[0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15]]]


def test_pixels_that_take_turns_with_their_elements() -> None:
    config = ArrayConfig.parse("4x16")
    program = make_program(config, height=3, width=5, channels=3)
    tensors = (replace(program.tensors[0], spread=True), program.tensors[1])
    fake = FakeDevice(config)
    codes = np.random.default_rng(0).integers(-128, 128, (3, 5, 3)).astype(np.int8)
    for y, x, c in np.ndindex(codes.shape):
        element = 3 * ((y + x) % 4) + c
        code = np.uint32(int(codes[y, x, c]) & 255) << 8 * (element % 4)
        fake.memories[Memory.CODES][element // 4, tensors[0].codes + 5 * y + x] |= code
    device = Device(FakeLink(fake))
    device.hello()
    found = read_tensors(device, replace(program, tensors=tensors), [0])[0]
    np.testing.assert_array_equal(found, codes)
