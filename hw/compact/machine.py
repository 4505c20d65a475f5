"""The compact accelerator: processor, memory, and the units that the microprogram sets to work."""

from __future__ import annotations

from itertools import combinations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.hw.signatures import DeviceStatus

from .byte_link import ByteLink
from .encoder import Encoder
from .finisher import Finisher
from .isa import Get, Put
from .lanes import Lanes
from .memory import SharedMemory
from .processor import Processor
from .program import microprogram
from .scanner import Scanner


class CompactAccelerator(wiring.Component):
    """An accelerator with the ports, packets and memories of :class:`~stillframe.hw.accelerator.Accelerator`.

    All memories of the host's are parts of one, which processor, scanner and lanes use in turn. A layer is
    worked off pixel by pixel: the scanner makes a list of the events in the pixel's receptive field, the
    lanes multiply the list by the weights of four output channels, then of the next four, and the processor
    adds the state, has the sum requantised, and encodes.

    Args:
        config: The array: 1 bank of 4 lanes, 1 element a word.

    Members:
        rx: Bytes from the host.
        tx: Bytes to the host.
        status: For the board's lights and watchdog; the microprogram puts it.
    """

    rx: stream.Interface
    tx: stream.Interface
    status: wiring.PureInterface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "status": Out(DeviceStatus()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.processor = processor = Processor(microprogram(self._config))
        m.submodules.link = link = ByteLink()
        m.submodules.scanner = scanner = Scanner()
        m.submodules.lanes = lanes = Lanes()
        m.submodules.finisher = finisher = Finisher()
        m.submodules.encoder = encoder = Encoder()
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        m.d.comb += [
            lanes.event_en.eq(scanner.event_en),
            lanes.event.eq(scanner.event),
            lanes.next.eq(finisher.next),
            finisher.sum.eq(lanes.sum),
            finisher.step.eq(encoder.code_step),
            finisher.code_busy.eq(encoder.busy),
            encoder.start.eq(finisher.code_start),
        ]
        busy = scanner.busy | lanes.busy | finisher.busy | encoder.busy
        self._share_memory(m, busy, scanner, lanes, encoder, finisher, processor)
        self._connect_puts(m, processor, link, scanner, lanes, finisher, encoder)
        self._connect_gets(m, processor, link, lanes, encoder, busy)
        self._show(m, processor)
        return m

    @staticmethod
    def _share_memory(
        m: Module,
        busy: Value,
        scanner: Scanner,
        lanes: Lanes,
        encoder: Encoder,
        finisher: Finisher,
        processor: Processor,
    ) -> None:
        """The memory is the processor's while no unit is busy; of the units only one wants it at a time."""
        m.submodules.memory = memory = SharedMemory()
        m.d.comb += [
            processor.mem_ready.eq(~busy),
            memory.en.eq(scanner.mem_en | lanes.mem_en | encoder.mem_en | finisher.mem_en),
            memory.address.eq(processor.mem_address),
            memory.data.eq(processor.mem_data),
        ]
        with m.If(encoder.busy):
            m.d.comb += [
                memory.address.eq(encoder.mem_address),
                memory.data.eq(encoder.mem_data.replicate(4)),
                memory.write.eq(encoder.mem_write << encoder.mem_address[:2]),
            ]
        with m.Elif(finisher.busy):
            m.d.comb += [
                memory.address.eq(finisher.mem_address),
                memory.data.eq(finisher.mem_data),
                memory.write.eq(finisher.mem_write.replicate(4)),
            ]
        with m.Elif(lanes.busy):
            m.d.comb += memory.address.eq(lanes.mem_address)
        with m.Elif(scanner.busy):
            m.d.comb += memory.address.eq(scanner.mem_address)
        with m.Else():
            m.d.comb += [memory.en.eq(processor.mem_en), memory.write.eq(processor.mem_write)]
        for unit in (processor, lanes, finisher):
            m.d.comb += unit.mem_word.eq(memory.word)
        for unit in (processor, scanner, finisher, encoder):
            m.d.comb += unit.mem_byte.eq(memory.byte)
        wanting = [unit.mem_en for unit in (scanner, lanes, encoder, finisher)]
        m.d.sync += [Assert(~(a & b)) for a, b in combinations(wanting, 2)]

    @staticmethod
    def _connect_puts(
        m: Module,
        processor: Processor,
        link: ByteLink,
        scanner: Scanner,
        lanes: Lanes,
        finisher: Finisher,
        encoder: Encoder,
    ) -> None:
        value = processor.put_data
        m.d.comb += [
            link.put_data.eq(value),
            scanner.value.eq(value),
            lanes.base.eq(value),
            finisher.value.eq(value),
            encoder.value.eq(Mux(finisher.busy, finisher.code, value)),
        ]
        finished = ~finisher.busy
        commands = {  # each with what it waits for
            Put.TX: (link.put, link.put_ready),
            Put.CRC: (link.restart, link.idle),
            Put.LIST: (lanes.clear, 1),
            Put.SCAN: (scanner.put_scan, ~scanner.busy & finished),
            Put.MAC: (lanes.start, finished),
            Put.FINISH: (finisher.start, finished & ~lanes.busy),
            Put.FINISH_CODE: (finisher.start_code, finished),
            Put.FINISH_LEAVE: (finisher.leave, finished),
            Put.ENCODE_CLEAR: (encoder.clear, finished),
        }
        m.d.comb += encoder.leave.eq(finisher.leave)
        for unit, prefix, ready in (
            (scanner, "SCAN", ~scanner.busy),
            (finisher, "FINISH", finished),
            (encoder, "ENCODE", finished),
        ):
            for port in Put:
                if port.name.startswith(f"{prefix}_") and port not in commands:
                    name = port.name.removeprefix(f"{prefix}_").lower()
                    commands[port] = getattr(unit, f"put_{name}"), ready
        with m.If(processor.put), m.Switch(processor.port):
            for port, (pulse, ready) in commands.items():
                with m.Case(port):
                    m.d.comb += [processor.ready.eq(ready), pulse.eq(1 if port is Put.TX else ready)]

    @staticmethod
    def _connect_gets(
        m: Module, processor: Processor, link: ByteLink, lanes: Lanes, encoder: Encoder, busy: Value
    ) -> None:
        cycles = Signal(32)
        m.d.sync += cycles.eq(cycles + 1)
        answers = {
            Get.RX: (link.get_ready, link.get_data),
            Get.CRC: (link.idle, link.crc),
            Get.LIST: (~busy, lanes.count),
            Get.CHANGED: (~busy, encoder.changed),
            Get.CYCLES: (1, cycles),
        }
        with m.Switch(processor.port):
            for port, (ready, value) in answers.items():
                with m.Case(port):
                    m.d.comb += processor.get_data.eq(value)
                    with m.If(processor.get):
                        m.d.comb += processor.ready.eq(ready)
        m.d.comb += link.get.eq(processor.get & (processor.port == Get.RX))

    def _show(self, m: Module, processor: Processor) -> None:
        status, shown = self.status, processor.put_data
        m.d.sync += [status.layer.eq(0), status.damaged.eq(0)]
        with m.If(processor.put & (processor.port == Put.STATUS)):
            m.d.comb += processor.ready.eq(1)
            m.d.sync += Cat(status.session, status.working, status.layer, status.damaged).eq(shown)
