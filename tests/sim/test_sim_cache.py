"""The cache that builds are kept in."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from stillframe.contract import StillframeError
from stillframe.sim import cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLFRAME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _fill(path: Path) -> None:
    path.joinpath("content").write_text("made")


def _fill_slowly(path: Path) -> None:
    with open(os.environ["MADE_BY"], "a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(0.3)
    _fill(path)


def _die_half_way(path: Path) -> None:
    path.joinpath("content").write_text("ma")
    os._exit(1)


def _in_processes(count: int, make: object) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=cache.entry, args=("kind", "name", make)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def test_root(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    assert cache.root() == folder
    monkeypatch.delenv("STILLFRAME_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.root() == tmp_path / "stillframe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.root() == tmp_path / "home" / ".cache" / "stillframe"


def test_keys_depend_on_every_part_and_where_parts_end() -> None:
    keys = {cache.key(*parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], [b"abd"], [])}
    assert len(keys) == 6
    assert cache.key("a", b"b") == cache.key(b"a", "b")


def test_an_entry_is_made_once() -> None:
    calls = []

    def make(path: Path) -> None:
        calls.append(path)
        _fill(path)

    first, second = cache.entry("kind", "name", make), cache.entry("kind", "name", make)
    assert first == second
    assert first.joinpath("content").read_text() == "made"
    assert len(calls) == 1


def test_processes_wait_for_the_one_that_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MADE_BY", str(tmp_path / "made_by"))
    _in_processes(3, _fill_slowly)
    assert len((tmp_path / "made_by").read_text().splitlines()) == 1
    assert cache.entry("kind", "name", _fill).joinpath("content").read_text() == "made"


def test_nothing_half_made_is_used() -> None:
    def fail(path: Path) -> None:
        _fill(path)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.entry("kind", "name", fail)
    assert [p.name for p in (cache.root() / "kind").iterdir()] == ["name.lock"]
    _in_processes(1, _die_half_way)
    assert cache.entry("kind", "name", _fill).joinpath("content").read_text() == "made"


def test_what_nobody_used_for_a_month_goes() -> None:
    old = cache.entry("kind", "old", _fill)
    used = cache.entry("kind", "used", _fill)
    a_month_ago = time.time() - cache.KEEP_SECONDS - 1
    os.utime(old, (a_month_ago, a_month_ago))
    os.utime(used, (a_month_ago, a_month_ago))
    cache.entry("kind", "used", _fill)
    cache.entry("kind", "new", _fill)
    assert not old.exists()
    assert used.exists()


def test_a_place_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("STILLFRAME_CACHE", str(blocked / "cache"))
    with pytest.raises(StillframeError) as error:
        cache.entry("kind", "name", _fill)
    assert str(error.value) == (
        f"cache {blocked}/cache: expected a folder to write to, got: Not a directory ({blocked}/cache/kind)\n"
        "  -> free some space or name another folder in the environment variable STILLFRAME_CACHE"
    )
