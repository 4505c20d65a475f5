"""A full-integer ``.tflite`` file as a :class:`~stillframe.frontend.graph.Graph`."""

from __future__ import annotations

from collections.abc import Collection

from stillframe.contract import StillframeError

from .builder import GraphBuilder, unique
from .flatbuffer import parse
from .graph import Graph, GraphOutput
from .operation import Operation
from .operators import HANDLERS


def read_tflite(data: bytes, name: str, source: str, layers: Collection[str] = ()) -> Graph:
    """Read an int8 model.

    Args:
        data: The file's content.
        name: What the model is called in reports.
        source: What messages call the file, for example its path.
        layers: Names of Keras layers to look for in the names of tensors, to call nodes after them.

    Returns:
        The graph. Outputs stand in the file's order, named after the first signature where there is one.

    Raises:
        StillframeError: The file is damaged, or the model has something that is not supported.
    """
    raw = parse(data, source)
    builder = GraphBuilder(raw, source, layers)
    for operator in raw.operators:
        operation = Operation(builder, operator)
        if operator.op not in HANDLERS:
            raise operation.error(
                "a supported operator",
                operator.op,
                f"replace the layer; supported are {', '.join(sorted(HANDLERS))}",
            )
        HANDLERS[operator.op](operation)
    if builder.input is None:
        raise StillframeError(
            f"{source}: expected a layer for the device, got none",
            "give a model with at least one convolution, dense or pooling layer",
        )
    return Graph(name, tuple(builder.tensors), tuple(builder.nodes), builder.input, _outputs(builder), data)


def _outputs(builder: GraphBuilder) -> tuple[GraphOutput, ...]:
    outputs: list[GraphOutput] = []
    signature = list(builder.raw.output_names)
    for index in builder.raw.outputs:
        raw = builder.raw.tensors[index]
        value = builder.values.get(index)
        if value is None or value.tensor is None:
            raise StillframeError(
                f"{builder.source}: output {raw.name!r}: expected a result of the device, "
                f"got {'the input itself' if value else 'a tensor that nothing computes'}",
                "end the model at a layer that the device computes",
            )
        named = next((entry for entry in signature if entry[0] == index), (index, raw.name))
        if named in signature:
            signature.remove(named)  # a tensor that is an output twice has two names
        quantised = len(raw.scales) == 1
        outputs.append(
            GraphOutput(
                name=unique(named[1], {output.name for output in outputs}),
                tensor=value.tensor,
                shape=value.shape,
                scale=float(raw.scales[0]) if quantised else 1.0,
                zero_point=int(raw.zero_points[0]) if quantised else 0,
                host_ops=value.host_ops,
            )
        )
    return tuple(outputs)
