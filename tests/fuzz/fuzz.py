"""Random networks for as long as asked: ``make fuzz SECONDS=600``, or ``GRAPHS=1000``, from ``SEED=0`` on.

For each that fails it prints the seed and the smallest network found that fails in the same way, and keeps
both files under build/fuzz.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from stillframe.cli.terminal import make_console
from stillframe.frontend.quiet import load_tensorflow

load_tensorflow()

from conversion import convert  # noqa: E402 - only now, so that TensorFlow has nothing to say
from description import Description  # noqa: E402
from devices import Devices  # noqa: E402
from drawing import UnbuildableError, draw  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from shrinking import shrink  # noqa: E402
from trial import Refusal, try_out  # noqa: E402

LINE_EVERY = 25
"""Networks from line to line where the output is not a terminal."""


class Fuzzer:
    """Tries out networks and counts what became of them.

    Args:
        console: Where to.
        folder: For the files of those that fail.
        hardware: Whether they run on the simulated array, and not only in the golden model.
    """

    def __init__(self, console: Console, folder: Path, hardware: bool) -> None:
        self.console = console
        self.folder = folder
        self.devices = Devices()
        self.device = self.devices if hardware else None
        self.agreed = self.failed = self.parted = self.unbuilt = 0
        self.refused: Counter[str] = Counter()
        self.on_host: Counter[str] = Counter()

    @property
    def text(self) -> str:
        """The counts so far."""
        refused = self.refused.total()
        return (
            f"{self.agreed + refused + self.failed:,} networks: {self.agreed:,} agree "
            f"({self.parted:,} with a part on the host), {refused:,} refused, {self.failed:,} failed"
            + (f"; {self.unbuilt} that TensorFlow cannot convert" if self.unbuilt else "")
        )

    def one(self, seed: int) -> None:
        """The network of a seed."""
        description = draw(seed)
        try:
            on_host = try_out(description, self.device)
        except UnbuildableError:  # a fault of TensorFlow's
            self.unbuilt += 1
        except Refusal as refusal:
            self.refused[_reason(str(refusal).splitlines()[0])] += 1
        except Exception as error:  # a fault of whatever kind is what is looked for
            self.failed += 1
            self._report(description, error)
        else:
            self.agreed += 1
            self.parted += bool(on_host)
            self.on_host.update(set(map(_reason, on_host)))

    def _error(self, description: Description) -> Exception | None:
        """What is wrong with a network; None if all agree."""
        self.devices.close()  # after a fault their state is in doubt
        try:
            try_out(description, self.device)
        except Exception as error:
            return error
        return None

    def _report(self, description: Description, error: Exception) -> None:
        say = lambda text: self.console.print(text, markup=False, highlight=False, soft_wrap=True)  # noqa: E731
        say(f"seed {description.seed}: {_text(error)}")
        small = shrink(description, lambda candidate: type(self._error(candidate)) is type(error))
        last = self._error(small) or error
        self.devices.close()
        say(f"smallest that fails so: {_text(last)}\n{small}")
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, each in ((f"{description.seed}", description), (f"{description.seed}-small", small)):
            (self.folder / f"{name}.tflite").write_bytes(convert(each))
        report = [str(description), "".join(traceback.format_exception(error)), str(small), _text(last)]
        (self.folder / f"{description.seed}.txt").write_text("\n\n".join(report) + "\n")


def _text(error: Exception) -> str:
    return "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])])


def _reason(text: str) -> str:
    """A refusal without the names in it, to count its kind."""
    return re.sub(r"'[^']*'|\d+", "_", text[text.find("expected") :] if "expected" in text else text)


def main() -> int:
    """Returns the exit status: 1 if a network failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="for so long")
    parser.add_argument("--graphs", type=int, help="so many networks")
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--no-hardware", action="store_true", help="only golden model and TFLite")
    asked = parser.parse_args()
    if asked.seconds is None and asked.graphs is None:
        asked.seconds = 600.0
    console = make_console()
    fuzzer = Fuzzer(console, asked.folder, not asked.no_hardware)
    began, seed = time.monotonic(), asked.seed
    with Progress(
        TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(fuzzer.text, total=None)
        while (asked.graphs is None or seed < asked.seed + asked.graphs) and (
            asked.seconds is None or time.monotonic() - began < asked.seconds
        ):
            fuzzer.one(seed)
            seed += 1
            bar.update(task, description=f"seed {seed}; {fuzzer.text}")
            if not console.is_terminal and (seed - asked.seed) % LINE_EVERY == 0:
                console.print(f"{time.monotonic() - began:,.0f} s, {fuzzer.text}", highlight=False)
    for what, reasons in (("refused", fuzzer.refused), ("on the host", fuzzer.on_host)):
        for reason, count in reasons.most_common():
            console.print(f"  {what} {count} times: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"seeds {asked.seed} to {seed - 1}: {fuzzer.text}", highlight=False)
    return 1 if fuzzer.failed else 0


if __name__ == "__main__":
    sys.exit(main())
