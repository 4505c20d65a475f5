"""What TensorFlow Lite does not refuse but aborts over, and takes the whole process with it."""

from __future__ import annotations

import tflite

from stillframe.contract import StillframeError

from ..graph import ADD_LEFT_SHIFT
from ..operation import Operation

HINT = "calibrate on frames that exercise the layer: the scale is that of a tensor that is always 0"


def check_runs(operation: Operation) -> None:
    """Refuse an operator for which TensorFlow Lite's kernel cannot be prepared, wherever it would run.

    Raises:
        StillframeError: It is an int8 softmax of far too fine an input, or an int8 sum with far too fine an
            output.
    """
    if operation.raw.op not in ("SOFTMAX", "ADD", "SUB"):
        return
    tensors = [operation.tensor(i) for i in range(len(operation.raw.inputs))] + [operation.output]
    if any(tensor.dtype != "INT8" or len(tensor.scales) != 1 for tensor in tensors):
        return
    *sources, target = (float(tensor.scales[0]) for tensor in tensors)
    if operation.raw.op == "SOFTMAX":
        # Differences of codes are multiplied by this, with 26 bits of fraction, as an int32 above one.
        (beta,) = operation.raw.options(tflite.SoftmaxOptions, "Beta")
        if not beta > 0 or not beta * sources[0] * 2**26 > 1:
            raise _error(operation, "beta x scale above 2**-26", f"{beta} x {sources[0]}")
    elif not 2 * max(sources) < target * 2**ADD_LEFT_SHIFT:  # by less than one the shifted sum is rescaled
        raise _error(
            operation,
            f"an output scale above 2**-{ADD_LEFT_SHIFT - 1} of the operands'",
            f"{target} for operands of {' and '.join(map(str, sources))}",
        )


def _error(operation: Operation, expected: str, got: str) -> StillframeError:
    return StillframeError(f"{operation.where}: expected {expected}, got {got}", HINT)
