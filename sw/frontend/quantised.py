"""Whether a ``.tflite`` file is an int8 model at all."""

from __future__ import annotations

from collections import Counter

from stillframe.contract import StillframeError

from .flatbuffer import RawModel


def check_quantised(raw: RawModel, source: str) -> None:
    """See that the input or something that is computed has int8 values.

    Args:
        raw: The file's content.
        source: What messages call the file.

    Raises:
        StillframeError: Nothing has: the model is in floating point, or quantised in another way.
    """
    computed = [raw.tensors[i] for operator in raw.operators for i in operator.outputs]
    inputs = [raw.tensors[i] for i in raw.inputs]
    if computed and "INT8" not in {tensor.dtype for tensor in (*inputs, *computed)}:
        kinds = Counter(tensor.dtype.lower() for tensor in computed)
        raise StillframeError(
            f"{source}: expected a model quantised to int8, got one that computes in "
            f"{kinds.most_common(1)[0][0]}",
            "give the Keras model or the SavedModel that it was made from, with a clip to calibrate on, or "
            "convert it with full-integer quantisation (int8 weights and activations)",
        )
