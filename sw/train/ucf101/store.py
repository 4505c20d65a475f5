"""Decoded frames on disk, so that a video is decoded once and not in every epoch."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.requirements import needs
from stillframe.run.files import write
from stillframe.video.sources import file as video_file

from .dataset import Video

Frames = npt.NDArray[np.uint8]
"""RGB, (frames, height, width, 3)."""

Encoded = npt.NDArray[np.uint8]
"""The bytes of an image file."""

TRAINING = "jpg"
"""Nearly lossless, so that the cache of the whole training list stays some tens of GB at 224 x 224."""

TESTING = "png"
"""Lossless: what is measured on the test list is what the decoder gave."""

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Store:
    """Frames of videos by name, from the cache if it has them.

    An entry is an .npz with the frames as encoded images. It belongs to a video of a certain size and time of
    change; if that differs, or the entry is damaged, the video is decoded again.

    Args:
        folder: Of the cache; made when needed.
        short_side: Frames are scaled down, by area, so that their shorter side has so many pixels. They are
            never scaled up.
        encoding: ``jpg`` or ``png``.
        keep: Keep so many consecutive frames about the middle; None: all.
        least: A video with fewer frames is refused.
    """

    folder: Path
    short_side: int
    encoding: str
    keep: int | None = None
    least: int = 1

    def entry(self, video: Video) -> Path:
        """Where the cache has (or will have) a video's frames."""
        kind = f"{self.short_side}-{self.encoding}" + (f"-{self.keep}" if self.keep else "")
        return self.folder / kind / f"{video.name}.npz"

    def prepare(self, video: Video) -> None:
        """See that a video has an entry, without reading its images; make it if not.

        Raises:
            StillframeError: The video cannot be decoded or is too short, or the entry cannot be written.
        """
        if not self._cached(video, whole=False):
            self._make(video)

    def images(self, video: Video) -> list[Encoded]:
        """The frames that are kept of a video, encoded, from the cache or made anew; see :func:`decode`.

        Raises:
            StillframeError: As for :meth:`prepare`.
        """
        return self._cached(video, whole=True) or self._make(video)

    def _cached(self, video: Video, whole: bool) -> list[Encoded]:
        """What the entry has, if it is valid: the images or, not ``whole``, their ends. Else nothing."""
        try:
            with self.entry(video).open("rb") as file, np.load(file) as entry:
                ends = entry["ends"]
                if not np.array_equal(entry["source"], _source(video)) or len(ends) < self.least:
                    return []
                return np.split(entry["images"], ends[:-1]) if whole else list(ends)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return []  # no entry, or a damaged one: every part has a checksum

    def _make(self, video: Video) -> list[Encoded]:
        source = _source(video)
        images = list(self._encode(video))
        ends = np.cumsum([len(image) for image in images], dtype=np.int64)
        joined = np.concatenate(images)
        path = self.entry(video)
        _make_folder(path.parent)
        write(path, lambda file: np.savez(file, images=joined, ends=ends, source=source))
        return images

    def _encode(self, video: Video) -> Iterator[Encoded]:
        with needs("opencv-python-headless"):
            import cv2

        read = video_file(video.path)
        # Counting first costs a second pass, but no memory: the longest video has 1,776 frames.
        count = sum(1 for _ in read())
        if count < self.least:
            raise StillframeError(
                f"video {video.path}: expected at least {self.least} frames, got {count}",
                "get the file again: the shortest video of UCF101 has 28 frames",
            )
        keep = min(self.keep or count, count)
        first = (count - keep) // 2
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if self.encoding == TRAINING else []
        for frame in islice(read(), first, first + keep):
            small = shrink(frame, self.short_side)
            _, image = cv2.imencode(f".{self.encoding}", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality)
            yield np.asarray(image, np.uint8)


def decode(images: Sequence[Encoded]) -> Frames:
    """Frames of an entry, or some of them."""
    with needs("opencv-python-headless"):
        import cv2

    frames = (cv2.imdecode(image, cv2.IMREAD_COLOR_RGB) for image in images)
    return np.stack([np.asarray(frame, np.uint8) for frame in frames])


def shrink(frame: npt.NDArray[np.uint8], short_side: int) -> npt.NDArray[np.uint8]:
    """Scale a frame (height, width, 3) down by area, so that its shorter side is as given, or leave it."""
    with needs("opencv-python-headless"):
        import cv2

    height, width = frame.shape[:2]
    if min(height, width) <= short_side:
        return frame
    scale = short_side / min(height, width)
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _source(video: Video) -> npt.NDArray[np.int64]:
    """What tells that a file has changed."""
    status = video.path.stat()
    return np.array([status.st_size, status.st_mtime_ns], np.int64)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StillframeError(
            f"--cache {folder}: expected a folder that can be made, got: {error.strerror}",
            "choose a folder that you may write to with --cache",
        ) from error
