"""A bank's slots, by induction: a pixel's first product starts its sum, and what is shown of a complete pixel
stays until it is drained. What comes in keeps what ``test_tap_expander.py`` proves.

Pixels are compared by how far their numbers are ahead of that of the drain's pixel, modulo 64.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Assume, Module, Signal, Value
from contract import Harness
from inside import Inside
from prover import prove
from tiny_arrays import tiny_array

from stillframe.contract.array import SLOTS
from stillframe.hw.mac_bank import SLOT_BITS, MacBank
from stillframe.hw.payloads import PIXEL_BITS
from stillframe.hw.tap_expander import MARK_STEP

CONFIG = tiny_array()
GROUPS = range(CONFIG.taps)


def _slots(m: Module, dut: Any, inside: Inside) -> None:
    drained = Signal(PIXEL_BITS)
    m.d.sync += drained.eq(drained + dut.release)

    def ahead(number: Value) -> Value:
        return (number - drained)[:PIXEL_BITS]

    # The drain shows the pixel behind those that it has released, each of which was complete.
    complete = [dut.i.complete, *(inside[f"complete_{n}"] for n in range(MacBank.LATENCY))]
    m.d.comb += [
        Assume(~dut.start & (dut.pixel == drained)),
        Assume(~dut.release | (dut.complete != drained)),
        Assume(~dut.write_en.any()),
    ]
    # The expander.
    m.d.comb += Assume((ahead(dut.i.complete) <= MARK_STEP) & (ahead(dut.i.complete) >= ahead(complete[1])))
    for t in GROUPS:
        pixel = ahead(dut.i.pixels[t])
        m.d.comb += Assume(~dut.i.enable[t] | ((pixel < SLOTS) & (pixel >= ahead(complete[1]))))

    # Marks stay in order, and no product arrives for a pixel that is complete by then.
    m.d.comb += [Assert(ahead(later) <= ahead(sooner)) for sooner, later in pairwise(complete)]
    m.d.comb += Assert(~dut.release | (dut.i.complete != drained))
    for t in GROUPS:
        pixel = dut.i.pixels[t]
        for n in range(1, MacBank.LATENCY):
            before, pixel = pixel, Signal(PIXEL_BITS, name=f"pixel_{t}_{n}")
            m.d.sync += pixel.eq(before)
            m.d.comb += Assert(
                ~inside[f"adding_{t}_{n}"]
                | (inside[f"slot_{t}_{n}"] == pixel[:SLOT_BITS])
                & (ahead(pixel) < SLOTS)
                & (ahead(pixel) >= ahead(complete[n + 1]))
            )
        m.d.comb += Assert(
            (dut.complete == drained)
            | ~inside[f"adding_{t}_{MacBank.LATENCY - 1}"]
            | (inside[f"slot_{t}_{MacBank.LATENCY - 1}"] != drained[:SLOT_BITS])
        )

    # Of any pixel: touched is what has taken a tap since its slot was another's.
    number = Signal(PIXEL_BITS)
    m.d.comb += number.eq(AnyConst(PIXEL_BITS))
    for t in GROUPS:
        mine = dut.i.enable[t] & (dut.i.pixels[t] == number)
        taken = Signal(name=f"taken_{t}")
        with m.If(dut.release & (drained == number)):
            m.d.sync += taken.eq(0)
        with m.Elif(mine):
            m.d.sync += taken.eq(1)
        touched, first = inside[f"touched_{t}"].bit_select(number[:SLOT_BITS], 1), Signal(name=f"first_{t}")
        m.d.sync += first.eq(mine & ~taken)
        m.d.comb += [
            Assert((ahead(number) >= SLOTS) | (touched == taken)),
            Assert((ahead(number) < SLOTS) | ~taken),
            Assert((dut.pixel != number) | (dut.touches[t] == taken)),
            Assert(~first | inside[f"fresh_{t}_1"]),
        ]

    shown, stays = Signal(CONFIG.taps), Signal()
    m.d.sync += [shown.eq(dut.touches), stays.eq((dut.complete != drained) & ~dut.release)]
    m.d.comb += Assert(~stays | ((dut.complete != drained) & (dut.touches == shown)))


def test_a_slot_is_one_pixels_at_a_time() -> None:
    prove(Harness(MacBank(CONFIG), _slots), depth=2, cut=["$mul", "$memrd_v2"])
