"""A folder of things that take long to make and depend on nothing but their key.

``$STILLFRAME_CACHE``, or ``stillframe`` in ``$XDG_CACHE_HOME`` or ``~/.cache``. Entries are made beside
their place and renamed, so that one is there whole or not at all; a lock for each key lets processes
that want the same entry wait for the one that makes it. Entries that nobody used for a month are
dropped. It is safe to delete the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stillframe.contract import StillframeError

KEEP_SECONDS = 30 * 24 * 3600
"""How long an entry is kept after its last use."""


def root() -> Path:
    """The cache folder, which need not exist."""
    if chosen := os.environ.get("STILLFRAME_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "stillframe"


def key(*parts: str | bytes) -> str:
    """A name for what is made from ``parts``: 24 hexadecimal digits that depend on every byte of each."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:24]


def entry(kind: str, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that holds entry ``name`` of a ``kind``, made if it is not there.

    Args:
        kind: Group of entries, a folder of the cache.
        name: Its :func:`key`.
        make: Fills the empty folder that it is given. What it raises is passed on, and nothing is kept.

    Raises:
        StillframeError: The cache folder cannot be written.
    """
    place = root() / kind / name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place.with_name(name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                scratch = Path(tempfile.mkdtemp(prefix=name + ".part", dir=place.parent))
                try:
                    make(scratch)
                    scratch.rename(place)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
                _drop_old(place.parent)
            os.utime(place)
    except OSError as error:
        raise StillframeError(
            f"cache {root()}: expected a folder to write to, got: {error.strerror} ({error.filename})",
            "free some space or name another folder in the environment variable STILLFRAME_CACHE",
        ) from error
    return place


def _drop_old(folder: Path) -> None:
    """Remove entries unused for a month, and what interrupted builds left. Locks stay: they are empty."""
    limit = time.time() - KEEP_SECONDS
    for path in folder.iterdir():
        if path.is_dir() and path.stat().st_mtime < limit:
            shutil.rmtree(path, ignore_errors=True)
