"""The real values that a frame's outputs stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stillframe.contract.host import HostTensor
from stillframe.contract.program import OutputSpec


def real_values(
    results: Sequence[OutputSpec | HostTensor], outputs: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Real values of outputs, by name.

    Args:
        results: What a session gives (of scale 1 and zero point 0 where they are real numbers already).
        outputs: One frame's, by name.
    """
    return {
        output.name: ((outputs[output.name].astype(np.float32) - output.zero_point) * output.scale).astype(
            np.float32
        )
        for output in results
    }
