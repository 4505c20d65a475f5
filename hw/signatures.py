"""Signatures that more than one component speaks."""

from __future__ import annotations

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from stillframe.contract.array import ADDRESS_BITS
from stillframe.contract.layer import LAYER_FIELDS


def _shape(width: int, is_signed: bool) -> Shape:
    return signed(width) if is_signed else unsigned(width)


COLUMN_BITS = 7
"""Width of a column on the host bus: the widest array's PARAMS have 3 x 32."""


class LayerSignature(wiring.Signature):
    """The fields of the layer being run, and ``key``, the frame's key flag.

    Registers, constant from two cycles before a layer's start until it is through: what a unit derives from
    them alone it keeps in a register of its own.
    """

    def __init__(self) -> None:
        fields = {f.name: Out(_shape(f.width, f.signed)) for f in LAYER_FIELDS.values()}
        super().__init__(fields | {"key": Out(1)})


class HostBus(wiring.Signature):
    """The host's way to the memories, used only while no layer runs.

    ``w_en`` and ``r_en`` are pulses of one cycle, never both. A read's answer comes with ``r_valid``, some
    cycles later; until then the host starts nothing. ``memory``, ``column`` and ``row`` are those of
    :mod:`stillframe.contract.memory_map`.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "memory": Out(3),
                "column": Out(COLUMN_BITS),
                "row": Out(ADDRESS_BITS),
                "w_en": Out(1),
                "w_data": Out(32),
                "r_en": Out(1),
                "r_valid": In(1),
                "r_data": In(32),
            }
        )


class FrameControl(wiring.Signature):
    """From the link to the sequencer: begin a frame, run it.

    ``begin`` (with ``key``) is a pulse; the sequencer then loads layer 0 and raises ``accepting`` while the
    encoder may be given words. ``run`` is a pulse that says no more words will come; ``done`` is a pulse
    when the last layer is through, with ``cycles``, the sum over the layers, which stays until the next
    ``begin``. ``busy`` is high from ``begin`` until ``accepting`` and from ``run`` until ``done``. ``begin``
    while accepting drops the frame begun before and begins anew.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "begin": Out(1),
                "key": Out(1),
                "run": Out(1),
                "accepting": In(1),
                "busy": In(1),
                "done": In(1),
                "cycles": In(32),
            }
        )


class DeviceStatus(wiring.Signature):
    """What a board shows of its accelerator, from registers.

    ``session``: a host has said hello since the last reset. ``damaged``: pulse, a packet with a wrong CRC
    came. ``working``: a frame is computed. ``layer``: pulse, the next of its layers begins.
    """

    def __init__(self) -> None:
        super().__init__({"session": Out(1), "damaged": Out(1), "working": Out(1), "layer": Out(1)})
