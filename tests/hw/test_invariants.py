"""What the parts assert of each other, in Amaranth's simulator.

Each is met by what the part is for, and fails on what it forbids; the benches on Verilator are held to the
same assertions. The smallest parts' timing is here, too.
"""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator, SimulatorContext
from asserted import drive, simulate, stream
from geometry import Base, Geometry
from receptive_fields import Changes, find
from small_arrays import small_array
from stream_bench import plain
from tensors import MASK_BITS, Tensor

from stillframe.contract import Op
from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.credits import Credits
from stillframe.hw.event_finder import EventFinder
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.mask_fetch import MaskFetch
from stillframe.hw.mask_writer import MaskWriter
from stillframe.hw.queue import Queue
from stillframe.hw.row_finder import RowFinder
from stillframe.hw.state_update import StateUpdate

CONFIG = small_array("1x16@25F")


def test_queue() -> None:
    queue = Queue(8, 4)

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


def test_mask_fetch_timing() -> None:
    fetch = MaskFetch(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, fetch, everything=1)
        ctx.set(fetch.tags.ready, 1)
        pixels = [{"empty": 1, "end": 1}] * 5
        taken, given, _ = await stream(ctx, fetch.i, fetch.words, pixels)
        assert taken == list(range(5))
        assert given == [cycle + MaskFetch.LATENCY for cycle in taken]
        assert not ctx.get(fetch.busy)

    simulate(fetch, bench)


def test_scanner_timing() -> None:
    scanner = EventScanner(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        words = [{"null": 1, "last": 1}] * 3 + [{"bits": 0b111, "last": 1}] * 3
        taken, given, came = await stream(ctx, scanner.i, scanner.o, words)
        assert taken == list(range(6))
        assert given == list(range(EventScanner.LATENCY, EventScanner.LATENCY + 3 + 3 * 3))
        assert [event.last for event in came] == [1, 1, 1] + [0, 0, 1] * 3

    simulate(scanner, bench)


def test_mask_written_while_it_is_fetched_is_caught() -> None:
    fetch = MaskFetch(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, fetch.i, valid=1, payload={"address": 6, "end": 1})
        drive(ctx, fetch, mask_en=1, mask_address=5)
        await ctx.tick()

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, fetch, mask_address=6)
        await ctx.tick()

    simulate(fetch, bench, forbidden)


def test_value_written_while_it_is_read_is_caught() -> None:
    scanner = EventScanner(CONFIG)
    word = {"bits": 1, "block": 3, "last": 1}

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, scanner.o, ready=1)
        drive(ctx, scanner, event_en=1, event_address=7)
        await stream(ctx, scanner.i, scanner.o, [word], cycles=20)
        drive(ctx, scanner, event_address=3 * MASK_BITS // CONFIG.drain)

    async def forbidden(ctx: SimulatorContext) -> None:
        await stream(ctx, scanner.i, scanner.o, [word], cycles=20)

    simulate(scanner, bench, forbidden)


def test_event_for_no_lane_is_caught() -> None:
    scanner = EventScanner(CONFIG)

    async def scan(ctx: SimulatorContext, channel: int) -> None:
        word = {"bits": 1, "channel": channel, "last": 1}
        await stream(ctx, scanner.i, scanner.o, [word], cycles=20)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, scanner.layer, depthwise=1, multiplier=3)
        await scan(ctx, 5)  # lane 15 of 16

    async def forbidden(ctx: SimulatorContext) -> None:
        await scan(ctx, 6)

    simulate(scanner, bench, forbidden)


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": 0, "mask": 4, "block": 2},
        {"y": 1, "mask": 8, "block": 0},
        {"y": 1, "mask": 8, "block": 4},
        {"y": 1, "mask": 8, "block": 2, "last": 0},
    ],
    ids=["row", "column", "outside", "word"],
)
def test_updates_out_of_order_are_caught(wrong: dict[str, int]) -> None:
    writer = MaskWriter(CONFIG)

    async def tensor(ctx: SimulatorContext, *places: dict[str, int]) -> None:
        drive(ctx, writer.layer, out_mask_words=4, out_mask_pitch=8, out_height=2)
        drive(ctx, writer, start=1)
        await ctx.tick()
        drive(ctx, writer, start=0)
        for place in places:
            payload = {"bits": 1, "place": {"first": 1, "last": 1} | place}
            drive(ctx, writer.i, valid=1, payload=payload)
            while not ctx.get(writer.i.ready):
                await ctx.tick()
            await ctx.tick()
        drive(ctx, writer.i, valid=0)
        drive(ctx, writer, finish=1)
        await ctx.tick()
        drive(ctx, writer, finish=0)
        while ctx.get(writer.busy):
            await ctx.tick()

    async def bench(ctx: SimulatorContext) -> None:
        await tensor(ctx, *({"mask": mask, "block": block} for mask in (0, 4) for block in (0, 2, 2, 3)))
        await tensor(ctx, {"y": 1, "mask": 8, "block": 1}, {"y": 1, "mask": 8, "block": 3})

    async def forbidden(ctx: SimulatorContext) -> None:
        await tensor(ctx, {"y": 1, "mask": 8, "block": 1}, wrong, {"y": 1, "mask": 8, "block": 3})

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
        await stream(ctx, state.i, state.o, [{"offset": n} for n in (1, 2, 3, 1)], cycles=20)

    simulate(state, bench, forbidden)


