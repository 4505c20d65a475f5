"""Whether an array fits a board and keeps up with its clock, before anything is synthesised."""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.boards import Board
from stillframe.contract.parts import COMPACT_PART, PARTS

from .estimate import ERROR, estimated_fmax, estimated_luts, ready

ROUTABLE = 0.9
"""Share of a part's look-up tables beyond which nextpnr may find no way for the wires."""


@dataclass(frozen=True)
class CellUse:
    """How much of one kind of cell is used; ``estimated`` if that is not exact."""

    name: str
    used: int
    available: int
    estimated: bool


@dataclass(frozen=True)
class BoardFit:
    """What an array takes of a board's part.

    Attributes:
        board: The board.
        uses: Of each kind of cell.
        fmax: MHz that the array may reach, estimated; None if nothing is known of arrays of its kind.
        problems: What keeps it from the board, each with what to do.
    """

    board: Board
    uses: tuple[CellUse, ...]
    fmax: float | None
    problems: tuple[StillframeError, ...]


def fit_board(board: Board, config: ArrayConfig) -> BoardFit:
    """Estimate what an array takes of a board. Multipliers and block RAMs fit every array that has a name."""
    part = COMPACT_PART if config.compact else PARTS[config.part]
    luts, multipliers, block_rams = _compact(config) if config.compact else _ecp5(config)
    fmax = estimated_fmax(config)
    problems = []
    most = int(ROUTABLE * part.luts)
    if luts > most:
        problems.append(
            StillframeError(
                f"board {board.name}: expected at most {most} of its {part.luts} look-up tables to be used, "
                f"so that wires find their way, got some {luts} for {config.name}",
                f"take fewer lanes or banks; the board's ready bitstream has {board.array}",
            )
        )
    if fmax is not None and fmax < board.clock_mhz:
        problems.append(
            StillframeError(
                f"board {board.name}: expected {config.name} to run at {board.clock_mhz:g} MHz, "
                f"arrays of that size reach some {fmax:.0f}",
                f"take fewer lanes, or try: stillframe build {board.name} --array {config.name}",
            )
        )
    uses = (
        CellUse("look-up tables", luts, part.luts, not config.compact),
        CellUse("multipliers", multipliers, part.multipliers, False),
        CellUse("block RAMs", block_rams, part.block_rams, False),
    )
    return BoardFit(board, uses, fmax, tuple(problems))


def _ecp5(config: ArrayConfig) -> tuple[int, int, int]:
    return estimated_luts(config), config.multipliers, config.block_rams


def _compact(config: ArrayConfig) -> tuple[int, int, int]:
    """There is only one: what its ready bitstream takes."""
    cells = ready()[config]["cells"]
    luts, multipliers, block_rams = (cells[f"ICESTORM_{kind}"]["used"] for kind in ("LC", "DSP", "RAM"))
    return luts, multipliers, block_rams


ESTIMATE = f"look-up tables are estimated, within {ERROR:.0%} of those of the ready bitstreams"
"""What to say of those that are."""
