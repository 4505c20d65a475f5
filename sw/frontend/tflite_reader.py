"""A full-integer ``.tflite`` file as a :class:`~stillframe.frontend.graph.Graph`."""

from __future__ import annotations

from collections.abc import Collection

from .flatbuffer import parse
from .graph import Graph
from .partition import partition
from .quantised import check_quantised
from .results import assemble


def read_tflite(data: bytes, name: str, source: str, layers: Collection[str] = (), split: str = "") -> Graph:
    """Read an int8 model. What the device cannot do at its beginning and end becomes parts for the host.

    Args:
        data: The file's content.
        name: What the model is called in reports.
        source: What messages call the file, for example its path.
        layers: Names of Keras layers to look for in the names of tensors, to call nodes after them.
        split: The device's last layer, or its first and last as ``FIRST:LAST``; empty to have the border
            chosen that keeps most multiplications on the device.

    Returns:
        The graph. Outputs stand in the file's order, named after the first signature where there is one.

    Raises:
        StillframeError: The file is damaged, nothing of it is for the device, or the border is impossible.
    """
    raw = parse(data, source)
    check_quantised(raw, source)
    reading, border = partition(raw, source, layers, split)
    return assemble(reading, border, name, data)
