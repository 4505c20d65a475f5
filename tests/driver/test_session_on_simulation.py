"""The driver and the accelerator's gateware together, on a link that damages bytes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fake_links import Fault, noise

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Program
from stillframe.driver import Device, LinkError, Session, Transport
from stillframe.frontend import Conv, Graph, GraphInput, GraphOutput, Tensor
from stillframe.sim.native import SimTransport, open_sim

CONFIG = ArrayConfig.parse("1x16")
SHAPE = (6, 7, 3)
TIMEOUT = 1e-3
"""Seconds of the simulated clock: several times what a frame takes here."""


class NoisyTransport(Transport):
    """A simulation behind a link that does with the bytes what it is told to."""

    def __init__(self, simulation: SimTransport) -> None:
        self.simulation = simulation
        self.to_device: Fault = lambda data: data
        self.to_host: Fault = lambda data: data

    def write(self, data: bytes) -> None:
        self.simulation.write(self.to_device(data))

    def read(self, n: int, timeout: float | None = None) -> bytes:
        return self.to_host(self.simulation.read(n, timeout))[:n]

    def close(self) -> None:
        self.simulation.close()


def convolution() -> Program:
    """One 3 x 3 convolution with random weights."""
    rng = np.random.default_rng(1)
    conv = Conv(
        name="conv",
        op="CONV_2D",
        inputs=(0,),
        output=1,
        weights=rng.integers(-127, 128, (3, 3, 3, 5), np.int8),
        bias=rng.integers(-1000, 1000, 5, np.int32),
        strides=(1, 1),
        padding=((1, 1), (1, 1)),
        multiplier=np.full(5, 1 << 30, np.int32),
        shift=np.full(5, -8, np.int32),
        act_min=-128,
        act_max=127,
    )
    image, result = Tensor("image", SHAPE, 0.1, -5), Tensor("result", (6, 7, 5), 0.1, 3)
    output = GraphOutput("result", 1, result.shape, 0.1, 3, ())
    graph = Graph("conv", (image, result), (conv,), GraphInput("image", 0, ()), (output,), b"")
    return compile_graph(graph, CONFIG)


def frames(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    made = [rng.integers(-128, 128, SHAPE, np.int8)]
    while len(made) < count:
        changed = rng.random(SHAPE[:2]) < 0.1
        made.append(np.where(changed[..., np.newaxis], rng.integers(-128, 128, SHAPE, np.int8), made[-1]))
    return made


@pytest.fixture(scope="module")
def simulation():
    with open_sim(CONFIG) as transport:
        yield transport


@pytest.fixture(scope="module")
def right_answers(simulation) -> list[np.ndarray]:
    """Every frame on a flawless link, computed from scratch."""
    session = Session(Device(simulation), convolution())
    return [session.run(frame, key=True).outputs["result"] for frame in frames(20)]


@pytest.mark.parametrize("rate", [0, 0.0003, 0.001])
def test_damaged_link_gives_right_answers(simulation, right_answers, rate):
    link = NoisyTransport(simulation)
    device = Device(link, timeout=TIMEOUT)
    session = Session(device, convolution())
    if rate:
        link.to_device, link.to_host = noise(1, rate), noise(2, rate)
    right = 0
    for frame, answer in zip(frames(20), right_answers, strict=True):
        try:
            result = session.run(frame)
        except LinkError:
            continue
        np.testing.assert_array_equal(result.outputs["result"], answer)
        right += 1
    assert right >= 15, device.statistics
    assert (device.statistics.retries > 0) == (rate > 0)


def test_reset_between_any_bytes_gives_right_answers(simulation, right_answers):
    link = NoisyTransport(simulation)
    session = Session(Device(link, timeout=TIMEOUT), convolution())
    rng = random.Random(3)

    def strike(data: bytes) -> bytes:
        """One write in eight is cut by the device's reset."""
        if rng.random() < 0.125:
            simulation.write(data[: rng.randrange(len(data))])
            simulation.run(rng.randrange(2000))
            simulation.reset()
        return data

    keys = 0
    for frame, answer in zip(frames(20), right_answers, strict=True):
        link.to_device = strike
        try:
            result = session.run(frame)
        except LinkError:
            continue
        keys += result.key
        np.testing.assert_array_equal(result.outputs["result"], answer)
    assert 1 < keys < 20
