"""A trained network on the simulated accelerator: codes and MAC counts are those of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from core_networks import assert_runs_as_trained, clip, mac_layer, network, run, train

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig, Op
from stillframe.driver import Device, Session, open_device
from stillframe.frontend import Conv
from stillframe.train import sparsify, sparsity

FRAMES = clip(8)


@pytest.fixture(scope="module")
def device() -> Iterator[Callable[[str], Device]]:
    devices: dict[str, Device] = {}

    def opened(array: str) -> Device:
        if array not in devices:
            devices[array] = open_device("sim", ArrayConfig.parse(array))
        return devices[array]

    yield opened
    for each in devices.values():
        each.close()


@pytest.mark.parametrize(("array", "per_channel"), [("1x16", True), ("2x8@virtual", False)])
def test_outputs_and_macs_on_every_frame(device, array, per_channel):
    keras.utils.set_random_seed(4)
    model = sparsify(network(), calibration=FRAMES, penalty=1.0, per_channel=per_channel, coarseness=4)
    train(model, FRAMES)
    done = run(model, FRAMES)
    assert_runs_as_trained(done)

    program = compile_graph(done.graph, ArrayConfig.parse(array), mode="delta")
    session = Session(device(array), program)
    mac_layers = [i for i, layer in enumerate(program.layers) if layer.fields["op"] == Op.MAC]
    issued = np.zeros(len(mac_layers), np.int64)
    skipped = np.zeros(len(mac_layers), np.int64)
    for number, frame in enumerate(done.codes):
        result = session.run(frame)
        assert result.key == (number == 0)
        for output in done.graph.outputs:
            levels = result.outputs[output.name].astype(np.int64) - output.zero_point
            np.testing.assert_array_equal(levels, done.levels[output.name][number])
        if not result.key:
            issued += [result.layers[i].macs_issued for i in mac_layers]
            skipped += [result.layers[i].macs_skipped for i in mac_layers]

    rows = {row.name: row for row in sparsity(model) if row.kind == "mac"}
    convs = [node.name for node in done.graph.nodes if isinstance(node, Conv)]
    assert len(convs) == len(mac_layers) == len(rows) == 5
    for name, sent, still in zip(convs, issued, skipped, strict=True):
        row = rows[mac_layer(name, rows)]
        assert row.macs_issued == sent == done.trace.macs[name].delta[1:].sum()
        assert row.macs_dense == sent + still
        assert 0 < row.operation_sparsity < 1
