"""What the terminal shows, at any size, and the lines where there is none."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from live_fakes import HEIGHT, WIDTH, make_subject, moving, open_link
from rich.console import Console

from stillframe.live import Stream, View
from stillframe.live.blocks import HALF, Blocks, overlaid, size_within
from stillframe.live.frames import Frames
from stillframe.live.layout import Layout
from stillframe.live.screen import Screen
from stillframe.live.views import Lost


@pytest.fixture(scope="module")
def view() -> View:
    """The second frame of a clip."""
    device, _ = open_link()
    last = list(Stream(device, make_subject(clock_hz=1e6), Frames(moving(2))))[-1]
    assert isinstance(last, View)
    return last


def drawn(
    view: View, width: int, height: int, color_system: str | None = "truecolor", **others: object
) -> str:
    """What a console shows."""
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=color_system
    )  # type: ignore[call-overload]
    console.print(Layout("title", "how").draw(console, view, None, "Ctrl-C ends"), **others)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def test_figures(view: View) -> None:
    text = "\n".join(line.rstrip() for line in plain(drawn(view, 100, 40)))
    for figure in (
        "frame         1",
        "cycles        4,242 (4.24 ms)",
        "MACs skipped   53.3% ",
        "changed         4.2% ",
        "lost          0, 0 dropped for newer ones",
        "sum  6 x 8 x 3",
        " largest at (0, 1, 0)",
    ):
        assert figure in text
    assert text.endswith("Ctrl-C ends")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 40), (30, 10), (100, 12), (20, 5)])
def test_fits_the_terminal(width: int, height: int, view: View) -> None:
    lines = plain(drawn(view, width, height))
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height - 1, 22)  # a terminal too low for the figures alone shows the upper ones


def test_pictures_only_with_room_and_colours(view: View) -> None:
    assert HALF in drawn(view, 80, 24)
    assert HALF not in drawn(view, 80, 12)
    assert HALF not in drawn(view, 80, 24, color_system=None)


def test_a_character_is_two_pixels() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=20)
    console.print(Blocks(np.array([[[1, 2, 3]], [[4, 5, 6]]], np.uint8)))
    assert console.file.getvalue() == f"\x1b[38;2;1;2;3;48;2;4;5;6m{HALF}\x1b[0m\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("shape", "room", "size"),
    [((48, 60), (10, 80), (20, 25)), ((48, 60), (40, 30), (24, 30)), ((1, 100), (9, 10), (2, 10))],
)
def test_size_keeps_the_aspect(shape: tuple[int, int], room: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_within(*shape, *room) == size


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (3 * HEIGHT, 3 * WIDTH)])
def test_changed_pixels_are_coloured(size: tuple[int, int]) -> None:
    changed = np.zeros((HEIGHT, WIDTH), np.uint8)
    changed[2:4, 4:6] = 200
    image = np.full((*size, 3), 100, np.uint8)
    shown = overlaid(image, changed)
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, changed.shape, strict=True))
    coloured = changed[rows][:, columns] > 0
    assert (shown[coloured] == shown[coloured][0]).all()
    assert shown[coloured][0, 0] > 200
    assert (shown[~coloured] == 45).all()


def test_lines_where_there_is_no_terminal(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stillframe.live.screen.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=140)
    with Screen(console, "title", "how") as screen:
        screen.show(view)
        screen.show(view)  # too soon
        screen.show(Lost(7, 0.0, "link: gone", view.link, view.totals))
        now[0] += 1.5
        screen.show(view)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[:2] == ["title", "how"]
    assert [line.split(":")[0] for line in lines[2:]] == ["frame 1", "frame 7", "frame 1"]
    assert lines[3] == "frame 7: LOST, the next one is computed from scratch: link: gone"


def test_terminal_is_drawn_until_the_end(view: View) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80, height=24)
    stopping = [False]
    with Screen(console, "title", "how", "http://127.0.0.1:1/", lambda: stopping[0]) as screen:
        assert screen._live
        screen._live.refresh()
        screen.show(view)
        screen._live.refresh()
        screen.show(Lost(7, 0.0, "link: gone", view.link, view.totals))
        stopping[0] = True
        screen._live.refresh()
    text = "\n".join(plain(console.file.getvalue()))  # type: ignore[attr-defined]
    for part in (
        "waiting for the first frame; Ctrl-C ends",
        "http://127.0.0.1:1/  Ctrl-C ends",
        "frame 7 was lost: link: gone",
        "ending after this frame; Ctrl-C again does not wait",
    ):
        assert part in text
    last = text[text.rindex("frame 7 was lost") :]
    assert "Ctrl-C" not in last
