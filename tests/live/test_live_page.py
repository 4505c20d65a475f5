"""The page: who may see it, what it shows in a real browser, and that nobody can hold up the stream."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import PROGRAM, Chromium
from live_fakes import make_subject, moving, open_link

from stillframe.contract import StillframeError
from stillframe.live import Stream, View
from stillframe.live.feed import HISTORY, Feed
from stillframe.live.frames import Frames
from stillframe.live.page import Page, html


@pytest.fixture
def views() -> list[View]:
    """Three frames."""
    device, _ = open_link()
    return [
        view
        for view in Stream(device, make_subject(clock_hz=1e6), Frames(moving(3)))
        if isinstance(view, View)
    ]


@pytest.fixture
def feed(views: list[View]) -> Feed:
    """What a browser is told after them."""
    feed = Feed()
    feed.begin(views[0].subject)
    for view in views:
        feed.add(view)
    return feed


@pytest.fixture
def page(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr("stillframe.live.page.FAREWELL", 0)
    with Page(feed, 0) as page:
        yield page


def get(page: Page, path: str, host: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    address = page.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", path, headers={"Host": host or address})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.getheaders())


def test_page_stands_alone(page: Page) -> None:
    status, body, headers = get(page, "/")
    assert (status, body) == (200, html())
    text = body.decode()
    assert "http://www.w3.org/2000/svg" in text
    for word in ("https://", "<link", 'src="', "@import", "url("):
        assert word not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert get(page, "/favicon.ico")[0] == 204
    assert get(page, "/other")[0] == 404


def test_only_this_computer_is_let_in(page: Page) -> None:
    assert page._server.server_address[0] == "127.0.0.1"
    assert get(page, "/", host="localhost:1")[0] == 200
    assert get(page, "/", host="evil.example:8765")[0] == 403
    assert get(page, "/events", host="evil.example")[0] == 403


def test_port_in_use(page: Page) -> None:
    port = page._server.server_address[1]
    with pytest.raises(StillframeError) as caught:
        Page(Feed(), port)
    assert str(caught.value) == (
        f"page: expected port {port} of 127.0.0.1 to be free, got: Address already in use\n"
        "  -> name another with --port (0 takes any that is free), or do without with --no-page"
    )


def events(page: Page) -> Iterator[dict[str, object]]:
    """What a browser is told."""
    connection = http.client.HTTPConnection(page.url.removeprefix("http://").rstrip("/"), timeout=30)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"
    while text := answer.readline():
        if text.startswith(b"data: "):
            yield json.loads(text[6:])
    connection.close()


def test_events(page: Page, feed: Feed, views: list[View]) -> None:
    told = events(page)
    first = next(told)
    assert first["head"] == {
        "title": "fake on a clip",
        "how": "device fake at 1 MHz, array 1x16@85F (16 lanes), mode delta, threshold 0",
        "height": 6,
        "width": 8,
        "finds": None,
    }
    assert first["points"] == [[0, 4242, 0.5333, 1], [1, 4242, 0.5333, 0], [2, 4242, 0.5333, 0]]
    frame = first["frame"]
    assert isinstance(frame, dict)
    assert frame["picture"].startswith("data:image/jpeg;base64,")
    assert frame["changed"].startswith("data:image/png;base64,")
    assert (frame["number"], frame["cycles"], frame["milliseconds"]) == (2, 4242, 4.242)
    feed.add(views[2])
    assert next(told)["points"] == []  # known already
    feed.end("all frames have come")
    assert [(event["ended"], event["state"]) for event in told] == [(True, "all frames have come")]


def test_browser_that_takes_nothing_holds_up_nobody(page: Page, feed: Feed, views: list[View]) -> None:
    """The stream goes on, another browser is told, and what is kept for the slow one does not grow."""
    host, port = page._server.server_address[:2]
    with socket.create_connection((str(host), int(port))) as slow:
        slow.sendall(b"GET /events HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        until(lambda: feed.browsers == 1)
        for _ in range(3 * HISTORY):
            feed.add(views[2])
        event = next(events(page))
        assert len(event["points"]) == HISTORY  # type: ignore[arg-type]
    feed.end("stopped")


def test_too_many_browsers(page: Page, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillframe.live.page.BROWSERS", 1)
    told = events(page)
    next(told)
    assert get(page, "/events")[0] == 503
    feed.end("stopped")
    assert [event["state"] for event in told] == ["stopped"]
    until(lambda: feed.browsers == 0)


def until(true: object) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 60
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


class Streaming:
    """Frames into a feed from another thread, until it is told to end."""

    def __init__(self, feed: Feed) -> None:
        self.feed, self.ended = feed, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        device, link = open_link()
        subject = make_subject("a <b>clip</b>", clock_hz=1e6)
        self.feed.begin(subject)
        for view in Stream(device, subject, Frames(moving(None)), stop=lambda: self.ended):
            self.feed.add(view)
            link.to_host = (lambda data: b"") if view.number == 3 else (lambda data: data)
            time.sleep(0.01)

    def end(self) -> None:
        self.ended = True
        self.thread.join()


STATUS = "document.getElementById('status').textContent"


def shown(name: str) -> str:
    """The text of an element of the page."""
    return f"document.getElementById('{name}').textContent"


@pytest.mark.skipif(not PROGRAM, reason="no Chromium is installed")
def test_page_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillframe.live.page.HEARTBEAT", 0.2)
    feed = Feed()
    with Chromium(tmp_path / "profile") as browser:
        with Page(feed, 0) as page:
            port = int(page._server.server_address[1])
            browser.open(page.url)
            browser.wait(f"{STATUS} == 'waiting for the first frame'")
            streaming = Streaming(feed)
            browser.wait(f"last > 10 && {STATUS} == 'live'")
            figures(browser)
            changed = "getComputedStyle(document.getElementById('changed')).visibility"
            assert browser.value(changed) == "visible"
            browser.value("document.getElementById('show-changed').click()")
            assert browser.value(changed) == "hidden"
            for width in (360, 1100):
                browser.open(page.url, width=width, dark=width == 360)
                browser.wait("last > 0")
                assert browser.value("document.documentElement.scrollWidth") == width
            streaming.end()
            feed.end("all frames have come")
            browser.wait(f"{STATUS} == 'stream ended: all frames have come'")
            first = browser.value("stream")
        feed = Feed()
        with Page(feed, port):
            streaming = Streaming(feed)
            browser.wait(f"stream != '{first}' && last > 1 && {STATUS} == 'live'")
            assert browser.value("points[0][0]") == 0
            streaming.end()
            monkeypatch.setattr(feed, "next", vanish)
        browser.wait(f"{STATUS} == 'connection lost, trying again'")


def figures(browser: Chromium) -> None:
    """The page shows what the device answered."""
    assert browser.value("document.title") == "fake on a <b>clip</b> - Stillframe live"
    assert browser.value(shown("cycles")) == "4,242"
    assert browser.value(shown("milliseconds")) == "cycles a frame, 4.24 ms by the device's clock"
    assert browser.value(shown("skipped")) == "53.3 %"
    assert browser.value(shown("share")) == "4.2 %"
    assert float(browser.value(shown("rate"))) > 0
    assert "lost on the link1" in browser.value(shown("link"))
    assert browser.value(shown("lost")).startswith("lost: frame 4: link: expected an answer to ")
    assert browser.value("points.filter((p) => p[1] === null).map((p) => p[0])") == [4]
    assert browser.value("points.every((p, k) => p[0] === k)")
    assert browser.value("document.querySelector('#cycles-chart .lost').getAttribute('d')").startswith("M")
    for name in ("picture", "changed"):
        size = "({naturalWidth, naturalHeight}) => [naturalWidth, naturalHeight]"
        assert browser.value(f"({size})(document.getElementById('{name}'))") == [8, 6]
    assert "sum 6 x 8 x 3" in browser.value(shown("outputs"))


def vanish(*_: object) -> None:
    """What a process that is killed tells its browsers."""
    raise ConnectionResetError
