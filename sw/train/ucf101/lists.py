"""The official split files of UCF101, as ``ucfTrainTestlist`` has them.

    classInd.txt       1 ApplyEyeMakeup
    trainlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
    testlist01.txt     ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

Source: K. Soomro, A. R. Zamir, M. Shah, "UCF101: A dataset of 101 human actions classes from videos in the
wild", arXiv 1212.0402, and https://www.crcv.ucf.edu/data/UCF101.php.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stillframe.contract import StillframeError

URL = "https://www.crcv.ucf.edu/data/UCF101.php"
FOLDER = "ucfTrainTestlist"
SPLITS = (1, 2, 3)


def read_classes(folder: Path) -> list[str]:
    """Names of the classes; a class's label in the lists is its position here plus 1.

    Raises:
        StillframeError: The file is missing, or a line is not the next number and a name.
    """
    path = folder / "classInd.txt"
    classes: list[str] = []
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[0] != str(len(classes) + 1) or words[1] in classes:
            raise _malformed(path, number, f"'{len(classes) + 1} NAME' with a new name", line)
        classes.append(words[1])
    return classes


def read_list(folder: Path, kind: str, split: int, classes: list[str]) -> list[tuple[str, int]]:
    """What a split file lists: (``CLASS/NAME.avi``, class from 0), in its order.

    Args:
        folder: Of the split files.
        kind: ``train``, whose lines end with the label, or ``test``, whose lines do not.
        split: 1, 2 or 3.
        classes: From :func:`read_classes`.

    Raises:
        StillframeError: The file is missing, or a line is not as above, or comes twice.
    """
    path = folder / f"{kind}list{split:02}.txt"
    labels = {name: index for index, name in enumerate(classes)}
    form = "'CLASS/VIDEO.avi LABEL'" if kind == "train" else "'CLASS/VIDEO.avi'"
    videos: dict[str, int] = {}
    for number, line in _lines(path):
        name, *rest = line.split()
        parts = PurePosixPath(name).parts
        if len(parts) != 2 or ".." in parts or not name.endswith(".avi") or len(rest) != (kind == "train"):
            raise _malformed(path, number, form, line)
        if parts[0] not in labels:
            raise _malformed(path, number, f"{form} with a class of classInd.txt", line)
        label = labels[parts[0]]
        if rest and rest != [str(label + 1)]:
            raise _malformed(path, number, f"label {label + 1}, that of {parts[0]} in classInd.txt,", line)
        if name in videos:
            raise _malformed(path, number, "each video once", line)
        videos[name] = label
    return list(videos.items())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers from 1; the files come with either line ending."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StillframeError(
            f"{path}: expected a split file of UCF101, got: {reason}",
            f"get the splits for action recognition from {URL} and name their folder with --splits",
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise StillframeError(
            f"{path}: expected a split file of UCF101, got an empty one", f"get it again from {URL}"
        )
    yield from lines


def _malformed(path: Path, number: int, expected: str, line: str) -> StillframeError:
    return StillframeError(
        f"{path}, line {number}: expected {expected}, got {line!r}",
        f"get the splits for action recognition again from {URL}, or mend the line",
    )
