"""Upsampling that TensorFlow Lite can run.

Keras 3 repeats rows and columns where UpSampling2D takes the nearest pixel. The converter makes an int8 TILE
of it, which TensorFlow Lite's reference kernels do not have; a resize by the same factors becomes
RESIZE_NEAREST_NEIGHBOR and gives the same values.
"""

from __future__ import annotations

from typing import Any

from .quiet import load_tensorflow


def with_resizing(model: Any) -> Any:
    """A Keras model in which UpSampling2D resizes instead of repeating.

    Args:
        model: Stays as it is.

    Returns:
        A model that shares all other layers with ``model``; ``model`` itself if there is nothing to replace,
        or if it is a subclass of Model, whose calls cannot be told from outside.
    """
    keras = load_tensorflow().keras

    class Resizing(keras.layers.UpSampling2D):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            size = tuple(n * factor for n, factor in zip(inputs.shape[1:3], self.size, strict=True))
            return keras.ops.image.resize(inputs, size, interpolation="nearest", data_format="channels_last")

    def is_repeating(layer: Any) -> bool:
        return (
            isinstance(layer, keras.layers.UpSampling2D)
            and layer.interpolation == "nearest"
            and layer.data_format == "channels_last"
        )

    def contains(layer: Any) -> bool:
        return is_repeating(layer) or any(map(contains, getattr(layer, "layers", ())))

    def replaced(layer: Any) -> Any:
        if is_repeating(layer):
            return Resizing.from_config(layer.get_config())
        if not contains(layer):
            return layer
        try:
            return keras.models.clone_model(layer, clone_function=replaced)
        except ValueError:  # a class of its own
            return layer

    return replaced(model)
