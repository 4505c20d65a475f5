"""What is constant in a layer, on its way across the chip."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal, Value


def handed_on(m: Module, name: str, value: Value, copies: int, used: Value) -> list[Signal]:
    """Registers that hold a layer's constant, each one for a part of the chip: the first takes the value, the
    next one takes it from that, and so on. So none is far from where it comes from nor from what hangs on it.

    Args:
        name: Of the registers.
        copies: How many there are; the last one holds the value so many cycles after it changed.
        used: They are needed in this cycle: all must hold the value.
    """
    stages = [Signal(value.shape(), name=f"{name}_{n}", reset_less=True) for n in range(copies)]
    for before, after in zip([value, *stages], stages, strict=False):
        m.d.sync += [
            after.eq(before),
            Assert(~used | (after == value), f"{name} is used before it is handed on"),
        ]
    return stages
