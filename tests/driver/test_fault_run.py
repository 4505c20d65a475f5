"""The driver and the simulated accelerator over a link on which everything goes wrong, for many packets."""

from __future__ import annotations

import random

import numpy as np
import pytest
from bad_link import FAULTS, BadLink
from tiny_network import COMPACT, LARGE, tiny_case

from stillframe.contract import ArrayConfig
from stillframe.driver import Device, LinkError, Session
from stillframe.driver.device import ATTEMPTS
from stillframe.driver.session import RESTARTS
from stillframe.sim.native import CLOCK_HZ, open_sim

RATES = (0, 0.001, 0.003, 0.01, 0.03, 0.1)
"""Shares of requests and answers that are struck, each for :data:`SPELL` frames."""

SPELL = 10

TIMEOUT = {LARGE: 4_000, COMPACT: 30_000}
"""Cycles to wait for a byte: more than a request takes with all that may go before it."""

REQUESTS = 40
"""More than begin a session, upload the program and run a frame."""


@pytest.mark.parametrize(
    ("config", "packets"),
    [
        pytest.param(LARGE, 2_000, id="large"),
        pytest.param(COMPACT, 1_500, id="compact"),
        pytest.param(LARGE, 100_000, id="large-long", marks=pytest.mark.full),
        pytest.param(COMPACT, 10_000, id="compact-long", marks=pytest.mark.full),
    ],
)
def test_every_answer_is_right_and_every_loss_is_noticed(config: ArrayConfig, packets: int) -> None:
    case = tiny_case(config)
    rng = random.Random(packets)
    with open_sim(config) as simulation:
        link = BadLink(simulation, simulation.reset, seed=packets)
        device = Device(link, timeout=TIMEOUT[config] / CLOCK_HZ)
        session = Session(device, case.program)
        longest = (RESTARTS + 1) * REQUESTS * ATTEMPTS * 4 * TIMEOUT[config]
        given_up = keys = frames = index = 0
        while device.statistics.requests + device.statistics.retries < packets:
            link.rate = RATES[frames // SPELL % len(RATES)]
            frames += 1
            index = (index + rng.choice((0, 1, 1, 2, 17))) % len(case.frames)
            before, spoilt, cycles = device.statistics, link.spoilt, simulation.cycles
            try:
                result = session.run(case.frames[index])
            except LinkError:
                given_up += 1
                noticed = True
            else:
                np.testing.assert_array_equal(result.outputs["output"], case.answers[index])
                keys += result.key
                after = device.statistics
                noticed = (after.retries, after.resynchronisations) != (
                    before.retries,
                    before.resynchronisations,
                )
                assert noticed or not result.key or frames == 1
            assert noticed or link.spoilt == spoilt, "a request was lost, and nobody heard of it"
            assert simulation.cycles - cycles < longest
        link.rate = 0
        session.run(case.frames[0])
        before = device.statistics
        for index in range(10):
            result = session.run(case.frames[index])
            np.testing.assert_array_equal(result.outputs["output"], case.answers[index])
            assert not result.key
        assert device.statistics.retries == before.retries
    statistics = device.statistics
    print(
        f"\n{config.name}: {frames:,} frames in {statistics.requests:,} requests and {statistics.retries:,} "
        f"repetitions, {link.struck.total():,} faults ({dict(sorted(link.struck.items()))}), "
        f"{link.spoilt:,} requests spoilt, {keys:,} key frames, {given_up:,} frames given up; {statistics}"
    )
    assert set(link.struck) == set(FAULTS)
    assert keys > 1
    assert given_up < frames / 10
