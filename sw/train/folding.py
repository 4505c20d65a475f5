"""Batch norm as part of the layer before it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def fold_into(layer: Any, norm: Any) -> None:
    """Put a batch norm in inference mode into the weights of the MAC layer before it.

    gamma * (W x + b - mean) / sqrt(variance + epsilon) + beta is W' x + b' with W' = W * factor and
    b' = (b - mean) * factor + beta, factor = gamma / sqrt(variance + epsilon), by output channel.

    Args:
        layer: A built convolution, depthwise convolution or dense layer with a bias.
        norm: A built ``keras.layers.BatchNormalization`` over the last axis.
    """
    mean, variance = (np.asarray(x, np.float64) for x in (norm.moving_mean, norm.moving_variance))
    gamma = np.asarray(norm.gamma, np.float64) if norm.scale else np.ones_like(mean)
    beta = np.asarray(norm.beta, np.float64) if norm.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    kernel = np.asarray(layer.kernel, np.float64)
    by_output = factor
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        by_output = factor.reshape(kernel.shape[-2:])
    layer.kernel.assign((kernel * by_output).astype(np.float32))
    bias = (np.asarray(layer.bias, np.float64) - mean) * factor + beta
    layer.bias.assign(bias.astype(np.float32))
