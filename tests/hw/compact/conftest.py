"""The compact machine is held against what the system tests hold the large array against."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "system"))
