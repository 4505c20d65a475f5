"""The delta encoder: what changed enough against the value last sent becomes an event."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Mode

from .payloads import code_word
from .signatures import LayerSignature


class DeltaEncoder(wiring.Component):
    """Compares a word of codes with the codes last sent and gives its events.

    The rule stands in docs/architecture.md, The delta encoder.

    Latency ``LATENCY`` cycles from a word to its mask, throughput one word a cycle.

    Ports:
        i: Stream of :func:`~stillframe.hw.payloads.code_word`.
        o: For each word a bit for each of its elements, element 0 lowest: whether it is an event.
        codes_address, codes_en, codes_data: Reads the codes last sent; data is taken in the next cycle and
            must hold as long as ``codes_en`` stays low.
        store_en, store_address, store_codes: Writes the codes sent (CODES).
        event_en, event_address, event_values: Writes the event values (EVENTS), 0 where there is no event.
        clear: Pulse before a layer; ``changed``: an element was sent since then.
        busy: A word is inside.
    """

    LATENCY = 4

    codes_address: Signal
    codes_en: Signal
    store_en: Signal
    store_address: Signal
    event_en: Signal
    event_address: Signal
    clear: Signal
    changed: Signal
    busy: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(code_word(config))),
                "o": Out(stream.Signature(config.drain)),
                "codes_address": Out(ADDRESS_BITS),
                "codes_en": Out(1),
                "codes_data": In(codes),
                "store_en": Out(1),
                "store_address": Out(ADDRESS_BITS),
                "store_codes": Out(codes),
                "event_en": Out(1),
                "event_address": Out(ADDRESS_BITS),
                "event_values": Out(data.ArrayLayout(signed(9), config.drain)),
                "clear": In(1),
                "changed": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        zero_point = layer.out_zero_point

        advance = Signal()
        valid = [Signal(name=f"valid_{n}") for n in range(self.LATENCY)]
        words = [Signal(code_word(config), name=f"word_{n}", reset_less=True) for n in range(self.LATENCY)]
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.codes_address.eq(layer.out_codes + self.i.p.offset),
            self.codes_en.eq(advance & self.i.valid),
            self.o.valid.eq(valid[-1]),
            self.busy.eq(Cat(valid).any()),
        ]
        with m.If(advance):
            m.d.sync += [valid[0].eq(self.i.valid), words[0].eq(self.i.p)]
            for n in range(1, self.LATENCY):
                m.d.sync += [valid[n].eq(valid[n - 1]), words[n].eq(words[n - 1])]

        # Stage 2: the code last sent, in a register since block RAM is late in the cycle; stage 3: the
        # difference; stage 4: what is sent. Results are written once, in stage 4's first cycle, however long
        # the mask has to wait.
        threshold = Mux(layer.key, 0, layer.threshold)
        fresh = Signal()
        m.d.sync += fresh.eq(advance & valid[-2])
        changes = Signal(config.drain)
        with m.If(self.clear):
            m.d.sync += self.changed.eq(0)
        with m.Elif(fresh & changes.any()):
            m.d.sync += self.changed.eq(1)
        m.d.comb += [
            self.store_en.eq(fresh),
            self.store_address.eq(layer.out_codes + words[-1].offset),
            self.event_en.eq(fresh & layer.out_events),
            self.event_address.eq(layer.out_events_base + words[-1].offset),
        ]
        for d in range(config.drain):
            before = Signal(signed(8), name=f"before_{d}", reset_less=True)
            difference = Signal(signed(9), name=f"difference_{d}", reset_less=True)
            sent = Signal(name=f"sent_{d}", reset_less=True)
            distance = Signal(9, name=f"distance_{d}")
            last_sent = Signal(signed(8), name=f"last_sent_{d}", reset_less=True)
            m.d.comb += distance.eq(Mux(difference < 0, -difference, difference))
            # ``before`` and ``difference`` belong to stage 3, ``sent``, ``kept`` and ``delta`` to stage 4.
            kept = Signal(signed(8), name=f"kept_{d}", reset_less=True)
            delta = Signal(signed(9), name=f"delta_{d}", reset_less=True)
            level = Signal(signed(9), name=f"level_{d}")
            with m.If(advance):
                m.d.sync += [
                    last_sent.eq(Mux(layer.key, zero_point, self.codes_data[d])),
                    before.eq(last_sent),
                    difference.eq(words[1].codes[d] - last_sent),
                    sent.eq(words[2].valid[d] & (distance > threshold)),
                    kept.eq(before),
                    delta.eq(difference),
                ]
            code = Mux(sent, words[-1].codes[d], kept)
            m.d.comb += [
                changes[d].eq(sent),
                level.eq(code - zero_point),
                self.store_codes[d].eq(code),
            ]
            with m.Switch(layer.out_mode):
                with m.Case(Mode.DELTA):
                    m.d.comb += [self.o.p[d].eq(sent), self.event_values[d].eq(Mux(sent, delta, 0))]
                with m.Case(Mode.DIRECT):
                    m.d.comb += [
                        self.o.p[d].eq(words[-1].valid[d] & (level != 0)),
                        self.event_values[d].eq(level),
                    ]
                with m.Default():
                    m.d.comb += [self.o.p[d].eq(words[-1].valid[d]), self.event_values[d].eq(level)]
        return m
