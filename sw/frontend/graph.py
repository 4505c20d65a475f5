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

from stillframe.contract.host import Assignment, HostPart, HostTensor, in_order

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


Pair = tuple[int, int]
"""(vertical, horizontal)."""

Padding = tuple[Pair, Pair]
"""((top, bottom), (left, right))."""


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
        dilation: (vertical, horizontal): pixels from one tap to the next.
        real_multiplier: float64 by output channel where TFLite rescales in doubles, as FULLY_CONNECTED does:
            round_half_away(x * real_multiplier). There ``multiplier`` and ``shift`` give the same codes for
            every accumulator with one rounding: (x * multiplier + 2**(30 - shift)) >> (31 - shift). None for
            CONV_2D, which is TFLite's fixed point with its two roundings.
    """

    weights: Int8
    bias: Int32
    strides: Pair
    padding: Padding
    multiplier: Int32
    shift: Int32
    act_min: int
    act_max: int
    dilation: Pair = (1, 1)
    real_multiplier: Float64 | None = None


@dataclass(frozen=True)
class DepthwiseConv(Node):
    """DEPTHWISE_CONV_2D: output channel ``c * m + q`` reads input channel ``c`` alone.

    Attributes:
        weights: int8, (kernel height, kernel width, input channels, m); zero point 0. m is the depth
            multiplier.
        others: As in :class:`Conv`; ``bias``, ``multiplier`` and ``shift`` by output channel.
    """

    weights: Int8
    bias: Int32
    strides: Pair
    padding: Padding
    multiplier: Int32
    shift: Int32
    act_min: int
    act_max: int
    dilation: Pair = (1, 1)


@dataclass(frozen=True)
class AveragePool(Node):
    """AVERAGE_POOL_2D: the sum of a window's codes inside the image over their number, halves away from zero.

    Input and output have one quantisation. Attributes as in :class:`Conv`.
    """

    window: Pair
    strides: Pair
    padding: Padding
    act_min: int
    act_max: int


@dataclass(frozen=True)
class Mean(Node):
    """MEAN over the whole map: (channels,) or (1, 1, channels) from (height, width, channels).

    code = rescale(sum of (code - input's zero point)) + output's zero point, with TFLite's two roundings;
    the number of pixels is part of ``multiplier`` and ``shift``.
    """

    multiplier: int
    shift: int


@dataclass(frozen=True)
class MaxPool(Node):
    """MAX_POOL_2D on codes; padding never takes part. Attributes as in :class:`Conv`."""

    window: Pair
    strides: Pair
    padding: Padding
    act_min: int
    act_max: int


@dataclass(frozen=True)
class Add(Node):
    """ADD and SUB of two tensors of one shape, ``inputs`` = (a, b).

    Each code less its zero point is shifted left by ``ADD_LEFT_SHIFT`` and rescaled by its own (multiplier,
    shift); the sum, or the difference if ``subtract``, is rescaled by ``result``; all with TFLite's two
    roundings. Then the output's zero point and the fused activation's range. To subtract, TFLite makes the
    second multiplier negative, which rounds exact halves the other way.
    """

    first: Pair
    second: Pair
    result: Pair
    act_min: int
    act_max: int
    subtract: bool = False


ADD_LEFT_SHIFT = 20
"""Bits that ADD's operands are shifted left by before they are rescaled (TFLite's choice for int8)."""


@dataclass(frozen=True)
class Concat(Node):
    """CONCATENATION along channels of two tensors and more, all of the output's quantisation."""


@dataclass(frozen=True)
class Pad(Node):
    """PAD of the map's rows and columns with the zero point."""

    padding: Padding


@dataclass(frozen=True)
class Resize(Node):
    """RESIZE_NEAREST_NEIGHBOR by whole factors: output pixel (y, x) is (y // vertical, x // horizontal)."""

    factors: Pair


@dataclass(frozen=True)
class Elementwise(Node):
    """An operator that makes each output code from one input code, perhaps by channel. See subclasses."""


@dataclass(frozen=True)
class PRelu(Elementwise):
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
class Relu(Elementwise):
    """RELU, RELU6, RELU_N1_TO_1 on its own, and QUANTIZE of int8 to int8 without bounds.

    Requantise by (multiplier, shift), clamp to the range.
    """

    multiplier: int
    shift: int
    act_min: int
    act_max: int


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """LEAKY_RELU: (multiplier, shift) from the input's zero point up, and below it."""

    positive: Pair
    negative: Pair


@dataclass(frozen=True)
class HardSwish(Elementwise):
    """HARD_SWISH in TFLite's 16 bits.

    Attributes:
        output_scale: (Q15 multiplier, exponent) from 1/128 of the input's scale to the output's; the exponent
            is 0 or less.
        reluish: (Q15 multiplier, exponent) from 1/128 of the input's scale to that in which 2**15 is 3.
    """

    output_scale: Pair
    reluish: Pair


@dataclass(frozen=True)
class Lookup(Elementwise):
    """LOGISTIC and TANH, which TFLite itself does by a table.

    Attributes:
        codes: int8, (256,): the output for codes -128 to 127.
    """

    codes: Int8


@dataclass(frozen=True)
class AddConstant(Elementwise):
    """ADD and SUB of a tensor and one constant a channel, in the arithmetic of :class:`Add`.

    Attributes:
        constant: int8 codes by channel; constant_zero_point: their zero point.
        tensor, of_constant: (multiplier, shift) of the two operands; a negative multiplier subtracts.
        result: (multiplier, shift) of their sum.
        act_min, act_max: Range of the output's codes.
    """

    constant: Int8
    constant_zero_point: int
    tensor: Pair
    of_constant: Pair
    result: Pair
    act_min: int
    act_max: int


@dataclass(frozen=True)
class MulConstant(Elementwise):
    """MUL of a tensor and one constant a channel: the product of both less their zero points, requantised.

    Attributes:
        constant, constant_zero_point: As in :class:`AddConstant`.
        multiplier, shift: Of the product.
        act_min, act_max: Range of the output's codes.
    """

    constant: Int8
    constant_zero_point: int
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
    """An output of the device: of the model, or what its tail takes.

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

    ``tflite`` is the model file's content, the outside reference. ``head``, ``tail``, ``order``,
    ``assignments`` and ``split`` are as in :class:`~stillframe.contract.Program`.
    """

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    input: GraphInput
    outputs: tuple[GraphOutput, ...]
    tflite: bytes
    head: HostPart | None = None
    tail: HostPart | None = None
    order: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    split: str = ""

    @property
    def frame(self) -> HostTensor:
        """What is taken of a frame: the model's own input if there is a head, else the device's codes."""
        if self.head:
            return self.head.inputs[0]
        tensor = self.tensors[self.input.tensor]
        return HostTensor(tensor.name, tensor.shape, "int8", tensor.scale, tensor.zero_point)

    @property
    def results(self) -> tuple[GraphOutput | HostTensor, ...]:
        """What is given of a frame: the model's outputs, in the model's order."""
        return in_order(self.outputs, self.tail, self.order)


LINEAR = (Conv, DepthwiseConv, AveragePool, Mean)
"""Nodes that are sums of products: the array computes them from changes."""
