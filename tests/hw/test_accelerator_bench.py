"""The whole accelerator's cocotb bench: programs that use every operator, against the Keras golden model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenes import hard_frames

from stillframe.compiler import compile_graph
from stillframe.contract import ArrayConfig
from stillframe.frontend import Graph, from_keras
from stillframe.frontend.quiet import load_tensorflow
from stillframe.golden import GoldenModel
from stillframe.hw.accelerator import Accelerator
from stillframe.sim.cocotb_runner import run_bench

BENCH = Path(__file__).parent / "benches" / "bench_accelerator.py"
SHAPE = (9, 10, 3)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Convolutions of 3 x 3 and 5 x 3, SAME and VALID, strides 1 and 2, more channels than lanes, depthwise
    ones with multipliers 1 and 3, a residual sum, a concatenation, PReLU, ReLU6, max-pool, a dense layer, two
    outputs, a softmax."""
    keras = load_tensorflow().keras
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = keras.Input(SHAPE)
    x = layers.Conv2D(5, 3, padding="same", name="same")(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="uniform", name="slope")(x)
    x = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Add(name="sum")([x, y])
    y = layers.DepthwiseConv2D((2, 3), (2, 2), depth_multiplier=3, padding="same", name="triple")(image)
    x = layers.Concatenate(name="both")([x, y])
    x = layers.Conv2D(20, (5, 3), strides=2, padding="same", activation="relu6", name="wide")(x)
    head = layers.Conv2D(2, 1, name="map")(x)
    x = layers.Dense(7, name="dense")(layers.Flatten()(x))
    model = keras.Model(image, {"map": head, "classes": layers.Softmax(name="classes")(x)})
    frames = np.random.default_rng(5).normal(0, 0.5, (16, *SHAPE)).astype(np.float32)
    return from_keras(model, frames, "every operator")


@pytest.mark.parametrize("array", ["1x16", "1x8@25F"])
def test_bench(array: str, graph: Graph, tmp_path: Path) -> None:
    config = ArrayConfig.parse(array)
    frames = hard_frames(SHAPE, seed=1)
    for mode, threshold in [("delta", 0), ("delta", 5), ("direct", 0), ("dense", 3)]:
        golden = GoldenModel(graph, threshold).run(frames)
        counts = [getattr(m, mode) * np.ones(len(frames), np.int64) for m in golden.macs.values()]
        path = tmp_path / f"{mode}-{threshold}"
        compile_graph(graph, config, mode=mode, threshold=threshold).save(f"{path}.stlf")
        outputs = {f"output {name}": values for name, values in golden.outputs.items()}
        np.savez(f"{path}.npz", frames=frames, macs=sum(counts), **outputs)
    run_bench(Accelerator(config), BENCH, {"folder": str(tmp_path)})
