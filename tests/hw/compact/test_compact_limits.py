"""What the compact machine does not do is said when a network is compiled for it."""

from __future__ import annotations

import numpy as np
import pytest
from compact_devices import ARRAY
from single_layers import concat_model, conv_model

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.frontend import read_tflite


def _refusal(data: bytes) -> str:
    with pytest.raises(StillframeError) as refused:
        compile_graph(read_tflite(data, "net", "net"), ArrayConfig.parse(ARRAY))
    return str(refused.value)


def test_dilation() -> None:
    data = conv_model((9, 9, 2), np.ones((3, 3, 3, 2)), dilation=(2, 2))
    assert _refusal(data) == (
        "layer 'conv': expected a kernel without dilation on array 1x4@UP5K, got a dilation of 2 x 2\n"
        "  -> take a larger kernel without dilation, or another array"
    )


def test_two_tensors() -> None:
    data = concat_model((4, 4, 3))
    assert _refusal(data) == (
        "layer 'concat (1 of 2)': expected a layer with one input tensor on array 1x4@UP5K, "
        "got CONCATENATION\n"
        "  -> leave it to the host with --split, or take another array"
    )


def test_receptive_field() -> None:
    data = conv_model((9, 9, 60), np.ones((3, 3, 3, 60)))
    assert _refusal(data) == (
        "layer 'conv': expected receptive fields of at most 512 values on array 1x4@UP5K, "
        "got 3 x 3 x 60 = 540\n"
        "  -> give the layer a smaller kernel or fewer input channels, or take another array"
    )


def test_kernel_columns() -> None:
    data = conv_model((3, 40, 1), np.ones((3, 1, 25, 1)))
    assert _refusal(data) == (
        "layer 'conv': expected a kernel of at most 24 columns on array 1x4@UP5K, got 25\n"
        "  -> pool or stride before this layer, or take another array"
    )


def test_other_shapes_of_the_array() -> None:
    with pytest.raises(StillframeError) as refused:
        ArrayConfig.parse("1x8@UP5K")
    assert str(refused.value) == (
        "array '1x8@UP5K': expected 1 bank of 4 lanes on an iCE40UP5K, got 1 banks of 8\n  -> take 1x4@UP5K"
    )
