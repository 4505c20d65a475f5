"""``.h5`` files of older Keras versions, whose layers hold settings that Keras 3 does not know.

Such a file holds the model's configuration as JSON in an attribute. What a trained model does depends on
its layers and weights alone: initialisers, regularisers and constraints are left out, so are settings that
had one value only. Mixed precision becomes float32, which the weights are in: they are to be int8 anyway.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stillframe.contract import StillframeError

ATTRIBUTE = "model_config"

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Endings of settings that only training looks at."""

DROPPED: dict[str, dict[str, Any]] = {
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "SpatialDropout2D": {"noise_shape": None, "trainable": True},
}
"""Settings by layer class that Keras 3 refuses, with the one value that changes nothing."""

EXPORT = (
    "export it with the TensorFlow that made it, tf.saved_model.save(model, FOLDER), and give that folder"
)


@contextmanager
def readable_h5(path: Path) -> Iterator[Path]:
    """A file that Keras 3 reads: ``path`` itself, or a copy of it in a temporary folder.

    Raises:
        StillframeError: The file holds weights alone, or layers that Keras 3 does not have.
        OSError: It is not a whole HDF5 file.
    """
    import h5py

    with h5py.File(path) as file:
        stored = file.attrs.get(ATTRIBUTE)
    if stored is None:
        raise StillframeError(
            f"model {path}: expected a whole model, got a file of weights alone",
            "save the model with model.save(), not with save_weights()",
        )
    config = json.loads(stored)
    _refuse_unknown(config, path)
    renewed = renew(config)
    if renewed == config:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.h5"
        shutil.copyfile(path, copy)
        os.chmod(copy, 0o600)
        with h5py.File(copy, "r+") as file:
            file.attrs[ATTRIBUTE] = json.dumps(renewed)
        yield copy


def renew(config: Any) -> Any:
    """A configuration, or any part of one, as Keras 3 takes it."""
    if isinstance(config, list):
        return [renew(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: renew(value) for key, value in config.items()}
    if _is_mixed(config.get("dtype")):
        config["dtype"] = "float32"
    if isinstance(config.get("config"), dict):
        kind = config.get("class_name", "")
        dropped = DROPPED.get(kind, {})
        settings = {k: v for k, v in config["config"].items() if not _is_old(k, v, dropped)}
        if shape := settings.pop("batch_input_shape", None):
            settings |= {"batch_shape": shape} if kind == "InputLayer" else {"input_shape": shape[1:]}
        config["config"] = settings
    return config


def _is_old(key: str, value: Any, dropped: dict[str, Any]) -> bool:
    return key.endswith(TRAINING_ONLY) or (key in dropped and dropped[key] == value)


def _is_mixed(dtype: Any) -> bool:
    """Whether the type of a layer is a policy: a dictionary, or the name of one."""
    return isinstance(dtype, dict) or str(dtype).startswith("mixed_")


def _layers(config: Any) -> Iterator[tuple[str, str]]:
    """(class, name) of all layers, in the file's order."""
    if isinstance(config, list):
        for item in config:
            yield from _layers(item)
    elif isinstance(config, dict):
        settings = config.get("config")
        for layer in (settings.get("layers", []) if isinstance(settings, dict) else settings) or []:
            if isinstance(layer, dict) and "class_name" in layer:
                yield layer["class_name"], layer["config"].get("name", "")
                yield from _layers(layer)


def _refuse_unknown(config: Any, path: Path) -> None:
    import keras

    unknown = [
        f"{kind} (layer {name!r})"
        for kind, name in _layers(config)
        if not hasattr(keras.layers, kind)
        and not hasattr(keras.models, kind)
        and kind != "Functional"
        and keras.saving.get_registered_object(kind) is None
    ]
    if unknown:
        raise StillframeError(
            f"model {path}: expected layers that Keras {keras.__version__} has, got {', '.join(unknown)}",
            EXPORT,
        )
