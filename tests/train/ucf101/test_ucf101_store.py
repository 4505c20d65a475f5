"""Frames from the cache are those of the video, whatever became of the cache."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ucf101_miniature as miniature

from stillframe.contract import StillframeError
from stillframe.train.ucf101 import Video, store
from stillframe.train.ucf101.store import Store, decode
from stillframe.video import sources


@pytest.fixture
def video(ucf101: Path, tmp_path: Path) -> Video:
    """A video of 52 frames that a test may change."""
    name = "Circling/v_Circling_g04_c02.avi"
    path = shutil.copy(ucf101 / "UCF-101" / name, tmp_path / "video.avi")
    return Video(name, path, 0)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Videos that were decoded, each twice: for their length, and for their frames."""
    paths: list[Path] = []

    def file(path: Path) -> Any:
        read = sources.file(path)

        def counted() -> Iterator[Any]:
            paths.append(path)
            return read()

        return counted

    monkeypatch.setattr(store, "video_file", file)
    return paths


def raw(video: Video) -> np.ndarray:
    return np.stack(list(sources.file(video.path)()))


def test_png_is_what_the_decoder_gave(video: Video, tmp_path: Path) -> None:
    entry = Store(tmp_path, 64, "png", keep=32)
    np.testing.assert_array_equal(decode(entry.images(video)), raw(video)[10:42])
    np.testing.assert_array_equal(decode(entry.images(video)[3:5]), raw(video)[13:15])


def test_all_frames_of_a_video_shorter_than_what_is_kept(ucf101: Path, tmp_path: Path) -> None:
    name = "Falling/v_Falling_g01_c01.avi"
    short = Video(name, ucf101 / "UCF-101" / name, 1)
    np.testing.assert_array_equal(decode(Store(tmp_path, 64, "png", keep=32).images(short)), raw(short))


def test_jpeg_is_nearly_that_and_still_where_the_video_is(ucf101: Path, tmp_path: Path) -> None:
    name = "Standing/v_Standing_g02_c01.avi"
    standing = Video(name, ucf101 / "UCF-101" / name, 2)
    frames, exact = decode(Store(tmp_path, 64, "jpg").images(standing)), raw(standing)
    assert np.abs(frames.astype(int) - exact).mean() < 8  # of noise, the worst case
    still = [t for t in range(1, len(exact)) if np.array_equal(exact[t], exact[t - 1])]
    assert len(still) > 10
    assert all(np.array_equal(frames[t], frames[t - 1]) for t in still)


def test_frames_are_scaled_down_by_area_but_never_up(video: Video, tmp_path: Path) -> None:
    assert decode(Store(tmp_path, 16, "png").images(video)).shape == (52, 16, 20, 3)
    assert decode(Store(tmp_path, 100, "png").images(video)).shape == (52, 32, 40, 3)


def test_second_time_nothing_is_decoded(video: Video, tmp_path: Path, decoded: list[Path]) -> None:
    entry = Store(tmp_path, 24, "jpg")
    first = decode(entry.images(video))
    assert len(decoded) == 2
    entry.prepare(video)
    np.testing.assert_array_equal(decode(entry.images(video)), first)
    assert len(decoded) == 2
    assert [p.name for p in entry.entry(video).parent.iterdir()] == ["v_Circling_g04_c02.avi.npz"]


def test_each_size_encoding_and_length_has_its_own_entry(video: Video, tmp_path: Path) -> None:
    kinds = [Store(tmp_path, 24, "jpg"), Store(tmp_path, 20, "jpg"), Store(tmp_path, 24, "png")]
    kinds.append(Store(tmp_path, 24, "png", keep=32))
    assert len({kind.entry(video) for kind in kinds}) == 4


def test_changed_video_is_decoded_again(video: Video, tmp_path: Path, decoded: list[Path]) -> None:
    entry = Store(tmp_path, 24, "png")
    first = decode(entry.images(video))
    miniature.write_video(video.path, 1, 5, 40)
    entry.prepare(video)
    assert len(decoded) == 4
    second = decode(entry.images(video))
    assert second.shape[0] == 40
    assert not np.array_equal(second, first[:40])
    os.utime(video.path, ns=(0, 0))
    entry.prepare(video)
    assert len(decoded) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_entry_is_made_again(damage: str, video: Video, tmp_path: Path, decoded: list[Path]) -> None:
    entry = Store(tmp_path, 24, "png")
    first = decode(entry.images(video))
    path = entry.entry(video)
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            data = data[: len(data) // 2]
        case "flipped":
            data[len(data) // 2] ^= 0xFF
        case "empty":
            data.clear()
    path.write_bytes(data)
    if damage == "other":
        np.savez(path, something=np.zeros(3))
    np.testing.assert_array_equal(decode(entry.images(video)), first)
    assert len(decoded) == 4
    np.testing.assert_array_equal(decode(entry.images(video)), first)
    assert len(decoded) == 4


def test_two_threads_make_the_same_entry(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=60)
    savez = np.savez

    def together(*args: Any, **kwargs: Any) -> None:
        both.wait()
        savez(*args, **kwargs)
        both.wait()

    monkeypatch.setattr(np, "savez", together)
    entry = Store(tmp_path, 64, "png")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(entry.images, [video] * 2)
    for images in (first, second, entry.images(video)):
        np.testing.assert_array_equal(decode(images), raw(video))
    assert [p.name for p in entry.entry(video).parent.iterdir()] == ["v_Circling_g04_c02.avi.npz"]


def test_video_that_is_none(video: Video, tmp_path: Path) -> None:
    video.path.write_bytes(b"not a video at all" * 100)
    with pytest.raises(StillframeError) as error:
        Store(tmp_path, 24, "png").prepare(video)
    assert str(error.value) == (
        f"clip {video.path}: expected a video that FFmpeg can decode, got at frame 0: "
        "Invalid data found when processing input\n"
        "  -> check that the file is whole and is a video; ffmpeg can convert most formats to .mp4"
    )


def test_video_that_is_too_short(video: Video, tmp_path: Path) -> None:
    miniature.write_video(video.path, 0, 1, 5)
    entry = Store(tmp_path, 24, "jpg", least=8)
    for use in (entry.prepare, entry.images):
        with pytest.raises(StillframeError) as error:
            use(video)
        assert str(error.value) == (
            f"video {video.path}: expected at least 8 frames, got 5\n"
            "  -> get the file again: the shortest video of UCF101 has 28 frames"
        )
    assert not list(tmp_path.rglob("*.npz"))


def test_cache_that_cannot_be_made(video: Video, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StillframeError) as error:
        Store(tmp_path / "file", 24, "jpg").prepare(video)
    assert str(error.value) == (
        f"--cache {tmp_path / 'file' / '24-jpg' / 'Circling'}: expected a folder that can be made, "
        "got: Not a directory\n  -> choose a folder that you may write to with --cache"
    )
