"""Finds the output rows of a layer that have anything to compute."""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MAX_KERNEL_ROWS, ArrayConfig

from .payloads import KERNEL_ROWS
from .signatures import LayerSignature

INDEX_BITS = (MAX_KERNEL_ROWS - 1).bit_length()


class RowFinder(wiring.Component):
    """Keeps the row flags; gives the kernel rows of each output row that has one with a flag, downwards.

    With ``key`` or ``evaluate_all`` every output row is given. Of two tensors (ADD, CONCAT) the kernel rows
    are a row of each. A ``fused`` layer's output row is given, too, and all of its pixels are wanted, if that
    row of the second tensor has a flag.

    Throughput: an output row takes ``kernel_rows`` cycles, and one more if ``fused``, at least 3, given or
    not; a row that is given can wait to be taken while the next one is looked at. The first is there
    ``max(pad_rows, stride_rows) + kernel_rows + 4`` cycles after ``start``, one more if ``fused``.

    Ports:
        start: Pulse; ``layer`` is constant from then until ``busy`` falls.
        busy: High from the cycle after ``start`` until the last row was taken or left out.
        flag_en, flag_row, flag: Writes a row flag (never one that is being read).
    """

    start: Signal
    busy: Signal
    flag_en: Signal
    flag_row: Signal
    flag: Signal
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "start": In(1),
                "busy": Out(1),
                "flag_en": In(1),
                "flag_row": In(14),
                "flag": In(1),
                "o": Out(stream.Signature(KERNEL_ROWS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.layer

        m.submodules.row_flags = flags = Memory(shape=1, depth=self._config.rows, init=[])
        flag_write = flags.write_port()
        flag_read = flags.read_port()
        m.d.comb += [
            flag_write.addr.eq(self.flag_row),
            flag_write.data.eq(self.flag),
            flag_write.en.eq(self.flag_en),
        ]

        # The output row that is looked at, and the top row of its receptive fields, above the image while
        # negative; ``stride_*`` lead from one receptive field to the next.
        row = Signal(KERNEL_ROWS, reset_less=True)
        top = Signal(signed(14))
        top_code = Signal(ADDRESS_BITS)
        stride_mask = Signal(ADDRESS_BITS)
        stride_word = Signal(ADDRESS_BITS)
        pads = Signal(7)
        strides = Signal(6)
        repeat = Signal(5)

        # The kernel row whose flag is read; what the kernel rows before it were.
        probe = Signal(INDEX_BITS)
        probe_row = Signal(signed(14))
        probe_flag = Signal(14)
        probe_code = Signal(ADDRESS_BITS)
        probing, inside, last = Signal(), Signal(), Signal()
        asking = Signal()  # the second tensor's flag is read
        free = Signal()
        m.d.comb += [
            inside.eq((probe_row >= 0) & (probe_row < layer.in_height)),
            last.eq(probe == layer.kernel_rows - 1),
            flag_read.addr.eq(probe_flag),
            flag_read.en.eq(probing | asking),
        ]
        # What is read outside the image is not looked at.
        looking = (probing & inside) | asking
        m.d.sync += Assert(~(flag_write.en & looking & (flag_write.addr == flag_read.addr)))

        def look_at(y: Value, first: Signal, code: Signal) -> list[object]:
            """From the top kernel row on, or the second tensor's row first."""
            return [
                probe.eq(0),
                probe_row.eq(first),
                probe_flag.eq(Mux(layer.fused, layer.second_rows + y, layer.in_rows + first)),
                probe_code.eq(code),
                row.inside.eq(0),
                row.border.eq(0),
            ]

        found = Signal(KERNEL_ROWS)
        m.d.comb += [
            found.eq(row),
            found.inside.eq(row.inside + inside),
            found.border.eq(Mux(inside, row.border, row.border + layer.border_rows)),
            found.codes.eq(Mux(inside & (row.inside == 0), probe_code, row.codes)),
        ]
        next_top, next_code, next_mask, next_event = Signal(signed(14)), Signal(20), Signal(20), Signal(20)
        moves = Signal()
        m.d.comb += [
            moves.eq(repeat == layer.repeat_rows),
            next_top.eq(top + Mux(moves, layer.stride_rows, 0)),
            next_code.eq(top_code + Mux(moves, stride_word, 0)),
            next_mask.eq(row.masks + Mux(moves, stride_mask, 0)),
            next_event.eq(row.events + Mux(moves, stride_word, 0)),
            self.busy.eq(1),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [
                    top.eq(0),
                    top_code.eq(layer.in_codes),
                    row.masks.eq(layer.in_masks),
                    row.events.eq(layer.in_events),
                    row.second.eq(layer.second_codes),
                    row.y.eq(0),
                    row.offset.eq(0),
                    row.mask.eq(0),
                    repeat.eq(0),
                    pads.eq(layer.pad_rows),
                    strides.eq(layer.stride_rows),
                    stride_mask.eq(0),
                    stride_word.eq(0),
                ]
                with m.If(self.start):
                    m.next = "PREPARE"

            with m.State("PREPARE"):  # start above the image; a stride in words
                with m.If(pads != 0):
                    m.d.sync += [
                        pads.eq(pads - 1),
                        top.eq(top - 1),
                        top_code.eq(top_code - layer.in_pitch),
                        row.masks.eq(row.masks - layer.in_mask_pitch),
                        row.events.eq(row.events - layer.in_pitch),
                    ]
                with m.If(strides != 0):
                    m.d.sync += [
                        strides.eq(strides - 1),
                        stride_mask.eq(stride_mask + layer.in_mask_pitch),
                        stride_word.eq(stride_word + layer.in_pitch),
                    ]
                with m.If((pads == 0) & (strides == 0)):
                    m.d.sync += look_at(row.y, top, top_code)
                    m.next = "PROBE"
                    with m.If(layer.fused):
                        m.next = "ASK"

            with m.State("ASK"):
                m.d.comb += asking.eq(1)
                m.d.sync += probe_flag.eq(layer.in_rows + probe_row)
                m.next = "PROBE"

            with m.State("PROBE"):  # one kernel row's flag a cycle; its answer comes two cycles later
                m.d.comb += probing.eq(~last | free)
                with m.If(probing):
                    m.d.sync += [
                        probe.eq(probe + 1),
                        probe_row.eq(probe_row + layer.row_step),
                        probe_flag.eq(probe_flag + layer.flag_step),
                        probe_code.eq(probe_code + layer.code_step),
                        row.inside.eq(found.inside),
                        row.border.eq(found.border),
                        row.codes.eq(found.codes),
                    ]
                with m.If(probing & last):
                    m.d.sync += [
                        *look_at(row.y + 1, next_top, next_code),
                        row.y.eq(row.y + 1),
                        row.offset.eq(row.offset + layer.out_pitch),
                        row.mask.eq(row.mask + layer.out_mask_pitch),
                        row.masks.eq(next_mask),
                        row.events.eq(next_event),
                        row.second.eq(row.second + layer.second_pitch),
                        top.eq(next_top),
                        top_code.eq(next_code),
                        repeat.eq(Mux(moves, 0, repeat + 1)),
                    ]
                    with m.If(row.y == layer.out_height - 1):
                        m.next = "FINISH"
                    with m.Elif(layer.fused):
                        m.next = "ASK"

            with m.State("FINISH"), m.If(free):
                m.next = "IDLE"

        # The answers, two cycles behind: whether the row is given is known with the last of them.
        probed = [Signal(INDEX_BITS, name=f"probed_{n}") for n in range(2)]
        valid = [Signal(name=f"probed_valid_{n}") for n in range(2)]
        final = [Signal(name=f"probed_last_{n}") for n in range(2)]
        asked = [Signal(name=f"asked_{n}") for n in range(2)]
        probed_inside, answer, some = Signal(), Signal(), Signal()
        everything = Signal()  # of the row that is looked at
        live, after = Signal(MAX_KERNEL_ROWS), Signal(MAX_KERNEL_ROWS)
        m.d.comb += [
            after.eq(live),
            after.bit_select(probed[1], 1).eq(answer),
            free.eq(~final[0] & ~final[1] & (~self.o.valid | self.o.ready)),
        ]
        m.d.sync += [
            probed_inside.eq(inside | asking),
            asked[0].eq(asking),
            asked[1].eq(asked[0]),
            answer.eq(probed_inside & flag_read.data),
            probed[0].eq(probe),
            probed[1].eq(probed[0]),
            valid[0].eq(probing),
            valid[1].eq(valid[0]),
            final[0].eq(probing & last),
            final[1].eq(final[0]),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(probing & last):
            m.d.sync += self.o.p.eq(found)
        with m.If(asked[1] | ~layer.fused):
            m.d.sync += everything.eq((layer.fused & answer) | layer.key | layer.evaluate_all)
        with m.If(final[1]):
            m.d.sync += [
                self.o.valid.eq(some | answer | everything),
                self.o.p.live.eq(after),
                self.o.p.everything.eq(everything),
                live.eq(0),
                some.eq(0),
            ]
        with m.Elif(valid[1]):
            m.d.sync += [live.eq(after), some.eq(some | answer)]
        return m
