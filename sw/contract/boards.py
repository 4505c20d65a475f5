"""The boards: what bitstreams are built for, and how the driver knows them when they are plugged in."""

from __future__ import annotations

from dataclasses import dataclass

from .array import ArrayConfig
from .errors import StillframeError


@dataclass(frozen=True)
class UsbIdentity:
    """How the board's USB bridge introduces itself.

    Attributes:
        vendor, product: Its numbers.
        text: What its description begins with; many boards have the same bridge.
        interface: Of a bridge with more than one port, the one of the UART: how ``location`` ends in
            pyserial's list; empty if there is one port.
    """

    vendor: int
    product: int
    text: str
    interface: str = ""


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: As the command line takes it.
        title: As people call it.
        platform: MODULE:CLASS of its Amaranth platform. It has the resources ``uart`` (``rx``, ``tx``) and
            ``led`` (up to four are used), and a ``default_clk``.
        array: The array of its ready bitstream, ``BxL@PART``.
        clock_mhz: Clock of the array, made from the board's by a PLL, to two digits: what a PLL gives is a
            ratio, such as 25 MHz * 17 / 6.
        baud: Of the UART: one that its bridge and the clock both divide to.
        seed: Of the placer, for the ready bitstream.
        usb: Its identity.
        flash: Command that loads a bitstream; the file follows. It lasts until power is off, or on boards
            that load it from a flash memory only, until the next one.
    """

    name: str
    title: str
    platform: str
    array: str
    clock_mhz: float
    baud: int
    seed: int
    usb: UsbIdentity
    flash: tuple[str, ...]

    def config(self, array: str | None = None) -> ArrayConfig:
        """An array for this board, that of its ready bitstream if none is named.

        Args:
            array: As for :func:`~.array_name.parse_array`; its part may be left out.

        Raises:
            StillframeError: The array is wrong, or has the memories of another part.
        """
        part = ArrayConfig.parse(self.array).part
        text = array or self.array
        size, colon, memories = text.partition(":")
        config = ArrayConfig.parse(text if "@" in size else f"{size}@{part}{colon}{memories}")
        if config.part != part:
            raise StillframeError(
                f"array {text}: expected the memories of the board's part, {part}, got {config.part}",
                f"leave @{config.part} out",
            )
        return config


_SMALL_ECP5 = "1x16@25F:codes=13824,state=5120,tables=2048"
"""With block RAM shared out so that P-Net on 40 x 30 pixels fits, but for its first layers in delta mode."""

_ULX3S_FLASH = ("openFPGALoader", "--board", "ulx3s")


def _ulx3s(size: str, array: str, clock_mhz: float, seed: int) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size}",
        platform=f"amaranth_boards.ulx3s:ULX3S_{size}_Platform",
        array=array,
        clock_mhz=clock_mhz,
        baud=3_000_000,
        seed=seed,
        usb=UsbIdentity(0x0403, 0x6015, f"ULX3S FPGA {size[:-1]}K"),
        flash=_ULX3S_FLASH,
    )


BOARDS = {
    board.name: board
    for board in (
        _ulx3s("85F", "4x16@85F", 75, 4),
        _ulx3s("25F", _SMALL_ECP5, 100, 1),
        # Its chip is that of the 25F under another identity.
        _ulx3s("12F", _SMALL_ECP5, 100, 1),
        Board(
            name="icebreaker",
            title="iCEBreaker",
            platform="amaranth_boards.icebreaker:ICEBreakerPlatform",
            array="1x4@UP5K",
            clock_mhz=24,
            baud=3_000_000,
            seed=2,
            # "iCEBreaker V1.0e" and the like; of many an FT2232H. Its port A is for the flash memory.
            usb=UsbIdentity(0x0403, 0x6010, "iCEBreaker V", ":1.1"),
            flash=("openFPGALoader", "--board", "ice40_generic", "--write-flash"),
        ),
    )
}
"""Boards by name."""


def find_board(name: str) -> Board:
    """The board of that name.

    Raises:
        StillframeError: There is none.
    """
    if name not in BOARDS:
        raise StillframeError(
            f"board: expected one out of {', '.join(BOARDS)}, got {name!r}",
            "name one of these; docs/boards.md says how to add another",
        )
    return BOARDS[name]
