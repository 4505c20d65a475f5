"""Labels of a fixed camera's clip, and the frames that go with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixed_camera import scene, write_folder

from stillframe.contract import StillframeError
from stillframe.examples import clip_path
from stillframe.run.models import Encoder
from stillframe.train.occupancy import dataset, labels, network
from stillframe.video import ValueRange, code_table, fit, open_clip


def test_labels_are_those_of_the_scene(tmp_path: Path) -> None:
    pictures, truth = scene(120)
    made = dataset.load(open_clip(str(write_folder(tmp_path / "clip", pictures))))
    assert (made.train.frames.shape, made.test.frames.shape) == ((90, 72, 96, 1), (30, 72, 96, 1))
    assert (made.train.maps.shape, made.test.maps.shape) == ((90, 9, 12, 1), (30, 9, 12, 1))
    found = np.concatenate([made.train.maps, made.test.maps])[..., 0]
    assert set(np.unique(found)) == {0, 1}
    assert network.f1(found - 0.5, truth.astype(np.float32)) > 0.96
    earlier = np.concatenate([truth[:1], truth[:-1]])
    assert network.f1(earlier - 0.5, truth.astype(np.float32)) < 0.93  # the bound tells a frame's delay


def test_frames_are_what_the_driver_feeds(tmp_path: Path) -> None:
    """After the rounding to codes, whatever the scale."""
    clip = open_clip(str(write_folder(tmp_path / "clip", scene(100)[0])))
    made = dataset.load(clip)
    scale, zero_point = 0.0173, -128
    encoder = Encoder((72, 96, 1), code_table(ValueRange(0, 1), scale, zero_point))
    fed = np.stack([encoder(frame) for frame in clip])
    ratio = np.concatenate([made.train.frames, made.test.frames]) / np.float32(scale)
    np.testing.assert_array_equal(fed, np.clip(np.floor(ratio + 0.5) + zero_point, -128, 127))
    pixels = np.stack([fit(frame, 72, 96, 1) for frame in clip])
    np.testing.assert_array_equal(np.rint(made.test.frames * 255), pixels[len(made.train) :])


def message(pictures: np.ndarray, folder: Path) -> str:
    with pytest.raises(StillframeError) as caught:
        dataset.load(open_clip(str(write_folder(folder, pictures))))
    return str(caught.value)


def test_too_short(tmp_path: Path) -> None:
    assert message(scene(99)[0], tmp_path / "c") == (
        f"clip {tmp_path}/c: expected at least 100 frames to train and test with, got 99\n"
        "  -> choose a longer clip, for example vtest"
    )


def test_nothing_moves(tmp_path: Path) -> None:
    assert message(scene(100, moving=False)[0], tmp_path / "c") == (
        f"clip {tmp_path}/c: expected at least 0.2% of the cells occupied, got 0.0%: nothing moves in "
        "front of the camera\n  -> choose a clip in which something happens, for example vtest"
    )


def test_camera_moves(tmp_path: Path) -> None:
    pictures = np.clip((scene(100)[0].astype(int) - 128) * 4 + 128, 0, 255).astype(np.uint8)
    panned = np.stack([np.roll(picture, 2 * number, axis=1) for number, picture in enumerate(pictures)])
    text = message(panned, tmp_path / "c")
    assert text.startswith(f"clip {tmp_path}/c: expected a fixed camera, where at most 50% of the cells are ")
    assert text.endswith("\n  -> choose a clip whose camera stands still, for example vtest")


@pytest.mark.parametrize("name", ["carphone", "bikes"])
def test_clips_of_moving_cameras(name: str) -> None:
    with pytest.raises(StillframeError, match="expected a fixed camera"):
        dataset.load(open_clip(name))


def test_longer_clips_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "MOST", 104)
    made = dataset.load(open_clip(str(write_folder(tmp_path / "clip", scene(110)[0]))))
    assert (len(made.train), len(made.test)) == (78, 26)


def test_the_real_clip() -> None:
    try:
        clip_path("vtest")
    except StillframeError as error:
        pytest.skip(f"the real clip is not here: {error}")
    made = dataset.load(open_clip("vtest"))
    assert (made.name, len(made.train), len(made.test)) == ("vtest", 600, 195)
    assert 0.05 < made.train.maps.mean() < 0.15
    assert 0.05 < made.test.maps.mean() < 0.15


def test_blobs_smaller_than_noise_do_not_count() -> None:
    pictures = np.full((100, labels.HEIGHT, labels.WIDTH), 100, np.uint8)
    for number in range(100):
        at = 20 + 2 * number
        pictures[number, at : at + 40, 10:50] = 200  # counts
        for column in range(200, 360, 16):  # four of them lie in a cell, and cover more than enough of it
            pictures[number, at : at + 6, column : column + 6] = 200
            pictures[number, at + 20 : at + 26, column : column + 6] = 200
    maps = labels.occupancy(pictures, "c")
    assert maps[:, :, :2].any(axis=(1, 2)).all()
    assert not maps[:, :, 2:].any()
