"""Puts an output row's kernel rows together and gives it if it has anything to compute."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import MAX_KERNEL_ROWS

from .payloads import KERNEL_ROWS
from .signatures import LayerSignature

PROBE = data.StructLayout(
    {
        "valid": 1,  # a flag is read
        "inside": 1,  # of a kernel row inside the image
        "second": 1,  # of the second tensor's row
        "last": 1,  # the output row's last one
    }
)
"""What a flag that is read belongs to."""


class RowGate(wiring.Component):
    """Gives a row if one of its flags is set, or if all are given; 3 cycles behind its last probe.

    Ports:
        layer: Constant from the cycle before the first probe on.
        probe: What the flag that is read belongs to, row by row, in a row kernel row by kernel row.
        row: With the row's last probe: what is known of it.
        flag: Of the probe of the cycle before.
        pending: A row is still to be given or left out. The next one's last probe has to wait until then.
        o: Its ready is looked at for nothing but whether the row is taken.
    """

    flag: Signal
    pending: Signal
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "probe": In(PROBE),
                "row": In(KERNEL_ROWS),
                "flag": In(1),
                "pending": Out(1),
                "o": Out(stream.Signature(KERNEL_ROWS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, given = self.layer, self.o.p
        asked, answered = Signal(PROBE), Signal(PROBE)  # one and two cycles behind the probe
        answer, live_answer, second_answer = Signal(), Signal(), Signal()
        everything = Signal()  # all rows are given
        wanted, some = Signal(), Signal()
        m.d.sync += [
            everything.eq(layer.key | layer.evaluate_all),
            asked.eq(self.probe),
            answered.eq(asked),
            answer.eq(self.flag),  # block RAM is late in the cycle
        ]
        m.d.comb += [
            live_answer.eq(answer & answered.inside),
            second_answer.eq(answer & answered.second),
            wanted.eq(some | live_answer | second_answer | everything),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.pending.eq(0)
        with m.If(self.probe.valid & self.probe.last):
            m.d.sync += self.pending.eq(1)
        with m.If(~self.pending):  # whatever comes: the last is that of the last probe, which is late
            m.d.sync += given.eq(self.row)

        # The kernel rows inside the image, and outside.
        inside, outside = Signal(7), Signal(16)
        inside_here, outside_here = Signal(7), Signal(16)
        beside = ~asked.inside & ~asked.second
        m.d.comb += [
            inside_here.eq(inside + asked.inside),
            outside_here.eq(outside + Mux(beside, layer.border_rows, 0)),
        ]
        with m.If(asked.valid):
            m.d.sync += [inside.eq(inside_here), outside.eq(outside_here)]
        with m.If(asked.valid & asked.last):
            m.d.sync += [inside.eq(0), outside.eq(0)]
            m.d.sync += [given.inside.eq(inside_here), given.border.eq(outside_here)]

        # Those with a flag.
        live, live_here = Signal(MAX_KERNEL_ROWS), Signal(MAX_KERNEL_ROWS)
        at = Signal(MAX_KERNEL_ROWS, init=1)  # the kernel row that is answered for, one-hot
        m.d.comb += live_here.eq(live | Mux(live_answer, at, 0))
        with m.If(answered.valid):
            m.d.sync += [live.eq(live_here), at.eq(at << 1), some.eq(some | live_answer)]
        with m.If(answered.valid & answered.last):
            m.d.sync += [
                self.o.valid.eq(wanted),
                given.live.eq(live_here),
                given.everything.eq(everything | second_answer),
                live.eq(0),
                at.eq(1),
                some.eq(0),
            ]
            with m.If(~wanted):
                m.d.sync += self.pending.eq(0)
        return m
