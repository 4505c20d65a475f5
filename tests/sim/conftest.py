from __future__ import annotations

from pathlib import Path

import pytest

from stillframe.sim import cache


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, but for the run-time library, which takes long to compile and is not what is tested."""
    runtime = cache.root() / "runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "runtime").symlink_to(runtime, target_is_directory=True)
    monkeypatch.setenv("STILLFRAME_CACHE", str(folder))
    return folder
