"""The host's side: transport, device, session. Needs numpy and nothing else."""

from .device import Device, LinkError, LinkStatistics, RefusedError
from .registry import TRANSPORTS, check_name, find_array, open_device
from .session import FrameResult, LayerCounters, Session
from .transport import Transport

__all__ = [
    "TRANSPORTS",
    "Device",
    "FrameResult",
    "LayerCounters",
    "LinkError",
    "LinkStatistics",
    "RefusedError",
    "Session",
    "Transport",
    "check_name",
    "find_array",
    "open_device",
]
