"""The delta encoder: what changed enough against the value last sent becomes an event."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.layer import Mode

from .code_memory import CodeMemory
from .handed_on import handed_on
from .payloads import code_word
from .signatures import LayerSignature


class DeltaEncoder(wiring.Component):
    """Compares a word of codes with the codes last sent and gives its events.

    The rule stands in docs/architecture.md, The delta encoder.

    Latency ``LATENCY`` cycles from a word to its mask, throughput one word a cycle; nothing stalls.

    Ports:
        i: Stream of :func:`~stillframe.hw.payloads.code_word`, always ready.
        valid, o: For each word a bit for each of its elements, element 0 lowest: whether it is an event.
        codes_next, codes_address: In the next cycle, ``READ`` cycles after a word came, the codes last sent
            are read, and where.
        codes_data: They are expected ``CodeMemory.LATENCY`` cycles after that.
        store_en, store_address, store_codes: Writes the codes sent (CODES).
        event_en, event_address, event_values: Writes the event values (EVENTS), 0 where there is no event.
        clear: Pulse before a layer; ``changed``: an element was sent since then. It comes a cycle behind
            the element's mask, for elements lie across the chip.
    """

    READ = 2
    LATENCY = READ + CodeMemory.LATENCY + 4

    codes_next: Signal
    codes_address: Signal
    store_en: Signal
    store_address: Signal
    event_en: Signal
    event_address: Signal
    clear: Signal
    changed: Signal
    valid: Signal
    i: stream.Interface
    o: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        codes = data.ArrayLayout(signed(8), config.drain)
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "i": In(stream.Signature(code_word(config))),
                "valid": Out(1),
                "o": Out(config.drain),
                "codes_next": Out(1),
                "codes_address": Out(ADDRESS_BITS),
                "codes_data": In(codes),
                "store_en": Out(1),
                "store_address": Out(ADDRESS_BITS),
                "store_codes": Out(codes),
                "event_en": Out(1),
                "event_address": Out(ADDRESS_BITS),
                "event_values": Out(data.ArrayLayout(signed(9), config.drain)),
                "clear": In(1),
                "changed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layer = self._config, self.layer
        valid, words = [self.i.valid], [self.i.p]
        for n in range(1, self.LATENCY + 1):
            word, full = (
                Signal(code_word(config), name=f"word_{n}", reset_less=True),
                Signal(name=f"valid_{n}"),
            )
            m.d.sync += [word.eq(words[-1]), full.eq(valid[-1])]
            words.append(word)
            valid.append(full)

        # Stages after which there are: the address; the codes last sent; the differences; what is sent; and
        # all that is written.
        arrived = self.READ + CodeMemory.LATENCY
        threshold = Mux(layer.key, 0, layer.threshold)
        constants = {
            "key": layer.key,
            "zero_point": layer.out_zero_point,
            "most": threshold,
            "least": -threshold,
            "delta": layer.out_mode == Mode.DELTA,
            "direct": layer.out_mode == Mode.DIRECT,
        }
        parts = 4 if config.banks > 1 else 1  # of the elements
        handed = {name: handed_on(m, name, value, parts, valid[arrived]) for name, value in constants.items()}
        changes, some = Signal(config.drain), Signal(reset_less=True)
        m.d.sync += some.eq(changes.any())
        with m.If(self.clear):
            m.d.sync += self.changed.eq(0)
        with m.Elif(valid[-1] & some):
            m.d.sync += self.changed.eq(1)
        m.d.comb += [
            self.i.ready.eq(1),
            self.codes_next.eq(valid[self.READ - 1]),
            self.codes_address.eq(layer.out_codes + words[self.READ - 1].offset),
            self.valid.eq(valid[-1]),
            self.store_en.eq(valid[-1]),
        ]
        m.d.sync += [
            self.store_address.eq(layer.out_codes + words[-2].offset),
            self.event_en.eq(valid[-2] & layer.out_events),
            self.event_address.eq(layer.out_events_base + words[-2].offset),
        ]
        for d in range(config.drain):
            key, zero_point, most, least, delta_mode, direct_mode = (
                copies[d * parts // config.drain] for copies in handed.values()
            )
            last_sent = Signal(signed(8), name=f"last_sent_{d}", reset_less=True)
            before = Signal(signed(8), name=f"before_{d}", reset_less=True)
            difference = Signal(signed(9), name=f"difference_{d}", reset_less=True)
            kept = Signal(signed(8), name=f"kept_{d}", reset_less=True)
            delta = Signal(signed(9), name=f"delta_{d}", reset_less=True)
            sent = Signal(name=f"sent_{d}", reset_less=True)
            event = Signal(signed(9), name=f"event_{d}", reset_less=True)
            level = Signal(signed(9), name=f"level_{d}", reset_less=True)
            changed = (difference > most) | (difference < least)
            code = Mux(sent, words[-2].codes[d], kept)
            real = words[-2].valid[d]
            m.d.sync += [
                last_sent.eq(Mux(key, zero_point, self.codes_data[d])),
                before.eq(last_sent),
                difference.eq(words[arrived + 1].codes[d] - last_sent),
                kept.eq(before),
                delta.eq(difference),
                sent.eq(words[arrived + 2].valid[d] & changed),
                event.eq(Mux(sent, delta, 0)),
                level.eq(code - zero_point),
                self.store_codes[d].eq(code),
            ]
            m.d.comb += [changes[d].eq(sent), self.event_values[d].eq(Mux(delta_mode, event, level))]
            m.d.sync += self.o[d].eq(Mux(delta_mode, sent, real & (~direct_mode | (code != zero_point))))
        return m
