"""Rounding to a trainable step: what goes forward, and the two gradients that can go back to the step.

With y = n * step and n = round(z / step), clipped to [low, high]:

* ``surrogate`` (arXiv 2107.07305): dy/dz = 1, dy/dstep = -y / step = -n. It is no derivative: the penalty on
  |y(t) - y(t-1)| does not depend on the step on average (the dither identity), so an honest gradient cannot
  make the step grow, and what falls with it is the number of changes.
* ``lsq`` (learned step size, Esser et al., arXiv 1902.08153): dy/dstep = n - z / step inside the range and
  n outside of it. It goes with a penalty on the levels n, of which dn/dz = 1 / step and
  dn/dstep = -z / step**2: the number of level changes does fall with the step.

Both pass to z inside the range and nothing outside of it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

GRADIENTS = ("surrogate", "lsq")


def dequantise(z: Any, step: Any, levels: Any, low: Any, high: Any, gradient: str) -> Any:
    """levels * step, with one of the gradients above to ``z`` and ``step``.

    Args:
        z: Values before rounding, float.
        step: Of the same type, () or (channels,).
        levels: Whole numbers that z was rounded to, of z's type and shape.
        low, high: Range of the levels.
        gradient: One of :data:`GRADIENTS`.
    """

    @tf.custom_gradient
    def forward(z: Any, step: Any) -> Any:
        def backward(upstream: Any) -> tuple[Any, Any]:
            ratio = z / step
            inside = (ratio >= low) & (ratio <= high)
            by_step = -levels if gradient == "surrogate" else tf.where(inside, levels - ratio, levels)
            return _inside(upstream, inside), _like(upstream * by_step, step)

        return levels * step, backward

    return forward(z, step)


def count_levels(z: Any, step: Any, levels: Any, low: Any, high: Any) -> Any:
    """``levels``, with the gradient of z / step to ``z`` and ``step`` inside the range."""

    @tf.custom_gradient
    def forward(z: Any, step: Any) -> Any:
        def backward(upstream: Any) -> tuple[Any, Any]:
            ratio = z / step
            passed = _inside(upstream, (ratio >= low) & (ratio <= high)) / step
            return passed, _like(-passed * ratio, step)

        return tf.identity(levels), backward

    return forward(z, step)


def _inside(upstream: Any, inside: Any) -> Any:
    return tf.where(inside, upstream, tf.zeros_like(upstream))


def _like(gradient: Any, step: Any) -> Any:
    """Summed to the shape of the step."""
    if step.shape.rank == 0:
        return tf.reduce_sum(gradient)
    return tf.reduce_sum(tf.reshape(gradient, (-1, step.shape[0])), axis=0)
