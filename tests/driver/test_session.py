"""A program on a fake device: frames, outputs, and that a bad link never gives a wrong answer."""

import re

import numpy as np
import pytest
from fake_device import CYCLES, FakeDevice
from fake_links import FakeLink, noise, once
from fake_program import ZERO_POINT, expected, frames, make_program
from hypothesis import given, settings
from hypothesis import strategies as st

from stillframe.contract import ArrayConfig, Memory, Mode, StillframeError
from stillframe.contract.packets import Packet
from stillframe.driver import TRANSPORTS, Device, LayerCounters, LinkError, Session, open_device

CONFIG = ArrayConfig.parse("1x16")


def open_session(config: ArrayConfig = CONFIG, **shape) -> tuple[Session, FakeLink]:
    link = FakeLink(FakeDevice(config))
    return Session(Device(link), make_program(config, **shape)), link


def packets(link: FakeLink, kind: Packet) -> list[bytes]:
    return [data for data in link.written if data[:2] == bytes([0xA5, kind])]


@pytest.mark.parametrize("array", ["1x16", "1x16@25F", "1x4"])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("channels", [1, 3, 4, 9])
def test_every_frame_is_right(array, mode, channels):
    session, link = open_session(ArrayConfig.parse(array), mode=mode, channels=channels)
    results = []
    for frame in frames(np.random.default_rng(1), 10, session.program):
        result = session.run(frame)
        results.append(result)
        np.testing.assert_array_equal(result.outputs["sum"], expected(frame))
        assert result.outputs["sum"].dtype == np.int8
        np.testing.assert_array_equal(result.tensors[1], expected(frame))
        np.testing.assert_array_equal(session.read_tensor(0), frame)
        assert result.cycles == CYCLES
    assert [r.key for r in results] == [True] + [False] * 9
    assert link.device.runs == 10


def test_program_arrives_whole():
    session, link = open_session()
    for segment in session.program.segments:
        part = link.device.memories[segment.memory][segment.column, segment.row :][: len(segment.words)]
        np.testing.assert_array_equal(part, segment.words)
    # 300 words in two segments that follow one another, 300 elsewhere, two descriptors without a gap
    assert len(packets(link, Packet.WRITE)) == 2 + 2 + 1


def test_upload_reports_progress():
    seen = []
    link = FakeLink(FakeDevice(CONFIG))
    program = make_program(CONFIG)
    Session(Device(link), program, progress=lambda done, total: seen.append((done, total)))
    total = sum(len(segment.words) for segment in program.segments)
    assert seen[-1] == (total, total)
    assert seen == sorted(set(seen))


def test_only_changed_pixels_travel():
    session, link = open_session(height=20, width=30, channels=3)
    frame = np.zeros((20, 30, 3), np.int8)
    dense = session.run(frame)
    link.written.clear()
    still = session.run(frame)
    assert packets(link, Packet.INPUT) == []
    frame[7, 9, 2] = 5
    session.run(frame)
    (packet,) = packets(link, Packet.INPUT)
    assert packet[5:-4] == bytes([219, 1, 0, 0, 5])
    assert dense.bytes_sent - still.bytes_sent == 20 * 30 * 3 + 4 * 2 + 2 * 9  # codes, runs, packets
    np.testing.assert_array_equal(session.read_tensor(0), frame)


def test_frame_may_be_changed_by_the_caller_afterwards():
    session, _ = open_session()
    frame = np.zeros((3, 5, 3), np.int8)
    session.run(frame)
    frame[1, 1, 1] = 50
    np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def test_key_frame_on_demand():
    session, _ = open_session()
    frame = np.full((3, 5, 3), 9, np.int8)
    results = [session.run(frame, key) for key in (False, False, True, False)]
    assert [result.key for result in results] == [True, False, True, False]


def test_counters_by_layer():
    session, _ = open_session()
    result = session.run(np.zeros((3, 5, 3), np.int8))
    assert result.layers == (LayerCounters(15, 0, 0, 0), LayerCounters(CYCLES - 15, 7, 8, 9))


def test_outputs_take_few_packets():
    session, link = open_session(height=8, width=20, channels=4)  # 8 rows of 20 words
    session.run(np.zeros((8, 20, 4), np.int8))
    assert len(packets(link, Packet.READ)) == 1 + 1 + 1  # info, counters, 160 words


