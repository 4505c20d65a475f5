"""The command line: ``stillframe run``, ``stillframe compile``, ``stillframe doctor``."""

from .main import main

__all__ = ["main"]
