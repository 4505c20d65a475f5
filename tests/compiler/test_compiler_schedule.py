"""Blocks, strips and shares: whatever the geometry, the slots are enough."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from column_requests import Strip, strips
from hypothesis import given, settings
from hypothesis import strategies as st

from stillframe.compiler.schedule import Blocks, blocks, live_pixels, share
from stillframe.contract import ArrayConfig
from stillframe.contract.array import SLOTS


@dataclass(frozen=True)
class Geometry:
    """The fields of a descriptor that say which columns meet which outputs."""

    in_width: int
    out_width: int
    kernel_columns: int
    dilation: int
    stride: int
    pad: int
    block_log2: int = 0
    strip: int = 0

    @property
    def span(self) -> int:
        return (self.kernel_columns - 1) * self.dilation

    @property
    def stride_log2(self) -> int:
        return self.stride.bit_length() - 1 if self.stride in (1, 2, 4, 8) else 0


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    stride = draw(st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 8, 16]))
    return Geometry(
        in_width=draw(st.integers(1, 70)),
        out_width=draw(st.integers(1, 70)),
        kernel_columns=draw(st.one_of(st.integers(1, 9), st.integers(1, 64))),
        dilation=draw(st.integers(1, 3)) if stride == 1 else 1,
        stride=stride,
        pad=draw(st.one_of(st.integers(0, 3), st.integers(0, 70))),
    )


def scheduled(geometry: Geometry) -> Geometry:
    found = blocks(geometry.span, geometry.stride, geometry.out_width)
    return Geometry(**vars(geometry) | {"block_log2": found.log2, "strip": found.strip})


@settings(max_examples=300, deadline=None)
@given(geometry=geometries())
def test_every_tap_once_and_within_the_slots(geometry: Geometry) -> None:
    """A strip's taps check themselves: all of the convolution's, none too early, none too late."""
    covered: list[int] = []
    for strip in strips(scheduled(geometry)):  # type: ignore[arg-type]
        assert sorted(strip.complete) == strip.complete
        assert len(strip.taps.pixel) <= strip.count * geometry.kernel_columns
        covered += range(strip.first, strip.first + strip.count)
    assert covered == list(range(geometry.out_width))


def test_too_large_a_block_is_noticed() -> None:
    """A kernel of 12 columns under blocks of 8 touches 19 pixels before the first is complete."""
    geometry = Geometry(40, 29, 12, 1, 1, 0, block_log2=3, strip=29)
    assert live_pixels(geometry.span, 1, 8) == 19
    with pytest.raises(AssertionError):
        _ = Strip(geometry, 0, 29).taps  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(geometry=geometries())
def test_pixels_live_at_once(geometry: Geometry) -> None:
    """The bound is never less than what there is."""
    for log2 in range(4 if geometry.stride in (1, 2, 4, 8) else 1):
        laid_out = Geometry(**vars(geometry) | {"block_log2": log2, "strip": geometry.out_width})
        strip = Strip(laid_out, 0, geometry.out_width)  # type: ignore[arg-type]
        bound = live_pixels(geometry.span, geometry.stride, 1 << log2)
        before = [strip.complete_before, *strip.complete]
        for request in strip.requests():
            for column in request.columns:
                pixel = request.place + (column >> geometry.stride_log2)
                assert pixel < before[request.block] + bound


@pytest.mark.parametrize(
    ("span", "stride", "expected"),
    [
        (0, 1, Blocks(8, 40)),
        (1, 1, Blocks(8, 40)),
        (2, 1, Blocks(4, 40)),
        (4, 1, Blocks(4, 40)),
        (6, 1, Blocks(2, 40)),
        (8, 1, Blocks(1, 40)),
        (12, 1, Blocks(1, 40)),
        (13, 1, Blocks(8, 8)),
        (63, 1, Blocks(8, 8)),
        (2, 2, Blocks(8, 40)),
        (10, 2, Blocks(8, 40)),
        (2, 3, Blocks(1, 40)),
        (40, 3, Blocks(1, 8)),
        (10, 4, Blocks(8, 40)),
        (10, 8, Blocks(8, 40)),
        (10, 16, Blocks(1, 40)),
    ],
)
def test_blocks_of_a_long_row(span: int, stride: int, expected: Blocks) -> None:
    assert blocks(span, stride, 40) == expected
    assert expected.columns == 1 << expected.log2
    assert expected.strip < SLOTS or live_pixels(span, stride, expected.columns) < SLOTS


def test_a_short_row_is_a_strip() -> None:
    """Its pixels are within the slots, whatever the kernel."""
    assert blocks(2, 1, 8) == Blocks(8, 8)
    assert blocks(63, 1, 1) == Blocks(8, 1)
    assert blocks(2, 3, 5) == Blocks(1, 5)


@pytest.mark.parametrize(
    ("array", "shares"),
    [
        ("4x16", {1: 4, 16: 4, 17: 2, 32: 2, 33: 1, 64: 1, 65: 1, 999: 1}),
        ("8x16@virtual", {16: 8, 17: 4, 32: 4, 33: 2, 64: 2, 65: 1, 128: 1}),
        ("2x8", {8: 2, 9: 1}),
        ("1x16", {1: 1, 17: 1}),
    ],
)
def test_share(array: str, shares: dict[int, int]) -> None:
    """All outputs in one pass, if there are banks for them; as many banks for each as that leaves."""
    config = ArrayConfig.parse(array)
    assert {outputs: share(outputs, config) for outputs in shares} == shares
