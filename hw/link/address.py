"""Which addresses the host may use, as the array has them."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, ArrayConfig
from stillframe.contract.memory_map import READABLE, WRITABLE, Memory, columns, rows
from stillframe.contract.packets import READ_WORDS


class AddressCheck(wiring.Component):
    """Says whether a WRITE or READ stays within the memories.

    Latency: 3 cycles, ``LATENCY``; free running.

    Args:
        config: The array, for the sizes of its memories.

    Members:
        memory, column, row, count: Address and number of words, as they came with the request.
        write: A WRITE, not a READ.
        fault: The memory does not exist or is not open to this request, or a word lies outside it.
    """

    LATENCY = 3

    memory: Signal
    column: Signal
    row: Signal
    count: Signal
    write: Signal
    fault: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        super().__init__(
            {
                "memory": In(8),
                "column": In(8),
                "row": In(32),
                "count": In(16),
                "write": In(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Of the memory, and the row behind the last word; what is above the address bits counts apart.
        row_limit = Signal(ADDRESS_BITS + 1)
        column_limit = Signal(8)
        closed = Signal()
        end = Signal(ADDRESS_BITS + 1)
        m.d.sync += [
            closed.eq(1),
            row_limit.eq(0),
            column_limit.eq(0),
            end.eq(self.row[:ADDRESS_BITS] + self.count),
        ]
        with m.Switch(self.memory):
            for memory in Memory:
                with m.Case(memory):
                    m.d.sync += [
                        row_limit.eq(rows(memory, self._config)),
                        column_limit.eq(columns(memory, self._config)),
                    ]
                    if memory in WRITABLE:
                        with m.If(self.write):
                            m.d.sync += closed.eq(0)
                    if memory in READABLE:
                        with m.If(~self.write):
                            m.d.sync += closed.eq(0)

        beside, behind, far, long = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            beside.eq(self.column >= column_limit),
            behind.eq(end > row_limit),
            far.eq(self.row[ADDRESS_BITS:].any()),
            long.eq(~self.write & (self.count > READ_WORDS)),
            self.fault.eq(closed | beside | behind | far | long),
        ]
        return m
