"""How the job tells what it does, whoever listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. The job calls :meth:`stage`, then :meth:`advance` for each step, then the next stage."""

    def stage(self, text: str, total: int | None = None) -> None:
        """A new piece of work begins, of ``total`` steps if that is known."""

    def advance(self, note: str = "") -> None:
        """One step is done; ``note`` says what came of it."""

    def say(self, text: str) -> None:
        """Something worth knowing."""


class Silent:
    """A listener that drops everything."""

    def stage(self, text: str, total: int | None = None) -> None:
        """See :class:`Progress`."""

    def advance(self, note: str = "") -> None:
        """See :class:`Progress`."""

    def say(self, text: str) -> None:
        """See :class:`Progress`."""
