"""P-Net at two sizes: what the tests here share."""

from __future__ import annotations

import pytest
from pnet_video import Pnet


@pytest.fixture(scope="session")
def pnet() -> Pnet:
    """At 60 x 48."""
    return Pnet(48, 60)


@pytest.fixture(scope="session")
def small_pnet() -> Pnet:
    """At 24 x 20: a tenth of the work."""
    return Pnet(20, 24)
