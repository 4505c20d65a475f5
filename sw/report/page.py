"""Fills the page's template with a run."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe import __version__
from stillframe.contract import StillframeError
from stillframe.requirements import needs
from stillframe.run import Job
from stillframe.run.baselines import FRAMES, TITLES
from stillframe.run.files import write_bytes
from stillframe.run.real_values import real_values
from stillframe.run.statistics import Means

from .changes import changes
from .charts import Line, chart, short

FILE_NAME = "index.html"

STRIP = 10
"""Frames in the film strip, at most."""


def write_report(job: Job, folder: Path) -> Path:
    """Write the report of a finished run as ``index.html``; the folder is made if need be.

    Returns:
        The page's path.

    Raises:
        StillframeError: It cannot be written.
    """
    with needs("jinja2"):
        import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "count": lambda value: f"{value:,.0f}"}
    page = environment.get_template("page.html.jinja").render(view(job))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StillframeError(
            f"--report {folder}: expected a folder that can be made, got: {error.strerror}",
            "choose a folder that you may write to",
        ) from error
    write_bytes(folder / FILE_NAME, page.encode())
    return folder / FILE_NAME


def view(job: Job) -> dict[str, Any]:
    """What the template shows, by name."""
    statistics, total = job.statistics, job.statistics.total()
    by_layer: Sequence[Means | None] = statistics.by_layer() or [None] * len(job.program.layers)
    known = [means for means in by_layer if means]
    layers = [
        {"name": layer.name, "op": layer.op, "mode": layer.mode.name.lower(), "means": means}
        for layer, means in zip(job.program.layers, by_layer, strict=True)
    ]
    return {
        "version": __version__,
        "job": job,
        "array": job.program.config,
        "frames": len(statistics.frames),
        "steady": len(statistics.steady),
        "total": total,
        "gains": job.gains,
        "titles": TITLES,
        "baseline_frames": FRAMES,
        "layers": layers,
        "on_the_host": [a for a in job.program.assignments if a.host],
        "plan": job.plan if job.plan is not None and job.plan.choices else None,
        "most_cycles": max((m.cycles for m in known), default=0) or 1,
        "most_macs": max((m.macs_dense for m in known), default=0) or 1,
        "charts": _charts(job),
        "flipbook": _flipbook(job),
        "finds": job.model.example.finds if job.model.example else None,
    }


def _charts(job: Job) -> list[Any]:
    ours, start = job.statistics.frames, job.options.start
    found = []
    for title, value in (("Cycles a frame", "cycles"), ("MACs a frame", "macs_issued")):
        lines = []
        for mode, baseline in job.baselines.items():
            values = [getattr(f, value) for f in baseline.frames]
            if mode == "dense":  # the same whatever the frame shows
                values = values[-1:] * len(ours)
            lines.append(Line(mode, TITLES[mode], values))
        lines.append(Line("ours", f"this run ({job.mode})", [getattr(f, value) for f in ours]))
        found.append(chart(title, start, lines))
    return found


def _flipbook(job: Job) -> dict[str, Any]:
    """Pictures, changed pixels and findings of the frames kept, for the page's script."""
    assert job.pictures is not None, "a report needs the clip's pictures"
    height, width, _ = job.model.input_shape
    kept = len(job.pictures.jpegs)
    values = job.model.value_range
    step = (values.high - values.low) / 255 if job.codes[0].dtype.kind == "f" else 1
    changed = list(islice(changes(job.codes, job.threshold, step), kept))
    frames = []
    for index in range(kept):
        counts = job.statistics.frames[index]
        frames.append(
            {
                "index": counts.index,
                "picture": "data:image/jpeg;base64," + _base64(job.pictures.jpegs[index]),
                "changed": _base64(changed[index].tobytes()),
                "share": float((changed[index] > 0).mean()),
                "cycles": counts.cycles,
                "macs": counts.macs_issued,
                "dense": counts.macs_dense,
                "key": counts.key,
                "boxes": _boxes(job, index),
                "label": _label(job, index),
            }
        )
    strip = range(0, kept, max(1, -(-kept // STRIP)))
    return {
        "width": width,
        "height": height,
        "size": job.pictures.size,
        "frames": frames,
        "strip": list(strip),
        "json": json.dumps(frames, separators=(",", ":")).replace("</", "<\\/"),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _real(job: Job, index: int) -> dict[str, npt.NDArray[np.float32]]:
    """Real values of a frame's outputs."""
    return real_values(job.program.results, {name: values[index] for name, values in job.outputs.items()})


def _boxes(job: Job, index: int) -> list[list[float]]:
    if not job.model.example:
        return []
    height, width, _ = job.model.input_shape
    boxes = job.model.example.detect(_real(job, index), height, width)
    return [
        [round(v, 4) for v in (b.left, b.top, b.right - b.left, b.bottom - b.top, b.score)] for b in boxes
    ]


def _label(job: Job, index: int) -> str:
    """For a model with one vector as output: its largest element."""
    values = list(_real(job, index).items())
    if job.model.example or len(values) != 1 or values[0][1].shape[-1:] != (values[0][1].size,):
        return ""
    name, vector = values[0][0], values[0][1].ravel()
    return f"{name}: largest is element {int(vector.argmax())} with {vector.max():.3f}"
