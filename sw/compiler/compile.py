"""From a graph to a program for an array."""

from __future__ import annotations

from dataclasses import replace

from stillframe.contract import ArrayConfig, Mode, Op, Program, StillframeError
from stillframe.contract.array import MAX_KERNEL_ROWS, MAX_LAYERS, PARTS
from stillframe.contract.layer import LAYER_FIELDS, pack_layer
from stillframe.contract.program import LayerSpec, OutputSpec, TensorSpec
from stillframe.frontend import Graph, thresholds_for

from . import bounds
from .descriptor import layer_fields
from .lowering import lower
from .memory import Placement, place
from .network import Modes, Network
from .planner import Profile, choose_modes
from .segments import segments

MODES = ("auto", "delta", "direct", "dense")
"""What ``mode`` may be: auto plans, the others put every tensor into that mode."""


def compile_graph(
    graph: Graph,
    config: ArrayConfig,
    *,
    mode: str = "auto",
    threshold: int = 0,
    profile: Profile | None = None,
) -> Program:
    """Compile a graph for an array.

    Args:
        graph: The int8 network.
        config: The array.
        mode: ``auto`` (delta, and direct where it is cheaper or the state memory is short), or ``delta``,
            ``direct``, ``dense`` for all tensors; the last two do their work in full every frame.
        threshold: Codes by which a value may differ from the last one sent, unsent: 0 to 255. 0 is exact.
        profile: Densities from calibration frames (:func:`~.profile.profile_graph`), for ``auto``.

    Raises:
        StillframeError: The network does not fit the array, or an argument is out of range. The message
            names the layer or the memory.
    """
    if mode not in MODES:
        raise StillframeError(
            f"mode: expected one of {', '.join(MODES)}, got {mode!r}", "choose one of these"
        )
    by_graph_tensor = thresholds_for(graph, threshold)
    network = Network(graph, tuple(lower(graph)), config)
    _check_layers(network)
    modes = _modes(network, mode, profile)
    placement = place(network, modes)
    if placement.shortages:
        raise _too_large(network, mode, profile, placement)

    thresholds = [by_graph_tensor[tensor] for tensor in network.graph_tensors]
    skip_still = mode not in ("direct", "dense")
    layers = tuple(
        _layer(network, modes, layer_fields(network, modes, placement, thresholds, skip_still, layer), layer)
        for layer in range(len(network.tensors))
    )
    return Program(
        model=graph.name,
        config=config,
        tensors=tuple(_tensors(network, modes, placement, thresholds)),
        layers=layers,
        outputs=tuple(_outputs(network)),
        segments=segments(network, layers),
        tflite=graph.tflite,
        head=graph.head,
        tail=graph.tail,
        order=graph.order,
        assignments=graph.assignments,
        split=graph.split,
    )


def _modes(network: Network, mode: str, profile: Profile | None) -> Modes:
    if mode == "auto":
        return choose_modes(network, profile)
    return [Mode[mode.upper()]] * len(network.tensors)


def _check_layers(network: Network) -> None:
    count = len(network.steps) + 1
    if count > MAX_LAYERS:
        raise StillframeError(
            f"model {network.graph.name}: expected at most {MAX_LAYERS} layers with the input, got {count}",
            "take a network with fewer layers; activations directly behind a layer do not count",
        )
    names = [tensor.name for tensor in network.tensors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StillframeError(
            f"model {network.graph.name}: expected tensors with names of their own, got {twice!r} twice",
            "give the model's layers different names",
        )
    for step in network.steps:
        if step.window[0] > MAX_KERNEL_ROWS:
            raise StillframeError(
                f"layer {step.name!r}: expected a kernel of at most {MAX_KERNEL_ROWS} rows, "
                f"got {step.window[0]}",
                "pool or stride before this layer, or take fewer pixels",
            )
        if step.conv is not None:
            bounds.check(step.conv, network.graph.tensors[step.input].zero_point)


def _layer(network: Network, modes: Modes, fields: dict[str, int], layer: int) -> LayerSpec:
    name = network.name(layer)
    for field, value in fields.items():
        try:
            pack_layer({field: value})
        except ValueError as error:
            raise StillframeError(
                f"layer {name!r}: {error} ({LAYER_FIELDS[field].doc})",
                "the layer is larger than a descriptor can say: take fewer pixels, channels or strides",
            ) from error
    source = network.source(layer)
    return LayerSpec(
        name=name,
        op=network.step(layer).operators if layer else Op.INPUT.name,
        mode=modes[source],
        input=source,
        output=layer,
        macs_dense=fields["macs_dense"],
        fields=fields,
    )


def _tensors(network: Network, modes: Modes, placement: Placement, thresholds: list[int]) -> list[TensorSpec]:
    return [
        TensorSpec(
            name=tensor.name,
            height=layout.height,
            width=layout.width,
            channels=layout.channels,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
            codes=placement.start["CODES"][index],
            pitch=layout.pitch,
            words=layout.words,
            mode=modes[index],
            threshold=thresholds[index],
        )
        for index, (tensor, layout) in enumerate(zip(network.tensors, network.layouts, strict=True))
    ]


def _outputs(network: Network) -> list[OutputSpec]:
    return [
        OutputSpec(
            name=output.name,
            tensor=network.graph_tensors.index(output.tensor),
            shape=output.shape,
            scale=output.scale,
            zero_point=output.zero_point,
            host_ops=output.host_ops,
        )
        for output in network.graph.outputs
    ]


def _too_large(network: Network, mode: str, profile: Profile | None, placement: Placement) -> StillframeError:
    config = network.config
    short = "; ".join(
        f"at most {use.available} words ({use.available * use.word_bits} bits) of {use.name}, "
        f"got {use.used} words ({use.used * use.word_bits} bits), "
        f"{use.largest_words} of them for {use.largest}"
        for use in placement.shortages
    )
    message = f"model {network.graph.name} on array {config.name}: expected {short}"
    remedies = _mode_remedy(network, mode, profile)
    remedies += _part_remedy(network, mode, profile)
    if any(use.name not in ("WEIGHTS", "PARAMS", "TABLES") for use in placement.shortages):
        remedies.append("give the model an input of fewer pixels")
    else:
        remedies.append("give the model fewer channels")
    return StillframeError(message, "; or ".join(remedies))


def _mode_remedy(network: Network, mode: str, profile: Profile | None) -> list[str]:
    """The first mode of auto and direct that gives back enough state, if one does."""
    modes = _modes(network, "auto", profile)
    if mode == "delta" and not place(network, modes).shortages:
        direct = [
            repr(network.name(layer))
            for layer in network.layers
            if network.step(layer).op is Op.MAC and modes[network.source(layer)] is Mode.DIRECT
        ]
        return [f"take --mode auto: it fits with direct mode in layer {', '.join(direct)}"]
    if mode in ("auto", "delta") and not place(network, _modes(network, "direct", profile)).shortages:
        return ["take --mode direct, which keeps no state"]
    return []


def _part_remedy(network: Network, mode: str, profile: Profile | None) -> list[str]:
    """The smallest larger part that is large enough."""
    config = network.config
    for part in sorted(PARTS.values(), key=lambda part: part.block_rams):
        if part.block_rams > PARTS[config.part].block_rams:
            larger = ArrayConfig.parse(f"{config.banks}x{config.lanes}@{part.name}")
            candidate = replace(network, config=larger)
            if not place(candidate, _modes(candidate, mode, profile)).shortages:
                return [f"take a larger part: --array {larger.name}"]
    return []
