"""The command line: ``stillframe run``, ``compile``, ``check``, ``doctor``, ``train``."""

from .main import main

__all__ = ["main"]
