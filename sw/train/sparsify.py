"""A trained Keras model with Delta Activation Layers in the places where they belong."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from .arguments import one_of, positive, whole_or_none
from .gradients import GRADIENTS
from .placement import BITS, Builder
from .setups import SETUPS, Setup


def sparsify(
    model: Any,
    setup: str | Setup = "temporal",
    *,
    calibration: npt.NDArray[np.float32] | None = None,
    step: float | None = None,
    coarseness: float = 1.0,
    penalty: float = 0.0,
    penalise: str | None = None,
    gradient: str = "lsq",
    per_channel: bool = False,
    frames: int | None = None,
    fold_batch_norm: bool = True,
) -> Any:
    """Put Delta Activation Layers into a trained model: behind activations and residual adds, on the input.

    A layer that is nowhere followed by an activation (an output, a linear bottleneck) gets one too, so that
    all MAC layers have int8 operands. Their weights are rounded as TensorFlow's converter rounds them. What
    then goes forward is the int8 network: convolutions, dense layers, ReLU, ReLU6 and max-pool to the code.
    Frames are stacked in the batch axis; set ``frames`` so that the layers know which belong together.

    Args:
        model: Functional or Sequential, trained, with frames as input; it is left as it is. Models inside of
            it are flattened.
        setup: One of :data:`SETUPS`, or a set-up of one's own.
        calibration: Typical frames (frames, height, width, channels) as the model takes them. The steps begin
            at each tensor's largest value / 255, as the converter would choose them.
        step: One step for all tensors to begin with, instead of ``calibration``.
        coarseness: Factor on the steps to begin with, but for those of outputs.
        penalty: Weight of the sparsity loss. The layers' fan-outs are in shares of the network's MACs: with
            ``penalise="events"`` a loss of 1 is all MACs of every frame.
        penalise, gradient, per_channel: Of the layers (:class:`DeltaActivation`). Only tensors whose only
            readers are MAC layers get a step by channel.
        frames: Frames a clip; None: a batch is one clip.
        fold_batch_norm: Put batch norms behind MAC layers, in inference mode, into their weights. Without it
            they go on training, and the codes are only those of the network in floats; fold later with
            :func:`fold_batch_norm`.

    Returns:
        A Functional model to train (compile it), save and :func:`~stillframe.train.export`. It computes in
        float32 whatever the policy.

    Raises:
        ValueError: An argument or the model is not as described, or has a layer that is not supported.
    """
    chosen = setup if isinstance(setup, Setup) else SETUPS[one_of("setup", setup, SETUPS)]
    if (calibration is None) == (step is None):
        raise ValueError(
            "Exactly one of the arguments `calibration` and `step` was expected. "
            f"Received: {'both' if step is not None else 'neither'}. Give typical frames as `calibration`."
        )
    positive("coarseness", coarseness)
    positive("penalty", penalty, or_zero=True)
    one_of("gradient", gradient, GRADIENTS)
    whole_or_none("frames", frames, 1)
    options = {"gradient": gradient, "penalise": penalise, "bits": BITS, "frames": frames}
    signed_input = calibration is not None and bool(np.min(calibration) < 0)
    builder = Builder(chosen, options, fold_batch_norm, signed_input)
    sparse = builder.build(model)
    if per_channel:
        builder = Builder(chosen, options, fold_batch_norm, signed_input, builder.between_macs())
        sparse = builder.build(model)
    builder.set_penalties(penalty if chosen.penalised else 0.0)
    if step is not None:
        for placed in builder.placed:
            placed.layer.set_step(step * (1.0 if placed.is_output else coarseness))
    else:
        _calibrate(model, builder, np.asarray(calibration), coarseness)
    return sparse


def _calibrate(model: Any, builder: Builder, frames: npt.NDArray[Any], coarseness: float) -> None:
    """Set steps by the largest values that the float model's tensors have."""
    if len(model.inputs) != 1:
        raise ValueError(
            "Expected a model with one input to calibrate. "
            f"Received: model {model.name} with {len(model.inputs)}. Use the argument `step`."
        )
    expected = tuple(model.inputs[0].shape[1:])
    if frames.ndim != len(expected) + 1 or any(
        size not in (None, given) for size, given in zip(expected, frames.shape[1:], strict=True)
    ):
        raise ValueError(
            f"Argument `calibration` was expected to be frames of {expected}. "
            f"Received: an array of shape {frames.shape}"
        )
    probe = Builder(builder.setup, builder.options, builder.fold, builder.signed_input, probe=True)
    floats = probe.build(model)
    largest = np.zeros(len(probe.placed))
    for start in range(0, len(frames), 16):
        tensors = floats(frames[start : start + 16], training=False)
        largest = np.maximum(largest, [np.abs(x).max() for x in keras.tree.flatten(tensors)])
    for placed, size in zip(builder.placed, largest.tolist(), strict=True):
        if placed.layer.ceiling:
            size = min(size, placed.layer.ceiling)
        levels = 2 ** (BITS - 1) - 1 if placed.layer.signed else 2**BITS - 1
        placed.layer.set_step((size or 1.0) / levels * (1.0 if placed.is_output else coarseness))
