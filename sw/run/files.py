"""Result files that appear whole or not at all, and places that are checked before the long work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.contract.scratch import scratch_beside


def check_file(option: str, path: Path) -> None:
    """See that a file can be written, without writing it.

    Raises:
        StillframeError: Its folder does not exist or may not be written to, or the path is a folder.
    """
    problem = None
    if path.is_dir():
        problem = "that is a folder"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        problem = "that may not be written to"
    if problem:
        raise StillframeError(
            f"{option} {path}: expected a file that can be written, got: {problem}",
            "choose a folder that exists and that you may write to",
        )


def check_folder(option: str, path: Path) -> None:
    """See that a folder can be made (or is there) and written to, without making it.

    Raises:
        StillframeError: It cannot.
    """
    existing = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    problem = None
    if not existing.is_dir():
        problem = f"{existing} is a file"
    elif not os.access(existing, os.W_OK):
        problem = f"{existing} may not be written to"
    if problem:
        raise StillframeError(
            f"{option} {path}: expected a folder that can be written to, got: {problem}",
            "choose a folder that you may write to",
        )


def write(path: Path, content: Callable[[BinaryIO], object]) -> None:
    """Write a file through a scratch file beside it, so that it appears whole or not at all.

    Several threads and processes may write the same file at once: it is then one of theirs.

    Raises:
        StillframeError: It cannot be written (for example: the disk is full).
    """
    scratch = scratch_beside(path)
    try:
        with scratch.open("wb") as file:
            content(file)
        scratch.replace(path)
    except OSError as error:
        raise StillframeError(
            f"{path}: expected a place to write to, got: {error.strerror}",
            "choose a folder that exists, that you may write to and that has room",
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, see :func:`write`."""
    write(path, lambda file: file.write(data))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object, see :func:`write`."""
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays by name as a compressed .npz, see :func:`write`."""
    write(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
