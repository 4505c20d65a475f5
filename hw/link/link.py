"""The host's link: packets in, packets out, and everything that they ask for."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from stillframe.contract.array import ArrayConfig
from stillframe.hw.payloads import code_word, placed
from stillframe.hw.signatures import FrameControl, HostBus, LayerSignature

from .commands import CommandProcessor
from .frame import FrameReceiver
from .receiver import PacketReceiver
from .sender import PacketSender


class Link(wiring.Component):
    """Receiver, command processor, frame receiver and sender in one.

    What its parents can rely on is written down in :class:`~stillframe.hw.link.commands.CommandProcessor`
    (``bus``, ``control``) and :class:`~stillframe.hw.link.frame.FrameReceiver` (``layer``, ``words``).

    Args:
        config: The array.

    Members:
        rx, tx: Bytes from and to the host.
        bus: The memories.
        control: The sequencer.
        layer: Registers of the layer being run; read only between BEGIN and RUN, when it is layer 0.
        words: New codes of the input tensor and their places, pixel by pixel; what is left out keeps its
            value.
        session: A HELLO has come since the last reset. damaged: Pulse, a damaged packet came.
    """

    rx: stream.Interface
    tx: stream.Interface
    bus: wiring.PureInterface
    control: wiring.PureInterface
    layer: wiring.PureInterface
    words: stream.Interface
    session: Signal
    damaged: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "bus": Out(HostBus()),
                "control": Out(FrameControl()),
                "layer": In(LayerSignature()),
                "words": Out(stream.Signature(placed(code_word(config)))),
                "session": Out(1),
                "damaged": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = PacketReceiver()
        m.submodules.commands = commands = CommandProcessor(self._config)
        m.submodules.frame = frame = FrameReceiver(self._config)
        m.submodules.sender = sender = PacketSender()

        connect(m, flipped(self.rx), receiver.i)
        connect(m, receiver.header, commands.header)
        connect(m, receiver.payload, commands.payload)
        m.d.comb += [
            commands.damaged.eq(receiver.damaged),
            self.session.eq(commands.session),
            self.damaged.eq(commands.refused),
        ]
        connect(m, commands.runs, frame.i)
        connect(m, commands.progress, frame.progress)
        connect(m, flipped(self.layer), frame.layer)
        connect(m, frame.o, flipped(self.words))
        connect(m, commands.bus, flipped(self.bus))
        connect(m, commands.control, flipped(self.control))
        connect(m, commands.reply, sender.header)
        connect(m, commands.reply_payload, sender.payload)
        connect(m, sender.o, flipped(self.tx))
        return m
