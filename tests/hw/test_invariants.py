"""What the parts assert of each other, in Amaranth's simulator.

Each is met by what the part is for, and fails on what it forbids; the benches on Verilator are held to the
same assertions. Those of the scanners and the router are in ``test_event_invariants.py``, those of the banks
and the drain in ``test_mac_array.py``. The smallest parts' timing is here, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from amaranth.hdl import ValueLike
from amaranth.sim import Simulator, SimulatorContext
from asserted import drive, simulate, stream
from small_arrays import small_array

from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.credits import Credits
from stillframe.hw.distant_queue import DistantQueue
from stillframe.hw.mask_writer import MaskWriter
from stillframe.hw.queue import Queue
from stillframe.hw.row_finder import RowFinder
from stillframe.hw.state_update import StateUpdate

CONFIG = small_array("1x16@25F")


@pytest.mark.parametrize("kind", [Queue, DistantQueue, partial(DistantQueue, late=True)])
def test_queue(kind: Callable[..., Queue]) -> None:
    queue = kind(8, 4)

    async def bench(ctx: SimulatorContext) -> None:
        taken, given, came = await stream(ctx, queue.i, queue.o, list(range(9)))
        assert came == list(range(9))
        assert taken == list(range(9))
        assert given == [cycle + Queue.LATENCY for cycle in taken]
        assert not ctx.get(queue.busy)
        rng = random.Random(1)
        sent: list[int] = []
        received: list[int] = []
        for cycle in range(400):  # stalls on both sides
            stall = (0.2, 0.8)[cycle // 50 % 2]
            drive(ctx, queue.i, valid=rng.random() < stall, payload=cycle % 256)
            drive(ctx, queue.o, ready=rng.random() < 1 - stall)
            assert ctx.get(queue.busy) == (len(sent) != len(received))
            if ctx.get(queue.i.valid & queue.i.ready):
                sent.append(cycle % 256)
            if ctx.get(queue.o.valid & queue.o.ready):
                received.append(ctx.get(queue.o.payload))
            await ctx.tick()
        assert received == sent[: len(received)]
        assert len(sent) - len(received) <= 5

    simulate(queue, bench)


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": 0, "block": 2},
        {"block": 0},
        {"block": 4},
        {"first": 0},
        {"block": 1, "last": 1},
    ],
    ids=["row", "column", "outside", "word", "words"],
)
def test_updates_out_of_order_are_caught(wrong: dict[str, int]) -> None:
    writer = MaskWriter(CONFIG)

    async def until(ctx: SimulatorContext, holds: ValueLike) -> None:
        for _ in range(40):
            if ctx.get(holds):
                return
            await ctx.tick()
        raise TimeoutError

    async def tensor(ctx: SimulatorContext, *places: dict[str, int]) -> None:
        drive(ctx, writer.layer, out_mask_words=4, out_mask_pitch=8, out_height=2)
        drive(ctx, writer, start=1)
        await ctx.tick()
        drive(ctx, writer, start=0)
        for place in places:
            for words in ({"first": 1, "last": 0}, {"first": 0, "last": 1}):
                payload = {"bits": 1, "place": {"y": 1, "mask": 8} | words | place}
                drive(ctx, writer.i, valid=1, payload=payload)
                await until(ctx, writer.i.ready)
                await ctx.tick()
        drive(ctx, writer.i, valid=0)
        drive(ctx, writer, finish=1)
        await ctx.tick()
        drive(ctx, writer, finish=0)
        await until(ctx, ~writer.busy)

    async def bench(ctx: SimulatorContext) -> None:
        blocks = [{"block": block} for block in (0, 2, 2, 3)]
        await tensor(ctx, *(block | {"y": 0, "mask": 0} for block in blocks), *blocks)

    async def forbidden(ctx: SimulatorContext) -> None:
        await tensor(ctx, {"block": 1}, {"block": 2} | wrong, {"block": 3})

    simulate(writer, bench, forbidden)


def test_state_read_while_it_is_written_is_caught() -> None:
    state = StateUpdate(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, state.layer, use_state=1, state=9)
        words = [{"offset": n, "z": [n, -n]} for n in range(6)]
        for n in (1, 2):  # two frames
            _, given, came = await stream(ctx, state.i, state.o, words, cycles=20)
            assert given == [cycle + StateUpdate.LATENCY for cycle in range(6)]
            assert [list(word.z) for word in came] == [[n * z, -n * z] for z in range(6)]

    async def forbidden(ctx: SimulatorContext) -> None:
        await stream(ctx, state.i, state.o, [{"offset": n} for n in (*range(1, StateUpdate.LATENCY + 1), 1)])

    simulate(state, bench, forbidden)


def test_code_read_while_it_is_stored_is_caught() -> None:
    codes = CodeMemory(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, codes, store_en=1, store_address=4, store_codes=[-128, 127])
        drive(ctx, codes, encoder_next=1, encoder_address=3)
        await ctx.tick()
        drive(ctx, codes, store_en=0)
        await ctx.tick()
        drive(ctx, codes, encoder_address=4)
        for _ in range(1 + CodeMemory.LATENCY):
            await ctx.tick()
        assert list(ctx.get(codes.data)) == [-128, 127]

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, codes, store_en=1)
        await ctx.tick()
        await ctx.tick()

    simulate(codes, bench, forbidden)


def test_credits() -> None:
    """Never more inside than fit, and all but one that fit are let in; what enters or leaves counts later."""
    depth = 3
    credits = Credits(depth)
    seen: set[int] = set()

    async def process(ctx: SimulatorContext) -> None:  # drives at the clock edge, as logic would
        rng, inside, counted, entered, left = random.Random(2), 0, 0, 0, 0
        await ctx.tick()
        for _ in range(300):
            enter = int(counted + 1 < depth and rng.random() < 0.6)
            leave = int(inside > 0 and rng.random() < 0.5)
            drive(ctx, credits, enter=enter, leave=leave)
            *_, room = await ctx.tick().sample(credits.room)
            assert room == (counted + 1 < depth), f"{counted} counted"
            seen.add(inside)
            inside += enter - leave
            counted, entered, left = counted + entered - left, enter, leave
        drive(ctx, credits, enter=0, leave=0)

    sim = Simulator(credits)
    sim.add_clock(1e-6)
    sim.add_process(process)
    sim.run_until(320e-6)
    assert seen == set(range(depth + 1))


@pytest.mark.parametrize("does", ["enter", "leave"])
def test_entering_without_room_and_leaving_nothing_are_caught(does: str) -> None:
    credits = Credits(3)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, credits, enter=0, leave=0)

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, credits, **{does: 1})  # right after the reset there is no room yet
        await ctx.tick()

    simulate(credits, bench, forbidden)


def test_row_flag_written_while_it_is_read_is_caught() -> None:
    finder = RowFinder(CONFIG)

    async def walk(ctx: SimulatorContext) -> None:
        drive(ctx, finder, start=1)
        await ctx.tick()
        drive(ctx, finder, start=0)
        for _ in range(12):
            await ctx.tick()
        assert not ctx.get(finder.busy)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, finder.layer, in_rows=9, in_height=1, out_height=1, kernel_rows=1, stride_rows=1)
        drive(ctx, finder, flag_en=1, flag_row=8)
        await walk(ctx)
        drive(ctx, finder, flag_row=9)
        await ctx.tick()

    simulate(finder, bench, walk)
