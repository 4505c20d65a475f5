"""Where frames come from. Each function returns what yields a source's frames from the beginning."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillframe.contract import StillframeError
from stillframe.requirements import needs

Frame = npt.NDArray[np.uint8]
Source = Callable[[], Generator[Frame, None, None]]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
"""Files of a folder that are taken as frames."""


def file(path: Path) -> Source:
    """Frames of a video file, decoded by FFmpeg."""
    with needs("av"):
        import av

    def frames() -> Generator[Frame, None, None]:
        number = 0
        try:
            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise StillframeError(
                        f"clip {path}: expected a video stream, got {_streams(container)}",
                        "choose a video file, or a folder of images",
                    )
                for decoded in container.decode(video=0):
                    yield decoded.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                    number += 1
        except av.error.EOFError:
            return  # a container without a single packet
        except (av.error.FFmpegError, OSError) as error:
            raise StillframeError(
                f"clip {path}: expected a video that FFmpeg can decode, "
                f"got at frame {number}: {error.strerror}",
                "check that the file is whole and is a video; ffmpeg can convert most formats to .mp4",
            ) from error

    return frames


def _streams(container: object) -> str:
    kinds = [stream.type for stream in container.streams]  # type: ignore[attr-defined]
    return f"only {', '.join(kinds)}" if kinds else "none"


def folder(path: Path) -> Source:
    """Images of a folder in the order of their names; all of one size."""
    with needs("opencv-python-headless"):
        import cv2

    paths = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise StillframeError(
            f"clip {path}: expected a folder with images ({', '.join(sorted(IMAGE_SUFFIXES))}), "
            "got none of them",
            "put the frames there, named so that their order is that of the names, for example 0001.png",
        )

    def frames() -> Generator[Frame, None, None]:
        size: tuple[int, ...] | None = None
        for p in paths:
            image = cv2.imdecode(np.frombuffer(p.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR_RGB)
            if image is None:
                raise StillframeError(
                    f"clip {path}: expected an image that OpenCV can decode, got {p.name}",
                    "replace or remove that file",
                )
            if size is not None and image.shape != size:
                raise StillframeError(
                    f"clip {path}: expected images of {size[1]} x {size[0]} as the first one, "
                    f"got {image.shape[1]} x {image.shape[0]} in {p.name}",
                    "bring all frames to one size, or remove that file",
                )
            size = image.shape
            yield image.astype(np.uint8, copy=False)

    return frames


def camera(name: str, number: int) -> Source:
    """Frames of a camera, as long as it gives them."""
    with needs("opencv-python-headless"):
        import cv2

    def frames() -> Generator[Frame, None, None]:
        capture = cv2.VideoCapture(number)
        try:
            if not capture.isOpened():
                raise StillframeError(
                    f"clip {name}: expected camera number {number}, found none that can be opened",
                    "plug it in, close other programs that use it, or choose another number; camera:0 is "
                    "the first",
                )
            while True:
                given, image = capture.read()
                if not given:
                    return
                yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        finally:
            capture.release()

    return frames