@pytest.mark.parametrize(
    ("codes", "got"),
    [
        (np.zeros((5, 3, 3), np.int8), "int8 of shape (5, 3, 3)"),
        (np.zeros((3, 5, 3), np.uint8), "uint8 of shape (3, 5, 3)"),
    ],
)
def test_frame_of_another_shape_or_type_is_refused(codes, got):
    session, link = open_session()
    link.written.clear()
    with pytest.raises(StillframeError) as error:
        session.run(codes)
    assert str(error.value) == (
        f"frame for input image: expected int8 codes of shape (3, 5, 3), got {got}\n"
        "  -> quantise the frame with the input's scale and zero point"
    )
    assert link.written == []


def test_program_for_another_array_is_refused_before_anything_is_written():
    link = FakeLink(FakeDevice(CONFIG))
    with pytest.raises(StillframeError, match=re.escape("expected the array 2x8@85F")):
        Session(Device(link), make_program(ArrayConfig.parse("2x8")))
    assert packets(link, Packet.WRITE) == []


def test_input_with_too_many_channels_is_refused():
    with pytest.raises(StillframeError) as error:
        open_session(height=1, width=1, channels=1023)
    assert str(error.value) == (
        "input image: expected at most 1022 channels, got 1023\n"
        "  -> a pixel has to fit into a packet of the link"
    )


@pytest.mark.parametrize("event", ["reset", "power_on"])
@pytest.mark.parametrize("call", range(8))
def test_device_that_restarts_at_any_packet_of_a_frame_gives_the_right_answer(event, call):
    """A delta frame is BEGIN, INPUT, RUN, COUNTERS, CODES; later calls belong to the frame after it."""
    session, link = open_session()
    first, second, third = frames(np.random.default_rng(2), 3, session.program)
    session.run(first)

    def restart(data: bytes) -> bytes:
        getattr(link.device, event)()
        return data

    link.to_device = once(call, restart)
    result = session.run(second)
    np.testing.assert_array_equal(result.outputs["sum"], expected(second))
    assert result.key == (call < 5)
    result = session.run(third)
    np.testing.assert_array_equal(result.outputs["sum"], expected(third))
    np.testing.assert_array_equal(session.read_tensor(0), third)


@pytest.mark.parametrize("event", ["reset", "power_on"])
@pytest.mark.parametrize("call", range(8))
def test_device_that_restarts_at_any_packet_of_the_upload_is_given_the_program_anew(event, call):
    """What ends anything half sent, HELLO, INFO, five WRITEs."""
    link = FakeLink(FakeDevice(CONFIG))

    def restart(data: bytes) -> bytes:
        getattr(link.device, event)()
        return data

    link.to_device = once(call, restart)
    session = Session(Device(link), make_program(CONFIG))
    (frame,) = frames(np.random.default_rng(2), 1, session.program)
    np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def test_device_that_falls_silent_in_the_upload_is_an_error():
    link = FakeLink(FakeDevice(CONFIG))
    device = Device(link)
    device.hello()
    link.to_device = lambda data: b"" if data[1] == Packet.WRITE else data
    with pytest.raises(LinkError):
        Session(device, make_program(CONFIG))


def test_lost_layer_program_makes_a_key_frame_without_upload():
    session, link = open_session()
    first, second = frames(np.random.default_rng(3), 2, session.program)
    session.run(first)
    row = int(link.device.memories[Memory.LAYERS][0, 0])
    session.device.write(Memory.LAYERS, 0, 0, [row])
    link.written.clear()
    result = session.run(second)
    assert result.key
    np.testing.assert_array_equal(result.outputs["sum"], expected(second))
    assert packets(link, Packet.WRITE) == []


def test_dead_link_is_an_error_and_a_live_one_goes_on_with_a_key_frame():
    session, link = open_session()
    first, second = frames(np.random.default_rng(4), 2, session.program)
    session.run(first)
    link.to_device = lambda data: b""
    with pytest.raises(LinkError):
        session.run(second)
    link.to_device = lambda data: data
    link.device.power_on()
    result = session.run(second)
    assert result.key
    np.testing.assert_array_equal(result.outputs["sum"], expected(second))


