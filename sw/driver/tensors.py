"""Reading tensors back out of a device's CODES memory, in few packets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..contract import Memory, Program
from ..contract.memory_map import columns
from ..contract.packets import READ_WORDS
from ..contract.program import TensorSpec
from ..contract.spread import spread_elements
from .device import Device

Codes = npt.NDArray[np.int8]


def read_tensors(device: Device, program: Program, indices: Sequence[int]) -> dict[int, Codes]:
    """The codes that the device keeps for tensors, as last sent.

    Args:
        device: The device, with the program on it.
        program: The program.
        indices: Of the tensors, one or more.

    Returns:
        int8, (height, width, channels), by index; the channels in the model's order.

    Raises:
        LinkError: No answer came.
    """
    config = program.config
    tensors = {index: program.tensors[index] for index in indices}
    addresses = {index: _addresses(tensor) for index, tensor in tensors.items()}
    memory = np.zeros((config.codes_words, 4 * columns(Memory.CODES, config)), np.int8)
    wanted = np.unique(np.concatenate([a.ravel() for a in addresses.values()]))
    while len(wanted):
        first = int(wanted[0])
        within = wanted < first + READ_WORDS
        count = int(wanted[within][-1]) - first + 1
        for column in range(columns(Memory.CODES, config)):
            words = device.read(Memory.CODES, column, first, count)
            codes = words.astype("<u4").view(np.int8).reshape(count, 4)
            memory[first : first + count, 4 * column : 4 * column + 4] = codes
        wanted = wanted[~within]
    found = {index: memory[addresses[index], : config.drain] for index in indices}
    return {index: _codes(found[index], tensors[index], config.banks) for index in indices}


def _codes(words: Codes, tensor: TensorSpec, banks: int) -> Codes:
    """A tensor's codes from its words, (height, width, words, drain)."""
    elements = words.reshape(tensor.height, tensor.width, -1)
    if tensor.spread:
        places = spread_elements(tensor.height, tensor.width, tensor.channels, banks)
        return np.take_along_axis(elements, places, axis=2)
    codes = elements[:, :, : tensor.channels]
    return np.ascontiguousarray(codes[:, :, np.argsort(tensor.order)] if tensor.order else codes)


def _addresses(tensor: TensorSpec) -> npt.NDArray[np.intp]:
    """The CODES words of a tensor's pixels: (height, width, words)."""
    words = np.arange(tensor.words * tensor.width).reshape(tensor.words, tensor.width).T
    rows: npt.NDArray[np.intp] = tensor.codes + tensor.pitch * np.arange(tensor.height)
    return rows[:, np.newaxis, np.newaxis] + words
