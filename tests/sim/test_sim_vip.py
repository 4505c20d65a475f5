"""Packing of payloads, against Amaranth's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from amaranth.hdl import Const, signed
from amaranth.lib import data
from hypothesis import given
from hypothesis import strategies as st
from toys import PAIR

from stillframe.sim import vip

BIT = st.integers(0, 1)
ITEMS = st.fixed_dictionaries(
    {
        "left": st.integers(-256, 255),
        "flags": st.lists(BIT, min_size=3, max_size=3),
        "inner": st.fixed_dictionaries({"a": st.integers(0, 15), "b": st.integers(-16, 15)}),
    }
)


@given(ITEMS)
def test_structures(item: dict[str, Any]) -> None:
    bits = vip.packer(PAIR)(item)
    assert bits == Const.cast(PAIR.const(item)).value
    assert vip.unpacker(PAIR)(bits) == item


def test_fields_left_out_are_zero() -> None:
    assert vip.unpacker(PAIR)(vip.packer(PAIR)({"left": -1})) == {
        "left": -1,
        "flags": [0, 0, 0],
        "inner": {"a": 0, "b": 0},
    }


@pytest.mark.parametrize(
    ("shape", "item", "message"),
    [
        (8, 256, "expected 0 to 255 for unsigned(8), got 256"),
        (8, -1, "expected 0 to 255 for unsigned(8), got -1"),
        (signed(9), 256, "expected -256 to 255 for signed(9), got 256"),
        (data.ArrayLayout(1, 3), [0, 1], "expected 3 elements, got 2"),
    ],
)
def test_items_that_do_not_fit(shape: Any, item: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        vip.packer(shape)(item)


def test_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(vip.PARAMETERS, raising=False)
    assert vip.parameters() == {}
    monkeypatch.setenv(vip.PARAMETERS, '{"a": [1, 2]}')
    assert vip.parameters() == {"a": [1, 2]}
