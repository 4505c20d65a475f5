"""UCF101 as it is distributed: folders of videos by class, and split files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillframe.contract import StillframeError

from . import lists

FIRST_NAMES = 3
"""Missing files that a message names."""


@dataclass(frozen=True)
class Video:
    """A video of the dataset.

    Attributes:
        name: ``CLASS/NAME.avi``, as in the split files.
        path: Where it lies.
        label: Its class, from 0.
    """

    name: str
    path: Path
    label: int


@dataclass(frozen=True)
class Dataset:
    """One split.

    Attributes:
        classes: Their names; a label is a position here.
        train, test: Videos in the order of the split files.
    """

    classes: list[str]
    train: list[Video]
    test: list[Video]


def open_dataset(data: Path, splits: Path | None = None, split: int = 1) -> Dataset:
    """Read the split files and see that every video they list is there.

    A dataset with missing videos is refused: figures made with a part of it could not be compared. To use a
    part on purpose, write split files that list that part.

    Args:
        data: Folder with the class folders, or with ``UCF-101`` in it.
        splits: Folder with the split files; None: ``ucfTrainTestlist`` in ``data`` or beside it.
        split: 1, 2 or 3.

    Raises:
        StillframeError: A folder or video is missing, or a split file is malformed.
    """
    if not data.is_dir():
        raise StillframeError(
            f"--data {data}: expected the folder of UCF101's videos, got: "
            + ("that is a file" if data.exists() else "there is no such folder"),
            f"get the dataset from {lists.URL} (7 GB), unpack it and name its folder UCF-101",
        )
    videos = data / "UCF-101" if (data / "UCF-101").is_dir() else data
    folder = splits or _find_splits(data, videos)
    classes = lists.read_classes(folder)
    train, test = (
        [Video(name, videos / name, label) for name, label in lists.read_list(folder, kind, split, classes)]
        for kind in ("train", "test")
    )
    both = {video.name for video in train} & {video.name for video in test}
    if both:
        raise StillframeError(
            f"{folder}: expected no video in both lists of split {split}, got {sorted(both)[0]}"
            + (f" and {len(both) - 1} more" if len(both) > 1 else ""),
            f"get the splits for action recognition again from {lists.URL}",
        )
    _check_there([*train, *test], videos)
    return Dataset(classes, train, test)


def _find_splits(*around: Path) -> Path:
    places = [folder for base in around for folder in (base / lists.FOLDER, base.parent / lists.FOLDER)]
    for folder in places:
        if folder.is_dir():
            return folder
    raise StillframeError(
        f"--splits: expected the folder {lists.FOLDER} in or beside {around[0]}, found none",
        f"get the splits for action recognition from {lists.URL}, or name their folder with --splits",
    )


def _check_there(videos: list[Video], folder: Path) -> None:
    missing = [video.name for video in videos if not video.path.is_file()]
    if missing:
        first = ", ".join(missing[:FIRST_NAMES]) + (", ..." if len(missing) > FIRST_NAMES else "")
        raise StillframeError(
            f"--data {folder}: expected the {len(videos):,} videos that the split files list, "
            f"{len(missing):,} of them are missing: {first}",
            f"get the dataset from {lists.URL} (7 GB) and unpack all of it; to use a part on purpose, "
            "name split files that list that part with --splits",
        )
