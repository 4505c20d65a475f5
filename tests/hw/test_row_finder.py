"""The row finder, in Amaranth's simulator, against a plain model."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.sim import Simulator, SimulatorContext
from small_arrays import small_array
from stream_bench import plain

from stillframe.contract import Op
from stillframe.hw.row_finder import RowFinder

ADDRESSES = 1 << 20
Fields = dict[str, int]
Rows = list[dict[str, int]]


def random_layer(rng: random.Random, two: bool = False, fused: bool = False) -> Fields:
    """Kernels of 1 to 7 rows, strides 1 to 5, dilations 1 to 3, windows beside the image, of events or codes,
    a second tensor to be added or none; or the rows of two tensors.
    """
    height = rng.randrange(1, 20)
    rows, stride, step = rng.choice((1, 2, 3, 5, 7)), rng.randrange(1, 6), rng.choice((1, 1, 2, 3))
    names = ("in_codes", "in_masks", "in_events", "second_codes", "in_pitch", "in_mask_pitch")
    fields = {name: rng.randrange(ADDRESSES) for name in names}
    fields |= {name: rng.randrange(ADDRESSES) for name in ("out_pitch", "out_mask_pitch", "second_pitch")}
    fields |= {"in_height": height, "in_rows": rng.randrange(60), "border_rows": rng.randrange(900)}
    fields["op"] = (
        rng.choice((Op.ADD, Op.CONCAT)) if two else Op.MAC if fused else rng.choice((Op.MAC, Op.POOL))
    )
    if two:
        other = rng.randrange(60, 100)
        steps = {"kernel_rows": 2, "row_step": 0, "flag_step": (other - fields["in_rows"]) % (1 << 14)}
        return (
            fields | steps | {"stride_rows": 1, "out_height": height, "code_step": rng.randrange(ADDRESSES)}
        )
    if fused:
        fields |= {"fused": 1, "second_rows": rng.randrange(60, 100)}
    repeat = rng.choice((0, 0, 1, 3))
    out = rng.randrange(1, 9) * (repeat + 1)
    return fields | {
        "kernel_rows": rows,
        "row_step": step,
        "flag_step": step,
        "code_step": step * fields["in_pitch"] % ADDRESSES,
        "stride_rows": stride,
        "pad_rows": rng.randrange(rows * step + 2),
        "repeat_rows": repeat,
        "out_height": out,
    }


def find(layer: Fields, flags: set[int], everything: bool) -> Rows:
    """The rows given; ``flags``: row flags that are set."""
    found: Rows = []
    for y in range(layer["out_height"]):
        top = y // (layer.get("repeat_rows", 0) + 1) * layer["stride_rows"] - layer.get("pad_rows", 0)
        image_rows = [top + ky * layer["row_step"] for ky in range(layer["kernel_rows"])]
        inside = [ky for ky, row in enumerate(image_rows) if 0 <= row < layer["in_height"]]
        flag_rows = [(layer["in_rows"] + top + ky * layer["flag_step"]) % (1 << 14) for ky in inside]
        live = sum(1 << ky for ky, flag in zip(inside, flag_rows, strict=True) if flag in flags)
        row = {
            "y": y,
            "offset": y * layer["out_pitch"],
            "mask": y * layer["out_mask_pitch"],
            "masks": layer["in_masks"] + top * layer["in_mask_pitch"],
            "second": layer["second_codes"] + y * layer["second_pitch"],
            "inside": len(inside),
            "border": (layer["kernel_rows"] - len(inside)) * layer["border_rows"],
            "live": live,
            "everything": int(
                everything or (layer.get("fused", 0) == 1 and layer["second_rows"] + y in flags)
            ),
        }
        if layer["op"] == Op.MAC:
            row["events"] = layer["in_events"] + top * layer["in_pitch"]
        elif inside:
            row["codes"] = layer["in_codes"] + top * layer["in_pitch"] + inside[0] * layer["code_step"]
        if live or row["everything"]:
            addresses = {"offset", "mask", "masks", "events", "second", "codes"}
            found.append({name: v % ADDRESSES if name in addresses else v for name, v in row.items()})
    return found


def run(
    layers: list[tuple[Fields, set[int], bool]], stall: float = 0.0, seed: int = 0
) -> list[tuple[Rows, list[int], int]]:
    """Rows of each layer, the cycles from its start in which they were offered first, and those of busy."""
    dut: Any = RowFinder(small_array("1x16@25F"))
    results: list[tuple[Rows, list[int], int]] = []
    rng = random.Random(seed)

    async def bench(ctx: SimulatorContext) -> None:
        known: set[int] = set()
        for fields, flags, everything in layers:
            for row in flags ^ known:
                ctx.set(dut.flag_en, 1)
                ctx.set(dut.flag_row, row)
                ctx.set(dut.flag, row in flags)
                await ctx.tick()
            ctx.set(dut.flag_en, 0)
            known = flags
            for name in dut.layer.signature.members:
                ctx.set(getattr(dut.layer, name), fields.get(name, 0))
            ctx.set(dut.layer.key, everything)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            rows: Rows = []
            offered: list[int] = []
            waiting = False
            for cycle in range(1, 2000):
                if not ctx.get(dut.busy):
                    break
                ready, valid = rng.random() >= stall, ctx.get(dut.o.valid)
                ctx.set(dut.o.ready, ready)
                if valid and not waiting:
                    offered.append(cycle)
                if valid and ready:
                    rows.append(plain(ctx.get(dut.o.payload)))
                waiting = bool(valid and not ready)
                await ctx.tick()
            assert not ctx.get(dut.busy)
            results.append((rows, offered, cycle - 1))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return results


@pytest.mark.parametrize("stall", [0.0, 0.8])
@pytest.mark.parametrize("kind", ["one", "two", "fused"])
def test_rows_are_those_with_a_flag_or_all(stall: float, kind: str) -> None:
    rng = random.Random(f"{stall} {kind}")
    layers = []
    for n in range(40):
        flags = {row for row in range(128) if rng.random() < (0.0, 0.1, 0.5, 1.0)[n % 4]}
        layers.append((random_layer(rng, kind == "two", kind == "fused"), flags, rng.random() < 0.3))
    for layer, (rows, _, _) in zip(layers, run(layers, stall), strict=True):
        wanted = find(*layer)
        assert len(rows) == len(wanted), layer
        given = [{name: row[name] for name in want} for row, want in zip(rows, wanted, strict=True)]
        assert given == wanted, layer


@pytest.mark.parametrize("kernel_rows", [1, 2, 3, 5])
@pytest.mark.parametrize("fused", [0, 1])
def test_cycles(kernel_rows: int, fused: int) -> None:
    """A row in ``kernel_rows`` cycles and one if something is added, at least 3 if it is left out, else 4."""
    rng = random.Random(kernel_rows)
    base = random_layer(rng, fused=fused == 1) | {
        "kernel_rows": kernel_rows,
        "row_step": 1,
        "flag_step": 1,
        "repeat_rows": 0,
    }
    for pad, stride in ((0, 1), (2, 1), (1, 4)):
        fields = base | {
            "pad_rows": pad,
            "stride_rows": stride,
            "in_height": 40,
            "out_height": 8,
            "in_rows": 0,
        }
        (_, offered, busy), (_, none, still) = run([(fields, set(), True), (fields, set(), False)])
        probes = kernel_rows + fused
        first = max(pad, stride) + probes + 4
        assert offered == [first + n * max(probes, 4) for n in range(8)]
        assert busy == offered[-1] + 1
        assert (none, still) == ([], first + 7 * max(probes, 3))
