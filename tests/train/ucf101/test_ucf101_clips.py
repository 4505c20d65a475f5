"""Clips: the same augmentation for every frame, the same clip for the same seed, epoch and position."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stillframe.train.ucf101 import open_dataset
from stillframe.train.ucf101.augment import AREA, Augmentation, draw
from stillframe.train.ucf101.clips import Clips, ahead, scaled
from stillframe.train.ucf101.store import Store

SIZE = 24


@pytest.fixture(scope="module")
def clips(ucf101: Path, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    store = Store(tmp_path_factory.mktemp("cache"), 32, "jpg", least=8)
    return Clips(open_dataset(ucf101).train, store, SIZE, frames=8, batch=4, seed=(5, 1), workers=2)


def with_seed(clips: Clips, seed: tuple[int, ...], workers: int = 1) -> Clips:
    return Clips(clips.videos, clips.store, SIZE, clips.frames, clips.batch, seed, workers)


def test_every_frame_of_a_clip_gets_the_same() -> None:
    """A clip of equal frames stays one, and each frame becomes what it becomes alone."""
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (40, 50, 3), np.uint8)
    moving = random.integers(0, 256, (6, 40, 50, 3), np.uint8)
    for seed in range(50):
        augmentation = draw(np.random.default_rng(seed), 40, 50)
        still = augmentation.apply(np.stack([frame] * 5), SIZE)
        assert still.shape == (5, SIZE, SIZE, 3)
        assert all(np.array_equal(one, still[0]) for one in still)
        alone = [augmentation.apply(one[np.newaxis], SIZE)[0] for one in moving]
        np.testing.assert_array_equal(augmentation.apply(moving, SIZE), alone)


def test_draws_stay_in_the_frame_and_differ() -> None:
    draws = [draw(np.random.default_rng(seed), 40, 50) for seed in range(300)]
    for a in draws:
        (top, bottom), (left, right) = a.rows, a.columns
        assert 0 <= top < bottom <= 40
        assert 0 <= left < right <= 50
        assert AREA[0] * 0.95 <= (bottom - top) * (right - left) / 2000 <= AREA[1]
        assert 0.8 <= a.brightness <= 1.2
    assert len({(a.rows, a.columns) for a in draws}) > 250
    assert 100 < sum(a.flip for a in draws) < 200


def test_crop_that_never_fits_is_the_middle_square() -> None:
    """In a frame 20 times as wide as high, no crop of 40 % has an aspect below 4 / 3."""
    assert {(a.rows, a.columns) for a in (draw(np.random.default_rng(s), 10, 200) for s in range(20))} == {
        ((0, 10), (95, 105))
    }


def test_flip_and_brightness() -> None:
    frames = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    plain = Augmentation((0, 4), (0, 4), False, 1.0)
    np.testing.assert_array_equal(plain.apply(frames, 4), frames)
    flipped = Augmentation((0, 4), (0, 4), True, 1.0)
    np.testing.assert_array_equal(flipped.apply(frames, 4), frames[:, :, ::-1])
    bright = Augmentation((0, 4), (0, 4), False, 1.2).apply(frames + np.uint8(150), 4)
    np.testing.assert_array_equal(bright, np.minimum(np.rint((frames + 150.0) * 1.2), 255))


def test_clip_is_a_function_of_seed_epoch_and_position(clips: Clips) -> None:
    here = clips.clip(3, 7)
    assert here.shape == (8, SIZE, SIZE, 3)
    np.testing.assert_array_equal(with_seed(clips, (5, 1)).clip(3, 7), here)
    for other in (clips.clip(4, 7), clips.clip(3, 8), with_seed(clips, (5, 2)).clip(3, 7)):
        assert not np.array_equal(other, here)


def test_clip_has_consecutive_frames(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = set()
    for epoch in range(30):
        seen: list[bytes] = []

        def decode(images: list[np.ndarray], seen: list[bytes] = seen) -> np.ndarray:
            seen += [image.tobytes() for image in images]
            return np.zeros((len(images), 32, 40, 3), np.uint8)

        monkeypatch.setattr("stillframe.train.ucf101.clips.decode", decode)
        clips.clip(epoch, 3)
        images = [image.tobytes() for image in clips.store.images(clips.videos[3])]
        start = images.index(seen[0])
        assert seen == images[start : start + 8]
        starts.add(start)
    assert len(starts) > 10


def test_epoch_shows_every_video_but_what_fills_no_batch(clips: Clips) -> None:
    assert clips.steps == 4
    for epoch in range(3):
        assert sorted(clips.order(epoch)) == list(range(18))
    assert all(not np.array_equal(clips.order(a), clips.order(b)) for a, b in pairwise(range(5)))


def test_batches_are_clips_one_after_the_other(clips: Clips) -> None:
    ((frames, labels),) = clips.batches(0, 1)
    order = clips.order(0)[:4]
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, scaled(np.concatenate([clips.clip(0, i) for i in order])))
    np.testing.assert_array_equal(labels, np.repeat([clips.videos[i].label for i in order], 8))


def test_going_on_in_mid_epoch_gives_the_same_batches(clips: Clips) -> None:
    whole = list(clips.batches(0, 10))
    rest = list(with_seed(clips, (5, 1), workers=4).batches(6, 10))
    assert len(rest) == 4
    for (frames, labels), (expected_frames, expected_labels) in zip(rest, whole[6:], strict=True):
        np.testing.assert_array_equal(frames, expected_frames)
        np.testing.assert_array_equal(labels, expected_labels)


def test_ahead_keeps_the_order_and_computes_in_parallel() -> None:
    """The first item waits for the second, which only another thread can bring."""
    second = threading.Event()

    def slow(item: int) -> int:
        if item == 0:
            assert second.wait(60)
        if item == 1:
            second.set()
        return item * item

    assert list(ahead(slow, range(10), workers=2, depth=4)) == [k * k for k in range(10)]


def test_ahead_passes_errors_on_and_stops() -> None:
    begun = []

    def fails(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise KeyError(item)
        return item

    results = ahead(fails, range(1000), workers=2, depth=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)
    assert len(begun) < 20


def test_pixels_become_0_to_1() -> None:
    values = scaled(np.array([0, 51, 255], np.uint8))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([0, 0.2, 1], np.float32))
