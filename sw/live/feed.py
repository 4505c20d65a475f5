"""What browsers are told: always the newest, so that a slow one misses frames and holds up nobody."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.run.pictures import LARGEST, jpeg

from .subject import Subject
from .views import Lost, View

HISTORY = 600
"""Frames of the strip charts that are kept for browsers that come later."""

CHANGED = (31, 90, 255)
"""Blue, green, red of changed pixels: the colour that the report has for them."""

Point = tuple[int, int | None, float | None, int]
"""Of a frame: number, cycles, share of MACs skipped, and 1 if it was computed from scratch. A lost frame has
no cycles."""


class Feed:
    """Hands what the stream gives over to any number of browsers. Giving never waits for one of them.

    Attributes:
        browsers: How many are being told.
    """

    def __init__(self) -> None:
        self.browsers = 0
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._stream = f"{time.time():.6f}"
        self._version = 0
        self._head: dict[str, Any] = {}
        self._state, self._ended = "", False
        self._view: View | None = None
        self._lost = ""
        self._points: deque[Point] = deque(maxlen=HISTORY)
        self._encoded: tuple[View | None, dict[str, Any] | None] = (None, None)

    def begin(self, subject: Subject) -> None:
        """Frames of this will follow."""
        shape = subject.encoder.shape
        self._head = {
            "title": subject.title,
            "how": subject.how,
            "height": shape[0],
            "width": shape[1],
            "finds": subject.example.finds if subject.example else None,
        }
        self.say("")

    def say(self, state: str) -> None:
        """Say what is going on beside frames; an empty text for nothing."""
        with self._changed:
            self._state = state
            self._news()

    def add(self, frame: View | Lost) -> None:
        """A frame more."""
        with self._changed:
            if isinstance(frame, View):
                self._view = frame
                skipped = frame.skipped
                share = None if skipped is None else round(skipped, 4)
                self._points.append((frame.number, frame.cycles, share, int(frame.result.key)))
            else:
                self._lost = f"frame {frame.number}: {frame.message}"
                self._points.append((frame.number, None, None, 0))
            self._news()

    def end(self, why: str) -> None:
        """Nothing more will come."""
        with self._changed:
            self._state, self._ended = why, True
            self._news()

    def next(self, version: int, after: int, patience: float) -> tuple[int, int, bytes, bool] | None:
        """Wait for something newer than what a browser has.

        Args:
            version, after: What it was given last time: -1 and -1 at first.
            patience: Seconds to wait.

        Returns:
            Its new version, number of the last frame that it knows then, a JSON object with all that is to be
            shown, and whether that is the last; None if nothing came.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._version > version, patience):
                return None
            version, view, ended = self._version, self._view, self._ended
            points = [point for point in self._points if point[0] > after]
            event = {
                "stream": self._stream,
                "head": self._head,
                "state": self._state,
                "ended": ended,
                "lost": self._lost,
                "points": points,
            }
        event["frame"] = self._encode(view)
        after = points[-1][0] if points else after
        return version, after, json.dumps(event, separators=(",", ":")).encode(), ended

    def _news(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def _encode(self, view: View | None) -> dict[str, Any] | None:
        """A frame for the page, made once for all browsers and only if one asks."""
        with self._encoding:
            if self._encoded[0] is not view:
                self._encoded = (view, encode(view) if view else None)
            return self._encoded[1]


def encode(view: View) -> dict[str, Any]:
    """What the page shows of a frame, as an object of JSON."""
    boxes = view.boxes
    link, result, totals = view.link, view.result, view.totals
    return {
        "number": view.number,
        "time": view.time,
        "key": result.key,
        "picture": _data("image/jpeg", jpeg(view.picture(LARGEST))),
        "changed": _data("image/png", overlay(view.changed)),
        "changed_share": view.changed_share,
        "cycles": view.cycles,
        "milliseconds": view.milliseconds,
        "macs_issued": view.macs_issued,
        "macs_dense": view.macs_dense,
        "skipped": view.skipped,
        "rate": view.rate,
        "outputs": [output.as_json() for output in view.outputs],
        "boxes": boxes
        and [
            [round(v, 4) for v in (b.left, b.top, b.right - b.left, b.bottom - b.top, b.score)] for b in boxes
        ],
        "bytes_sent": result.bytes_sent,
        "bytes_received": result.bytes_received,
        "link": vars(link),
        "totals": vars(totals),
    }


def overlay(changed: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file to lay over the picture: changed pixels coloured, the more so the more they changed.

    Args:
        changed: uint8, (height, width), as in :class:`~.views.View`.
    """
    import cv2

    strength = np.where(changed > 0, np.minimum(205, 46 + changed.astype(np.int32) * 5), 0)
    image = np.empty((*changed.shape, 4), np.uint8)
    image[..., :3] = CHANGED
    image[..., 3] = strength
    done, data = cv2.imencode(".png", image)
    assert done, "OpenCV always encodes an 8-bit image"
    return data.tobytes()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
