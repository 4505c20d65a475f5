"""Frames brought to a model's size, and the codes that they become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillframe.contract import StillframeError
from stillframe.video import ValueRange, code_table, fit, infer_range


def test_crop_is_about_the_centre() -> None:
    frame = np.zeros((4, 12, 3), np.uint8)
    frame[:, 4:8] = 100
    assert (fit(frame, 4, 4, 3) == 100).all()
    assert (fit(frame.transpose(1, 0, 2), 4, 4, 3) == 100).all()


def test_resize_is_by_area() -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[:2, :2, 0] = [[0, 40], [80, 120]]
    small = fit(frame, 2, 2, 3)
    assert small.shape == (2, 2, 3)
    assert small[0, 0].tolist() == [60, 0, 0]
    assert small[1, 1].tolist() == [0, 0, 0]


def test_grey_is_rec_601() -> None:
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, 0], frame[0, 1], frame[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    assert fit(frame, 2, 2, 1)[..., 0].tolist() == [[76, 150], [29, 0]]


def test_channels_that_no_clip_has() -> None:
    with pytest.raises(StillframeError) as caught:
        fit(np.zeros((2, 2, 3), np.uint8), 2, 2, 4)
    assert str(caught.value) == (
        "model input: expected 1 channel (grey) or 3 (RGB) to feed it a clip, got 4\n"
        "  -> run such a model from Python, with codes of your own (see README, Python)"
    )


SIZES = st.integers(1, 80)


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from([1, 3]))
def test_any_size_fits_any_size(
    height: int, width: int, to_height: int, to_width: int, channels: int
) -> None:
    out = fit(np.full((height, width, 3), 77, np.uint8), to_height, to_width, channels)
    assert out.shape == (to_height, to_width, channels)
    assert (out == 77).all()


@pytest.mark.parametrize(
    ("scale", "zero_point", "expected"),
    [
        (1 / 255, -128, ValueRange(0, 1)),
        (1.0, -128, ValueRange(0, 255)),
        (2 / 255, 0, ValueRange(-1, 1)),
        (0.00766, -2, ValueRange(-1, 1)),  # P-Net as the converter calibrates it
        (0.0031, -128, ValueRange(0, 1)),  # calibrated on a dark clip
        (0.78, -128, ValueRange(0, 255)),
    ],
)
def test_range_is_inferred_from_the_quantisation(scale: float, zero_point: int, expected: ValueRange) -> None:
    assert infer_range(scale, zero_point) == expected


def test_range_that_cannot_be_inferred() -> None:
    with pytest.raises(StillframeError) as caught:
        infer_range(0.0187, -14)  # a mean of 0.45 taken off, divided by a deviation of 0.22
    assert str(caught.value) == (
        "model input: expected a quantisation that covers 0..1, 0..255 or -1..1, got -2.13..2.64\n"
        "  -> say with --input-range LO,HI which values pixels 0 and 255 stand for"
    )


def test_range_is_read_from_text() -> None:
    assert ValueRange.parse("-1,1") == ValueRange(-1, 1)
    assert ValueRange.parse(" 0 , 2.5e2") == ValueRange(0, 250)


@pytest.mark.parametrize("text", ["1", "1,0", "0,0", "a,b", "0,1,2", "nan,1", ""])
def test_range_in_another_form(text: str) -> None:
    with pytest.raises(StillframeError) as caught:
        ValueRange.parse(text)
    assert str(caught.value) == (
        f"--input-range: expected LO,HI with LO below HI, got {text!r}\n"
        "  -> for example --input-range 0,1 or --input-range=-1,1"
    )


def test_codes_round_halves_away_from_zero() -> None:
    table = code_table(ValueRange(-127.5, 127.5), 1.0, 0)
    assert table[:3].tolist() == [-128, -127, -126]
    assert table[127:129].tolist() == [-1, 1]
    assert table[253:].tolist() == [126, 127, 127]
    assert table.dtype == np.int8


@pytest.mark.parametrize(
    ("value_range", "scale", "zero_point"),
    [(ValueRange(0, 1), 1 / 255, -128), (ValueRange(0, 255), 1.0, -128), (ValueRange(-1, 1), 0.007663, -2)],
)
def test_codes_equal_tflite(value_range: ValueRange, scale: float, zero_point: int) -> None:
    tf = pytest.importorskip("tensorflow")
    pixels = np.arange(256, dtype=np.uint8)
    expected = tf.quantization.quantize(
        value_range.values(pixels),
        scale * (-128 - zero_point),
        scale * (127 - zero_point),
        tf.qint8,
        mode="SCALED" if zero_point == 0 else "MIN_FIRST",
        round_mode="HALF_AWAY_FROM_ZERO",
    ).output
    difference = code_table(value_range, scale, zero_point).astype(int) - expected.numpy().astype(int)
    assert np.abs(difference).max() == 0
