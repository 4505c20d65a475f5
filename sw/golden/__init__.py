"""The golden model, and TensorFlow Lite's reference kernels that it is checked against.

Importing this package does not load TensorFlow; using what it offers does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .macs import MacCounts
    from .model import GoldenModel, Trace
    from .reference import ReferenceModel

__all__ = ["GoldenModel", "MacCounts", "ReferenceModel", "Trace"]


def __getattr__(name: str) -> Any:
    if name in ("GoldenModel", "Trace"):
        from stillframe.frontend.quiet import load_tensorflow

        load_tensorflow()
        from . import model

        return getattr(model, name)
    if name == "MacCounts":
        from .macs import MacCounts

        return MacCounts
    if name == "ReferenceModel":
        from .reference import ReferenceModel

        return ReferenceModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
