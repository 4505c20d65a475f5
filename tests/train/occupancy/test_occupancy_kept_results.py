"""The results in docs/results, the networks shipped, the figures that the documentation takes from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stillframe.contract import StillframeError
from stillframe.examples import clip_path, find_example
from stillframe.train.occupancy.plan import Plan
from stillframe.train.occupancy.summary import points

ROOT = Path(__file__).parents[3]
KEPT = json.loads((ROOT / "docs" / "results" / "occupancy.json").read_text())
KEYS = {
    "setup",
    "seed",
    "penalty",
    "f1",
    "operation_sparsity",
    "macs_issued_per_frame",
    "cycles_per_frame",
    "array",
}


def table() -> dict[str, object]:
    penalties = Plan().penalties
    found = points(row for row in KEPT["rows"] if penalties[row["setup"]] == row["penalty"])
    return {point.setup: point for point in found}


def test_rows_are_those_of_the_plan() -> None:
    rows = KEPT["rows"]
    assert all(set(row) >= KEYS for row in rows)
    assert [(r["setup"], r["penalty"], r["seed"]) for r in rows] == [
        (case.setup, case.penalty, case.seed) for case in Plan().cases()
    ]
    assert all(row["mismatches"] == 0 for row in rows)
    assert KEPT["command"].startswith("stillframe train occupancy")


def test_temporal_needs_a_third_of_the_macs_at_the_same_f1() -> None:
    by_setup = table()
    baseline, temporal = by_setup["baseline"], by_setup["temporal"]
    assert baseline.seeds == temporal.seeds == 3
    assert baseline.macs.mean / temporal.macs.mean >= 3
    assert baseline.cycles.mean / temporal.cycles.mean >= 1.9
    assert temporal.f1.mean >= baseline.f1.mean - 0.01


def test_temporal_is_better_than_spatial_at_equal_f1() -> None:
    """On the curves of seed 0: fewer MACs and cycles than every spatial network that is not clearly worse."""
    curves = points(row for row in KEPT["rows"] if row["seed"] == 0)
    for spatial in (p for p in curves if p.setup.startswith("spatial") and p.f1.mean >= 0.9):
        rivals = [p for p in curves if p.setup == "temporal" and p.f1.mean >= spatial.f1.mean - 0.002]
        assert min(p.macs.mean for p in rivals) * 1.5 <= spatial.macs.mean
        assert min(p.cycles.mean for p in rivals) * 1.2 <= spatial.cycles.mean


def test_documentation_has_the_figures() -> None:
    by_setup = table()
    pages = (ROOT / "docs" / "training.md").read_text() + (ROOT / "README.md").read_text()
    for point in by_setup.values():
        assert f"{point.macs.mean:,.0f}" in pages
        assert f"{point.cycles.mean:,.0f}" in pages
    for ratio in (
        by_setup["baseline"].macs.mean / by_setup["temporal"].macs.mean,
        by_setup["baseline"].cycles.mean / by_setup["temporal"].cycles.mean,
    ):
        assert len(re.findall(rf"\b{ratio:.2f}x", pages)) >= 2


@pytest.mark.parametrize(("name", "setup"), [("occupancy", "temporal"), ("occupancy-baseline", "baseline")])
def test_shipped_networks_do_what_their_rows_say(name: str, setup: str) -> None:
    """Their MACs over all test frames, by the golden model."""
    try:
        clip_path("vtest")
    except StillframeError as error:
        pytest.skip(f"vtest is not here: {error.hint}")
    from stillframe.golden import GoldenModel
    from stillframe.run.models import load_model
    from stillframe.run.progress import Silent
    from stillframe.video import open_clip

    (row,) = (
        r
        for r in KEPT["rows"]
        if (r["setup"], r["seed"], r["penalty"]) == (setup, 0, Plan().penalties[setup])
    )
    assert find_example(name)
    clip = open_clip("vtest", start=600)
    model = load_model(name, clip, None, Silent())
    trace = GoldenModel(model.graph).run(model.codes(clip, 195))
    issued = sum(float(macs.delta[1:].mean()) for macs in trace.macs.values())
    assert issued == pytest.approx(row["macs_issued_per_frame"], rel=1e-12)
