"""What tests of the benchmarks share: devices without hardware."""

from __future__ import annotations

import pytest

import stillframe.run.job


@pytest.fixture
def fake_bench(fake_device, monkeypatch: pytest.MonkeyPatch) -> type:
    """Makes the benchmarks run on a FakeSession, which is given: a test may fill its ``flip``."""
    monkeypatch.setattr("stillframe.bench.networks.open_device", stillframe.run.job.open_device)
    monkeypatch.setattr("stillframe.bench.density.open_device", stillframe.run.job.open_device)
    monkeypatch.setattr("stillframe.bench.comparison.Session", fake_device)
    return fake_device
