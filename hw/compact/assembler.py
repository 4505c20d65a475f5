"""Microprograms, written as Python."""

from __future__ import annotations

from dataclasses import dataclass

from .isa import DEPTH, REGISTERS, Condition, Get, Op, Put


@dataclass(frozen=True)
class Reg:
    """A register."""

    number: int


Operand = Reg | int
"""The second operand: a register, or a number from -512 to 511."""


class Assembler:
    """Collects instructions. Registers and labels are made by naming them; each method but those two and
    :meth:`words` appends an instruction, or a few.

    A subroutine keeps its return address in a register of its own: so there is no stack, and none calls
    itself.
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, str]] = []  # a word, and the label that its target is
        self._labels: dict[str, int] = {}
        self._registers: dict[str, Reg] = {}
        self._fresh = 0

    def __getattr__(self, name: str) -> Reg:
        """The register of this name."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._registers.setdefault(name, Reg(len(self._registers)))

    def reg(self, name: str) -> Reg:
        """The register of this name."""
        reg: Reg = getattr(self, name)
        return reg

    def label(self, name: str) -> None:
        """Give the next instruction a name."""
        assert name not in self._labels, f"label {name} is there twice"
        self._labels[name] = len(self._code)

    def fresh(self, name: str) -> str:
        """A label of its own, to be given with :meth:`label`."""
        self._fresh += 1
        return f"{name}.{self._fresh}"

    def words(self) -> list[int]:
        """The microprogram."""
        assert len(self._code) <= DEPTH, f"{len(self._code)} instructions, room for {DEPTH}"
        assert len(self._registers) <= REGISTERS
        return [word | (self._labels[target] if target else 0) for word, target in self._code]

    @property
    def labels(self) -> dict[str, int]:
        """Addresses of the labels."""
        return dict(self._labels)

    @property
    def registers(self) -> dict[str, int]:
        """Numbers of the registers."""
        return {name: reg.number for name, reg in self._registers.items()}

    def _emit(self, op: Op, rd: int, ra: int = 0, low: int = 0, target: str = "") -> None:
        assert max(rd, ra) < REGISTERS
        assert low < 2048
        self._code.append((op << 27 | rd << 19 | ra << 11 | low, target))

    def _three(self, op: Op, rd: int, a: Reg, b: Operand) -> None:
        if isinstance(b, Reg):
            low = b.number
        else:
            assert -512 <= b < 512, b
            low = 1 << 10 | int(b) & 1023  # words are integers, not flags
        self._emit(op, rd, a.number, low)

    def add(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.ADD, rd.number, a, b)

    def sub(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.SUB, rd.number, a, b)

    def and_(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.AND, rd.number, a, b)

    def or_(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.OR, rd.number, a, b)

    def xor(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.XOR, rd.number, a, b)

    def max(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.MAX, rd.number, a, b)

    def min(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.MIN, rd.number, a, b)

    def ror(self, rd: Reg, a: Reg, b: Operand) -> None:
        self._three(Op.ROR, rd.number, a, b)

    def shl(self, rd: Reg, a: Reg, bits: int) -> None:
        """Shift left by a number of bits; those that leave on the left must be 0."""
        self.ror(rd, a, (32 - bits) % 32)

    def ext(self, rd: Reg, a: Reg, shift: int, width: int) -> None:
        """``width`` bits, 1 to 32, from bit ``shift`` on."""
        self._emit(Op.EXT, rd.number, a.number, shift << 5 | (width - 1))

    def byte(self, rd: Reg, a: Reg) -> None:
        self._emit(Op.BYTE, rd.number, a.number)

    def move(self, rd: Reg, a: Reg) -> None:
        self.add(rd, a, 0)

    def test(self, a: Reg) -> None:
        """Set the flags by a register."""
        self.add(a, a, 0)

    def li(self, rd: Reg, value: int) -> None:
        """Any number of 32 bits; two instructions more if it has above 18."""
        value = (value + (1 << 31)) % (1 << 32) - (1 << 31)
        if -(1 << 17) <= value < 1 << 17:
            self._emit(Op.LI, rd.number, value >> 10 & 255, value & 1023)
            return
        self.li(rd, value >> 16 & 0xFFFF)
        self.ror(rd, rd, 16)
        self.li(self.constant, value & 0xFFFF)
        self.or_(rd, rd, self.constant)

    def lw(self, rd: Reg, a: Reg, b: Operand = 0) -> None:
        self._three(Op.LW, rd.number, a, b)

    def lb(self, rd: Reg, a: Reg, b: Operand = 0) -> None:
        self._three(Op.LB, rd.number, a, b)

    def lbu(self, rd: Reg, a: Reg, b: Operand = 0) -> None:
        self._three(Op.LBU, rd.number, a, b)

    def sw(self, value: Reg, a: Reg, number: int = 0) -> None:
        self._three(Op.SW, value.number, a, number)

    def sb(self, value: Reg, a: Reg, number: int = 0) -> None:
        self._three(Op.SB, value.number, a, number)

    def get(self, rd: Reg, port: Get) -> None:
        self._emit(Op.GET, rd.number, 0, port)

    def put(self, port: Put, a: Reg, b: Operand = 0) -> None:
        self._three(Op.PUT, port, a, b)

    def jump(self, target: str) -> None:
        self._emit(Op.BR, Condition.ALWAYS, target=target)

    def if_zero(self, target: str) -> None:
        self._emit(Op.BR, Condition.ZERO, target=target)

    def if_nonzero(self, target: str) -> None:
        self._emit(Op.BR, Condition.NONZERO, target=target)

    def if_negative(self, target: str) -> None:
        self._emit(Op.BR, Condition.NEGATIVE, target=target)

    def if_not_negative(self, target: str) -> None:
        self._emit(Op.BR, Condition.NOT_NEGATIVE, target=target)

    def call(self, target: str) -> None:
        self._emit(Op.CALL, self.reg(f"from_{target}").number, target=target)

    def ret(self, subroutine: str) -> None:
        """Return from the subroutine of this label."""
        self._emit(Op.JR, 0, self.reg(f"from_{subroutine}").number)
