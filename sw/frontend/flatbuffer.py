"""From the bytes of a ``.tflite`` file to plain tensors and operators, every read inside the file's bounds.

The schema is that of the ``tflite`` package. Whatever a damaged file refers to outside itself ends in one
message that names the table and its byte; the TensorFlow Lite runtime, which may crash on such a file, is not
asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from stillframe.contract import StillframeError

FILE_IDENTIFIER = b"TFL3"
DAMAGED = "the file is damaged or cut short: copy or convert it again"

_DTYPES = {"FLOAT32": np.float32, "INT32": np.int32, "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16}
_READ_ERRORS = (struct.error, ValueError, IndexError, TypeError, AttributeError, OverflowError)


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


_OPERATOR_NAMES = _names(tflite.BuiltinOperator)
_TYPE_NAMES = _names(tflite.TensorType)
_OPTION_NAMES = _names(tflite.BuiltinOptions)


@dataclass(frozen=True)
class RawTensor:
    """A tensor as the file describes it.

    Attributes:
        index: Its place in the file.
        name: Its name; not necessarily unique.
        shape: With the batch dimension; () for a scalar.
        dtype: ``INT8``, ``FLOAT32``, ... as the schema names it.
        scales: float32, one or one a channel; empty if the tensor is not quantised.
        zero_points: int64, as many as ``scales``.
        axis: The dimension that ``scales`` runs along.
        data: Content of a constant; None for an activation.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int
    data: npt.NDArray[np.uint8] | None = field(repr=False)

    def values(self) -> npt.NDArray[Any] | None:
        """The constant's values in the tensor's shape; None if it has none, or their number is another."""
        dtype = _DTYPES.get(self.dtype)
        if self.data is None or dtype is None:
            return None
        if self.data.size != int(np.prod(self.shape, dtype=np.int64)) * np.dtype(dtype).itemsize:
            return None
        return np.frombuffer(self.data.tobytes(), np.dtype(dtype).newbyteorder("<")).reshape(self.shape)


@dataclass(frozen=True)
class RawOperator:
    """An operator as the file describes it.

    Attributes:
        index: Its place in the file, which is the order of execution.
        op: ``CONV_2D``, ``PRELU``, ... as the schema names it; ``CUSTOM name`` for a custom one.
        inputs, outputs: Tensor indices; -1 stands for an optional input that is absent.
    """

    index: int
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    _file: File = field(repr=False)
    _options: Any = field(repr=False)
    _options_type: int = field(repr=False)

    def options(self, schema: type, *fields: str) -> tuple[Any, ...]:
        """Values of the named fields of the operator's options, whose schema class is ``schema``.

        Raises:
            StillframeError: The operator has no options of this kind, or they lie outside the file.
        """
        with self._file.part(f"the options of operator {self.index} ({self.op})", self._options):
            if self._options is None or _OPTION_NAMES.get(self._options_type) != schema.__name__:
                raise ValueError("options of another kind")
            options = schema()
            options.Init(self._options.Bytes, self._options.Pos)
            return tuple(getattr(options, name)() for name in fields)


@dataclass(frozen=True)
class RawModel:
    """The main subgraph of a file.

    Attributes:
        tensors, operators: In the file's order.
        inputs, outputs: Tensor indices.
        output_names: (tensor index, name) of each output in the signature; empty without one.
    """

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_names: tuple[tuple[int, str], ...]


class _Bytes(bytes):
    """Bytes whose slices must lie inside: plain ones would cut a string that reaches over the end."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and not 0 <= key.start <= key.stop <= len(self):
            raise IndexError("slice outside the file")
        return super().__getitem__(key)


class File:
    """The bytes of a file and its name in messages."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data = _Bytes(data)
        self.source = source

    @contextmanager
    def part(self, what: str, table: Any) -> Iterator[None]:
        """Turn any failure to read ``table`` (schema object, flatbuffer table or None) into one message."""
        try:
            yield
        except _READ_ERRORS as error:
            table = getattr(table, "_tab", table)
            place = f" at byte {table.Pos}" if table is not None else ""
            raise StillframeError(
                f"{self.source}: expected {what}{place} to be whole and inside the file's {len(self.data)} "
                "bytes, got a reference out of it",
                DAMAGED,
            ) from error

    def check(self, ok: bool, what: str, table: Any) -> None:
        """Raise the message of :meth:`part` unless ``ok``."""
        with self.part(what, table):
            if not ok:
                raise ValueError(what)


