"""From the runs of pixels in INPUT packets to words for the delta encoder."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig
from stillframe.contract.layer import Mode
from stillframe.hw.payloads import code_word, placed
from stillframe.hw.signatures import LayerSignature

RUN_BYTE = data.StructLayout({"value": 8, "last": 1})
"""A byte of an INPUT payload; ``last`` marks the payload's last one."""


class FrameProgress(wiring.Signature):
    """From the command processor to the frame receiver: begin; and back: how far the frame is.

    ``begin`` is a pulse, given once the registers of layer 0 are loaded. ``idle``: all bytes given so far are
    worked off, and the words taken. ``complete``: enough pixels have come to run the frame: all of them in a
    key frame and in the modes that encode whole frames. ``truncated``, ``overflow``: since ``begin``, a
    payload ended within a run, or more pixels came than the frame has; both stay until ``begin``.
    """

    def __init__(self) -> None:
        super().__init__(
            {"begin": Out(1), "idle": In(1), "complete": In(1), "truncated": In(1), "overflow": In(1)}
        )


class FrameReceiver(wiring.Component):
    """Unpacks runs (skip, count, count x channels codes) into activation words.

    The position in the frame is kept from payload to payload until ``progress.begin``. Elements of a word
    that are padding get the zero point and no ``valid`` bit.

    Throughput: one byte a cycle; a skipped pixel takes one cycle, a run one cycle more. Latency: a word is
    valid 1 cycle after its last byte.

    Args:
        config: The array; its ``drain`` is the number of codes in a word.

    Members:
        i: Payloads of INPUT packets.
        progress: See :class:`FrameProgress`.
        layer: Layer 0 (``in_channels``, ``out_width``, ``out_height``, ``out_pitch``, ``out_mask_pitch``,
            ``out_zero_point``, ``out_mode`` and ``key``), constant from ``progress.begin`` to the frame's
            end.
        o: Words and their places, see :func:`~stillframe.hw.payloads.code_word`; word j of pixel (y, x) has
            offset y * ``out_pitch`` + j * ``out_width`` + x.
    """

    i: stream.Interface
    progress: wiring.PureInterface
    layer: wiring.PureInterface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._drain = config.drain
        super().__init__(
            {
                "i": In(stream.Signature(RUN_BYTE)),
                "progress": In(FrameProgress()),
                "layer": In(LayerSignature()),
                "o": Out(stream.Signature(placed(code_word(config)))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, progress = self.layer, self.progress
        byte, word, place = self.i.payload, self.o.p.word, self.o.p.place

        remaining = Signal(8)  # pixels of the run, first to skip, then to take
        y, x = Signal(12), Signal(12)
        mask = Signal(ADDRESS_BITS)  # the row's first mask word
        next_row = Signal(ADDRESS_BITS)  # offset of the next row's first word
        pixel = Signal(ADDRESS_BITS)  # offset of the pixel's first word
        offset = Signal(ADDRESS_BITS)  # of the next word
        channels_left = Signal(12)
        element = Signal(range(self._drain))
        first = Signal()  # the next word is its pixel's first
        skipped = Signal()
        at_end = y == layer.out_height
        advance = ~self.o.valid | self.o.ready
        step = Signal()  # go to the next pixel

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.comb += progress.complete.eq(at_end & ~skipped | ~layer.key & (layer.out_mode == Mode.DELTA))

        with m.FSM() as fsm:
            m.d.comb += progress.idle.eq(fsm.ongoing("SKIP") & ~self.o.valid)
            with m.State("SKIP"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += remaining.eq(byte.value)
                    with m.If(byte.last):
                        m.d.sync += progress.truncated.eq(1)
                    with m.Else():
                        m.next = "SKIPPING"
            with m.State("SKIPPING"):
                with m.If(remaining == 0):
                    m.next = "COUNT"
                with m.Elif(at_end):
                    m.next = "OVERFLOW"
                with m.Else():
                    m.d.comb += step.eq(1)
                    m.d.sync += [remaining.eq(remaining - 1), skipped.eq(1)]
            with m.State("COUNT"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += remaining.eq(byte.value)
                    with m.If(byte.value == 0):
                        m.next = "SKIP"
                    with m.Elif(byte.last):
                        m.d.sync += progress.truncated.eq(1)
                        m.next = "SKIP"
                    with m.Else():
                        m.next = "PIXELS"
            with m.State("PIXELS"):
                with m.If(at_end):
                    m.next = "OVERFLOW"
                with m.Else():
                    m.d.comb += self.i.ready.eq(advance)
                with m.If(self.i.valid & self.i.ready):
                    self._put(m, element)
                    m.d.sync += [element.eq(element + 1), channels_left.eq(channels_left - 1)]
                    with m.If((element == self._drain - 1) | (channels_left == 1)):
                        m.d.sync += [
                            self.o.valid.eq(1),
                            word.offset.eq(offset),
                            place.y.eq(y),
                            place.mask.eq(mask),
                            place.block.eq(x // MASK_COLUMNS),
                            place.column.eq(x % MASK_COLUMNS),
                            place.first.eq(first),
                            place.last.eq(channels_left == 1),
                            element.eq(0),
                            first.eq(0),
                            offset.eq(offset + layer.out_width),
                        ]
                    with m.If(byte.last):
                        m.next = "SKIP"
                        with m.If((channels_left != 1) | (remaining != 1)):
                            m.d.sync += progress.truncated.eq(1)
                    with m.If(channels_left == 1):
                        m.d.comb += step.eq(1)
                        m.d.sync += remaining.eq(remaining - 1)
                        with m.If(remaining == 1):
                            m.next = "SKIP"
            with m.State("OVERFLOW"):  # the rest of the payload is of no use
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += progress.overflow.eq(1)
                with m.If(self.i.valid & byte.last):
                    m.next = "SKIP"

        with m.If(step):
            m.d.sync += [
                x.eq(x + 1),
                pixel.eq(pixel + 1),
                offset.eq(pixel + 1),
                channels_left.eq(layer.in_channels),
                first.eq(1),
            ]
            with m.If(x + 1 == layer.out_width):
                m.d.sync += [
                    x.eq(0),
                    y.eq(y + 1),
                    mask.eq(mask + layer.out_mask_pitch),
                    pixel.eq(next_row),
                    offset.eq(next_row),
                    next_row.eq(next_row + layer.out_pitch),
                ]

        with m.If(progress.begin):
            m.d.sync += [
                x.eq(0),
                y.eq(0),
                mask.eq(0),
                next_row.eq(layer.out_pitch),
                pixel.eq(0),
                offset.eq(0),
                channels_left.eq(layer.in_channels),
                first.eq(1),
                element.eq(0),
                skipped.eq(0),
                progress.truncated.eq(0),
                progress.overflow.eq(0),
            ]
        return m

    def _put(self, m: Module, element: Signal) -> None:
        """Put the byte into the word; the first byte of a word makes the others padding."""
        word, value = self.o.p.word, self.i.payload.value
        for d in range(self._drain):
            with m.If(element == d):
                m.d.sync += [word.codes[d].eq(value), word.valid[d].eq(1)]
            with m.Elif(element == 0):
                m.d.sync += [word.codes[d].eq(self.layer.out_zero_point), word.valid[d].eq(0)]
