"""The fields of each layer's descriptor (:mod:`stillframe.contract.layer`)."""

from __future__ import annotations

from collections.abc import Sequence

from stillframe.contract import Op
from stillframe.contract.array import MASK_BITS, TABLE_ROWS

from .layout import TensorLayout
from .lowering import Step
from .memory import Placement
from .network import Modes, Network


def layer_fields(
    network: Network,
    modes: Modes,
    placement: Placement,
    thresholds: Sequence[int],
    skip_still: bool,
    layer: int,
) -> dict[str, int]:
    """The descriptor of a layer, as values of :data:`~stillframe.contract.layer.LAYER_FIELDS`.

    Args:
        thresholds: Threshold of each device tensor.
        skip_still: Whether layers may rest in frames in which their input did not change.
    """
    fields = {
        "op": int(Op.INPUT),
        "last": int(layer == len(network.steps)),
        "evaluate_all": int(network.evaluates_all(layer, modes)),
        "act_min": -128,
        "act_max": 127,
        "macs_dense": network.macs_dense(layer),
    } | _output_fields(network, modes, placement, thresholds[layer], layer)
    if layer == 0:
        return fields | {"in_channels": network.layouts[0].channels}

    step, source = network.step(layer), network.source(layer)
    fields |= {
        "op": int(step.op),
        "use_state": int(network.uses_state(layer, modes)),
        "skip_still": int(skip_still),
        "groups": 1,
    } | _window_fields(network, placement, step, source)
    if step.table is not None:
        fields |= {
            "use_table": 1,
            "table_shared": int(len(step.table) == 1),
            "table": placement.start["TABLES"][layer] // TABLE_ROWS,
        }
    if step.conv is not None:
        fields |= _mac_fields(network, placement, layer) | {
            "act_min": step.conv.act_min,
            "act_max": step.conv.act_max,
            "round_once": int(step.conv.real_multiplier is not None),
            "requant_zero_point": network.graph.tensors[step.conv.output].zero_point,
        }
    return fields


def _output_fields(
    network: Network, modes: Modes, placement: Placement, threshold: int, layer: int
) -> dict[str, int]:
    """Where the output tensor lies and how it is encoded."""
    layout, start = network.layouts[layer], placement.start
    return {
        "out_mode": int(modes[layer]),
        "out_events": int(bool(network.mac_readers(layer))),
        "out_height": layout.height,
        "out_width": layout.width,
        "out_words": layout.words,
        "out_valid": layout.channels - (layout.words - 1) * layout.drain,
        "out_codes": start["CODES"][layer],
        "out_pitch": layout.pitch,
        "out_masks": start["MASKS"][layer],
        "out_events_base": start["EVENTS"][layer],
        "out_rows": start["ROWS"][layer],
        "out_zero_point": network.tensors[layer].zero_point,
        "threshold": threshold,
    }


def _window_fields(network: Network, placement: Placement, step: Step, source: int) -> dict[str, int]:
    """Where the input tensor lies and how the window moves over it; across a row in padded elements."""
    layout: TensorLayout = network.layouts[source]
    start, pixel = placement.start, layout.padded_channels
    return {
        "in_layer": source,
        "in_height": layout.height,
        "in_row": layout.width * pixel,
        "in_pitch": layout.pitch,
        "in_words": layout.words,
        "in_codes": start["CODES"][source],
        "in_masks": start["MASKS"][source],
        "in_events": start["EVENTS"][source] * layout.drain // MASK_BITS,
        "in_rows": start["ROWS"][source],
        "kernel_rows": step.window[0],
        "kernel_row": step.window[1] * pixel,
        "stride_rows": step.strides[0],
        "stride": step.strides[1] * pixel,
        "pad_rows": step.padding[0][0],
        "pad": step.padding[1][0] * pixel,
    }


def _mac_fields(network: Network, placement: Placement, layer: int) -> dict[str, int]:
    """Passes of the array, and where weights, parameters and state lie."""
    config, step = network.config, network.step(layer)
    source, target = network.layouts[network.source(layer)], network.layouts[layer]
    groups, start = network.groups(layer), placement.start
    last_lanes = target.channels - (groups - 1) * config.total_lanes
    return {
        "groups": groups,
        "group_words": config.total_lanes // config.drain,
        "last_words": -(-last_lanes // config.drain),
        "last_lanes": last_lanes,
        "weights": start["WEIGHTS"][layer],
        "kernel": step.window[0] * step.window[1] * source.padded_channels,
        "params": start["PARAMS"][layer],
        "state": start["STATE"][layer],
    }
