"""Activation functions as tables: any function of an int8 code, per channel or shared (PRELU, sigmoid)."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS, TABLE_ROWS, ArrayConfig

from .payloads import code_word, table_word
from .signatures import COLUMN_BITS, LayerSignature


class ActivationTable(wiring.Component):
    """Replaces a word of ``drain`` codes a cycle by what the layer's tables say, or passes it unchanged.

    A word leaves :attr:`LATENCY` cycles after it was taken, if nothing stalls; throughput one word a cycle.
    The whole pipeline stands still while the word at its end is not taken.

    Attributes:
        i: Stream of :func:`~stillframe.hw.payloads.table_word`. The tables of a word are in block
            ``layer.table + row - layer.params``, or in block ``layer.table`` if they are shared; the rows
            of a ``fused`` layer's sums are ``layer.out_words`` further on.
        o: Stream of :func:`~stillframe.hw.payloads.code_word`.
        layer: ``use_table``, ``table_shared`` and what is named above are used. They are constant from the
            cycle before the layer's first word until its last has left.
        write_en, write_column, write_row, write_data: Host's port to TABLES: four int8 codes of element
            ``column``, from code -128 up; for use while no word is in the pipeline.
    """

    LATENCY = 4

    i: stream.Interface
    o: stream.Interface
    layer: wiring.PureInterface
    write_en: Signal
    write_column: Signal
    write_row: Signal
    write_data: Signal

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(table_word(config))),
                "o": Out(stream.Signature(code_word(config))),
                "layer": In(LayerSignature()),
                "write_en": In(1),
                "write_column": In(COLUMN_BITS),
                "write_row": In(ADDRESS_BITS),
                "write_data": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        i, o, layer, drain = self.i, self.o, self.layer, self.config.drain

        advance = Signal()
        valid = Signal(self.LATENCY)
        m.d.comb += [advance.eq(~o.valid | o.ready), i.ready.eq(advance), o.valid.eq(valid[-1])]
        with m.If(advance):
            m.d.sync += valid.eq(Cat(i.valid, valid))
        m.d.sync += Assert(~(self.write_en & i.valid), "TABLES written while words pass through them")

        # 1: the block; 2: the block RAM; 3: a fabric register after it; 4: the byte of the four.
        words = [i.p]
        for stage in range(self.LATENCY - 1):
            kept = Signal(table_word(self.config), name=f"word_{stage}", reset_less=True)
            with m.If(advance):
                m.d.sync += kept.eq(words[-1])
            words.append(kept)

        blocks = range(self.config.tables_words // TABLE_ROWS)
        base = Signal(blocks, reset_less=True)
        block = Signal(blocks, reset_less=True)
        first = layer.params + Mux(layer.fused, layer.out_words, 0)
        m.d.sync += base.eq(layer.table - Mux(layer.table_shared, 0, first))
        with m.If(advance):
            m.d.sync += block.eq(base + Mux(layer.table_shared, 0, i.p.row))

        for name in ("offset", "valid"):
            kept = Signal.like(o.p[name], name=f"{name}_out", reset_less=True)
            with m.If(advance):
                m.d.sync += kept.eq(words[3][name])
            m.d.comb += o.p[name].eq(kept)

        for d in range(drain):
            m.submodules[f"table_{d}"] = table = Memory(
                shape=32, depth=self.config.tables_words, init=[], attrs={"ram_style": "block"}
            )
            write, read = table.write_port(), table.read_port()
            # Tables start at code -128: the code with its sign inverted counts from there.
            index = words[1].codes[d].as_unsigned() ^ 0x80
            four = Signal(32, name=f"four_{d}", reset_less=True)
            code = Signal(8, name=f"code_{d}", reset_less=True)
            before = words[3].codes[d].as_unsigned()
            m.d.comb += [
                write.addr.eq(self.write_row),
                write.data.eq(self.write_data),
                write.en.eq(self.write_en & (self.write_column == d)),
                read.addr.eq(Cat(index[2:], block)),
                read.en.eq(advance),
                o.p.codes[d].eq(code),
            ]
            with m.If(advance):
                m.d.sync += [
                    four.eq(read.data),
                    code.eq(Mux(layer.use_table, four.word_select(before[:2], 8), before)),
                ]
        return m
