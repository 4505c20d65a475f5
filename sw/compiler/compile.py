"""From a graph to a program for an array."""

from __future__ import annotations

from collections.abc import Mapping

from stillframe.contract import ArrayConfig, Op, Program, StillframeError
from stillframe.contract.layer import LAYER_FIELDS, pack_layer
from stillframe.contract.program import LayerSpec, OutputSpec, TensorSpec
from stillframe.frontend import Graph, thresholds_for

from .descriptor import layer_fields
from .limits import violations
from .lowering import lower
from .memory import Placement, place
from .modes import NO_PINS, check_mode, plan_for
from .network import Modes, Network
from .planner import Plan
from .profile import Profile
from .remedies import too_large
from .segments import segments


def compile_graph(
    graph: Graph,
    config: ArrayConfig,
    *,
    mode: str = "auto",
    threshold: int = 0,
    profile: Profile | None = None,
    pins: Mapping[str, str] = NO_PINS,
) -> Program:
    """Compile a graph for an array.

    Args:
        graph: The int8 network.
        config: The array.
        mode: ``auto`` (delta, and direct where it is cheaper or the state memory is short), or ``delta``,
            ``direct``, ``dense`` for all tensors; the last two do their work in full every frame.
        threshold: Codes by which a value may differ from the last one sent, unsent: 0 to 255. 0 is exact.
        profile: Activity in calibration frames (:func:`~.profile.profile_graph`), for ``auto``.
        pins: For ``auto``, modes that are not to be chosen, ``delta`` or ``direct``: by the name of a layer.

    Raises:
        StillframeError: The network does not fit the array, or an argument is out of range. The message
            names the layer or the memory.
    """
    return compile_with_plan(graph, config, mode=mode, threshold=threshold, profile=profile, pins=pins)[0]


def compile_with_plan(
    graph: Graph,
    config: ArrayConfig,
    *,
    mode: str = "auto",
    threshold: int = 0,
    profile: Profile | None = None,
    pins: Mapping[str, str] = NO_PINS,
) -> tuple[Program, Plan]:
    """As :func:`compile_graph`, with the plan of its modes."""
    check_mode(mode, pins)
    thresholds_for(graph, threshold)  # out of range is said before anything long
    network = Network(graph, lower(graph), config)
    for violation in violations(network):
        raise violation
    plan = plan_for(network, mode, profile, pins)
    network, modes = plan.network, plan.modes
    placement = place(network, modes)
    if placement.shortages:
        raise too_large(network, mode, profile, placement, pins)

    return assemble(network, modes, placement, mode, threshold), plan


def assemble(network: Network, modes: Modes, placement: Placement, mode: str, threshold: int) -> Program:
    """The program of a network whose layers have their modes and places; the rest is as for compiling.

    Raises:
        StillframeError: A layer is larger than a descriptor can say, or the threshold is out of range.
    """
    graph = network.graph
    by_graph_tensor = thresholds_for(graph, threshold)
    thresholds = [by_graph_tensor.get(tensor, 0) for tensor in network.graph_tensors]
    skip_still = mode not in ("direct", "dense")
    layers = tuple(
        _layer(network, modes, layer_fields(network, modes, placement, thresholds, skip_still, layer), layer)
        for layer in range(len(network.tensors))
    )
    return Program(
        model=graph.name,
        config=network.config,
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
            order=network.order(index),
            spread=network.spreads(index),
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
