"""The model is a program: two of them run one after the other on the same instance, which is built once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pnet_video import Pnet

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.driver import Device, Session

ARRAY = "1x16"


def test_programs_take_turns(pnet: Pnet, small_pnet: Pnet, device: Callable[[str], Device]) -> None:
    opened = device(ARRAY)
    for model, mode in [(pnet, "delta"), (small_pnet, "delta"), (pnet, "direct"), (small_pnet, "auto")]:
        session = Session(opened, compile_graph(model.graph, ArrayConfig.parse(ARRAY), mode=mode))
        golden = model.golden("bikes", 3, 0).outputs
        for number, frame in enumerate(model.codes("bikes", 3)):
            result = session.run(frame)
            assert result.key == (number == 0)
            for name, values in golden.items():
                assert np.array_equal(result.outputs[name], values[number])
