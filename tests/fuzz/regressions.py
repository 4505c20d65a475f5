"""Networks that failed once, each with what was wrong."""

from __future__ import annotations

from description import Description

REGRESSIONS: dict[str, Description] = {}
