"""What an array can do for a network whatever its memories hold: layers, names, kernels, channels, sums."""

from __future__ import annotations

from collections.abc import Iterator

from stillframe.contract import Op, StillframeError
from stillframe.contract.array import (
    COMPACT_COLUMNS,
    COMPACT_VALUES,
    MAX_KERNEL_COLUMNS,
    MAX_KERNEL_ROWS,
    PIXEL_CHANNELS,
)

from . import bounds
from .lowering import Step
from .network import Network


def violations(network: Network) -> Iterator[StillframeError]:
    """Everything that keeps a network from the array, memory apart, in the order of its layers."""
    count, most = len(network.steps) + 1, network.config.layers
    if count > most:
        yield StillframeError(
            f"model {network.graph.name}: expected at most {most} layers with the input, got {count}",
            "take a network with fewer layers; activations directly behind a layer do not count",
        )
    names = [tensor.name for tensor in network.tensors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        yield StillframeError(
            f"model {network.graph.name}: expected tensors with names of their own, got {twice!r} twice",
            "give the model's layers different names",
        )
    if network.layouts[0].channels > PIXEL_CHANNELS:
        yield StillframeError(
            f"input {network.name(0)!r}: expected at most {PIXEL_CHANNELS} channels, "
            f"got {network.layouts[0].channels}",
            "give the model an input of more pixels with fewer channels",
        )
    for layer in network.layers:
        step = network.step(layer)
        yield from _window_violations(step)
        if network.config.compact:
            yield from _compact_violations(network, layer)
        channels = network.layouts[layer].channels
        if step.op is not Op.MAC and channels > PIXEL_CHANNELS:
            yield StillframeError(
                f"layer {step.name!r}: expected at most {PIXEL_CHANNELS} channels of what "
                f"{step.operators} gives, got {channels}",
                "give the layer fewer channels",
            )
        yield from _params_violations(network, layer)
        try:
            if step.product is not None:
                source = network.lowered.tensors[step.inputs[0]]
                bounds.check(step.name, step.product, step.window[0] * step.window[1], source.zero_point)
            if step.add is not None:
                bounds.check_add(step.add)
        except StillframeError as error:
            yield error


def _params_violations(network: Network, layer: int) -> Iterator[StillframeError]:
    """What is wrong with the number of a layer's parameters, where a layer's have a memory of their own."""
    config, rows = network.config, network.param_rows(layer)
    if 0 < config.params_cache < rows <= config.params_words:
        yield StillframeError(
            f"layer {network.name(layer)!r}: expected at most {config.params_cache} words of {config.drain} "
            f"channels' PARAMS in a layer on array {config.name}, got {rows}",
            "give the layer fewer channels, an average's window less padding, or take an array of one bank, "
            "for example --array 1x16",
        )


def _window_violations(step: Step) -> Iterator[StillframeError]:
    """What is wrong with a layer's kernel or window."""
    sizes = zip(step.window, (MAX_KERNEL_ROWS, MAX_KERNEL_COLUMNS), ("rows", "columns"), strict=True)
    for size, most, what in sizes:
        if size > most:
            yield StillframeError(
                f"layer {step.name!r}: expected a kernel of at most {most} {what}, got {size}",
                "pool or stride before this layer, or take fewer pixels",
            )
    if step.window[1] > 1 and step.strides[1] > 1 and step.dilation[1] > 1:
        yield StillframeError(
            f"layer {step.name!r}: expected a stride or a dilation of columns, "
            f"got a stride of {step.strides[1]} and a dilation of {step.dilation[1]}",
            "take one of them only",
        )


def _compact_violations(network: Network, layer: int) -> Iterator[StillframeError]:
    """What the compact machine does not do of a layer."""
    step, array = network.step(layer), network.config.name
    if step.op in (Op.ADD, Op.CONCAT) or step.fused:
        yield StillframeError(
            f"layer {step.name!r}: expected a layer with one input tensor on array {array}, "
            f"got {step.operators}",
            "leave it to the host with --split, or take another array",
        )
    if step.dilation != (1, 1):
        yield StillframeError(
            f"layer {step.name!r}: expected a kernel without dilation on array {array}, "
            f"got a dilation of {step.dilation[0]} x {step.dilation[1]}",
            "take a larger kernel without dilation, or another array",
        )
    if step.product is None:
        return
    rows, columns = step.window
    channels = 1 if step.product.channelwise else network.layouts[network.source(layer)].channels
    if rows * columns * channels > COMPACT_VALUES:
        yield StillframeError(
            f"layer {step.name!r}: expected receptive fields of at most {COMPACT_VALUES} values "
            f"on array {array}, got {rows} x {columns} x {channels} = {rows * columns * channels}",
            "give the layer a smaller kernel or fewer input channels, or take another array",
        )
    if columns > COMPACT_COLUMNS:
        yield StillframeError(
            f"layer {step.name!r}: expected a kernel of at most {COMPACT_COLUMNS} columns on array {array}, "
            f"got {columns}",
            "pool or stride before this layer, or take another array",
        )
