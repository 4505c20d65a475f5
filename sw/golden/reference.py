"""TensorFlow Lite's reference kernels: the outside witness that the golden model is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.driver import host_ops
from stillframe.frontend.graph import Graph, Int8
from stillframe.frontend.quiet import load_tensorflow, quiet


class ReferenceModel:
    """A graph's ``.tflite`` content run by TensorFlow Lite with ``BUILTIN_REF``, each frame alone.

    Args:
        graph: The network.
        tensors: Also give every tensor of the graph (slower).

    Raises:
        StillframeError: TensorFlow Lite refuses the model.
    """

    def __init__(self, graph: Graph, tensors: bool = False) -> None:
        tf = load_tensorflow()
        self.graph = graph
        self._with_tensors = tensors
        try:
            with quiet():  # TensorFlow announces the move of its interpreter to another package
                self._interpreter = tf.lite.Interpreter(
                    model_content=graph.tflite,
                    experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
                    experimental_preserve_all_tensors=tensors,
                )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise StillframeError(
                f"model {graph.name}: expected a model that TensorFlow Lite's reference kernels can run, "
                f"got: {error}",
                "convert the model again with TensorFlow's converter",
            ) from error
        details = self._interpreter.get_tensor_details()
        self._by_name = {d["name"]: d["index"] for d in reversed(details)}
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()

    def run(self, frames: npt.NDArray[Any]) -> tuple[dict[str, npt.NDArray[Any]], dict[int, Int8]]:
        """Compute frames.

        Args:
            frames: As ``graph.frame`` describes each: int8 codes of the device's input tensor, or what the
                model itself takes if it has a head; (frames, *shape).

        Returns:
            The outputs by name, and the tensors by index (none unless asked for), frames first.
        """
        outputs: list[list[Any]] = [[] for _ in self._outputs]
        tensors: dict[int, list[Any]] = {i: [] for i in range(len(self.graph.tensors) * self._with_tensors)}
        for values in self._caller_values(frames):
            self._interpreter.set_tensor(self._input["index"], values.reshape(self._input["shape"]))
            self._interpreter.invoke()
            for kept, detail, result in zip(outputs, self._outputs, self.graph.results, strict=True):
                kept.append(self._interpreter.get_tensor(detail["index"]).reshape(result.shape))
            for i, kept in tensors.items():
                tensor = self.graph.tensors[i]
                kept.append(self._interpreter.get_tensor(self._by_name[tensor.name]).reshape(tensor.shape))
        names = [result.name for result in self.graph.results]
        return (
            {name: np.array(kept) for name, kept in zip(names, outputs, strict=True)},
            {i: np.array(kept) for i, kept in tensors.items()},
        )

    def _caller_values(self, frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values before the input's host operators that become ``frames`` behind them."""
        operators = self.graph.input.host_ops
        if not operators:
            return frames
        tensor = self.graph.tensors[self.graph.input.tensor]
        if self._input["dtype"] == np.float32:
            return (tensor.scale * (frames.astype(np.float64) - tensor.zero_point)).astype(np.float32)
        limits = np.iinfo(self._input["dtype"])
        candidates = np.arange(limits.min, limits.max + 1).astype(self._input["dtype"])
        elementwise = [o for o in operators if o["op"] != "RESHAPE"]
        codes = host_ops.apply(elementwise, candidates)
        lookup = np.zeros(256, candidates.dtype)
        lookup[codes.astype(np.int64) + 128] = candidates
        values = lookup[frames.astype(np.int64) + 128]
        if not np.array_equal(host_ops.apply(elementwise, values), frames):
            raise ValueError("expected codes that the input's operators can give, got others")
        return values
