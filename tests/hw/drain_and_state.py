"""Drain and state update joined as in the accelerator, to be tested as one."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.hw.drain import Drain
from stillframe.hw.payloads import TAG, sum_word, sums
from stillframe.hw.signatures import HostBus, LayerSignature
from stillframe.hw.state_update import StateUpdate


class DrainAndState(wiring.Component):
    """Sums and tags in, words of complete accumulators out; the ports are those of the two."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "layer": In(LayerSignature()),
                "host": In(HostBus()),
                "i": In(stream.Signature(sums(config))),
                "tags": In(stream.Signature(TAG)),
                "o": Out(stream.Signature(sum_word(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.drain = drain = Drain(self._config)
        m.submodules.state = state = StateUpdate(self._config)
        wiring.connect(m, wiring.flipped(self.layer), drain.layer)
        for name in self.layer.signature.members:
            m.d.comb += getattr(state.layer, name).eq(getattr(self.layer, name))
        wiring.connect(m, wiring.flipped(self.host), state.host)
        wiring.connect(m, wiring.flipped(self.i), drain.i)
        wiring.connect(m, wiring.flipped(self.tags), drain.tags)
        wiring.connect(m, drain.o, state.i)
        wiring.connect(m, state.o, wiring.flipped(self.o))
        return m
