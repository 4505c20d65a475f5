"""How a frame is laid out on the terminal, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass

from stillframe.requirements import needs

from .blocks import Blocks, overlaid, resized, size_within
from .lines import milliseconds
from .outputs import Output
from .views import Lost, View

with needs("rich"):
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

BAR = 8
"""Characters of a bar."""

GAP = 2
"""Columns between things side by side."""

FEWEST_LINES = 4
"""A picture of fewer lines shows nothing: it is left out."""

MOST_LINES = 26
"""Larger pictures take long to draw and show no more."""

SOFT, GOOD, BAD = "bright_black", "cyan", "bold red"


@dataclass(frozen=True)
class Layout:
    """Draws frames.

    Attributes:
        title, how: Lines that say what is watched, and how it runs.
    """

    title: str
    how: str

    def draw(self, console: Console, view: View, lost: Lost | None, hint: str) -> RenderableType:
        """The newest frame, the one lost last, and what the user may do."""
        width, height = console.size
        head = [Text(self.title, style="bold", no_wrap=True), Text(self.how, style=SOFT, no_wrap=True)]
        below = [Text(f"frame {lost.number} was lost: {lost.message}", style=BAD)] if lost else []
        below += [Text(hint, style=SOFT)] if hint else []
        figures, outputs = _figures(view), _outputs(view)
        beside = width >= 72
        grid = Table.grid(padding=(0, GAP))
        if beside:
            grid.add_row(_table(figures), outputs)
        else:
            grid.add_row(_table(figures))
            grid.add_row(outputs)
        lines = len(console.render_lines(grid, console.options.update(width=width), pad=False))
        room = min(MOST_LINES, height - len(head) - len(below) - lines - 3)
        parts: list[RenderableType] = [*head]
        if room >= FEWEST_LINES and console.color_system and not console.no_color:
            parts += [Text(""), _pictures(view, room, (width - GAP) // 2), Text("")]
        return Group(*parts, grid, *below)


def _pictures(view: View, lines: int, columns: int) -> RenderableType:
    shape = view.subject.encoder.shape
    rows, across = size_within(shape[0], shape[1], lines, columns)
    image = resized(view.picture(2 * across), rows, across)
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_row(Blocks(image), Blocks(overlaid(image, view.changed)))
    return grid


def _figures(view: View) -> list[tuple[str, Text]]:
    totals, link = view.totals, view.link
    rate = "-" if view.rate is None else f"{view.rate:.1f} a second"
    rows = [
        ("frame", Text(f"{view.number:,}" + (", from scratch" if view.result.key else ""))),
        ("frames", Text(rate, style=GOOD)),
        ("cycles", Text(f"{view.cycles:,}{milliseconds(view)}", style=GOOD)),
        ("MACs skipped", _share(view.skipped, f" of {view.macs_dense:,}")),
        ("changed", _share(view.changed_share, " of pixels")),
        ("link", Text(f"{view.result.bytes_sent:,} bytes out, {view.result.bytes_received:,} in")),
        ("sent again", _trouble(link.retries, f", {link.resynchronisations} resynchronised")),
        ("lost", _trouble(totals.lost, f", {totals.dropped:,} dropped for newer ones")),
    ]
    if view.boxes is not None and view.subject.example:
        finds = view.subject.example.finds
        scores = " ".join(f"{box.score:.2f}" for box in view.boxes[:4])
        found = f"{len(view.boxes)} {finds}{'' if len(view.boxes) == 1 else 's'}"
        rows.append(("found", Text.assemble((found, GOOD), (f"  {scores}", SOFT), overflow="ellipsis")))
    return rows


def _table(rows: list[tuple[str, Text]]) -> Table:
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(style=SOFT, no_wrap=True)
    table.add_column(no_wrap=True)
    for name, value in rows:
        table.add_row(name, value)
    return table


def _outputs(view: View) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for output in view.outputs:
        _add_output(table, output)
    return table


def _add_output(table: Table, output: Output) -> None:
    shape = " x ".join(map(str, output.shape))
    table.add_row(Text(f"{output.name}  {shape}", style=SOFT, overflow="ellipsis"))
    for entry in output.entries:
        value = Text("no number" if entry.value is None else f"{entry.value:g}", style=GOOD)
        bar = Text("") if output.kind == "ends" else _bar(entry.share)
        table.add_row(Text(f" {entry.label}"), bar, value)


def _share(share: float | None, of: str) -> Text:
    if share is None:
        return Text("-")
    return Text.assemble((f"{share:6.1%} ", GOOD), _bar(share), (of, SOFT))


def _bar(share: float) -> Text:
    full = round(BAR * share)
    return Text.assemble(
        ("\N{BOX DRAWINGS HEAVY HORIZONTAL}" * full, GOOD),
        ("\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (BAR - full), SOFT),
    )


def _trouble(count: int, rest: str) -> Text:
    return Text.assemble((f"{count:,}", BAD if count else ""), (rest, SOFT))
