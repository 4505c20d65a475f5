"""A frame as the runs of pixels that INPUT packets carry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..contract.array import PACKET_BYTES

RUN_HEADER_BYTES = 2
"""Bytes of skip and count, 0 to 255 each."""

LONGEST = 255

MAX_CHANNELS = PACKET_BYTES - RUN_HEADER_BYTES
"""Channels of a pixel that still fits into a packet."""


def encode_runs(codes: npt.NDArray[np.int8], sent: npt.NDArray[np.int8] | None = None) -> Iterator[bytes]:
    """Payloads of INPUT packets.

    Args:
        codes: int8, (height, width, channels); at most :data:`MAX_CHANNELS` channels.
        sent: The frame sent before, of the same shape: pixels equal to it are left out. None for all pixels.

    Yields:
        Payloads of whole runs, at most 1024 bytes each; none if nothing differs.
    """
    pixels = codes.reshape(-1, codes.shape[-1])
    channels = pixels.shape[1]
    if sent is None:
        starts, ends = np.array([0]), np.array([len(pixels)])
    else:
        differs = np.any(pixels != sent.reshape(pixels.shape), axis=1)
        starts, ends = _runs(differs, RUN_HEADER_BYTES // channels)
    data = pixels.tobytes()
    payload = bytearray()
    position = 0  # pixel up to which the device has been told
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        while position < end:
            skip = max(start - position, 0)
            room = (PACKET_BYTES - len(payload) - RUN_HEADER_BYTES) // channels
            if room < 1:
                yield bytes(payload)
                payload.clear()
                continue
            count = min(end - start, room, LONGEST) if skip <= LONGEST else 0
            skip = min(skip, LONGEST)
            position += skip + count
            payload += bytes([skip, count]) + data[(position - count) * channels : position * channels]
            start = max(start, position)
    if payload:
        yield bytes(payload)


def _runs(marked: npt.NDArray[np.bool_], bridge: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First and past-the-end indices of the runs of marked pixels; gaps up to ``bridge`` are included."""
    places = np.flatnonzero(marked)
    if not len(places):
        return places, places
    breaks = np.flatnonzero(np.diff(places) > bridge + 1)
    starts = places[np.concatenate(([0], breaks + 1))]
    ends = places[np.concatenate((breaks, [len(places) - 1]))] + 1
    return starts, ends