@pytest.mark.parametrize("call", range(5))
def test_frame_given_up_half_way_makes_the_next_one_a_key_frame(call):
    session, link = open_session()
    first, second = frames(np.random.default_rng(5), 2, session.program)
    session.run(first)

    def interrupt(data: bytes) -> bytes:
        raise KeyboardInterrupt

    link.to_device = once(call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        session.run(second)
    link.to_device = lambda data: data
    result = session.run(first)
    assert result.key
    np.testing.assert_array_equal(result.outputs["sum"], expected(first))


@pytest.mark.parametrize("to_device", [0, 0.0003, 0.001])
@pytest.mark.parametrize("to_host", [0, 0.0003, 0.001])
@settings(deadline=None, max_examples=4, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_noisy_link_never_gives_a_wrong_answer(to_device, to_host, seed):
    session, link = open_session(height=6, width=8)
    device = session.device
    if to_device:
        link.to_device = noise(seed, to_device)
    if to_host:
        link.to_host = noise(seed + 1, to_host)
    right = 0
    for frame in frames(np.random.default_rng(seed), 12, session.program):
        try:
            result = session.run(frame)
        except LinkError:
            continue
        np.testing.assert_array_equal(result.outputs["sum"], expected(frame))
        right += 1
    # Under the worst noise two of three long packets are damaged, and a frame may be given up.
    assert right >= (1 if max(to_device, to_host) == 0.001 else 6), device.statistics
    assert to_device or to_host or device.statistics.retries == 0


FAULTS = st.tuples(
    st.booleans(), st.integers(0, 40), st.sampled_from(["lose", "cut", "flip", "extend", "reset"])
)
"""(towards the host, call, what happens)"""


@settings(deadline=None, max_examples=100)
@given(st.lists(FAULTS, max_size=12), st.integers(0, 2**32 - 1))
def test_no_sequence_of_faults_gives_a_wrong_answer(faults, seed):
    """Packets lost, cut, changed, followed by half packets, devices reset, at any call, either way."""
    session, link = open_session()
    rng = np.random.default_rng(seed)
    planned = {(bool(side), call): fault for side, call, fault in faults}
    calls = {False: 0, True: 0}

    def fault(side: bool):
        def strike(data: bytes) -> bytes:
            kind = planned.get((side, calls[side]))
            calls[side] += 1
            position = int(rng.integers(len(data))) if data else 0
            match kind:
                case "lose":
                    return b""
                case "cut":
                    return data[:position]
                case "flip" if data:
                    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]
                case "extend":
                    return data + b"\xa5\x02\x01\xff\x03"
                case "reset":
                    link.device.reset()
            return data

        return strike

    link.to_device, link.to_host = fault(False), fault(True)
    for frame in frames(rng, 5, session.program):
        try:
            result = session.run(frame)
        except LinkError:
            assert len(faults) > 3, "a few faults are no reason to give a frame up"
            continue
        np.testing.assert_array_equal(result.outputs["sum"], expected(frame))
    planned.clear()
    np.testing.assert_array_equal(session.run(frame).outputs["sum"], expected(frame))


def test_zero_point_pads_what_is_no_channel():
    session, link = open_session()
    session.run(np.zeros((3, 5, 3), np.int8))
    padding = link.device.memories[Memory.CODES][0, 0] >> 24
    assert padding == ZERO_POINT % 256


def test_device_is_opened_by_name(monkeypatch):
    links = []

    def fake(config, address, stall=0.0):
        assert address == "here"
        assert stall == 0.5
        links.append(FakeLink(FakeDevice(config)))
        return links[-1]

    monkeypatch.setitem(TRANSPORTS, "fake", fake)
    with open_device("fake:here", CONFIG, stall=0.5) as device:
        assert device.info["lanes"] == 16
    assert links[0].closed


def test_device_of_another_array_is_closed_again(monkeypatch):
    link = FakeLink(FakeDevice(ArrayConfig.parse("1x8")))
    monkeypatch.setitem(TRANSPORTS, "fake", lambda config, address: link)
    with pytest.raises(StillframeError, match="expected the array 1x16@85F"):
        open_device("fake", CONFIG)
    assert link.closed


def test_unknown_device_is_named():
    with pytest.raises(StillframeError) as error:
        open_device("ulx3s", CONFIG)
    assert str(error.value) == (
        "device: expected one out of serial, sim, simserial, got 'ulx3s'\n"
        "  -> name one of these with --device, for example --device serial:/dev/ttyUSB0"
    )
