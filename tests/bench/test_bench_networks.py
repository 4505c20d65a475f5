"""``stillframe bench networks`` as a user sees it: exit status, files, what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillframe.cli.main import execute

DENSE = 10 * 14 * (9 * 3 * 6 + 6 * 4)
ELEMENTS = 12 * 16 * 3 + 10 * 14 * (6 + 4)
"""Of the small model; the fake device takes a cycle for each, and an eighth for each multiplication."""


def bench(*arguments: object) -> int:
    return execute(["bench", "networks", *map(str, arguments)])


def checked(run: dict) -> int:
    """Output values compared in a run of all modes; two that have the same program run once."""
    runs = {json.dumps(mode): mode["outputs_checked"] for mode in run["modes"].values()}
    assert sorted(runs.values()) in ([1680, 3360, 3360], [1680, 3360, 3360, 3360])
    return sum(runs.values())


def test_files_and_what_they_say(
    fake_bench, small_tflite: Path, small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "bench"
    arguments = (small_tflite, "--clip", small_clip, "--frames", 5, "-o", folder)
    assert bench(*arguments, "--array", "1x8", "--array", "1x16") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    text = " ".join(printed.out.split())
    assert f"small on {small_clip}, 1x8@85F" in text
    names = ["lanes.svg", "layers-small.svg", "networks.json"]
    assert sorted(p.name for p in folder.iterdir()) == names

    found = json.loads((folder / "networks.json").read_text())
    assert list(found) == ["schema", "command", "start", "frames", "runs"]
    assert found["schema"] == "stillframe.bench.networks/1"
    assert found["command"].startswith(f"stillframe bench networks {small_tflite} --clip ")
    assert [run["array"] for run in found["runs"]] == ["1x8@85F", "1x16@85F"]
    values = sum(map(checked, found["runs"]))
    assert f"nothing differs: all {values:,} output values, of all modes, are equal to the golden" in text
    run = found["runs"][1]
    assert list(run) == ["model", "clip", "array", "lanes", "threshold", "modes", "ratios"]
    assert (run["model"], run["clip"], run["lanes"], run["threshold"]) == ("small", str(small_clip), 16, 0)
    assert list(run["modes"]) == ["delta", "auto", "direct", "dense"]
    dense, delta, direct = (run["modes"][mode] for mode in ("dense", "delta", "direct"))
    assert list(delta) == [
        "cycles", "macs_dense", "macs_issued", "bound_cycles", "utilisation",
        "frames", "key", "still", "layers", "outputs_checked", "mismatches",
    ]  # fmt: skip

    assert [len(mode["frames"]) for mode in (dense, delta)] == [2, 5]
    assert [frame["key"] for frame in delta["frames"]] == [True, False, False, False, False]
    assert dense["macs_issued"] == dense["macs_dense"] == DENSE
    assert dense["bound_cycles"] == dense["key"]["dense_bound_cycles"] == DENSE / 16
    assert dense["cycles"] == dense["key"]["cycles"] == ELEMENTS + DENSE // 8
    steady = delta["frames"][1:]
    assert delta["cycles"] == sum(frame["cycles"] for frame in steady) / 4
    assert delta["macs_issued"] == sum(frame["macs_issued"] for frame in steady) / 4
    assert delta["utilisation"] == delta["macs_issued"] / 16 / delta["cycles"]
    assert delta["still"] == {"cycles": ELEMENTS, "share_of_dense": ELEMENTS / dense["cycles"]}
    assert sum(layer["cycles"] for layer in delta["layers"]) == pytest.approx(delta["cycles"])
    assert [layer["op"] for layer in delta["layers"]] == ["INPUT", "CONV_2D", "CONV_2D"]
    assert run["ratios"]["delta_over_direct"] == delta["cycles"] / direct["cycles"]
    assert run["ratios"]["direct_over_dense"] == direct["cycles"] / dense["cycles"]
    better = min(delta["cycles"], direct["cycles"])
    assert run["ratios"]["auto_over_better"] == run["modes"]["auto"]["cycles"] / better

    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert bench(*arguments, "--array", "1x8", "--array", "1x16") == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_one_array_has_no_drawing_over_lanes(
    fake_bench, small_tflite: Path, small_clip: Path, tmp_path: Path
) -> None:
    assert bench(small_tflite, "--clip", small_clip, "--frames", 2, "-o", tmp_path) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["layers-small.svg", "networks.json"]


@pytest.mark.parametrize("frame", [0, 1, 5])
def test_a_wrong_answer_is_seen_in_every_mode(
    frame: int,
    fake_bench,
    small_tflite: Path,
    small_clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = fake_bench.run
    modes = []

    def run(session, codes):
        """Wrong from the second program on: the first one's answers are right."""
        if session.frame == -1:
            modes.append(session)
        fake_bench.flip.clear()
        if len(modes) > 1:
            fake_bench.flip[frame, 2] = (0, 0, 0)
        return right(session, codes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake_bench, "run", run)
        assert bench(small_tflite, "--clip", small_clip, "--frames", 5, "-o", tmp_path) == 1
    (found,) = json.loads((tmp_path / "networks.json").read_text())["runs"]
    assert found["modes"]["delta"]["mismatches"] == 0
    wrong = len(modes) - 1 - (frame == 5)  # a dense pass has three frames
    assert found["modes"]["direct"]["mismatches"] == 1
    assert found["modes"]["dense"]["mismatches"] == (frame < 5)
    assert f"{wrong} of {1680 * (2 * len(modes) - 1):,} output values differ" in capsys.readouterr().out


def test_a_wrong_answer_of_the_first_mode(
    fake_bench, small_tflite: Path, small_clip: Path, tmp_path: Path
) -> None:
    fake_bench.flip[0, 2] = (0, 0, 0)
    assert bench(small_tflite, "--clip", small_clip, "--frames", 2, "-o", tmp_path) == 1
    (found,) = json.loads((tmp_path / "networks.json").read_text())["runs"]
    assert found["modes"]["delta"]["mismatches"] == 1


def test_a_mode_that_does_not_fit(
    fake_bench,
    small_tflite: Path,
    small_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stillframe.bench import comparison
    from stillframe.contract import StillframeError

    compile_graph = comparison.compile_graph

    def refuse(*arguments, mode: str, **options):
        if mode in refused:
            raise StillframeError(f"mode {mode} does not fit", "hint")
        return compile_graph(*arguments, mode=mode, **options)

    refused = {"delta"}
    monkeypatch.setattr(comparison, "compile_graph", refuse)
    assert bench(small_tflite, "--clip", small_clip, "--frames", 2, "-o", tmp_path) == 0
    assert f"small on {small_clip}, 1x16@85F, mode delta: mode delta does not fit" in capsys.readouterr().out
    (found,) = json.loads((tmp_path / "networks.json").read_text())["runs"]
    assert found["modes"]["delta"] == {"refused": "mode delta does not fit"}
    assert found["modes"]["direct"]["mismatches"] == 0
    assert found["ratios"]["delta_over_direct"] is None

    refused |= {"auto", "direct", "dense"}
    assert bench(small_tflite, "--clip", small_clip, "--frames", 2, "-o", tmp_path / "none") == 2
    assert capsys.readouterr().err == (
        "stillframe: bench networks: expected a model that fits 1x16@85F, found none\n"
        "  -> take a larger part, or virtual, as in 1x16@virtual (stillframe check says what a model takes)\n"
    )
    assert not (tmp_path / "none").exists()
