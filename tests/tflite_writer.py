"""Writes small ``.tflite`` files for tests: any operator, any shape, any quantisation, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite

DTYPES = {"INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "FLOAT32": np.float32}


class ModelWriter:
    """Collects tensors and operators, then gives the file's content."""

    def __init__(self) -> None:
        self._tensors: list[dict[str, Any]] = []
        self._operators: list[tuple[str, Sequence[int], Sequence[int], str | None, Mapping[str, Any]]] = []

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "INT8",
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        data: Any = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor; ``data`` makes it a constant. Returns its index."""
        scales = None if scale is None else np.atleast_1d(np.asarray(scale, np.float32))
        zero_points = None if scales is None else np.broadcast_to(zero_point, scales.shape).astype(np.int64)
        content = None if data is None else np.asarray(data, DTYPES[dtype]).tobytes()
        self._tensors.append(
            {"name": name, "shape": shape, "dtype": dtype, "scales": scales, "zero_points": zero_points}
            | {"data": content, "axis": axis}
        )
        return len(self._tensors) - 1

    def operator(
        self,
        op: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str | None = None,
        **fields: Any,
    ) -> None:
        """Add an operator; ``options`` names its options' schema, ``fields`` are theirs."""
        self._operators.append((op, inputs, outputs, options, fields))

    def finish(
        self, inputs: Sequence[int], outputs: Sequence[int], signature: Mapping[str, int] | None = None
    ) -> bytes:
        """The file's content. ``signature`` maps names of outputs to tensors."""
        b = flatbuffers.Builder(4096)
        buffers = [self._buffer(b, None), *(self._buffer(b, t["data"]) for t in self._tensors)]
        tensors = [self._tensor(b, i + 1, t) for i, t in enumerate(self._tensors)]
        ops = sorted({op for op, *_ in self._operators})
        operators = [self._operator(b, ops.index(op), *rest) for op, *rest in self._operators]
        signatures = [] if signature is None else [self._signature(b, inputs, signature)]
        codes = [self._code(b, op) for op in ops]
        ins, outs = _ints(b, inputs), _ints(b, outputs)
        tensor_vector, operator_vector = _vector(b, tensors), _vector(b, operators)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensor_vector)
        tflite.SubGraphAddInputs(b, ins)
        tflite.SubGraphAddOutputs(b, outs)
        tflite.SubGraphAddOperators(b, operator_vector)
        subgraphs = _vector(b, [tflite.SubGraphEnd(b)])
        buffer_vector, code_vector = _vector(b, buffers), _vector(b, codes)
        signature_vector = _vector(b, signatures)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, code_vector)
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddBuffers(b, buffer_vector)
        tflite.ModelAddSignatureDefs(b, signature_vector)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    @staticmethod
    def _buffer(b: flatbuffers.Builder, data: bytes | None) -> int:
        vector = b.CreateByteVector(data) if data is not None else None
        tflite.BufferStart(b)
        if vector is not None:
            tflite.BufferAddData(b, vector)
        return tflite.BufferEnd(b)

    @staticmethod
    def _tensor(b: flatbuffers.Builder, buffer: int, tensor: dict[str, Any]) -> int:
        name, shape = b.CreateString(tensor["name"]), _ints(b, tensor["shape"])
        quantisation = None
        if tensor["scales"] is not None:
            scales = b.CreateNumpyVector(tensor["scales"])
            zero_points = b.CreateNumpyVector(tensor["zero_points"])
            tflite.QuantizationParametersStart(b)
            tflite.QuantizationParametersAddScale(b, scales)
            tflite.QuantizationParametersAddZeroPoint(b, zero_points)
            tflite.QuantizationParametersAddQuantizedDimension(b, tensor["axis"])
            quantisation = tflite.QuantizationParametersEnd(b)
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, getattr(tflite.TensorType, tensor["dtype"]))
        tflite.TensorAddBuffer(b, buffer if tensor["data"] is not None else 0)
        tflite.TensorAddName(b, name)
        if quantisation is not None:
            tflite.TensorAddQuantization(b, quantisation)
        return tflite.TensorEnd(b)

    @staticmethod
    def _operator(
        b: flatbuffers.Builder,
        code: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        schema: str | None,
        fields: Mapping[str, Any],
    ) -> int:
        ins, outs, options = _ints(b, inputs), _ints(b, outputs), None
        if schema is not None:
            vectors = {k: _ints(b, v) if isinstance(v, list | tuple) else v for k, v in fields.items()}
            getattr(tflite, f"{schema}Start")(b)
            for field, value in vectors.items():
                getattr(tflite, f"{schema}Add{field}")(b, value)
            options = getattr(tflite, f"{schema}End")(b)
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, ins)
        tflite.OperatorAddOutputs(b, outs)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, schema))
            tflite.OperatorAddBuiltinOptions(b, options)
        return tflite.OperatorEnd(b)

    @staticmethod
    def _signature(b: flatbuffers.Builder, inputs: Sequence[int], outputs: Mapping[str, int]) -> int:
        def names(tensors: Mapping[str, int]) -> int:
            maps = []
            for name, index in tensors.items():
                text = b.CreateString(name)
                tflite.TensorMapStart(b)
                tflite.TensorMapAddName(b, text)
                tflite.TensorMapAddTensorIndex(b, index)
                maps.append(tflite.TensorMapEnd(b))
            return _vector(b, maps)

        ins, outs = names({f"input_{i}": index for i, index in enumerate(inputs)}), names(outputs)
        key = b.CreateString("serving_default")
        tflite.SignatureDefStart(b)
        tflite.SignatureDefAddInputs(b, ins)
        tflite.SignatureDefAddOutputs(b, outs)
        tflite.SignatureDefAddSignatureKey(b, key)
        return tflite.SignatureDefEnd(b)

    @staticmethod
    def _code(b: flatbuffers.Builder, op: str) -> int:
        number = getattr(tflite.BuiltinOperator, op)
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(b, number)
        tflite.OperatorCodeAddVersion(b, _VERSIONS.get(op, 1))
        return tflite.OperatorCodeEnd(b)


_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "LEAKY_RELU": 2,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "PADV2": 2,
    "RELU": 2,
    "RELU6": 2,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "SOFTMAX": 2,
    "SUB": 2,
    "TANH": 2,
}
"""Versions that take int8."""


def _vector(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _ints(b: flatbuffers.Builder, values: Sequence[int]) -> int:
    return b.CreateNumpyVector(np.asarray(values, np.int32))
