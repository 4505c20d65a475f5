"""Saves a network of this folder, with weights settled on a clip, for ``stillframe bench`` and the like:

python tests/networks/save_network.py mobilenet_v1 vtest mobilenet_v1.keras
"""

from __future__ import annotations

import importlib
import sys
from itertools import islice

import keras
import numpy as np
from real_network import SEED
from settled import settle

from stillframe.video import ValueRange, fit, open_clip


def main(name: str, clip: str, path: str) -> None:
    """Its input is 0 to 1, as the commands take it unless told otherwise."""
    module = importlib.import_module(name)
    keras.utils.set_random_seed(SEED)
    model = module.build()
    frames = [fit(frame, *module.SHAPE) for frame in islice(open_clip(clip), 0, 120, 12)]
    settle(model, ValueRange(0, 1).values(np.stack(frames)), SEED)
    model.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
