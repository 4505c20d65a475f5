"""A component with inputs as they come, held to the stream contract: what is offered stays until taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amaranth.asserts import AnyConst, AnySeq
from amaranth.hdl import Assert, Assume, Const, Elaboratable, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from inside import Inside, Opened

CONSTANT = "layer"
"""The port of a component whose fields stay as they are."""

Check = Callable[[Module, Any, Inside], None]
"""Adds to the module what is assumed or to be proved about a component."""


class Harness(Elaboratable):
    """Drives the inputs of ``dut``: ``layer`` with any constant, others with anything at any time.

    Its input streams are assumed to keep the stream contract, its output streams are asserted to. There is no
    reset but the initial state.

    Args:
        dut: The component.
        check: Adds what else is assumed or to be proved.
        withdrawn: Streams, by name, and when what they offer may vanish without having been taken.
        gives: Whether the output streams are looked at.
    """

    def __init__(
        self,
        dut: Any,
        check: Check | None = None,
        withdrawn: Mapping[str, Callable[[Any], Value]] | None = None,
        gives: bool = True,
    ) -> None:
        self._dut, self._check, self._withdrawn = dut, check, withdrawn or {}
        self._kinds = ((In, Assume), (Out, Assert)) if gives else ((In, Assume),)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        dut = self._dut
        m.submodules.dut = opened = Opened(dut)
        m.d.comb += Assume(~ResetSignal())
        for path, member, value in dut.signature.flatten(dut):
            if member.flow == In:
                port = Value.cast(value)
                m.d.comb += port.eq((AnyConst if path[0] == CONSTANT else AnySeq)(port.shape()))
        for flow, kind in self._kinds:
            for name, (payload, valid, ready) in streams(dut, flow).items():
                waited, offered = Signal(name=f"{name}_waited"), Signal.like(payload, name=f"{name}_offered")
                kept = Signal(name=f"{name}_kept")
                gone = self._withdrawn[name](dut) if name in self._withdrawn else Const(0, 1)
                m.d.sync += [waited.eq(valid & ~ready & ~gone), offered.eq(payload)]
                m.d.comb += [kept.eq(~waited | (valid & (payload == offered))), kind(kept)]
        if self._check:
            self._check(m, dut, opened.inside)
        return m


def streams(component: Any, flow: wiring.Flow) -> dict[str, tuple[Value, Value, Value]]:
    """Payload, valid and ready of each stream that a component gives (``Out``) or takes (``In``)."""
    found: dict[str, dict[str, Value]] = {}
    for path, member, value in component.signature.flatten(component):
        stream = found.setdefault("__".join(map(str, path[:-1])), {})
        if path[-1] in ("payload", "ready") or (path[-1] == "valid" and member.flow == flow):
            stream[str(path[-1])] = Value.cast(value)
    return {n: (s["payload"], s["valid"], s["ready"]) for n, s in found.items() if len(s) == 3}
