"""Whether a ``.tflite`` file is an int8 model at all."""

from __future__ import annotations

from collections import Counter

from stillframe.contract import StillframeError

from .flatbuffer import RawModel


def check_quantised(raw: RawModel, source: str) -> None:
    """See that at least one operator computes int8 values.

    Args:
        raw: The file's content.
        source: What messages call the file.

    Raises:
        StillframeError: None does: the model is in floating point, or quantised in another way.
    """
    kinds = Counter(raw.tensors[i].dtype.lower() for operator in raw.operators for i in operator.outputs)
    if kinds and not kinds["int8"]:
        raise StillframeError(
            f"{source}: expected a model quantised to int8, got one that computes in "
            f"{kinds.most_common(1)[0][0]}",
            "give the Keras model or the SavedModel that it was made from, with a clip to calibrate on, or "
            "convert it with full-integer quantisation (int8 weights and activations)",
        )
