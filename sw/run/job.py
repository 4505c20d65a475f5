"""The main job, step by step: model, program, device, frames, comparison, files."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.compiler import Plan, Profile, TooLargeError, compile_with_plan, profile_graph
from stillframe.contract import ArrayConfig, Mode, Program, StillframeError
from stillframe.contract.parts import VIRTUAL
from stillframe.driver import Device, Session, find_array, open_device
from stillframe.video import Clip, ValueRange, open_clip

from . import files
from .baselines import Gain, gain, run_baseline
from .models import PROFILE_FRAMES, Model, load_model
from .pictures import Pictures
from .progress import Progress, Silent
from .statistics import FrameCounts, Statistics, counts_of
from .verify import Difference, Verifier

DEFAULT_ARRAY = "1x16"
"""The array, with the memories of an LFE5U-85F, that is simulated unless another is asked for."""

CHUNK = 16
"""Frames that the golden model computes at once."""


@dataclass(frozen=True)
class Options:
    """What is asked for; the command line's options of the same names.

    ``array`` None means the one that the device is, or if it is simulated 1x16 (of the part ``virtual`` if an
    85F is too small); ``threshold`` and ``mode`` None mean 0 and auto; all three a program file's own.
    """

    model: str
    clip: str
    array: str | None = None
    threshold: int | None = None
    mode: str | None = None
    frames: int | None = None
    start: int = 0
    device: str = "sim"
    input_range: ValueRange | None = None
    split: str | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    verify: bool = True
    baselines: bool = True
    json: Path | None = None
    outputs: Path | None = None
    report: Path | None = None
    command_line: str = ""


@dataclass
class Job:
    """A run of a model on a clip.

    Args:
        options: What is asked for.
        progress: Told what is done.

    Attributes:
        clip, model, program, mode, threshold: What is run, once :meth:`prepare` is through.
        plan: How the modes were chosen; None where a program file was given.
        statistics: What was counted so far.
        codes, outputs: What the session took and gave of every frame so far.
        difference: The first mismatch.
        baselines: Counts of the same frames in other modes.
        device, session: While frames run.
    """

    options: Options
    progress: Progress = field(default_factory=Silent)
    codes: list[npt.NDArray[Any]] = field(default_factory=list)
    outputs: dict[str, list[npt.NDArray[np.generic]]] = field(default_factory=dict)
    difference: Difference | None = None
    baselines: dict[str, Statistics] = field(default_factory=dict)
    pictures: Pictures | None = None
    plan: Plan | None = None
    clip: Clip = field(init=False)
    model: Model = field(init=False)
    program: Program = field(init=False)
    mode: str = field(init=False)
    threshold: int = field(init=False)
    statistics: Statistics = field(init=False)
    device: Device = field(init=False)
    session: Session = field(init=False)

    def run(self) -> None:
        """Do all of it.

        Raises:
            StillframeError: The input or its use is wrong; no file was written.
        """
        self.prepare()
        for _ in self.frames():
            pass
        self.write()

    def prepare(self) -> None:
        """Check where files go, open the clip, load the model, compile it.

        Raises:
            StillframeError: The input or its use is wrong.
        """
        options = self.options
        for option, path in (("--json", options.json), ("--outputs", options.outputs)):
            if path:
                files.check_file(option, path)
        if options.report:
            files.check_folder("--report", options.report)
        config = self._array()
        self.mode, self.threshold = options.mode or "auto", options.threshold or 0
        self.clip = open_clip(options.clip, options.start, options.frames)
        self.model = load_model(
            options.model, self.clip, options.input_range, self.progress, "CLIP", split=options.split or ""
        )
        if self.model.program:
            self._take_program(self.model.program)
        else:
            self.program, self.plan = self._compile(config)
            if self.plan.cycles:
                self.progress.say(planned(self.plan))
        if options.report:
            self.pictures = Pictures(self.model.input_shape)

    def _array(self) -> ArrayConfig:
        """What to compile for. A board is asked what it is before anything else is done."""
        asked = ArrayConfig.parse(self.options.array or DEFAULT_ARRAY)
        there = find_array(self.options.device)
        if there and self.options.array and there != asked:
            raise StillframeError(
                f"--array {self.options.array}: expected the array that device {self.options.device} is, "
                f"{there.name}, got {asked.name}",
                "leave it out to compile for the device, or load that array's bitstream (stillframe flash)",
            )
        return there or asked

    def _compile(self, config: ArrayConfig) -> tuple[Program, Plan]:
        """The program; unless an array was asked for, a model too large for it is simulated all the same."""
        try:
            return self._build(config)
        except TooLargeError as error:
            if self.options.array or self.options.device != "sim":
                raise
            larger = ArrayConfig.parse(f"{DEFAULT_ARRAY}@{VIRTUAL}")
            self.progress.say(error.message)
            self.progress.say(
                f"so it runs on {larger.name}, with memories larger than any part's: simulated only "
                "(--array names a part to hold it to; stillframe check says what it takes)"
            )
            return self._build(larger)

    def _build(self, config: ArrayConfig) -> tuple[Program, Plan]:
        return build_program(
            self.model, self.clip, config, self.mode, self.threshold, self.progress, self.options.pins
        )

    def _take_program(self, program: Program) -> None:
        given = {
            "--array": self.options.array,
            "--mode": self.options.mode,
            "--threshold": self.options.threshold,
            "--split": self.options.split,
            "--pin": self.options.pins or None,
        }
        unwanted = [option for option, value in given.items() if value is not None]
        if unwanted:
            raise StillframeError(
                f"program {self.options.model}: expected no {' or '.join(unwanted)}, "
                "since a program is compiled for an array, a mode, a threshold and a border, got one",
                "leave it out, or name the model instead of the program",
            )
        self.program = program
        self.threshold = max(tensor.threshold for tensor in program.tensors)
        modes = {layer.mode for layer in program.layers if layer.macs_dense}
        self.mode = modes.pop().name.lower() if len(modes) == 1 else "auto"

    def frames(self) -> Generator[FrameCounts]:
        """Run the clip's frames, and the baselines after the last one; yields the counts of each frame.

        Raises:
            StillframeError: The device or the clip failed.
        """
        options, program = self.options, self.program
        self.statistics = Statistics(program)
        verifier = Verifier(self.model.graph, program) if options.verify else None
        encoder = self.model.encoder()
        self.progress.stage(f"building the accelerator {program.config.name} for device {options.device}")
        with open_device(options.device, program.config, on_status=self.progress.say) as self.device:
            self.session = Session(self.device, program)
            self.progress.stage(f"running {self.clip.name} on {options.device}", self.clip.frames)
            frames = iter(self.clip)
            while chunk := list(islice(frames, CHUNK)):
                codes = np.stack([encoder(frame) for frame in chunk])
                if verifier:
                    verifier.expect(codes)
                for frame, frame_codes in zip(chunk, codes, strict=True):
                    if self.pictures:
                        self.pictures.add(frame)
                    yield self._frame(frame_codes, verifier)
            if options.baselines:
                self._run_baselines()

    def _frame(self, codes: npt.NDArray[Any], verifier: Verifier | None) -> FrameCounts:
        index = self.options.start + len(self.codes)
        result = self.session.run(codes)
        checked = differ = 0
        if verifier:
            checked, differ = verifier.check(result)
            if differ and not self.difference:
                self.difference = verifier.locate(index, self.session, result)
                self.progress.say(f"MISMATCH in {self.difference}")
        counts = counts_of(index, result, checked, differ)
        self.statistics.frames.append(counts)
        self.codes.append(codes)
        for name, values in result.outputs.items():
            self.outputs.setdefault(name, []).append(values)
        note = f"{self.statistics.mismatches:,} differ" if verifier else ""
        self.progress.advance(f"{counts.cycles:,} cycles" + (f", {note}" if note else ""))
        return counts

    def _run_baselines(self) -> None:
        for mode in ("dense", "direct"):
            if mode != self.mode:
                statistics = run_baseline(
                    self.device,
                    self.model.graph,
                    self.program.config,
                    mode,
                    self.threshold,
                    self.codes,
                    self.outputs,
                    self.progress,
                )
                if statistics:
                    self.baselines[mode] = statistics

    @property
    def gains(self) -> list[Gain]:
        """What the run gained against the baselines."""
        found = (gain(self.statistics, baseline, mode) for mode, baseline in self.baselines.items())
        return [g for g in found if g]

    @property
    def equal(self) -> bool:
        """Whether nothing differed, in the baselines neither."""
        return not self.statistics.mismatches and not any(b.mismatches for b in self.baselines.values())

    def write(self) -> None:
        """Write the files asked for, each whole or not at all.

        Raises:
            StillframeError: One cannot be written.
        """
        options = self.options
        if options.json:
            files.write_json(options.json, self.statistics.as_json(self.clip.name, self.mode, self.threshold))
        if options.outputs:
            files.write_npz(
                options.outputs,
                {"inputs": np.stack(self.codes)} | {name: np.stack(v) for name, v in self.outputs.items()},
            )
        if options.report:
            from stillframe.report import write_report

            self.progress.stage(f"writing the report to {options.report}")
            write_report(self, options.report)


def build_program(
    model: Model,
    clip: Clip | None,
    config: ArrayConfig,
    mode: str,
    threshold: int,
    progress: Progress,
    pins: Mapping[str, str],
) -> tuple[Program, Plan]:
    """Compile a model, with its plan; for ``auto`` the first frames of the clip tell what changes.

    Raises:
        StillframeError: The model does not fit the array.
    """
    progress.stage(f"compiling {model.graph.name} for {config.name}")
    profile = profile_of(model, clip, mode, threshold, progress)
    return compile_with_plan(model.graph, config, mode=mode, threshold=threshold, profile=profile, pins=pins)


def planned(plan: Plan) -> str:
    """A line about what was chosen, and its estimate."""
    direct = [name for choice in plan.choices if choice.mode is Mode.DIRECT for name in choice.layers]
    others = plan.alternatives
    orders = sum(map(bool, plan.network.orders))
    return (
        f"planned: {', '.join(direct) + ' direct, the others delta' if direct else 'all layers delta'}; "
        + (f"channels of {orders} tensors in another order; " if orders else "")
        + f"estimated {sum(plan.cycles):,.0f} cycles a frame (all delta {others['delta']:,.0f}, "
        f"all direct {others['direct']:,.0f}, dense {others['dense']:,.0f})"
    )


def profile_of(
    model: Model, clip: Clip | None, mode: str, threshold: int, progress: Progress
) -> Profile | None:
    """What ``auto`` plans by, from the first frames of the clip; None for other modes, or without a clip."""
    if mode != "auto":
        return None
    if not clip:
        progress.say("no clip to plan by (--calibrate CLIP): direct mode only where state memory is short")
        return None
    codes = model.codes(clip, PROFILE_FRAMES)
    return profile_graph(model.graph, codes, threshold) if len(codes) > 1 else None
