"""Verilog export and the Verilator build."""

from __future__ import annotations

from pathlib import Path

import pytest
from toys import Echo, Table

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.sim import native, verilator, verilog


@pytest.mark.parametrize("missing", [["g++"], ["make", "perl"], ["g++", "make", "perl"]])
def test_missing_tools(missing: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in verilator.TOOLS:
        if tool not in missing:
            (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StillframeError) as error:
        verilator.require()
    assert str(error.value) == (
        f"simulation: expected g++, make, perl on PATH, found no {', '.join(missing)}\n"
        f"  -> install what is missing, on Debian and Ubuntu with: apt-get install {' '.join(missing)}"
    )


def test_no_compiler_for_a_simulation(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StillframeError) as error:
        native.open_component(Echo())
    assert str(error.value) == (
        "simulation: expected g++ on PATH, found no g++\n"
        "  -> install what is missing, on Debian and Ubuntu with: apt-get install g++"
    )
    assert not (fresh_cache / "model").exists()


def test_a_model_is_compiled_once(fresh_cache: Path) -> None:
    said: list[str] = []
    source = verilog.export(Echo(), "top")
    first = verilator.compile_model(source, "top", on_status=said.append)
    assert said == ["compiling the design into a native model"]
    assert verilator.compile_model(source, "top", on_status=said.append) == first
    assert len(said) == 1
    assert sorted(path.name for path in first.parent.iterdir()) == ["model.so", "top.v"]


def test_a_design_that_does_not_compile(fresh_cache: Path) -> None:
    with pytest.raises(StillframeError) as error:
        verilator.compile_model("module top(input clk); nonsense", "top")
    assert "expected verilator_bin to succeed, it ended with status 1:\n" in error.value.message
    assert "syntax error" in error.value.message
    assert not list((fresh_cache / "model").glob("*.part*"))


def test_export_is_stable_and_leaves_out_only_memories_of_zeros() -> None:
    text = verilog.export(Table([0, 5, 0, 7]), "top")
    assert text == verilog.export(Table([0, 5, 0, 7]), "top")
    rows = [line.strip() for line in text.splitlines() if "] = 8'h" in line]
    content = [0, 5, 0, 7] + [0] * 252
    assert rows == [f"memory[{row}] = 8'h{value:02x};" for row, value in enumerate(content)]
    assert "] = 8'h" not in verilog.export(Table([]), "top")


def test_the_accelerator_is_elaborated_once_for_what_it_is_made_from(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ArrayConfig] = []

    def accelerator(config: ArrayConfig) -> Echo:
        made.append(config)
        return Echo(config.lanes)

    monkeypatch.setattr(verilog, "accelerator_of", accelerator)
    small, large = ArrayConfig.parse("1x4"), ArrayConfig.parse("1x8")
    text = verilog.accelerator(small)
    assert verilog.accelerator(small) == text
    assert verilog.accelerator(large) != text
    assert made == [small, large]
    monkeypatch.setattr(verilog, "_SOURCES", (*verilog._SOURCES, b"edited"))
    assert verilog.accelerator(small) == text
    assert made == [small, large, small]


def test_sources_are_those_of_the_whole_package(tmp_path: Path) -> None:
    from types import ModuleType

    (tmp_path / "part").mkdir()
    (tmp_path / "b.py").write_text("2")
    (tmp_path / "part" / "a.py").write_text("1")
    (tmp_path / "note.txt").write_text("3")
    package = ModuleType("package")
    package.__path__ = [str(tmp_path)]
    assert verilog._sources(package) == [b"b.py", b"2", b"part/a.py", b"1"]


def test_a_design_gives_the_same_model_wherever_it_is_compiled(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = verilog.export(Echo(forbidden=7), "top")
    first = verilator.compile_model(source, "top").read_bytes()
    elsewhere = fresh_cache.parent / "another-cache"
    elsewhere.mkdir()
    (elsewhere / "runtime").symlink_to(fresh_cache / "runtime", target_is_directory=True)
    monkeypatch.setenv("STILLFRAME_CACHE", str(elsewhere))
    assert verilator.compile_model(source, "top").read_bytes() == first
