"""A tensor's layout in the device's memories, by docs/architecture.md ("Tensors in memory")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stillframe.contract.array import MASK_COLUMNS


@dataclass(frozen=True)
class Tensor:
    """``height`` x ``width`` x ``channels`` elements, ``drain`` to an activation word."""

    height: int
    width: int
    channels: int
    drain: int

    @property
    def words(self) -> int:
        """Activation words of a pixel."""
        return -(-self.channels // self.drain)

    @property
    def pitch(self) -> int:
        """Activation words from one row to the next."""
        return self.words * self.width

    @property
    def size(self) -> int:
        """Activation words of the tensor."""
        return self.height * self.pitch

    @property
    def mask_words(self) -> int:
        """Mask words of a channel word in a row."""
        return -(-self.width // MASK_COLUMNS)

    @property
    def mask_pitch(self) -> int:
        """Mask words from one row to the next."""
        return self.words * self.mask_words

    @property
    def out_valid(self) -> int:
        """Channels in a pixel's last word."""
        return self.channels - (self.words - 1) * self.drain

    def offset(self, y: int, x: int, word: int = 0) -> int:
        """Offset of a word of a pixel."""
        return y * self.pitch + word * self.width + x

    def mask(self, y: int, x: int, word: int = 0) -> int:
        """The mask word of a word of a pixel."""
        return y * self.mask_pitch + word * self.mask_words + x // MASK_COLUMNS

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Row, column and word, pixel by pixel."""
        for y in range(self.height):
            for x in range(self.width):
                for word in range(self.words):
                    yield y, x, word

    def real(self, word: int) -> list[bool]:
        """Which elements of a pixel's word are channels, not padding."""
        return [word * self.drain + d < self.channels for d in range(self.drain)]

    def borders(self) -> Iterator[tuple[int, int, int]]:
        """Row, column, channel of the first and last channel of each pixel at a border, corners included."""
        for y in range(self.height):
            for x in range(self.width):
                if y in (0, self.height - 1) or x in (0, self.width - 1):
                    for channel in sorted({0, self.channels - 1}):
                        yield y, x, channel
