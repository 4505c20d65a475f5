"""Saves a network of this folder, with weights settled on a clip, for ``stillframe bench`` and the like:

python tests/networks/save_network.py mobilenet_v1 vtest mobilenet_v1.keras
"""

from __future__ import annotations

import sys

from real_network import settled_model

from stillframe.video import ValueRange


def main(name: str, clip: str, path: str) -> None:
    """Its input is 0 to 1, as the commands take it unless told otherwise."""
    model, _ = settled_model(name, clip, ValueRange(0, 1))
    model.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
