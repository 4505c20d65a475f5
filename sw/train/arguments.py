"""Checks of arguments, with errors as Keras has them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection
from typing import Any


def one_of(name: str, value: Any, choices: Collection[Any]) -> Any:
    """The value, if it is one of the choices.

    Raises:
        ValueError: It is not.
    """
    if value not in choices:
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(
            f"Argument `{name}` was expected to be one of {expected}. Received: {name}={value!r}"
        )
    return value


def positive(name: str, value: Any, or_zero: bool = False) -> float:
    """The value as a float, if it is finite and above 0 (or 0).

    Raises:
        ValueError: It is not.
    """
    kind = "0 or a positive number" if or_zero else "a positive number"
    number = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not or_zero):
        raise ValueError(f"Argument `{name}` was expected to be {kind}. Received: {name}={value!r}")
    return number


def whole_or_none(name: str, value: Any, low: int) -> int | None:
    """The value as an int, if it is a whole number of at least ``low``, or None.

    Raises:
        ValueError: It is neither.
    """
    if value is None:
        return None
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < low:
        raise ValueError(
            f"Argument `{name}` was expected to be None or a whole number of at least {low}. "
            f"Received: {name}={value!r}"
        )
    return int(value)
