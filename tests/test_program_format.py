"""docs/program-format.md says what the code says."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import fields, replace
from pathlib import Path

import pytest

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Memory
from stillframe.contract.host import HostPart, HostTensor
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.contract.memory_map import COUNTER_WORDS, LAYER_WORDS, PROTOCOL_VERSION, columns, rows
from stillframe.contract.packets import Packet, Status
from stillframe.contract.program import FORMAT_VERSION
from stillframe.contract.reference import TABLES, renew
from stillframe.frontend import read_tflite

PAGE = (Path(__file__).parent.parent / "docs" / "program-format.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def first_column(text: str) -> list[str]:
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


def test_tables_are_up_to_date() -> None:
    assert set(re.findall(r"<!-- table: (\w+) -->", PAGE)) == set(TABLES)
    assert renew(PAGE) == PAGE, "python -m stillframe.contract.reference docs/program-format.md"


def test_every_field_stands_there() -> None:
    assert set(re.findall(r"\| `(\w+)` \|", section("The layer descriptor"))) == set(LAYER_FIELDS)


def test_keys_of_the_header(small_tflite: Path) -> None:
    graph = read_tflite(small_tflite.read_bytes(), "small", "small")
    program = compile_graph(graph, ArrayConfig.parse("1x16"))
    part = HostPart(b"", (HostTensor("a", (1,), "int8"),), ())
    data = replace(program, head=part, tail=part).to_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length])
    keys = re.findall(r"`(\w+)`", " ".join(first_column(section("The file").split("header's keys:")[1])))
    assert set(keys) == set(header)
    for key in ("tensors", "layers", "outputs", "segments"):
        (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{key}` |"))
        named = set(re.findall(r"`(\w+)`", line)) - {key}
        assert named == set(header[key][0]), key
    (line,) = (line for line in PAGE.splitlines() if line.startswith("| `head`, `tail` |"))
    assert set(header["head"]) | set(header["head"]["inputs"][0]) <= set(re.findall(r"`(\w+)`", line))


@pytest.mark.parametrize("array", ["1x4@25F", "1x16"])
def test_memories(array: str) -> None:
    config = ArrayConfig.parse(array)
    table = section("Memories")
    lines = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    cells = {line[1].strip(): (line[2].strip(), line[3].strip()) for line in lines}
    drain = config.drain
    column_texts = {
        "1": 1, "L / 4": config.total_lanes // 4, "3 D": 3 * drain, "D": drain,
        "D / 4, rounded up": -(-drain // 4),
    }  # fmt: skip
    row_texts = {"32 a layer": LAYER_WORDS * config.layers, "4 a layer": COUNTER_WORDS * config.layers}
    row_texts |= {f"`{f.name}`": getattr(config, f.name) for f in fields(config)}
    for memory in Memory:
        column_text, row_text = cells[memory.name]
        assert columns(memory, config) == column_texts[column_text], memory
        if memory is not Memory.INFO:
            assert rows(memory, config) == row_texts[row_text], memory


def test_requests_and_statuses() -> None:
    names = first_column(section("Packets"))
    assert [n for n in names if n in Packet.__members__] == list(Packet.__members__)
    assert [n for n in names if n in Status.__members__] == list(Status.__members__)


def test_messages_name_the_versions_of_now() -> None:
    text = section("Versions")
    assert f"expected format version {FORMAT_VERSION} at byte 8, got {FORMAT_VERSION - 1}" in text
    assert text.count(f"expected protocol version {PROTOCOL_VERSION}") == 2
