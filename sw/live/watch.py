"""The whole of it: model, clip, device, and everything that shows or keeps what comes."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stillframe.contract import StillframeError
from stillframe.driver import open_device
from stillframe.requirements import needs
from stillframe.run import Job, Options
from stillframe.run.files import check_file
from stillframe.run.progress import Progress
from stillframe.video import Clip

from .browser import open_browser
from .clock import clock_hz
from .feed import Feed
from .frames import Frames
from .log import Log
from .page import Page
from .screen import Screen
from .stop import Stop
from .stream import Stream
from .subject import Subject, subject_of
from .views import Totals

with needs("rich"):
    from rich.console import Console


@dataclass(frozen=True)
class Settings:
    """What is asked for; the command line's options of the same names.

    Attributes:
        run: Model, clip, device, and how the model is compiled. All of the clip is taken.
        frames: Frames to take, None for all there are.
        loop: Begin again after the clip's last frame.
        port: Of the page, 0 for any that is free; None for no page.
        open: Show the page in a browser.
        log: File with a line a frame.
    """

    run: Options
    frames: int | None = None
    loop: bool = False
    port: int | None = None
    open: bool = False
    log: Path | None = None


def prepare(options: Options, progress: Progress) -> tuple[Subject, Clip]:
    """Open the clip, load and compile the model.

    Raises:
        StillframeError: The input or its use is wrong.
    """
    job = Job(options, progress)
    job.prepare()
    return subject_of(job), job.clip


class Watch:
    """A clip to be watched.

    Args:
        settings: What is asked for.
        console: Where it is shown.
        listener: Told what is done before the first frame.
        stop: Whether an end is wanted.

    Attributes:
        totals: Counts so far.
        ending: Why it ended, in words.
    """

    def __init__(
        self,
        settings: Settings,
        console: Console,
        listener: AbstractContextManager[Progress],
        stop: Stop,
    ) -> None:
        self.totals = Totals()
        self.ending = "it failed"
        self._settings, self._console, self._listener = settings, console, listener
        self._stop = stop
        self._feed: Feed | None = None
        self._log: Log | None = None

    def run(self) -> None:
        """Watch until the clip ends, all frames asked for have come, or an end is wanted.

        Raises:
            StillframeError: The input or its use is wrong, or the clip or the device failed.
        """
        settings = self._settings
        if settings.log:
            check_file("--log", settings.log)
        with ExitStack() as stack:
            url = None
            if settings.port is not None:
                self._feed = Feed()
                url = stack.enter_context(Page(self._feed, settings.port)).url
            try:
                self._watch(stack, url)
                self.ending = "stopped" if self._stop() else "all frames have come"
            except KeyboardInterrupt:
                self.ending = "stopped"
                raise
            except SystemExit:  # rich ends so where nobody reads its output any more
                self.ending = "the output was closed"
                raise
            except StillframeError as error:
                self.ending = error.message
                raise
            finally:
                self._end()

    def _watch(self, outer: ExitStack, url: str | None) -> None:
        settings = self._settings
        with ExitStack() as stack:
            with self._listener as progress:
                if self._feed:
                    self._feed.say("preparing")
                    progress.say(f"the page: {url}")
                subject, clip = prepare(settings.run, progress)
                frames = stack.enter_context(Frames(clip, settings.loop, self._stop))
                config = subject.program.config
                progress.stage(f"opening device {subject.device} with the array {config.name}")
                device = stack.enter_context(open_device(subject.device, config, on_status=progress.say))
                subject = replace(subject, clock_hz=clock_hz(subject.device))
                if settings.open and url and not open_browser(url):
                    progress.say("no browser was found to open it in")
            if settings.log:
                self._log = outer.enter_context(Log(settings.log))
                self._log.begin(subject)
            if self._feed:
                self._feed.begin(subject)
            screen = Screen(self._console, subject.title, subject.how, url, self._stop)
            self._stop.gently = True
            with screen:
                self._show(Stream(device, subject, frames, settings.frames, self._stop), screen)

    def _show(self, stream: Stream, screen: Screen) -> None:
        for frame in stream:
            self.totals = frame.totals
            if self._log:
                self._log.add(frame)
            if self._feed:
                self._feed.add(frame)
            screen.show(frame)

    def _end(self) -> None:
        """Tell browsers and the log, whatever the reason is."""
        if self._feed:
            self._feed.end(self.ending)
        if self._log:
            with suppress(StillframeError):  # it may be the log that failed
                self._log.end(self.ending, self.totals)
