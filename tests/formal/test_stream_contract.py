"""Every stream that a component gives keeps the contract, whatever comes in: proved by induction.

Memories have a few words and words two elements; neither is what the contract hangs on.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from contract import Check, Harness, streams
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

import stillframe.hw
from stillframe.hw.activation_table import ActivationTable
from stillframe.hw.column_blocks import ColumnBlocks
from stillframe.hw.column_walker import ColumnWalker
from stillframe.hw.compact.byte_link import ByteLink
from stillframe.hw.distant_queue import DistantQueue
from stillframe.hw.drain import Drain
from stillframe.hw.event_router import EventRouter
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.link.commands import CommandProcessor
from stillframe.hw.link.frame import FrameReceiver
from stillframe.hw.link.link import Link
from stillframe.hw.link.receiver import PacketReceiver
from stillframe.hw.link.sender import PacketSender
from stillframe.hw.link.uart import UartReceiver
from stillframe.hw.queue import Queue
from stillframe.hw.requantiser import Requantiser
from stillframe.hw.request_walker import RequestWalker
from stillframe.hw.row_finder import RowFinder
from stillframe.hw.row_gate import PROBE, RowGate
from stillframe.hw.skid import Skid
from stillframe.hw.state_update import StateUpdate
from stillframe.hw.strip_range import StripRange
from stillframe.hw.strip_walker import StripWalker
from stillframe.hw.window_walker import WindowWalker

DEPTH = 3
CONFIG = tiny_array()


@dataclass(frozen=True)
class Claim:
    """A component and what its proof takes.

    Attributes:
        make: Makes the component.
        check: What else holds, without which the contract does not follow.
        withdrawn: See :class:`~contract.Harness`.
        trust: See :func:`~prover.prove`.
    """

    make: Callable[[], wiring.Component]
    check: Check | None = None
    withdrawn: Mapping[str, Callable[[Any], Value]] = field(default_factory=dict)
    trust: bool = False


def _as_documented(m: Module, dut: Any, inside: Inside) -> None:
    """Layers start when nothing is under way, and the host writes parameters then."""
    if hasattr(dut, "start") and hasattr(dut, "busy"):
        m.d.comb += Assume(~dut.start | ~dut.busy)
    if hasattr(dut, "write_en"):
        m.d.comb += Assume(~(dut.write_en & dut.i.valid))


def _products_stay(m: Module, dut: Any, inside: Inside) -> None:
    """They are those of a layer, which begins when nothing is under way."""
    _as_documented(m, dut, inside)
    for name in ("strip_columns", "row_columns"):
        product = getattr(dut, name)
        constant = Signal.like(product, name=f"constant_{name}")
        m.d.comb += [constant.eq(AnyConst(len(product))), Assume(product == constant)]


def _settles(m: Module, dut: Any, inside: Inside) -> None:
    """Each sum stays as it is from a cycle after those that it is made of."""
    found, settling = dut.o.p, inside["settling"]
    within = (
        "block phases by_block overlap edge",
        "origin right beside room inner",
        "cut x",
        "high gap seen_before placed",
        "limit",
    )
    given = (
        (),
        (found.regular, found.sideways, found.aside, found.phase, found.turn),
        (found.walking,),
        (found.before, found.seen),
        (found.outside, found.outlying, found.place, found.done),
    )
    for n, (names, fields) in enumerate(zip(within, given, strict=True)):
        sums = Cat(*(inside[name] for name in names.split()), *fields)
        before = Signal.like(sums, name=f"before_{n}")
        m.d.sync += before.eq(sums)
        m.d.comb += Assert(~settling[n] | (sums == before))
    m.d.comb += Assert((settling & ~Cat(inside["there"], settling)) == 0)


def _packet_at_hand(m: Module, dut: Any, inside: Inside) -> None:
    """A packet is there from IDLE (state 0) on until it is answered."""
    m.d.comb += Assert((inside["fsm_state"] == 0) | dut.header.valid)


def _one_row_at_a_time(m: Module, dut: Any, inside: Inside) -> None:
    """A row is pending from its last probe on until it is taken or left out."""
    path = "" if isinstance(dut, RowGate) else "gate."
    if isinstance(dut, RowGate):
        m.d.comb += Assume(~dut.pending | ~dut.probe.valid | ~dut.probe.last)
    asked, answered = (PROBE(inside[path + name]) for name in ("asked", "answered"))
    under_way = (asked.valid & asked.last) + (answered.valid & answered.last) + dut.o.valid
    m.d.comb += Assert(inside[path + "pending"] == under_way)


def _always_taken(m: Module, dut: Any, inside: Inside) -> None:
    """What is offered cannot wait."""
    m.d.comb += Assume(dut.o.ready)


# The bytes of a packet that nobody wants vanish with it.
LEFTOVERS = {"payload": lambda dut: dut.header.valid & dut.header.ready}

CLAIMS: dict[type[wiring.Component], Claim] = {
    ActivationTable: Claim(lambda: ActivationTable(CONFIG), _as_documented),
    ColumnBlocks: Claim(ColumnBlocks, trust=True),
    ColumnWalker: Claim(lambda: ColumnWalker(CONFIG), _as_documented, trust=True),
    CommandProcessor: Claim(lambda: CommandProcessor(CONFIG), _packet_at_hand, LEFTOVERS),
    ByteLink: Claim(ByteLink),
    DistantQueue: Claim(lambda: DistantQueue(8, 4)),
    Drain: Claim(lambda: Drain(CONFIG), _always_taken, trust=True),
    EventRouter: Claim(lambda: EventRouter(tiny_array(2)), trust=True),
    EventScanner: Claim(lambda: EventScanner(CONFIG, 0), trust=True),
    FrameReceiver: Claim(lambda: FrameReceiver(CONFIG)),
    Link: Claim(lambda: Link(CONFIG)),
    PacketReceiver: Claim(PacketReceiver, withdrawn=LEFTOVERS),
    PacketSender: Claim(PacketSender),
    Queue: Claim(lambda: Queue(8, 4)),
    RequestWalker: Claim(lambda: RequestWalker(late=True), trust=True),
    Requantiser: Claim(lambda: Requantiser(CONFIG), _as_documented),
    RowFinder: Claim(lambda: RowFinder(CONFIG), _one_row_at_a_time, trust=True),
    RowGate: Claim(RowGate, _one_row_at_a_time),
    Skid: Claim(lambda: Skid(8)),
    StateUpdate: Claim(lambda: StateUpdate(CONFIG), trust=True),
    StripRange: Claim(StripRange, _settles, trust=True),
    StripWalker: Claim(StripWalker, _products_stay),
    UartReceiver: Claim(lambda: UartReceiver(8e6, 1e6), _always_taken),
    WindowWalker: Claim(WindowWalker),
}

GIVE_NONE = {
    "AddressCheck",
    "Block",
    "BlockRam",
    "BlockRows",
    "CodeMemory",
    "Concatenation",
    "Credits",
    "DeltaEncoder",
    "Ecp5Pll",
    "Encoder",
    "Finisher",
    "FusedAdd",
    "GatheredMasks",
    "Ice40Pll",
    "LaneSums",
    "Lanes",
    "LayerCounters",
    "LayerLoader",
    "LayerProducts",
    "MacArray",
    "MacBank",
    "MaskWriter",
    "MaxPool",
    "Multiplier",
    "Multiply",
    "MultiplyAccumulate",
    "Parameters",
    "PixelMarks",
    "PowerOnReset",
    "Processor",
    "RequantiseLane",
    "RescaleLane",
    "ResidualAdd",
    "Scaler",
    "Scanner",
    "SelectingAdder",
    "Sequencer",
    "SharedMemory",
    "StatusLights",
    "TapExpander",
    "Top",
    "UartTransmitter",
    "Watchdog",
    "WindowReader",
    "Windows",
}
"""Components without a stream that they give."""

GIVEN_BY_PARTS = {"Accelerator", "CompactAccelerator", "EventFinder"}
"""Components whose streams are those of parts that are held to the contract."""


@pytest.mark.parametrize(
    "claim",
    [*CLAIMS.values(), Claim(lambda: DistantQueue(8, 4, late=True))],
    ids=[*(kind.__name__ for kind in CLAIMS), "DistantQueue-late"],
)
def test_what_is_offered_stays_until_it_is_taken(claim: Claim) -> None:
    component = claim.make()
    assert streams(component, Out)
    prove(Harness(component, claim.check, claim.withdrawn), depth=DEPTH, trust=claim.trust, cut=["$mul"])


def test_every_component_with_a_stream_is_held_to_the_contract() -> None:
    found = set()
    for module in pkgutil.walk_packages(stillframe.hw.__path__, "stillframe.hw."):
        members = vars(importlib.import_module(module.name)).values()
        found |= {
            kind.__name__
            for kind in members
            if inspect.isclass(kind) and issubclass(kind, wiring.Component) and kind.__module__ == module.name
            if hasattr(kind, "elaborate")
        }
    assert found == GIVE_NONE | GIVEN_BY_PARTS | {kind.__name__ for kind in CLAIMS}
