"""The page, served to this computer only."""

from __future__ import annotations

import socketserver
import sys
import threading
import time
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stillframe.contract import StillframeError
from stillframe.requirements import needs

from .feed import Feed

HOST = "127.0.0.1"
"""Nobody else is let in: the pictures are those of a camera."""

PORT = 8765
"""Where the page is unless another port is asked for."""

BROWSERS = 16
"""Browsers that are told at a time, at most."""

PER_SECOND = 15
"""Events that a browser gets, at most."""

HEARTBEAT = 2.0
"""Seconds without news after which a browser is told that the stream is still there."""

PATIENCE = 10.0
"""Seconds after which a browser that takes nothing is given up."""

FAREWELL = 1.0
"""Seconds that browsers are given to hear the end."""

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'"
)
"""The page loads nothing, from nowhere."""


class Page:
    """Serves the page until the context ends.

    Args:
        feed: What it shows.
        port: Where; 0 for any that is free.

    Raises:
        StillframeError: The port is in use or may not be used.
    """

    def __init__(self, feed: Feed, port: int = PORT) -> None:
        self._feed = feed
        html()  # what is missing is better said now than in a browser
        try:
            self._server = _Server(feed, port)
        except OSError as error:
            raise StillframeError(
                f"page: expected port {port} of {HOST} to be free, got: {error.strerror}",
                "name another with --port (0 takes any that is free), or do without with --no-page",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="page", daemon=True
        )

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = time.monotonic() + FAREWELL
        while self._feed.browsers and time.monotonic() < end:
            time.sleep(0.02)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser that hangs is left to the end of the process

    def __init__(self, feed: Feed, port: int) -> None:
        self.feed = feed
        self.lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(
            self
        )  # without looking up the computer's name, which may take long
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a browser that went away is no fault
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE

    def do_GET(self) -> None:
        name = (self.headers.get("Host") or "").rpartition(":")[0]
        if name not in (HOST, "localhost"):  # another site's page that has its name lead here
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path.partition("?")[0] == "/":
            self._send("text/html; charset=utf-8", html())
        elif self.path == "/events":
            self._events()
        elif self.path == "/favicon.ico":
            self._send("image/png", b"", HTTPStatus.NO_CONTENT)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, kind: str, content: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(content)

    def _events(self) -> None:
        server = self.server
        with server.lock:
            if server.feed.browsers == BROWSERS:
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "too many browsers")
                return
            server.feed.browsers += 1
        try:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self._tell(server.feed)
        finally:
            with server.lock:
                server.feed.browsers -= 1

    def _tell(self, feed: Feed) -> None:
        version = after = -1
        while True:
            news = feed.next(version, after, HEARTBEAT)
            if news is None:
                self.wfile.write(b"event: beat\ndata:\n\n")
                continue
            version, after, event, ended = news
            self.wfile.write(b"data: " + event + b"\n\n")
            if ended:
                return
            time.sleep(1 / PER_SECOND)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal shows the stream."""


@cache
def html() -> bytes:
    """The page, which needs nothing else.

    Raises:
        StillframeError: Jinja is not installed.
    """
    with needs("jinja2"):
        import jinja2

    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([here, here.parent / "report"]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("live.html.jinja").render().encode()
