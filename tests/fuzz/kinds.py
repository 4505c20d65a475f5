"""The layers that random networks are made of: how the options of each are drawn, and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from description import Shape
from keras import KerasTensor, layers, ops

Options = dict[str, Any]

MAX_KERNEL = 11

MAX_MACS = 250_000
"""Multiplications of one layer, in about; more channels than that are not drawn."""

ACTIVATIONS = ("relu", "relu6", "clip", "leaky", "prelu", "sigmoid", "tanh", "hard_swish")
FUSED = (None, None, "relu", "relu6")


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        draw: From a generator and the shapes of the inputs to options.
        build: From a name, options and inputs to the output.
        ranks: Ranks of the input that it takes: 3 is a map, 1 a vector.
        weight: How often it is drawn, among those that take the input; 0 only as part of a branch.
    """

    draw: Callable[[np.random.Generator, list[Shape]], Options]
    build: Callable[[str, Options, list[KerasTensor]], KerasTensor]
    ranks: tuple[int, ...] = (3,)
    weight: float = 1.0


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A number from ``low`` to ``high``, both included."""
    return int(rng.integers(low, high + 1))


def size(rng: np.random.Generator, largest: int) -> int:
    """From 1 to ``largest``, small numbers more often than not."""
    return integer(rng, 1, largest) if rng.random() < 0.2 else integer(rng, 1, min(4, largest))


def channels(rng: np.random.Generator, macs_each: int) -> int:
    """Output channels: few, or many if they cost little, and not only multiples of 4."""
    most = max(1, min(36, MAX_MACS // max(1, macs_each)))
    return min(most, integer(rng, 1, 12) if rng.random() < 0.75 else integer(rng, 1, 36))


def window(rng: np.random.Generator, shape: Shape, largest: int) -> Options:
    """Kernel, strides and padding that fit a map."""
    padding = str(rng.choice(["same", "valid"]))
    limits = [largest if padding == "same" else min(largest, n) for n in shape[:2]]
    return {
        "kernel": (size(rng, limits[0]), size(rng, limits[1])),
        "strides": strides(rng),
        "padding": padding,
    }


def strides(rng: np.random.Generator) -> tuple[int, int]:
    """Mostly 1, up to 4, now and then different in the two directions."""
    vertical = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.25, 0.1, 0.05]))
    return (vertical, vertical) if rng.random() < 0.7 else (vertical, integer(rng, 1, 4))


def dilated(rng: np.random.Generator, shape: Shape, options: Options) -> Options:
    """The options, now and then with dilation instead of strides (TensorFlow does not do both)."""
    dilation = (integer(rng, 1, 2), integer(rng, 1, 2))
    if rng.random() < 0.2:
        reach = span(options["kernel"], dilation)
        fits = options["padding"] == "same" or all(k <= n for k, n in zip(reach, shape, strict=False))
        if fits and max(reach) <= MAX_KERNEL:
            return options | {"dilation": dilation, "strides": (1, 1)}
    return options | {"dilation": (1, 1)}


def span(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns from a kernel's first tap to its last."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def outputs_of(shape: Shape, options: Options) -> int:
    """Output pixels of a window that is moved over a map, no fewer than there are."""
    return int(np.prod([-(-n // s) for n, s in zip(shape, options["strides"], strict=False)]))


def _draw_conv(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    (shape,) = shapes
    options = dilated(rng, shape, window(rng, shape, MAX_KERNEL))
    each = outputs_of(shape, options) * int(np.prod(options["kernel"])) * shape[2]
    return options | {
        "filters": channels(rng, each),
        "bias": bool(rng.random() < 0.8),
        "norm": bool(rng.random() < 0.3),
        "activation": FUSED[integer(rng, 0, 3)],
    }


def _build_conv(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    x = layers.Conv2D(
        options["filters"],
        options["kernel"],
        options["strides"],
        options["padding"],
        dilation_rate=options["dilation"],
        use_bias=options["bias"],
        name=name,
    )(*inputs)
    return _finished(name, options, x)


def _finished(name: str, options: Options, x: KerasTensor) -> KerasTensor:
    """With the batch norm and the activation that the converter folds into the layer."""
    if options["norm"]:
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return activated(options["activation"], f"{name}_activation", x) if options["activation"] else x


def _draw_depthwise(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    (shape,) = shapes
    # TensorFlow's depthwise convolution takes one stride for both directions.
    options = window(rng, shape, MAX_KERNEL)
    options = dilated(rng, shape, options | {"strides": (options["strides"][0],) * 2})
    each = outputs_of(shape, options) * int(np.prod(options["kernel"])) * shape[2]
    return options | {
        "multiplier": min(integer(rng, 1, 8) if rng.random() < 0.4 else 1, max(1, MAX_MACS // each)),
        "bias": bool(rng.random() < 0.8),
        "norm": bool(rng.random() < 0.3),
        "activation": FUSED[integer(rng, 0, 3)],
    }


def _build_depthwise(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    x = layers.DepthwiseConv2D(
        options["kernel"],
        options["strides"],
        options["padding"],
        options["multiplier"],
        dilation_rate=options["dilation"],
        use_bias=options["bias"],
        name=name,
    )(*inputs)
    return _finished(name, options, x)


def _draw_dense(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"units": channels(rng, int(np.prod(shapes[0]))), "activation": FUSED[integer(rng, 0, 3)]}


def _build_dense(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    """Over all of a map: what is not a vector is flattened."""
    (x,) = inputs
    if len(x.shape) > 2:
        x = layers.Flatten(name=f"{name}_flat")(x)
    x = layers.Dense(options["units"], name=name)(x)
    return activated(options["activation"], f"{name}_activation", x) if options["activation"] else x


def _build_pixel_dense(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.Dense(options["units"], name=name)(*inputs)


def _draw_pool(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return window(rng, shapes[0], 7)


def _build_max_pool(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.MaxPooling2D(options["kernel"], options["strides"], options["padding"], name=name)(*inputs)


def _build_average_pool(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.AveragePooling2D(options["kernel"], options["strides"], options["padding"], name=name)(
        *inputs
    )


def _build_mean(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.GlobalAveragePooling2D(keepdims=options["keep"], name=name)(*inputs)


def _draw_pad(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"padding": tuple((integer(rng, 0, 3), integer(rng, 0, 3)) for _ in range(2))}


def _build_pad(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.ZeroPadding2D(options["padding"], name=name)(*inputs)


def _draw_resize(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"factors": (integer(rng, 1, 3), integer(rng, 2, 3))}


def _build_resize(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    (x,) = inputs
    size = tuple(n * f for n, f in zip(x.shape[1:3], options["factors"], strict=True))
    return ops.image.resize(x, size, interpolation="nearest")


def activated(activation: str, name: str, x: KerasTensor) -> KerasTensor:
    """An activation as Keras models have it."""
    match activation:
        case "relu":
            return layers.ReLU(name=name)(x)
        case "relu6":
            return layers.ReLU(6.0, name=name)(x)
        case "clip":  # RELU_N1_TO_1
            return ops.clip(x, -1.0, 1.0)
        case "leaky":
            return layers.LeakyReLU(0.2, name=name)(x)
        case "prelu":
            return layers.PReLU(shared_axes=[1, 2] if len(x.shape) == 4 else None, name=name)(x)
        case "hard_swish":
            return layers.Activation("hard_silu", name=name)(x)
    return layers.Activation(activation, name=name)(x)


def _draw_activation(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"activation": str(rng.choice(ACTIVATIONS))}


def _build_activation(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return activated(options["activation"], name, *inputs)


def _draw_constant(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    """x * factor, x + offset, offset - x, with one number for all or one for each channel."""
    count = shapes[0][-1] if rng.random() < 0.5 else 1
    values = np.round(rng.normal(0, 1, count), 3)
    return {
        "operation": str(rng.choice(["multiply", "add", "subtract", "subtract_from"])),
        "values": [float(v) for v in values],
    }


def _build_constant(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    (x,) = inputs
    values = ops.convert_to_tensor(np.array(options["values"], np.float32))
    match options["operation"]:
        case "multiply":
            return ops.multiply(x, values)
        case "add":
            return ops.add(x, values)
        case "subtract":
            return ops.subtract(x, values)
    return ops.subtract(values, x)


def _draw_foreign(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"operator": str(rng.choice(["gelu", "square", "maximum", "crop"]))}


def _build_foreign(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    """Something that the array cannot do: the host computes it, and what comes behind it."""
    (x,) = inputs
    match options["operator"]:
        case "gelu":
            return layers.Activation("gelu", name=name)(x)
        case "square":
            return layers.Multiply(name=name)([x, x])
        case "maximum":
            return layers.GlobalMaxPooling2D(keepdims=True, name=name)(x)
    return layers.Cropping2D(((x.shape[1] // 2, 0), (0, x.shape[2] // 3)), name=name)(x)


def _build_norm(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.BatchNormalization(name=name)(*inputs)


def _build_softmax(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.Softmax(name=name)(*inputs)


def _build_to_map(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    (x,) = inputs
    return layers.Reshape((1, 1, x.shape[-1]), name=name)(x)


def _draw_join(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {"activation": FUSED[integer(rng, 0, 3)]}


def _build_add(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    x = layers.Add(name=name)(inputs)
    return activated(options["activation"], f"{name}_activation", x) if options["activation"] else x


def _build_subtract(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    x = layers.Subtract(name=name)(inputs)
    return activated(options["activation"], f"{name}_activation", x) if options["activation"] else x


def _build_concat(name: str, options: Options, inputs: list[KerasTensor]) -> KerasTensor:
    return layers.Concatenate(name=name)(inputs)


def _nothing(rng: np.random.Generator, shapes: list[Shape]) -> Options:
    return {}


MAP, VECTOR = (3,), (1,)

KINDS: dict[str, Kind] = {
    "conv": Kind(_draw_conv, _build_conv, weight=5),
    "depthwise": Kind(_draw_depthwise, _build_depthwise, weight=3),
    "dense": Kind(_draw_dense, _build_dense, MAP + VECTOR, 1),
    "pixel_dense": Kind(_draw_dense, _build_pixel_dense, weight=0.2),
    "max_pool": Kind(_draw_pool, _build_max_pool),
    "average_pool": Kind(_draw_pool, _build_average_pool),
    "mean": Kind(lambda rng, shapes: {"keep": bool(rng.random() < 0.4)}, _build_mean, weight=0.5),
    "pad": Kind(_draw_pad, _build_pad),
    "resize": Kind(_draw_resize, _build_resize, weight=0.7),
    "activation": Kind(_draw_activation, _build_activation, MAP + VECTOR, 2),
    "constant": Kind(_draw_constant, _build_constant, MAP + VECTOR, 0.8),
    "norm": Kind(_nothing, _build_norm, MAP + VECTOR, 0.4),
    "foreign": Kind(_draw_foreign, _build_foreign, weight=0.2),
    "to_map": Kind(_nothing, _build_to_map, VECTOR, 0.4),
    "softmax": Kind(_nothing, _build_softmax, VECTOR, 0),
    "add": Kind(_draw_join, _build_add, MAP + VECTOR, 0),
    "subtract": Kind(_draw_join, _build_subtract, MAP + VECTOR, 0),
    "concat": Kind(_nothing, _build_concat, MAP + VECTOR, 0),
}
