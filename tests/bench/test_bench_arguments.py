"""Wrong use of ``stillframe bench``: one message, exit status 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillframe.cli.main import execute


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "",
            "command line: the following arguments are required: BENCHMARK\n"
            "  -> see stillframe bench --help\n",
        ),
        (
            "speed",
            "command line: argument BENCHMARK: invalid choice: 'speed' "
            "(choose from 'density', 'networks', 'simulation')\n  -> see stillframe bench --help\n",
        ),
        (
            "networks pnet",
            "command line: the following arguments are required: --clip\n"
            "  -> see stillframe bench networks --help\n",
        ),
        (
            "networks pnet --clip carphone --clips bikes",
            "command line: expected options of stillframe bench networks, got --clips bikes\n"
            "  -> did you mean --clip?\n",
        ),
        (
            "networks pnet --clip carphone --frames 1",
            "--frames: expected a whole number of 2 or more, got '1'\n  -> change the number\n",
        ),
        (
            "networks pnet --clip carphone --clip carfone",
            "clip carfone: expected a file, a folder, camera:N or one of carphone, bikes, vtest, "
            "found nothing of that name\n"
            "  -> check the name; the built-in clips are carphone, bikes, vtest\n",
        ),
        (
            "networks pnet --clip carphone --array 1x16 --array 16",
            "array: expected BxL or BxL@PART (banks x lanes), got '16'\n"
            "  -> for example --array 1x16, --array 2x8 or --array 1x16@25F\n",
        ),
        *(
            (
                f"density --density {text}",
                f"--density: expected a share above 0 and up to 1, got '{text}'\n  -> change the number\n",
            )
            for text in ("0", "1.5", "-1", "nan", "half")
        ),
        (
            "density --channels 513",
            "--channels: expected a whole number, 1 to 512, got '513'\n  -> change the number\n",
        ),
        (
            "simulation pnet carphone --repeat 0",
            "--repeat: expected a whole number of 1 or more, got '0'\n  -> change the number\n",
        ),
    ],
)
def test_wrong_use(arguments: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["bench", *arguments.split()]) == 2
    assert capsys.readouterr().err == f"stillframe: {expected}"


def test_results_below_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "bench"
    assert execute(["bench", "density", "-o", str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"stillframe: --output {folder}: expected a folder that can be written to, got: {tmp_path}/file is a "
        "file\n  -> choose a folder that you may write to\n"
    )
