"""What compiler, hardware, simulation and driver agree on: pure data, no behaviour.

The one place for the array's shape, the memory map, the layer descriptor, the packets and the program file.
"""

from .array import ArrayConfig
from .errors import StillframeError
from .layer import Mode, Op
from .memory_map import Counter, Memory
from .program import Program

__all__ = ["ArrayConfig", "Counter", "Memory", "Mode", "Op", "Program", "StillframeError"]
