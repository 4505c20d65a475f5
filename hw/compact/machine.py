"""The compact accelerator: processor, memory, and the units that the microprogram sets to work."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig

from .byte_link import ByteLink
from .isa import Get, Put
from .lanes import Lanes
from .memory import SharedMemory
from .processor import Processor
from .program import microprogram
from .scaler import Scaler
from .scanner import Scanner


class CompactAccelerator(wiring.Component):
    """An accelerator with the ports, packets and memories of :class:`~stillframe.hw.accelerator.Accelerator`.

    All memories of the host's are parts of one, which processor, scanner and lanes use in turn. A layer is worked
    off pixel by pixel: the scanner makes a list of the events in the pixel's receptive field, the lanes multiply
    the list by the weights of four output channels, then of the next four, and the processor adds the state,
    has the sum requantised, and encodes.

    Args:
        config: The array: 1 bank of 4 lanes, 1 element a word.

    Members:
        rx: Bytes from the host.
        tx: Bytes to the host.
    """

    rx: stream.Interface
    tx: stream.Interface

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.processor = processor = Processor(microprogram(self._config))
        m.submodules.memory = memory = SharedMemory()
        m.submodules.link = link = ByteLink()
        m.submodules.scanner = scanner = Scanner()
        m.submodules.lanes = lanes = Lanes()
        m.submodules.scaler = scaler = Scaler()
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        m.d.comb += [lanes.event_en.eq(scanner.event_en), lanes.event.eq(scanner.event)]

        # The memory is the scanner's or the lanes' while they are busy, else the processor's.
        busy = scanner.busy | lanes.busy
        m.d.comb += [
            processor.mem_ready.eq(~busy),
            memory.en.eq(scanner.mem_en | lanes.mem_en | (processor.mem_en & ~busy)),
            memory.write.eq(Mux(busy, 0, processor.mem_write)),
            memory.data.eq(processor.mem_data),
            processor.mem_word.eq(memory.word),
            processor.mem_byte.eq(memory.byte),
            scanner.mem_byte.eq(memory.byte),
            lanes.mem_word.eq(memory.word),
        ]
        with m.If(lanes.busy):
            m.d.comb += memory.address.eq(lanes.mem_address)
        with m.Elif(scanner.busy):
            m.d.comb += memory.address.eq(scanner.mem_address)
        with m.Else():
            m.d.comb += memory.address.eq(processor.mem_address)

        self._connect_puts(m, processor, link, scanner, lanes, scaler)
        self._connect_gets(m, processor, link, lanes, scaler, busy)
        return m

    @staticmethod
    def _connect_puts(
        m: Module, processor: Processor, link: ByteLink, scanner: Scanner, lanes: Lanes, scaler: Scaler
    ) -> None:
        value = processor.put_data
        m.d.comb += [link.put_data.eq(value), scanner.value.eq(value), scaler.value.eq(value)]
        m.d.comb += lanes.base.eq(value)
        pulses = {
            Put.CRC: link.restart,
            Put.LIST: lanes.clear,
            Put.SCAN_MODE: scanner.put_mode,
            Put.SCAN_ZERO: scanner.put_zero,
            Put.SCAN_OLD: scanner.put_old,
            Put.SCAN_MASK_STEP: scanner.put_mask_step,
            Put.SCAN_CODE_STEP: scanner.put_code_step,
            Put.SCAN_WEIGHT_STEP: scanner.put_weight_step,
            Put.SCAN_SELECT: scanner.put_select,
            Put.SCAN_MASKS: scanner.put_masks,
            Put.SCAN_CODES: scanner.put_codes,
            Put.SCAN_WEIGHTS: scanner.put_weights,
            Put.SCAN: scanner.put_scan,
            Put.MAC: lanes.start,
            Put.SCALE_ONCE: scaler.put_once,
            Put.SCALE_MULTIPLIER: scaler.put_multiplier,
            Put.SCALE_SHIFT: scaler.put_shift,
            Put.SCALE: scaler.start,
        }
        waits = {Put.TX: link.put_ready, Put.CRC: link.idle}
        waits |= {port: ~scanner.busy for port in pulses if "SCAN" in port.name}
        waits |= {port: ~scaler.busy for port in pulses if "SCALE" in port.name}
        with m.If(processor.put):
            with m.Switch(processor.port):
                for port in Put:
                    with m.Case(port):
                        ready = waits.get(port, 1)
                        m.d.comb += processor.ready.eq(ready)
                        m.d.comb += link.put.eq(1) if port is Put.TX else pulses[port].eq(ready)

    @staticmethod
    def _connect_gets(
        m: Module, processor: Processor, link: ByteLink, lanes: Lanes, scaler: Scaler, busy: Signal
    ) -> None:
        cycles = Signal(32)
        m.d.sync += cycles.eq(cycles + 1)
        answers = {
            Get.RX: (link.get_ready, link.get_data),
            Get.CRC: (link.idle, link.crc),
            Get.LIST: (~busy, lanes.count),
            Get.SUM: (~busy, lanes.sum),
            Get.SCALED: (~scaler.busy, scaler.result),
            Get.CYCLES: (1, cycles),
        }
        with m.Switch(processor.port):
            for port, (ready, value) in answers.items():
                with m.Case(port):
                    m.d.comb += processor.get_data.eq(value)
                    with m.If(processor.get):
                        m.d.comb += processor.ready.eq(ready)
        with m.If(processor.get & (processor.port == Get.RX)):
            m.d.comb += link.get.eq(1)
        with m.If(processor.get & (processor.port == Get.SUM) & processor.ready):
            m.d.comb += lanes.next.eq(1)
