"""TensorFlow without its chatter, which goes to standard error from C++ and standard output from Python."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import IO


@contextmanager
def quiet() -> Iterator[IO[bytes]]:
    """Keep everything written to standard output and error, and every warning, from the user.

    Yields:
        The file in which it is kept until the end, for a message that needs it.
    """
    with tempfile.TemporaryFile() as kept, open(os.devnull, "w") as nowhere:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            with warnings.catch_warnings(), redirect_stdout(nowhere):
                warnings.simplefilter("ignore")
                yield kept
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)


def load_tensorflow() -> ModuleType:
    """Import TensorFlow and let it look for its devices, without a word."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        import tensorflow as tf

        tf.constant(0)
    return tf
