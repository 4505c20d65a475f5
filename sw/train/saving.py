"""Saving a Keras model whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stillframe.contract import StillframeError
from stillframe.contract.scratch import scratch_beside
from stillframe.frontend.quiet import quiet


def save_model(model: Any, path: Path) -> None:
    """Save a model so that the file appears whole or not at all.

    Raises:
        StillframeError: It cannot be written.
    """
    scratch = scratch_beside(path, ".part.keras")
    try:
        with quiet():
            model.save(scratch)
        scratch.replace(path)
    except OSError as error:
        raise StillframeError(
            f"{path}: expected a place to write to, got: {error.strerror or error}",
            "make room, then run the same command again",
        ) from error
    finally:
        scratch.unlink(missing_ok=True)
