"""The dataset as it is distributed, and the messages when it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import ucf101_miniature as miniature

from stillframe.contract import StillframeError
from stillframe.train.ucf101 import open_dataset
from stillframe.train.ucf101.lists import URL

AGAIN = f"get the splits for action recognition again from {URL}, or mend the line"


@pytest.fixture
def copy(ucf101: Path, tmp_path: Path) -> Path:
    """A miniature that a test may change."""
    return shutil.copytree(ucf101, tmp_path / "ucf101")


def message(data: Path, splits: Path | None = None, split: int = 1) -> str:
    with pytest.raises(StillframeError) as error:
        open_dataset(data, splits, split)
    return str(error.value)


def test_reads_lists_and_finds_videos(ucf101: Path) -> None:
    dataset = open_dataset(ucf101)
    assert dataset.classes == list(miniature.CLASSES)
    assert [len(dataset.train), len(dataset.test)] == [18, 6]
    first = dataset.train[0]
    assert (first.name, first.label) == ("Circling/v_Circling_g02_c01.avi", 0)
    assert first.path == ucf101 / "UCF-101" / first.name
    last = dataset.test[-1]
    assert (last.name, last.label) == ("Standing/v_Standing_g01_c02.avi", 2)


def test_folder_of_the_classes_itself_with_the_lists_beside_it(ucf101: Path) -> None:
    assert open_dataset(ucf101 / "UCF-101") == open_dataset(ucf101)


def test_lists_elsewhere_and_another_split(copy: Path, tmp_path: Path) -> None:
    lists = copy / "ucfTrainTestlist"
    (lists / "trainlist02.txt").write_text("Falling/v_Falling_g01_c01.avi 2\n")
    (lists / "testlist02.txt").write_text("Falling/v_Falling_g02_c01.avi\n\n")
    dataset = open_dataset(copy, lists.rename(tmp_path / "splits"), split=2)
    assert [video.name for video in dataset.train] == ["Falling/v_Falling_g01_c01.avi"]
    assert [(video.name, video.label) for video in dataset.test] == [("Falling/v_Falling_g02_c01.avi", 1)]


def test_no_dataset(tmp_path: Path) -> None:
    assert message(tmp_path / "none") == (
        f"--data {tmp_path / 'none'}: expected the folder of UCF101's videos, got: there is no such folder\n"
        f"  -> get the dataset from {URL} (7 GB), unpack it and name its folder UCF-101"
    )


def test_no_splits(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"--splits: expected the folder ucfTrainTestlist in or beside {tmp_path}, found none\n"
        f"  -> get the splits for action recognition from {URL}, or name their folder with --splits"
    )


def test_split_that_is_not_there(ucf101: Path) -> None:
    path = ucf101 / "ucfTrainTestlist" / "trainlist03.txt"
    assert message(ucf101, split=3) == (
        f"{path}: expected a split file of UCF101, got: No such file or directory\n"
        f"  -> get the splits for action recognition from {URL} and name their folder with --splits"
    )


def test_partial_dataset_says_how_much_is_missing(copy: Path) -> None:
    shutil.rmtree(copy / "UCF-101" / "Standing")
    assert message(copy) == (
        f"--data {copy / 'UCF-101'}: expected the 24 videos that the split files list, "
        "8 of them are missing: Standing/v_Standing_g02_c01.avi, Standing/v_Standing_g02_c02.avi, "
        "Standing/v_Standing_g03_c01.avi, ..."
        f"\n  -> get the dataset from {URL} (7 GB) and unpack all of it; to use a part on purpose, "
        "name split files that list that part with --splits"
    )


@pytest.mark.parametrize(
    ("file", "line", "number", "expected"),
    [
        ("classInd.txt", "4 Falling", 4, "'4 NAME' with a new name"),
        ("classInd.txt", "5 Jumping", 4, "'4 NAME' with a new name"),
        ("trainlist01.txt", "Falling/v_Falling_g01_c01.avi", 19, "'CLASS/VIDEO.avi LABEL'"),
        ("trainlist01.txt", "v_Falling_g01_c01.avi 2", 19, "'CLASS/VIDEO.avi LABEL'"),
        ("trainlist01.txt", "../v_Falling_g01_c01.avi 2", 19, "'CLASS/VIDEO.avi LABEL'"),
        ("trainlist01.txt", "Flying/x.avi 2", 19, "'CLASS/VIDEO.avi LABEL' with a class of classInd.txt"),
        ("trainlist01.txt", "Falling/x.avi 3", 19, "label 2, that of Falling in classInd.txt,"),
        ("trainlist01.txt", "Falling/v_Falling_g02_c01.avi 2", 19, "each video once"),
        ("testlist01.txt", "Falling/v_Falling_g01_c01.avi 2", 7, "'CLASS/VIDEO.avi'"),
        ("testlist01.txt", "Falling/x.mp4", 7, "'CLASS/VIDEO.avi'"),
    ],
)
def test_malformed_line(copy: Path, file: str, line: str, number: int, expected: str) -> None:
    path = copy / "ucfTrainTestlist" / file
    with path.open("a") as lines:
        lines.write(f"{line}\n")
    assert message(copy) == f"{path}, line {number}: expected {expected}, got {line!r}\n  -> {AGAIN}"


def test_list_that_is_empty_or_no_text(copy: Path) -> None:
    path = copy / "ucfTrainTestlist" / "testlist01.txt"
    path.write_text("\n")
    assert message(copy) == (
        f"{path}: expected a split file of UCF101, got an empty one\n  -> get it again from {URL}"
    )
    path.write_bytes(b"\xff\xfe\x00")
    assert "got: it is no text" in message(copy)


def test_video_in_both_lists(copy: Path) -> None:
    with (copy / "ucfTrainTestlist" / "testlist01.txt").open("a") as lines:
        lines.write("Falling/v_Falling_g02_c01.avi\n")
    assert message(copy) == (
        f"{copy / 'ucfTrainTestlist'}: expected no video in both lists of split 1, "
        "got Falling/v_Falling_g02_c01.avi\n"
        f"  -> get the splits for action recognition again from {URL}"
    )
