"""The fields of each layer's descriptor (:mod:`stillframe.contract.layer`)."""

from __future__ import annotations

from collections.abc import Sequence

from stillframe.contract import Op
from stillframe.contract.array import ADDRESS_BITS, TABLE_ROWS
from stillframe.contract.layer import LAYER_FIELDS
from stillframe.frontend.graph import Add

from .memory import Placement
from .network import Modes, Network
from .product import Product
from .schedule import PHASED_STRIDES


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
        return fields | {"in_channels": network.layouts[0].channels, "spread": int(network.spreads(0))}

    step = network.step(layer)
    fields |= {
        "op": int(step.op),
        "use_state": int(network.uses_state(layer, modes)),
        "skip_still": int(skip_still),
    } | _window_fields(network, placement, layer)
    if step.table is not None:
        fields |= {
            "use_table": 1,
            "table_shared": int(len(step.table) == 1),
            "table": placement.start["TABLES"][layer] // TABLE_ROWS,
        }
    if len(step.inputs) == 2:
        fields |= _second_input_fields(network, placement, layer)
    if step.product is not None:
        fields |= _mac_fields(network, placement, layer, step.product)
    elif len(step.inputs) == 2:
        fields |= _second_row_fields(network, placement, layer)
    if step.add is not None:
        fields |= _add_fields(network, placement, layer, step.add)
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
        "out_valid": layout.last_channels,
        "out_codes": start["CODES"][layer],
        "out_pitch": layout.pitch,
        "out_masks": start["MASKS"][layer],
        "out_mask_words": layout.mask_words,
        "out_mask_pitch": layout.mask_pitch,
        "out_events_base": start["EVENTS"][layer],
        "out_rows": start["ROWS"][layer],
        "out_zero_point": network.tensors[layer].zero_point,
        "threshold": threshold,
    }


def _window_fields(network: Network, placement: Placement, layer: int) -> dict[str, int]:
    """Where the input tensor lies and how the window moves over it."""
    step, source = network.step(layer), network.source(layer)
    layout, start = network.layouts[source], placement.start
    rows, stride = step.dilation[0], step.strides[1]
    return {
        "in_layer": source,
        "in_height": layout.height,
        "in_width": layout.width,
        "in_words": layout.words,
        "in_pitch": layout.pitch,
        "in_mask_words": layout.mask_words,
        "in_mask_pitch": layout.mask_pitch,
        "in_codes": start["CODES"][source],
        "in_masks": start["MASKS"][source],
        "in_events": start["EVENTS"][source],
        "in_rows": start["ROWS"][source],
        "kernel_rows": step.window[0],
        "row_step": rows,
        "flag_step": rows,
        "mask_step": rows * layout.mask_pitch,
        "event_step": rows * layout.pitch,
        "code_step": rows * layout.pitch,
        "kernel_columns": step.window[1],
        "span": network.span(layer),
        "dilation": step.dilation[1] if network.span(layer) else 1,
        "stride_rows": step.strides[0],
        "stride": stride,
        "stride_log2": stride.bit_length() - 1 if stride in PHASED_STRIDES else 0,
        "pad_rows": step.padding[0][0],
        "pad": step.padding[1][0],
        "repeat_rows": step.repeat[0] - 1,
        "repeat": step.repeat[1] - 1,
    }


def _second_input_fields(network: Network, placement: Placement, layer: int) -> dict[str, int]:
    """Where the second tensor lies."""
    first, second = network.sources(layer)
    layout = network.layouts[second]
    return {
        "two_inputs": 1,
        "second_layer": second,
        "second_codes": placement.start["CODES"][second],
        "second_pitch": layout.pitch,
        "second_words": layout.words,
        "in_valid": network.layouts[first].last_channels,
        "second_valid": layout.last_channels,
    }


def _second_row_fields(network: Network, placement: Placement, layer: int) -> dict[str, int]:
    """The second tensor's rows are the window's second ones, to which the steps lead from the first."""
    first, second = network.sources(layer)
    start = placement.start

    def distance(memory: str, bits: int) -> int:
        return (start[memory][second] - start[memory][first]) % (1 << bits)

    return {
        "kernel_rows": 2,
        "row_step": 0,
        "event_step": 0,
        "flag_step": distance("ROWS", LAYER_FIELDS["flag_step"].width),
        "mask_step": distance("MASKS", ADDRESS_BITS),
        "code_step": distance("CODES", ADDRESS_BITS),
    }


def _mac_fields(network: Network, placement: Placement, layer: int, product: Product) -> dict[str, int]:
    """Passes of the array, requantisation, and where weights, parameters and state lie."""
    start, target = placement.start, network.layouts[layer]
    groups, full, blocks = network.groups(layer), network.pass_channels(layer), network.blocks(layer)
    last = target.channels - (groups - 1) * full
    drain = network.config.drain
    fields = {
        "share_log2": network.share(layer).bit_length() - 1,
        "block_log2": blocks.log2,
        "strip": blocks.strip,
        "groups": groups,
        "pass_words": -(-full // drain),
        "last_words": -(-last // drain),
        "weights": start["WEIGHTS"][layer],
        "params": start["PARAMS"][layer],
        "border_rows": product.borders[1] * target.words if product.borders[0] > 1 else 0,
        "border_columns": target.words if product.borders[1] > 1 else 0,
        "state": start["STATE"][layer],
        "act_min": product.act_min,
        "act_max": product.act_max,
        "round_once": int(product.round_once),
        "requant_zero_point": product.zero_point,
    }
    if product.channelwise:
        fields["depthwise"] = 1
    else:
        fields |= {
            "side_log2": network.side(layer).bit_length() - 1,
            "pass_macs": full,
            "last_macs": last,
        }
        if product.depthwise:  # an event is of use to its channel's outputs only, whatever pass they are in
            fields |= {"pass_macs": 0, "last_macs": product.depth_multiplier}
    if product.weights is not None:
        columns, tap_rows = network.step(layer).window[1], network.tap_rows(layer)
        word_row = 0 if product.channelwise else columns * tap_rows
        fields |= {
            "tap_rows": tap_rows,
            "word_row": word_row,
            "kernel_row": network.weight_rows(layer) // network.step(layer).window[0],
            "kernel": network.weight_rows(layer),
        }
    return fields


def _add_fields(network: Network, placement: Placement, layer: int, add: Add) -> dict[str, int]:
    """The operands' scales and the sum's requantisation. In a MAC layer the first operand is its own, and the
    sum's PARAMS stand behind those of the products."""
    first, second = network.sources(layer)
    fields = {
        "subtract": int(add.subtract),
        "in_zero_point": network.tensors[first].zero_point,
        "second_zero_point": network.tensors[second].zero_point,
        "in_multiplier": add.first[0],
        "second_multiplier": add.second[0],
        "in_shift": -add.first[1],
        "second_shift": -add.second[1],
        "act_min": add.act_min,
        "act_max": add.act_max,
        "requant_zero_point": network.graph.tensors[add.output].zero_point,
    }
    product = network.step(layer).product
    if product is None:
        return fields | {"params": placement.start["PARAMS"][layer]}
    return fields | {
        "fused": 1,
        "second_rows": placement.start["ROWS"][second],
        "in_zero_point": product.zero_point,
        "own_min": product.act_min,
        "own_max": product.act_max,
    }
