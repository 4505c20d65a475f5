"""The link is held against the driver tests' device in plain Python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "driver"))
