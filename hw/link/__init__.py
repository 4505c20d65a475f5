"""The byte-stream link to the host: packets, commands, frames."""

from .link import Link

__all__ = ["Link"]
