"""What the link's parts pass on of a packet: its header, and its payload byte by byte."""

from __future__ import annotations

from amaranth.lib import data

HEADER = data.StructLayout({"kind": 8, "sequence": 8, "length": 11})
"""``kind``: a :class:`~stillframe.contract.packets.Packet`, with bit 7 set in a response. ``sequence``: the
host's number. ``length``: bytes of payload, 0 to 1024."""

PAYLOAD_BYTE = data.StructLayout({"value": 8, "last": 1})
"""A byte of a payload; ``last`` marks the payload's last one."""
