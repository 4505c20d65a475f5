"""What is early is kept apart from what is late."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def early(m: Module, name: str, value: Value) -> Signal:
    """A value that synthesis works out by itself, before it meets what is late in the cycle.

    Yosys weighs all inputs of logic alike: to choose between two bits of a memory it lets the choice, however
    late, pick the address, and so puts a whole multiplexer behind it. A signal that is to be kept is a
    boundary that it does not move logic across.

    Args:
        name: Of the signal.
    """
    signal = Signal(value.shape(), name=name, attrs={"keep": 1})
    m.d.comb += signal.eq(value)
    return signal
