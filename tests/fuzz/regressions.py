"""Networks that failed once, each with what was wrong. They run in the situations of their seeds."""

from __future__ import annotations

from typing import Any

from description import Description, Layer

CONV: dict[str, Any] = {
    "kernel": (1, 1),
    "strides": (1, 1),
    "padding": "valid",
    "dilation": (1, 1),
    "filters": 1,
    "bias": False,
    "norm": False,
    "activation": None,
}
DEPTHWISE: dict[str, Any] = {name: value for name, value in CONV.items() if name != "filters"} | {
    "multiplier": 1
}

REGRESSIONS = {
    "tensor of the program alone between two joins": Description(
        seed=4, shape=(4, 5, 2), layers=(Layer("concat", (0, 0, 0)),), outputs=(1,)
    ),
    "threshold behind a pad": Description(
        seed=19,
        shape=(1, 1, 1),
        layers=(Layer("pad", (0,), {"padding": ((2, 0), (0, 3))}), Layer("conv", (1,), CONV)),
        outputs=(2,),
    ),
    "row flag written in the cycle that it is looked up": Description(
        seed=10043,
        shape=(9, 15, 1),
        layers=(
            Layer("depthwise", (0,), DEPTHWISE | {"kernel": (1, 7)}),
            Layer("conv", (1,), CONV | {"kernel": (6, 3), "filters": 3}),
            Layer("conv", (2,), CONV | {"kernel": (4, 3), "padding": "same", "bias": True}),
        ),
        outputs=(3,),
    ),
}
