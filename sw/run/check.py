"""``stillframe check`` as data: what of a model runs where, what it takes, whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stillframe.compiler import ERROR, Fit, LayerFit, examine
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.array import ACC_BITS
from stillframe.contract.boards import Board
from stillframe.contract.host import Assignment
from stillframe.frontend.errors import NothingLeftError, UnsupportedError
from stillframe.frontend.operators import HANDLERS
from stillframe.video import Clip, ValueRange

from .job import profile_of
from .models import load_model
from .progress import Progress

if TYPE_CHECKING:
    from stillframe.bitstreams.board_fit import BoardFit

SCHEMA = "stillframe.check/1"
"""Version of the object that ``--json`` writes."""


@dataclass(frozen=True)
class Check:
    """What is known of a model and an array.

    Attributes:
        model: The model's name.
        config: The array.
        mode: As asked.
        scales: Where the model's scales come from: ``model``, ``clip`` or ``noise``.
        head, tail: Operators that the host runs before and behind the array's first one.
        fit: The array's layers.
        board: What the array takes of a board's part, if one is named.
    """

    model: str
    config: ArrayConfig
    mode: str
    scales: str
    head: tuple[Assignment, ...]
    tail: tuple[Assignment, ...]
    fit: Fit
    board: BoardFit | None = None

    @property
    def problems(self) -> tuple[StillframeError, ...]:
        """What keeps the model from the array, and the array from the board; none if both fit."""
        return self.fit.problems + (self.board.problems if self.board else ())

    @property
    def macs(self) -> int:
        """Multiplications of a dense frame on the array."""
        return sum(layer.macs for layer in self.fit.layers)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` writes."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "array": self.config.name,
            "mode": self.mode,
            "scales": self.scales,
            "fits": not self.problems,
            "layers": [
                *map(_on_host, self.head),
                *map(self._on_array, self.fit.layers),
                *map(_on_host, self.tail),
            ],
            "memories": [
                {
                    "name": use.name,
                    "used": use.used,
                    "available": use.available,
                    "word_bits": use.word_bits,
                    "largest": use.largest,
                    "largest_words": use.largest_words,
                }
                for use in self.fit.uses
            ],
            "cycles": self._cycles(),
            "tailored_array": self.fit.tailored.name if self.fit.tailored else None,
            "board": _of_board(self.board),
            "problems": [{"message": p.message, "hint": p.hint} for p in self.problems],
        }

    def _cycles(self) -> dict[str, Any] | None:
        """Estimates of a frame and of the array's layers; None without a clip."""
        plan = self.fit.plan
        if plan is None or not plan.cycles:
            return None
        return {
            "estimated": sum(plan.cycles),
            "error": ERROR,
            "layers": list(plan.cycles),
            "in_mode": plan.alternatives,
        }

    def _on_array(self, layer: LayerFit) -> dict[str, Any]:
        return {
            "name": layer.name,
            "op": layer.operators,
            "runs_on": "array",
            "mode": layer.mode.name.lower(),
            "shape": list(layer.shape),
            "macs": layer.macs,
            "weights": layer.weights,
            "state_bits": state_bits(layer, self.config),
            "memory": dict(layer.memory),
        }


def _on_host(assignment: Assignment) -> dict[str, Any]:
    return {
        "name": assignment.layer,
        "op": assignment.op,
        "runs_on": "host",
        "supported": assignment.op in HANDLERS,
        "why": assignment.why,
    }


def _of_board(fit: BoardFit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "name": fit.board.name,
        "cells": [asdict(use) for use in fit.uses],
        "clock_mhz": fit.board.clock_mhz,
        "estimated_fmax_mhz": fit.fmax,
    }


def state_bits(layer: LayerFit, config: ArrayConfig) -> int:
    """Bits of state memory that a layer takes."""
    return layer.memory["STATE"] * ACC_BITS * config.drain


def check_model(
    spec: str,
    array: str | None,
    board: Board | None,
    mode: str,
    threshold: int,
    split: str,
    pins: Mapping[str, str],
    clip: Clip | None,
    value_range: ValueRange | None,
    progress: Progress,
) -> Check:
    """Check a model without hardware.

    Args:
        spec: As for :func:`~.models.load_model`. A model in floating point is converted with noise if there
            is no clip: shapes, multiplications and memory are those of the real one.
        array: ``BxL`` or ``BxL@PART``; None for the board's, 1x16, or a program file's own.
        board: A board that the array has to fit as well.
        mode, threshold, split, pins: As for compiling.
        clip: Frames to calibrate with, to plan ``auto`` by, and to estimate cycles with.
        value_range: What pixels 0 and 255 stand for; inferred if None.
        progress: Told what is done.

    Raises:
        StillframeError: There is no such model, it is damaged, or an argument is wrong. What is merely not
            supported is no error but stands in the result's ``fit.problems``.
    """
    config = board.config(array) if board else ArrayConfig.parse(array or "1x16")
    board_fit = _fit_board(board, config) if board else None
    try:
        model = load_model(spec, clip, value_range, progress, noise=True, split=split)
    except UnsupportedError as error:
        problems: tuple[StillframeError, ...] = (error,)
        if isinstance(error, NothingLeftError):
            problems = error.refusals
        return Check(spec, config, mode, "model", (), (), Fit((), (), None, problems), board_fit)
    if model.program and not array and not board:
        config = model.program.config
    graph = model.graph
    progress.stage(f"fitting {graph.name} into {config.name}")
    profile = profile_of(model, clip, "auto" if clip else mode, threshold, progress)
    fit = examine(graph, config, mode, threshold, profile, pins)
    first = next(i for i, assignment in enumerate(graph.assignments) if not assignment.host)
    on_host = [(i, assignment) for i, assignment in enumerate(graph.assignments) if assignment.host]
    return Check(
        model=graph.name,
        config=config,
        mode=mode,
        scales=model.scales,
        head=tuple(assignment for i, assignment in on_host if i < first),
        tail=tuple(assignment for i, assignment in on_host if i > first),
        fit=fit,
        board=board_fit,
    )


def _fit_board(board: Board, config: ArrayConfig) -> BoardFit:
    from stillframe.bitstreams.board_fit import fit_board

    return fit_board(board, config)
