"""Which addresses the host may use, and the info memory, both fixed by the array."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ArrayConfig
from stillframe.contract.memory_map import READABLE, WRITABLE, Memory, columns, info_words, rows
from stillframe.contract.packets import READ_WORDS


class AddressCheck(wiring.Component):
    """Says whether a WRITE or READ stays within the memories.

    Latency: 2 cycles, ``LATENCY``; free running.

    Args:
        config: The array, for the sizes of its memories.

    Members:
        memory, column, row, count: Address and number of words, as they came with the request.
        write: A WRITE, not a READ.
        fault: The memory does not exist or is not open to this request, or a word lies outside it.
    """

    LATENCY = 2

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
        row_limit = Signal(33)
        column_limit = Signal(8)
        closed = Signal()
        end = Signal(33)
        m.d.sync += [closed.eq(1), row_limit.eq(0), column_limit.eq(0)]
        with m.Switch(self.memory):
            for memory in Memory:
                with m.Case(memory):
                    m.d.sync += [
                        row_limit.eq(rows(memory, self._config)),
                        column_limit.eq(columns(memory, self._config)),
                        closed.eq(Mux(self.write, memory not in WRITABLE, memory not in READABLE)),
                    ]
        m.d.sync += [
            end.eq(self.row + self.count),
            self.fault.eq(
                closed
                | (self.column >= column_limit)
                | (end > row_limit)
                | (~self.write & (self.count > READ_WORDS))
            ),
        ]
        return m


class InfoMemory(wiring.Component):
    """The info memory: what array this is.

    Latency: none, combinational.

    Args:
        config: The array that it describes.

    Members:
        row: See :data:`~stillframe.contract.memory_map.INFO_FIELDS`; rows beyond read 0.
        word: The row's content.
    """

    row: Signal
    word: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self._words = info_words(config)
        super().__init__({"row": In(range(len(self._words))), "word": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with m.Switch(self.row):
            for row, word in enumerate(self._words):
                with m.Case(row):
                    m.d.comb += self.word.eq(word)
        return m
