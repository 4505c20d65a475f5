"""A board at the other end of a cable is played by the driver tests' device."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "driver"))