def parse(data: bytes, source: str) -> RawModel:
    """Read the main subgraph of a ``.tflite`` file.

    Args:
        data: The file's content.
        source: What messages call it, for example its path.

    Raises:
        StillframeError: The content is not a TensorFlow Lite model, or is damaged or cut short.
    """
    if data[4:8] != FILE_IDENTIFIER:
        raise StillframeError(
            f"{source}: expected {FILE_IDENTIFIER!r} at byte 4 of a .tflite file, got {data[4:8]!r} "
            f"({len(data)} bytes in all)",
            "this is not a TensorFlow Lite model: give a .tflite, .keras or .h5 file",
        )
    file = File(data, source)
    with file.part("the model table", None):
        model = tflite.Model.GetRootAs(file.data, 0)
    with file.part("the model table", model):
        operators = [_operator_name(file, model, i) for i in range(model.OperatorCodesLength())]
        buffers = [_buffer(file, model, i) for i in range(model.BuffersLength())]
        for i in range(model.MetadataLength()):
            model.Metadata(i).Name()
        model.Description()
        graph = model.Subgraphs(0)
    with file.part("the main subgraph", graph):
        graph.Name()
        inputs, outputs = _integers(graph.InputsAsNumpy()), _integers(graph.OutputsAsNumpy())
        tensors = tuple(_tensor(file, graph, i, buffers) for i in range(graph.TensorsLength()))
        nodes = tuple(
            _operator(file, graph, i, operators, len(tensors)) for i in range(graph.OperatorsLength())
        )
        file.check(all(0 <= i < len(tensors) for i in inputs + outputs), "the main subgraph", graph)
    return RawModel(tensors, nodes, inputs, outputs, _output_names(file, model))


def _integers(vector: Any) -> tuple[int, ...]:
    # The schema's accessors give the number 0 for a vector that is absent.
    return () if isinstance(vector, int) else tuple(int(x) for x in vector)


def _operator_name(file: File, model: Any, index: int) -> str:
    code = model.OperatorCodes(index)
    with file.part(f"operator code {index}", code):
        custom = code.CustomCode()
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = _OPERATOR_NAMES.get(number, f"BUILTIN {number}")
        return f"CUSTOM {custom.decode()}" if custom is not None else name


def _buffer(file: File, model: Any, index: int) -> npt.NDArray[np.uint8] | None:
    buffer = model.Buffers(index)
    with file.part(f"buffer {index}", buffer):
        return buffer.DataAsNumpy() if buffer.DataLength() else None


def _tensor(file: File, graph: Any, index: int, buffers: list[Any]) -> RawTensor:
    tensor = graph.Tensors(index)
    with file.part(f"tensor {index}", tensor):
        quantisation = tensor.Quantization()
        scales = np.zeros(0, np.float32)
        zero_points = np.zeros(0, np.int64)
        axis = 0
        if quantisation is not None and quantisation.ScaleLength():
            scales = quantisation.ScaleAsNumpy().astype(np.float32)
            zero_points = np.zeros(len(scales), np.int64)
            if quantisation.ZeroPointLength():
                zero_points = quantisation.ZeroPointAsNumpy().astype(np.int64)
            axis = quantisation.QuantizedDimension()
        shape = _integers(tensor.ShapeAsNumpy())
        dtype = _TYPE_NAMES.get(tensor.Type(), f"TYPE {tensor.Type()}")
        name = (tensor.Name() or b"").decode()
        if min(shape, default=1) < 0 or len(scales) != len(zero_points):
            raise ValueError("contradictory description")
        return RawTensor(index, name, shape, dtype, scales, zero_points, axis, buffers[tensor.Buffer()])


def _operator(file: File, graph: Any, index: int, names: list[str], tensors: int) -> RawOperator:
    operator = graph.Operators(index)
    with file.part(f"operator {index}", operator):
        inputs, outputs = _integers(operator.InputsAsNumpy()), _integers(operator.OutputsAsNumpy())
        name = names[operator.OpcodeIndex()]
        if not all(-1 <= i < tensors for i in inputs) or not all(0 <= i < tensors for i in outputs):
            raise ValueError("tensor index out of range")
        options = operator.BuiltinOptions()
        return RawOperator(index, name, inputs, outputs, file, options, operator.BuiltinOptionsType())


def _output_names(file: File, model: Any) -> tuple[tuple[int, str], ...]:
    with file.part("the signatures", model):
        if not model.SignatureDefsLength():
            return ()
        signature = model.SignatureDefs(0)
        outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
        return tuple((output.TensorIndex(), output.Name().decode()) for output in outputs)
