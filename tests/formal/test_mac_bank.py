"""A bank's slots, by induction: a pixel's first product starts its sum, and what is shown of a complete pixel
stays until it is drained. What comes in keeps what ``test_tap_expander.py`` proves, and the drain what is
proved at the end.

Pixels are compared by how far their numbers are ahead of that of the drain's pixel, modulo 64. A bank beside
others has registers on each side of the chip that have to hold the same once a layer has started.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.contract import ArrayConfig
from stillframe.contract.array import SLOTS
from stillframe.hw.drain import Drain
from stillframe.hw.mac_bank import SLOT_BITS, MacBank
from stillframe.hw.payloads import PIXEL_BITS
from stillframe.hw.tap_expander import MARK_STEP

CONFIG, BESIDE = tiny_array(), tiny_array(banks=2)
GROUPS = range(CONFIG.taps)


def _slots(m: Module, dut: Any, inside: Inside) -> None:
    drained = Signal(PIXEL_BITS)
    begin = Signal(init=1)  # the cycle in which the layer starts
    m.d.sync += begin.eq(0)
    m.d.sync += drained.eq(drained + dut.release)
    earlier, freed = Signal(PIXEL_BITS), inside["freed"]  # what that was a cycle ago; whether it was released
    m.d.sync += earlier.eq(drained)

    def ahead(number: Value) -> Value:
        return (number - drained)[:PIXEL_BITS]

    # A slot is free a cycle after it was released.
    m.d.comb += [
        Assert(drained == (earlier + freed)[:PIXEL_BITS]),
        Assert(~freed | (inside["shown_0"] == earlier[:SLOT_BITS])),
    ]

    # The drain shows the pixel behind those that it has released, each of which was complete.
    m.d.comb += [
        Assume((dut.start == begin) & (dut.pixel == drained) & ~dut.write_en.any()),
        Assume(~begin | ~dut.i.enable.any()),
        Assert(~begin | ((drained == 0) & ~dut.complete)),
        Assume(~dut.release | dut.complete),
    ]

    # What the expander has called complete, cycle by cycle, until it is shown, and a cycle later; it does not
    # go back, nor do its taps.
    shown, summed = Signal(PIXEL_BITS), Signal(PIXEL_BITS)
    stages = [inside[f"complete_{n}"] for n in range(MacBank.LATENCY - 2)]
    complete = [dut.i.complete, *stages, shown, summed]
    m.d.sync += [shown.eq(stages[-1]), summed.eq(shown)]
    m.d.comb += [
        Assume((ahead(dut.i.complete) <= MARK_STEP) & (ahead(dut.i.complete) >= ahead(complete[1]))),
        *(
            Assume(~enabled | ((ahead(pixel) + freed < SLOTS) & (ahead(pixel) >= ahead(complete[1]))))
            for enabled, pixel in zip(dut.i.enable, (dut.i.pixels[t] for t in GROUPS), strict=True)
        ),
        Assume(~begin | (dut.i.complete == 0)),
        Assert(~begin | ~Cat(complete[1:]).any()),
        *(Assert(ahead(later) <= ahead(sooner)) for sooner, later in pairwise(complete)),
        Assert(~dut.release | (dut.i.complete != drained)),  # as the expander wants it
        Assert(inside["after"] == (drained + 1)[:PIXEL_BITS]),
        Assert(dut.complete == (shown != drained)),
    ]

    # No product arrives for a pixel whose sums are shown: the drain's, if it was complete a cycle ago.
    sums = Signal()
    m.d.sync += sums.eq(dut.complete)
    for t in GROUPS:
        pixel = dut.i.pixels[t]
        for n in range(1, MacBank.LATENCY):
            before, pixel = pixel, Signal(PIXEL_BITS, name=f"pixel_{t}_{n}")
            slot, adding = inside[f"slot_{t}_{n}"], inside[f"adding_{t}_{n}"]
            m.d.sync += pixel.eq(before)
            m.d.comb += [
                Assert(~adding | (slot == pixel[:SLOT_BITS])),
                Assert(~adding | ((ahead(pixel) + freed < SLOTS) & (ahead(pixel) >= ahead(complete[n + 1])))),
            ]
        m.d.comb += Assert(~sums | ~adding | (slot != inside["shown_0"]))

    # What is there twice is the same.
    for name in filter(re.compile(r"(adding|slot|fresh)_\d_\d_[1-3]").fullmatch, inside):
        m.d.comb += Assert(begin | (inside[name] == inside[name[:-2]]))
    for name in filter(re.compile(r"shown_\d").fullmatch, inside):
        m.d.comb += Assert(begin | (inside[name] == earlier[:SLOT_BITS]))

    # Of any pixel: touched is what has taken a tap since its slot was another's.
    number = Signal(PIXEL_BITS)
    m.d.comb += number.eq(AnyConst(PIXEL_BITS))
    for t in GROUPS:
        mine = dut.i.enable[t] & (dut.i.pixels[t] == number)
        taken, first = Signal(name=f"taken_{t}"), Signal(name=f"first_{t}")
        m.d.sync += first.eq(mine & ~taken)
        with m.If(dut.release & (drained == number)):
            m.d.sync += taken.eq(0)
        with m.Elif(mine):
            m.d.sync += taken.eq(1)
        touched = inside[f"touched_{t}"].bit_select(number[:SLOT_BITS], 1)
        far = ahead(number) + freed >= SLOTS
        m.d.comb += [
            Assert(begin | Mux(far, ~taken, touched == taken)),
            Assert(~begin | ~taken),
            Assert(~dut.complete | (drained != number) | (dut.touches[t] == taken)),
            Assert(~first | inside[f"fresh_{t}_1"]),
        ]

    # What is shown of a complete pixel stays.
    touches, stays = Signal(CONFIG.taps), Signal()
    m.d.sync += [touches.eq(dut.touches), stays.eq(dut.complete & ~dut.release)]
    m.d.comb += [
        Assert(~stays | (dut.complete & (dut.touches == touches))),
        Assert(~dut.complete | (dut.touched == dut.touches.any())),
    ]


@pytest.mark.parametrize("config", [CONFIG, BESIDE], ids=["alone", "beside others"])
def test_a_slot_is_one_pixels_at_a_time(config: ArrayConfig) -> None:
    prove(Harness(MacBank(config), _slots), depth=2, cut=["$mul", "$memrd_v2"])


def _drains(m: Module, dut: Any, inside: Inside) -> None:
    drained = Signal(PIXEL_BITS)
    m.d.sync += drained.eq(drained + dut.release)
    m.d.comb += [Assume(~dut.start & dut.o.ready), Assert(dut.pixel == drained)]
    m.d.comb += Assert(~dut.release | dut.complete)


def test_the_drain_releases_pixels_in_turn_and_only_complete_ones() -> None:
    prove(Harness(Drain(CONFIG), _drains), depth=2, trust=True)