def test_code_read_while_it_is_stored_is_caught() -> None:
    codes = CodeMemory(CONFIG)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, codes, store_en=1, store_address=4, store_codes=[-128, 127])
        drive(ctx, codes, encoder_en=1, encoder_address=3)
        await ctx.tick()
        drive(ctx, codes, store_en=0, encoder_address=4)
        await ctx.tick()
        assert list(ctx.get(codes.data)) == [-128, 127]

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, codes, store_en=1)
        await ctx.tick()

    simulate(codes, bench, forbidden)


def test_credits() -> None:
    """Never more inside than fit, all that fit are let in, and a place comes back two cycles later."""
    depth = 3
    credits = Credits(depth)
    seen: set[int] = set()

    async def process(ctx: SimulatorContext) -> None:  # drives at the clock edge, as logic would
        rng, inside, counted, left = random.Random(2), 0, 0, 0
        await ctx.tick()
        for _ in range(300):
            enter = int(counted < depth and rng.random() < 0.6)
            leave = int(inside > 0 and rng.random() < 0.5)
            drive(ctx, credits, enter=enter, leave=leave)
            *_, room = await ctx.tick().sample(credits.room)
            assert room == (counted < depth), f"{counted} counted"
            seen.add(inside)
            inside += enter - leave
            counted, left = counted + enter - left, leave
        drive(ctx, credits, enter=0, leave=0)

    sim = Simulator(credits)
    sim.add_clock(1e-6)
    sim.add_process(process)
    sim.run_until(320e-6)
    assert seen == set(range(depth + 1))


@pytest.mark.parametrize("does", ["enter", "leave"])
def test_entering_without_room_and_leaving_nothing_are_caught(does: str) -> None:
    credits = Credits(1)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, credits, enter=0, leave=0)

    async def forbidden(ctx: SimulatorContext) -> None:
        drive(ctx, credits, **{does: 1})  # right after the reset there is no room yet
        await ctx.tick()

    simulate(credits, bench, forbidden)


@pytest.mark.parametrize("multiplier", [0, 1, 3])
def test_a_layer_violates_nothing(multiplier: int) -> None:
    """A small layer in the event finder, with every assertion in it, finds what it should."""
    finder = EventFinder(CONFIG)
    source = Tensor(3, 4, 7, CONFIG.drain)
    channels, around = source.channels * multiplier or 20, ((1, 1), (1, 1))
    geometry = Geometry(
        Op.MAC, source, channels, CONFIG.total_lanes, (3, 3), (1, 2), around, multiplier=multiplier
    )
    base = Base(masks=4, events=2, codes=100, rows=5, weights=50, params=7)
    element = 2 * source.pixel + 2
    found = find(geometry, base, [Changes.of({(1, element): -255})], True)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, finder.layer, evaluate_all=1, **geometry.fields(base))
        address = base.events * MASK_BITS // CONFIG.drain + source.pitch + element // CONFIG.drain
        mask = base.masks + source.mask_pitch
        values = [-255 if d == element % CONFIG.drain else 0 for d in range(CONFIG.drain)]
        drive(ctx, finder, flag_en=1, flag_row=base.rows + 1, flag=1)
        drive(ctx, finder, mask_en=1, mask_address=mask, mask_bits=1 << element)
        drive(ctx, finder, event_en=1, event_address=address, event_values=values)
        await ctx.tick()
        drive(ctx, finder, flag_en=0, mask_en=0, event_en=0, start=1)
        await ctx.tick()
        drive(ctx, finder, start=0)
        ctx.set(finder.events.ready, 1)
        ctx.set(finder.tags.ready, 1)
        events, tags = [], []
        for _ in range(max(found.rows, found.walk) + 20):
            if ctx.get(finder.events.valid):
                events.append(plain(ctx.get(finder.events.payload)))
            if ctx.get(finder.tags.valid):
                tags.append(plain(ctx.get(finder.tags.payload)))
            await ctx.tick()
        for came, wanted in ((events, found.events), (tags, found.tags)):
            assert [{name: c[name] for name in w} for c, w in zip(came, wanted, strict=True)] == wanted

    simulate(finder, bench)


def test_row_flag_written_while_it_is_read_is_caught() -> None:
    finder = RowFinder(CONFIG)
    source = Tensor(1, 1, 1, CONFIG.drain)
    geometry = Geometry(Op.MAC, source, 1, CONFIG.total_lanes)

    async def walk(ctx: SimulatorContext) -> None:
        drive(ctx, finder, start=1)
        await ctx.tick()
        drive(ctx, finder, start=0)
        for _ in range(12):
            await ctx.tick()
        assert not ctx.get(finder.busy)

    async def bench(ctx: SimulatorContext) -> None:
        drive(ctx, finder.layer, **geometry.fields(Base(rows=9)))
        drive(ctx, finder, flag_en=1, flag_row=8)
        await walk(ctx)
        drive(ctx, finder, flag_row=9)
        await ctx.tick()

    simulate(finder, bench, walk)
