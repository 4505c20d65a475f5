"""The activation table against a list, in Amaranth's simulator."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from stream_bench import Write, run_stream

from stillframe.contract import ArrayConfig
from stillframe.contract.array import TABLE_ROWS
from stillframe.hw.activation_table import ActivationTable

CONFIG = ArrayConfig.parse("1x16@25F")
BLOCKS = CONFIG.tables_words // TABLE_ROWS
PARAMS = 77
"""PARAMS row of the layer's first word."""


def tables(rng: random.Random, drain: int) -> tuple[list[list[list[int]]], list[Write]]:
    """Codes by block, lane and code + 128, and the host's writes of them."""
    codes = [[[rng.randrange(-128, 128) for _ in range(256)] for _ in range(drain)] for _ in range(BLOCKS)]

    def four(lane: list[int], row: int) -> int:
        return int.from_bytes([code % 256 for code in lane[4 * row : 4 * row + 4]], "little")

    writes = [
        (d, block * TABLE_ROWS + row, four(lane, row))
        for block, lanes in enumerate(codes)
        for d, lane in enumerate(lanes)
        for row in range(TABLE_ROWS)
    ]
    rng.shuffle(writes)
    return codes, writes


def words(rng: random.Random, drain: int, first_block: int, count: int) -> list[dict[str, Any]]:
    """Words whose channels have a block each, from ``first_block`` on; the ends of the range are not rare."""
    return [
        {
            "codes": [rng.choice([-128, -1, 0, 127, rng.randrange(-128, 128)]) for _ in range(drain)],
            "row": PARAMS + rng.randrange(BLOCKS - first_block),
            "offset": rng.randrange(2**16),
            "valid": rng.randrange(2**drain),
        }
        for _ in range(count)
    ]


def without_row(word: dict[str, Any], codes: list[int]) -> dict[str, Any]:
    return {"offset": word["offset"], "codes": codes, "valid": word["valid"]}


@pytest.mark.parametrize(
    ("drain", "shared", "first_block", "stall"),
    [
        (1, 0, 0, 0.0),
        (2, 0, 5, 0.3),
        (2, 1, 5, 0.3),
        (4, 0, 3, 0.8),
        (4, 1, 0, 0.0),
        (16, 0, 5, 0.3),
        (32, 1, 3, 0.3),
    ],
)
def test_codes_are_looked_up(drain: int, shared: int, first_block: int, stall: float) -> None:
    rng = random.Random(f"{drain} {shared} {first_block}")
    config = replace(CONFIG, drain=drain)
    codes, writes = tables(rng, drain)
    sent = words(rng, drain, first_block, 150)
    layer = {"use_table": 1, "table_shared": shared, "table": first_block, "params": PARAMS}
    run = run_stream(ActivationTable(config), sent, layer=layer, writes=writes, stall=stall)

    def block(word: dict[str, Any]) -> int:
        return first_block + (0 if shared else word["row"] - PARAMS)

    assert run.words == [
        without_row(word, [codes[block(word)][d][code + 128] for d, code in enumerate(word["codes"])])
        for word in sent
    ]


def test_codes_pass_unchanged_without_a_table() -> None:
    rng = random.Random(5)
    _, writes = tables(rng, 2)
    sent = words(rng, 2, 0, 100)
    layer = {"use_table": 0, "params": PARAMS}
    run = run_stream(ActivationTable(CONFIG), sent, layer=layer, writes=writes, stall=0.4)
    assert run.words == [without_row(word, word["codes"]) for word in sent]


def test_latency_and_one_word_a_cycle() -> None:
    sent = words(random.Random(6), 2, 0, 40)
    run = run_stream(ActivationTable(CONFIG), sent, layer={"use_table": 1, "params": PARAMS})
    assert run.taken == list(range(run.taken[0], run.taken[0] + 40))
    latency = [after - before for before, after in zip(run.taken, run.given, strict=True)]
    assert latency == [ActivationTable.LATENCY] * 40
