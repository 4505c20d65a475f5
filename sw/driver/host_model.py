"""Head and tail of a model on the host, by TFLite's interpreter with its reference kernels.

A program without them needs numpy only; one with them needs LiteRT or TensorFlow, which are imported here
when the first part is opened.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import StillframeError
from ..contract.host import HostPart

Values = npt.NDArray[Any]

INTERPRETERS = ("ai_edge_litert.interpreter", "tensorflow.lite.python.interpreter")
"""Modules with an interpreter, the smaller one first. Their reference kernels are the same."""


class HostModel:
    """A head or a tail, ready to run.

    Args:
        part: What to run.
        model: Name of the whole model, for messages.

    Raises:
        StillframeError: No interpreter is installed, or it refuses the part.
    """

    def __init__(self, part: HostPart, model: str) -> None:
        self.part = part
        self._where = f"model {model}: host part from {_names(part.inputs)} to {_names(part.outputs)}"
        module = _interpreters(self._where)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorFlow announces the move of its interpreter to LiteRT
                self._interpreter = module.Interpreter(
                    model_content=part.tflite,
                    experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
                )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise StillframeError(
                f"{self._where}: expected operators that TFLite's reference kernels have, "
                f"got: {str(error).splitlines()[0]}",
                "take the operator out of the model, or end the model before it",
            ) from error
        self._inputs = self._interpreter.get_input_details()
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def run(self, values: Sequence[Values]) -> list[Values]:
        """Compute a frame.

        Args:
            values: Of ``part.inputs``, in their shapes and types.

        Returns:
            Values of ``part.outputs``, in their shapes and types.

        Raises:
            StillframeError: The interpreter fails, or gives an output of another shape.
        """
        for detail, given in zip(self._inputs, values, strict=True):
            self._interpreter.set_tensor(detail["index"], given.reshape(detail["shape"]))
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise StillframeError(
                f"{self._where}: expected TFLite's interpreter to compute it, "
                f"got: {str(error).splitlines()[0]}",
                "take the operator out of the model, or end the model before it",
            ) from error
        results = []
        for index, tensor in zip(self._outputs, self.part.outputs, strict=True):
            result = self._interpreter.get_tensor(index)
            if result.size != np.prod(tensor.shape, dtype=np.int64):
                raise StillframeError(
                    f"{self._where}: expected output {tensor.name!r} of a fixed shape, {tensor.shape}, "
                    f"got {result.shape}",
                    "end the model before the operator whose result has a size that depends on the frame",
                )
            results.append(result.reshape(tensor.shape))
        return results


def _names(tensors: Sequence[Any]) -> str:
    return ", ".join(repr(tensor.name) for tensor in tensors)


def _interpreters(where: str) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in INTERPRETERS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of packages that TensorFlow imports
                return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise StillframeError(
        f"{where}: expected TFLite's interpreter to be installed, found neither LiteRT nor TensorFlow",
        "run: pip install ai-edge-litert",
    )
