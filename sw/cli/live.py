"""``stillframe live``: a clip or camera through the device, to look at while it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .device_option import add_device
from .numbers import number

if TYPE_CHECKING:
    from stillframe.live.stop import Stop

INTERRUPTED = 130
PORT = 8765


def add_arguments(parser: argparse.ArgumentParser, clip_help: str) -> None:
    """Add the command's options, but for those of compiling. Imports nothing that takes long."""
    add = parser.add_argument
    add("clip", metavar="CLIP", help=clip_help)
    add_device(parser)
    add("--frames", metavar="N", type=number("--frames", 1), help="frames to take (default: until it ends)")
    add("--loop", action="store_true", help="begin again after the last frame of a file or folder")
    page = parser.add_mutually_exclusive_group()
    page.add_argument(
        "--port",
        metavar="N",
        type=number("--port", 0, 65535),
        default=PORT,
        help=f"of the page on this computer, 0 for any that is free (default {PORT})",
    )
    page.add_argument("--no-page", action="store_true", help="only the terminal")
    add("--open", action="store_true", help="show the page in a browser")
    add("--log", metavar="FILE.jsonl", type=Path, help="write a line of JSON for every frame")


def live(options: argparse.Namespace) -> int:
    """Watch a clip; 0 if it came to its end, 130 if it was stopped by Ctrl-C or SIGTERM."""
    from stillframe.contract import StillframeError

    if options.open and options.no_page:
        raise StillframeError(
            "--open: expected a page to show in a browser, got --no-page too", "leave one of them out"
        )
    from stillframe.live.stop import Stop

    with Stop() as stop:
        return _watch(options, stop)


def _watch(options: argparse.Namespace, stop: Stop) -> int:
    from stillframe.live import Settings, Watch
    from stillframe.live.lines import summary
    from stillframe.run import Options

    from .terminal import Terminal, make_console

    console = make_console()
    settings = Settings(
        run=Options(
            model=options.model,
            clip=options.clip,
            array=options.array,
            threshold=options.threshold,
            mode=options.mode,
            device=options.device,
            input_range=options.input_range,
            split=options.split,
            pins=dict(options.pin),
        ),
        frames=options.frames,
        loop=options.loop,
        port=None if options.no_page else options.port,
        open=options.open,
        log=options.log,
    )
    watch = Watch(settings, console, Terminal(console), stop)
    try:
        watch.run()
    except KeyboardInterrupt:
        if not stop.gently:
            raise  # nothing had begun yet
        print(f"stillframe: stopped within a frame, after {summary(watch.totals)}", file=sys.stderr)
        return INTERRUPTED
    if stop.requested:
        print(f"stillframe: stopped after {summary(watch.totals)}", file=sys.stderr)
        return INTERRUPTED
    console.print(summary(watch.totals), markup=False, highlight=False, soft_wrap=True)
    return 0
