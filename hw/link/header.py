"""The header of a packet, as the receiver, the command processor and the sender pass it on."""

from __future__ import annotations

from amaranth.lib import data

HEADER = data.StructLayout({"kind": 8, "sequence": 8, "length": 11})
"""``kind``: a :class:`~stillframe.contract.packets.Packet`, with bit 7 set in a response. ``sequence``: the
host's number. ``length``: bytes of payload, 0 to 1024."""
