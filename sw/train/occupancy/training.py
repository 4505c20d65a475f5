"""One network of the experiment: refined from the one trained for its task alone, and tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from stillframe.train import LayerSparsity, set_clip, sparsify, sparsity, total

from . import network
from .dataset import Dataset
from .plan import COARSENESS, PENALISE, Case

CALIBRATION = 60
"""About so many training frames, spread over all of them, give the initial steps."""

RATE, REFINEMENT_RATE = 3e-3, 2e-3
"""Learning rates to begin with."""

REFINEMENT_SEED = 1000
"""Added to a case's seed, so that refinement sees other clips than the training before."""

AfterEpoch = Callable[[], None]


def train(dataset: Dataset, seed: int, epochs: int, after_epoch: AfterEpoch | None = None) -> Any:
    """Train the network for its task alone."""
    keras.utils.set_random_seed(seed)
    model = network.build()
    network.fit(model, dataset.train, epochs, RATE, seed, after_epoch)
    return model


def refine(
    trained: Any, case: Case, dataset: Dataset, epochs: int, after_epoch: AfterEpoch | None = None
) -> Any:
    """Put Delta Activation Layers into the trained network, as the case wants them, and train on."""
    seed = case.seed + REFINEMENT_SEED
    keras.utils.set_random_seed(seed)
    model = sparsify(
        trained,
        case.setup,
        calibration=calibration(dataset),
        coarseness=COARSENESS[case.setup],
        penalty=case.penalty,
        penalise=PENALISE.get(case.setup),
        frames=network.CLIP,
    )
    network.fit(model, dataset.train, epochs, REFINEMENT_RATE, seed, after_epoch)
    return model


def evaluate(model: Any, frames: network.Floats) -> tuple[network.Floats, LayerSparsity]:
    """Logits of consecutive frames, and the counts of all layers together, the first frame left out."""
    set_clip(model, None)
    model.reset_metrics()
    logits = model(frames, training=False).numpy()
    set_clip(model, network.CLIP)
    return logits, total(sparsity(model))


def calibration(dataset: Dataset) -> network.Floats:
    """Training frames that are typical."""
    return dataset.train.frames[:: max(1, len(dataset.train) // CALIBRATION)]
