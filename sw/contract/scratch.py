"""The name of a scratch file: what is written there takes its place by being renamed, whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def scratch_beside(path: Path, suffix: str = ".part") -> Path:
    """A file beside ``path`` that no other thread and no other process writes to.

    Several may then write the same file at once: it is one of theirs in the end, never a mixture.

    Args:
        path: The file that is to appear.
        suffix: Of the scratch file; some libraries write by it.
    """
    return path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}{suffix}")
