"""``stillframe run``: the main job, told on the terminal."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace

DIFFERENT = 1


def run(options: argparse.Namespace) -> int:
    """Run a model on a clip; 0 if all outputs were equal, 1 if something differed."""
    from stillframe.compiler.summary import host_table
    from stillframe.run import Job, Options

    from . import tables
    from .terminal import Terminal, make_console

    console = make_console()
    asked = Options(
        model=options.model,
        clip=options.clip,
        array=options.array,
        threshold=options.threshold,
        mode=options.mode,
        frames=options.frames,
        start=options.start,
        device=options.device,
        input_range=options.input_range,
        split=options.split,
        pins=dict(options.pin),
        verify=not options.no_verify,
        json=options.json,
        outputs=options.outputs,
        report=options.report,
        command_line=shlex.join(["stillframe", *options.arguments]),
    )
    jobs = [asked]
    if options.beside:
        jobs.append(
            replace(
                asked,
                model=options.beside,
                split=None,
                pins={},
                baselines=False,
                json=None,
                outputs=None,
                report=None,
            )
        )
    done: list[Job] = []
    for job_options in jobs:
        with Terminal(console) as terminal:
            job = Job(job_options, terminal)
            job.run()
        done.append(job)
        console.print(tables.layers(job))
        for line in host_table(job.program):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        for line in tables.summary(job):
            console.print(line, highlight=False, soft_wrap=True)
        if job.difference:
            print(f"stillframe: {job.difference}", file=sys.stderr)
    if options.beside and (comparison := tables.beside(*done)):
        console.print(comparison, highlight=False, soft_wrap=True)
    return 0 if all(job.equal for job in done) else DIFFERENT
