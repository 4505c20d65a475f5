"""The report's page: it stands alone, holds the run's figures, and is well-formed."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from stillframe.report import write_report
from stillframe.run import Job, Options

VOID = {"meta", "img", "input", "br", "line", "rect", "path", "link"}


class Page(HTMLParser):
    """Collects tags, checks that they are closed in order, and keeps every address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def finished(fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path) -> Job:  # type: ignore[no-untyped-def]
    job = Job(Options(str(small_tflite), str(small_clip), mode="delta", report=tmp_path / "report"))
    job.run()
    return job


def frames_of(page: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="frames">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_page_stands_alone(finished: Job, tmp_path: Path) -> None:
    text = (tmp_path / "report" / "index.html").read_text()
    page = Page(text)
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "url(" not in text
    assert page.tags.count("svg") == 3
    assert page.tags.count("path") == 6  # two charts of three lines


def test_page_holds_the_run(finished: Job, tmp_path: Path) -> None:
    text = (tmp_path / "report" / "index.html").read_text()
    total = finished.statistics.total()
    assert total is not None
    for gain in finished.gains:
        assert f"<b>{gain.cycles:.1f}x</b>" in text
    assert f"{total.cycles:,.0f}" in text
    for layer in finished.program.layers:
        assert layer.name in text
    frames = frames_of(text)
    assert [f["index"] for f in frames] == [0, 1, 2, 3, 4]
    assert [f["cycles"] for f in frames] == [f.cycles for f in finished.statistics.frames]
    change = np.frombuffer(base64.b64decode(str(frames[1]["changed"])), np.uint8).reshape(12, 16)
    assert np.array_equal(change > 0, (finished.codes[1] != finished.codes[0]).any(axis=-1))
    assert frames[3]["share"] == 0  # a still frame
    picture = base64.b64decode(str(frames[2]["picture"]).split(",")[1])
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (24, 32, 3)


def test_plan_is_told_with_what_it_costs(
    fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    job = Job(Options(str(small_tflite), str(small_clip), report=tmp_path / "report"))
    job.run()
    text = (tmp_path / "report" / "index.html").read_text()
    Page(text)
    assert job.plan is not None
    assert len(job.plan.choices) == 2
    for choice in job.plan.choices:
        assert f'<td>{choice.why}</td><td class="n">{choice.delta:,.0f}</td>' in text
        assert f'<td class="n">{choice.direct:,.0f}</td><td class="n">{choice.saved:,.0f}</td>' in text
    assert f"{sum(job.plan.cycles):,.0f} cycles a frame as planned, all delta" in text


def test_mismatch_is_shown(fake_device, small_tflite: Path, small_clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    fake_device.flip = {(2, 2): (3, 5, 1)}
    job = Job(Options(str(small_tflite), str(small_clip), mode="delta", report=tmp_path))
    job.run()
    text = (tmp_path / "index.html").read_text()
    Page(text)
    assert "What differed first" in text
    assert "frame 2, layer " in text
    assert 'class="figure bad"><b>1</b>' in text


def test_names_are_escaped(finished: Job, tmp_path: Path) -> None:
    finished.options = Options("m", "c", command_line="stillframe run '</script><b>'")
    text = write_report(finished, tmp_path / "other").read_text()
    Page(text)
    assert "&lt;/script&gt;&lt;b&gt;" in text
