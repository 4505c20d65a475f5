"""``stillframe compile``: a model as a program file."""

from __future__ import annotations

import argparse

from stillframe.contract import ArrayConfig


def compile_program(options: argparse.Namespace) -> int:
    """Compile a model, print the summary, write the program file; 0."""
    from stillframe.compiler import summarise
    from stillframe.run.files import check_file, write_bytes
    from stillframe.run.job import build_program
    from stillframe.run.models import load_model
    from stillframe.video import open_clip

    from .terminal import Terminal, make_console

    check_file("--output", options.output)
    if options.save_tflite:
        check_file("--save-tflite", options.save_tflite)
    config = ArrayConfig.parse(options.array or "1x16")
    clip = open_clip(options.calibrate) if options.calibrate else None
    console = make_console()
    with Terminal(console) as terminal:
        model = load_model(options.model, clip, options.input_range, terminal, split=options.split or "")
        program, plan = build_program(
            model,
            clip,
            config,
            options.mode or "auto",
            options.threshold or 0,
            terminal,
            dict(options.pin),
        )
    program.save(options.output)
    if options.save_tflite:
        write_bytes(options.save_tflite, model.graph.tflite)
    console.print(summarise(program, plan), markup=False, highlight=False, soft_wrap=True)
    console.print(f"program written to {options.output}", markup=False, highlight=False, soft_wrap=True)
    return 0
