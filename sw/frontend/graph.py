"""The graph that the front end reads a model into: int8 tensors and nodes with integer parameters.

Everything here is one frame: shapes have no batch. Nodes stand in execution order. A new operator is
a new node class here, a handler in ``frontend/operators``, a layer in ``golden/layers`` and a lowering in
``compiler``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tensor:
    """An activation tensor of one frame.

    Attributes:
        name: Name in the model.
        shape: (height, width, channels), or (features,) after a flattening.
        scale, zero_point: real = scale * (code - zero_point); codes are int8.
    """

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """Elements of one frame."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Node:
    """An operator: reads tensors ``inputs``, writes tensor ``output`` (indices into ``Graph.tensors``)."""

    name: str
    op: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Conv(Node):
    """CONV_2D and FULLY_CONNECTED (a VALID convolution whose kernel is the whole map).

    Attributes:
        weights: int8, (kernel height, kernel width, input channels, output channels); zero point 0.
        bias: int32, (output channels,); zeros where the model has none.
        strides: (vertical, horizontal).
        padding: ((top, bottom), (left, right)) as SAME or VALID come to for this shape.
        multiplier: int32 Q31 by output channel.
        shift: int by output channel, TFLite's: positive is a left shift.
        act_min, act_max: Range of the output's codes (the fused activation).
        real_multiplier: float64 by output channel where TFLite rescales in doubles, as FULLY_CONNECTED does:
            round_half_away(x * real_multiplier). There ``multiplier`` and ``shift`` give the same codes for
            every accumulator with one rounding: (x * multiplier + 2**(30 - shift)) >> (31 - shift). None for
            CONV_2D, which is TFLite's fixed point with its two roundings.
    """

    weights: Int8
    bias: Int32
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    multiplier: Int32
    shift: Int32
    act_min: int
    act_max: int
    real_multiplier: Float64 | None = None


@dataclass(frozen=True)
class MaxPool(Node):
    """MAX_POOL_2D on codes; padding never takes part. Attributes as in :class:`Conv`."""

    window: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    act_min: int
    act_max: int


@dataclass(frozen=True)
class PRelu(Node):
    """PRELU with one slope a channel.

    Attributes:
        alpha: int8 codes by channel; alpha_zero_point: their zero point.
        positive: (multiplier, shift) of values from the input's zero point up.
        negative: (multiplier, shift) of value x (alpha - alpha_zero_point) below it.
    """

    alpha: Int8
    alpha_zero_point: int
    positive: tuple[int, int]
    negative: tuple[int, int]


@dataclass(frozen=True)
class Relu(Node):
    """RELU, RELU6, RELU_N1_TO_1 on its own: requantise by (multiplier, shift), clamp to the range."""

    multiplier: int
    shift: int
    act_min: int
    act_max: int


@dataclass(frozen=True)
class Host(Node):
    """An operator that the host applies behind an output or before the input.

    Attributes:
        parameters: What ``driver.host_ops`` needs, JSON values only; ``parameters["op"]`` names the operator.
    """

    parameters: dict[str, Any]


@dataclass(frozen=True)
class GraphInput:
    """The model's input as the caller gives it, and the tensor that the device takes.

    Attributes:
        name: Name in the model.
        tensor: Index of the first device tensor.
        host_ops: Parameters of the operators between the caller's values and that tensor, in order.
    """

    name: str
    tensor: int
    host_ops: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class GraphOutput:
    """An output of the model.

    Attributes:
        name: Name in the model (the signature's where there is one).
        tensor: Index of the last tensor computed on the device.
        shape: Shape that the caller sees, without the batch.
        scale, zero_point: Quantisation of the codes after ``host_ops``.
        host_ops: Parameters of the operators behind that tensor, in order.
    """

    name: str
    tensor: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    host_ops: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Graph:
    """An int8 network. ``nodes`` is what the device executes; what the host does hangs on input and outputs.

    ``tflite`` is the model file's content, the outside reference.
    """

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    input: GraphInput
    outputs: tuple[GraphOutput, ...]
    tflite: bytes
