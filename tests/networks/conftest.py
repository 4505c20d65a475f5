"""The networks of this folder, each converted once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from real_network import RealNetwork


@pytest.fixture(scope="session")
def network() -> Callable[[str], RealNetwork]:
    """A network by the name of its module."""
    return cache(RealNetwork)
