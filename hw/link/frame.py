"""From the runs of pixels in INPUT packets to words for the delta encoder."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, MASK_COLUMNS, ArrayConfig
from stillframe.contract.layer import Mode
from stillframe.hw.payloads import code_word, placed
from stillframe.hw.signatures import LayerSignature

from .header import PAYLOAD_BYTE


class FrameProgress(wiring.Signature):
    """From the command processor to the frame receiver: begin; and back: how far the frame is.

    ``begin`` is a pulse, given while ``idle``, once the registers of layer 0 are loaded. ``idle``: all bytes
    given so far are worked off, and the words taken. ``complete``: enough pixels have come to run the frame:
    all of them in a key frame and in the modes that encode whole frames. ``truncated``, ``overflow``: since
    ``begin``, a payload ended within a run, or more pixels came than the frame has; both stay until
    ``begin``.
    """

    def __init__(self) -> None:
        super().__init__(
            {"begin": Out(1), "idle": In(1), "complete": In(1), "truncated": In(1), "overflow": In(1)}
        )


class FrameReceiver(wiring.Component):
    """Unpacks runs (skip, count, count x channels codes) into activation words.

    The position in the frame is kept from payload to payload until ``progress.begin``. Elements of a word
    that are padding get the zero point and no ``valid`` bit. With ``spread`` the channels of pixel (y, x)
    begin with element (y + x) % banks x channels (:mod:`stillframe.contract.spread`).

    Throughput: a byte every second cycle; a word takes 3 cycles more, a run 4, a row 2. Latency: a word is
    valid 2 cycles after its last byte.

    Args:
        config: The array: ``drain`` is the number of codes in a word, ``banks`` that of pixels which take
            turns.

    Members:
        i: Payloads of INPUT packets.
        progress: See :class:`FrameProgress`.
        layer: Layer 0 (``in_channels``, ``spread``, ``out_width``, ``out_height``, ``out_pitch``,
            ``out_mask_pitch``, ``out_zero_point``, ``out_mode`` and ``key``), constant from
            ``progress.begin`` to the frame's end.
        o: Words and their places, see :func:`~stillframe.hw.payloads.code_word`; word j of pixel (y, x) has
            offset y * ``out_pitch`` + j * ``out_width`` + x.
    """

    i: stream.Interface
    progress: wiring.PureInterface
    layer: wiring.PureInterface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._drain, self._banks = config.drain, config.banks
        super().__init__(
            {
                "i": In(stream.Signature(PAYLOAD_BYTE)),
                "progress": In(FrameProgress()),
                "layer": In(LayerSignature()),
                "o": Out(stream.Signature(placed(code_word(config)))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, progress = self.layer, self.progress
        byte, word, place = self.i.payload, self.o.p.word, self.o.p.place

        # The position: x runs over the row's end and is then moved into the next rows.
        y = Signal(12)
        x = Signal(13)
        row = Signal(ADDRESS_BITS)  # offset of the row's first word
        mask = Signal(ADDRESS_BITS)  # its first mask word
        offset = Signal(ADDRESS_BITS)  # of the next word
        at_end, beyond, between = Signal(), Signal(), Signal()
        skipped = Signal()

        # The run.
        skipping = Signal()  # the run's count has not come
        remaining = Signal(8)  # pixels still to take
        channel = Signal(12)
        last_channel = Signal(12)
        final = Signal()  # the next byte is its pixel's last
        value = Signal(8)  # goes into the word
        ended, complete = Signal(), Signal()  # the byte was its payload's last, its pixel's last
        at = Signal(self._drain)  # a bit for the element that it goes into
        # It goes into it in this cycle; all of the word is emptied. In registers: elements lie far apart.
        putting, emptying = Signal(self._drain), Signal()
        m.d.sync += [putting.eq(0), emptying.eq(0)]
        first = Signal()  # the next word is its pixel's first
        of_row, of_step = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)

        # In time, because what they are about moves in every second cycle at most.
        m.d.sync += [
            at_end.eq(y == layer.out_height),
            beyond.eq((x >= layer.out_width) & (y != layer.out_height)),
            between.eq(x != 0),
            last_channel.eq(layer.in_channels - 1),
            final.eq(channel == last_channel),
            progress.complete.eq(at_end & ~skipped | ~layer.key & (layer.out_mode == Mode.DELTA)),
        ]
        m.d.comb += [
            of_row.eq(Mux(first, row, offset)),
            of_step.eq(Mux(first, x, layer.out_width)),
            word.offset.eq(offset),
            place.y.eq(y),
            place.mask.eq(mask),
            place.block.eq(x // MASK_COLUMNS),
            place.column.eq(x % MASK_COLUMNS),
            place.first.eq(first),
            place.last.eq(complete),
        ]

        first_element = self._first_element(m, x, y)
        with m.FSM() as fsm:
            m.d.comb += progress.idle.eq(fsm.ongoing("SKIP"))
            with m.State("SKIP"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [x.eq(x + byte.value), skipping.eq(1)]
                    with m.If(byte.value != 0):
                        m.d.sync += skipped.eq(1)
                    with m.If(byte.last):
                        m.d.sync += progress.truncated.eq(1)
                    with m.Else():
                        m.next = "SETTLE"
            with m.State("SETTLE"):  # the position is compared, and the next word emptied, a cycle later
                m.d.sync += [emptying.eq(1), at.eq(1 << first_element), offset.eq(of_row + of_step)]
                m.next = "MOVE"
            with m.State("MOVE"):
                with m.If(beyond):
                    m.d.sync += [
                        x.eq(x - layer.out_width),
                        y.eq(y + 1),
                        row.eq(row + layer.out_pitch),
                        mask.eq(mask + layer.out_mask_pitch),
                    ]
                    m.next = "SETTLE"
                with m.Elif(skipping):
                    m.next = "COUNT"
                    with m.If(at_end & between):
                        m.next = "OVERFLOW"
                with m.Elif((remaining == 0) | ended):
                    m.next = "SKIP"
                with m.Elif(at_end):
                    m.next = "OVERFLOW"
                with m.Else():
                    m.next = "BYTE"
            with m.State("COUNT"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [value.eq(layer.out_zero_point), ended.eq(0)]
                with m.If(self.i.valid):
                    m.d.sync += [remaining.eq(byte.value), skipping.eq(0)]
                    m.next = "SETTLE"
                    with m.If(byte.last & (byte.value != 0)):
                        m.d.sync += [progress.truncated.eq(1), ended.eq(1)]
            with m.State("BYTE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [value.eq(byte.value), ended.eq(byte.last), complete.eq(final)]
                with m.If(self.i.valid):
                    m.d.sync += [channel.eq(channel + 1), putting.eq(at)]
                    m.next = "PUT"
            with m.State("PUT"):
                m.d.sync += at.eq(at << 1)
                m.next = "BYTE"
                with m.If(ended & (~complete | (remaining != 1))):
                    m.d.sync += progress.truncated.eq(1)
                with m.If(complete | at[-1]):
                    m.next = "WORD"
                with m.Elif(ended):
                    m.next = "SKIP"
            with m.State("WORD"):
                m.d.comb += self.o.valid.eq(1)
                m.d.sync += value.eq(layer.out_zero_point)
                with m.If(self.o.ready):
                    m.d.sync += first.eq(complete)
                    with m.If(complete):
                        m.d.sync += [x.eq(x + 1), remaining.eq(remaining - 1), channel.eq(0)]
                    m.next = "SETTLE"
            with m.State("OVERFLOW"):  # the rest of the payload is of no use
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += progress.overflow.eq(1)
                with m.If(self.i.valid & byte.last):
                    m.next = "SKIP"

        with m.If(emptying):
            self._fill(m, value)
        self._put(m, value, putting)
        with m.If(progress.begin & progress.idle):  # a word that waits keeps its place in any case
            m.d.sync += [
                *(s.eq(0) for s in (x, y, row, mask, channel, skipped)),
                *(s.eq(0) for s in (progress.truncated, progress.overflow)),
                first.eq(1),
            ]
        return m

    def _first_element(self, m: Module, x: Value, y: Value) -> Value:
        """The element of pixel (y, x)'s first word that its first channel is."""
        turn = (y + x)[: self._banks.bit_length() - 1]
        element: Value = Const(0)
        for n, bit in enumerate(turn):
            step = Signal(range(self._drain), name=f"step_{n}")
            m.d.sync += step.eq(Mux(self.layer.spread, self.layer.in_channels << n, 0))
            element = element + Mux(bit, step, 0)
        return element

    def _fill(self, m: Module, value: Signal) -> None:
        """Make all of the word padding; ``value`` is the zero point."""
        for code in self.o.p.word.codes:
            m.d.sync += code.eq(value)
        m.d.sync += self.o.p.word.valid.eq(0)

    def _put(self, m: Module, value: Signal, at: Signal) -> None:
        """Put a code into the word; zero points come from the same register, so no code needs a choice."""
        word = self.o.p.word
        for d in range(self._drain):
            with m.If(at[d]):
                m.d.sync += [word.codes[d].eq(value), word.valid[d].eq(1)]
