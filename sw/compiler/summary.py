"""What a program holds, for people: its layers, their modes, and how full the memories are."""

from __future__ import annotations

from collections.abc import Sequence

from stillframe.contract import Memory, Op, Program
from stillframe.contract.program import LayerSpec, OutputSpec, TensorSpec

from .memory import MemoryUse, memory_sizes
from .planner import Plan

Row = Sequence[str]


def memory_use(program: Program) -> list[MemoryUse]:
    """How much of each memory a program uses, from its descriptors and segments."""
    ends = dict.fromkeys(memory_sizes(program.config), 0)

    def reach(name: str, end: int) -> None:
        ends[name] = max(ends[name], end)

    for layer in program.layers:
        fields = layer.fields
        size = fields["out_height"] * fields["out_pitch"]
        reach("CODES", fields["out_codes"] + size)
        reach("MASKS", fields["out_masks"] + fields["out_height"] * fields["out_mask_pitch"])
        reach("ROWS", fields["out_rows"] + fields["out_height"])
        if fields["out_events"]:
            reach("EVENTS", fields["out_events_base"] + size)
        if fields.get("use_state"):
            reach("STATE", fields["state"] + size)
    for segment in program.segments:
        if segment.memory is not Memory.LAYERS:
            reach(segment.memory.name, segment.row + len(segment.words))
    sizes = memory_sizes(program.config)
    return [MemoryUse(name, ends[name], words, bits) for name, (words, bits) in sizes.items()]


def summarise(program: Program, plan: Plan | None = None) -> str:
    """A program as plain text: tables of its layers, the memories, its outputs, what the host computes.

    Args:
        program: The program.
        plan: What its modes were chosen by, if it is known: told with its estimates.
    """
    config, tensors = program.config, program.tensors
    total = sum(layer.macs_dense for layer in program.layers)
    return "\n".join(
        [
            f"{program.model} on array {config.name}: {config.total_lanes} lanes, "
            f"{config.drain} elements a word, {total:,} MACs in a dense frame",
            "",
            *_table(
                ["", "layer", "operators", "mode", "kernel", "output", "MACs dense", "threshold"],
                [_layer_row(index, layer, tensors) for index, layer in enumerate(program.layers)],
                right={0, 6, 7},
            ),
            *_order_lines(program),
            "",
            *_table(
                ["memory", "words used", "of", "", "", "bits a word"],
                [_memory_row(use) for use in memory_use(program)],
                right={1, 2, 3, 5},
            ),
            "",
            *_table(["output", "from", "shape", "host"], _output_rows(program), right=set()),
            *(plan_table(plan) if plan is not None else ()),
            *host_table(program),
        ]
    )


def plan_table(plan: Plan) -> list[str]:
    """Lines that say what was chosen and what each choice costs: an empty one, a table and its sum; none if
    nothing is known of the frames."""
    if not plan.choices:
        return []
    rows = [
        [
            ", ".join(choice.layers),
            choice.mode.name.lower(),
            choice.why,
            f"{choice.delta:,.0f}",
            f"{choice.direct:,.0f}",
            f"{choice.saved:,.0f}",
            f"{choice.state:,}",
        ]
        for choice in plan.choices
    ]
    head = ["choice for", "mode", "why", "frame if delta", "frame if direct", "saved", "state words of delta"]
    others = ", ".join(f"all {mode} {cycles:,.0f}" for mode, cycles in plan.alternatives.items())
    return [
        "",
        *_table(head, rows, right={3, 4, 5, 6}),
        f"estimated {sum(plan.cycles):,.0f} cycles a frame ({others})",
    ]


def host_table(program: Program) -> list[str]:
    """Lines that say what the host computes and why: an empty one and a table; none if that is nothing."""
    rows = [[a.layer, a.op, a.why] for a in program.assignments if a.host]
    return ["", *_table(["on the host", "operator", "why"], rows, right=set())] if rows else []


def _order_lines(program: Program) -> list[str]:
    """A line that says which tensors' channels have another order than in the model, if there are any."""
    names = [layer.name for layer in program.layers if program.tensors[layer.output].order]
    return [f"channels in an order that saves cycles: the output of {', '.join(names)}"] if names else []


def _output_rows(program: Program) -> list[Row]:
    taken = ", ".join(
        f"tensor {output.tensor}"
        for tensor in (program.tail.inputs if program.tail else ())
        for output in program.outputs
        if output.name == tensor.name
    )
    return [
        [
            result.name,
            *(
                (f"tensor {result.tensor}", _size(result.shape), _host(result.host_ops))
                if isinstance(result, OutputSpec)
                else (taken, _size(result.shape), "TFLite's interpreter")
            ),
        ]
        for result in program.results
    ]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _shape(tensor: TensorSpec) -> str:
    return f"{tensor.height} x {tensor.width} x {tensor.channels}"


def _host(host_ops: Sequence[dict[str, object]]) -> str:
    return " + ".join(str(op["op"]) for op in host_ops)


def _layer_row(index: int, layer: LayerSpec, tensors: Sequence[TensorSpec]) -> Row:
    fields, target = layer.fields, tensors[layer.output]
    kernel = ""
    if fields["op"] in (Op.MAC, Op.POOL):
        kernel = f"{fields['kernel_rows']} x {fields['kernel_columns']}"
        strides = (fields["stride_rows"], fields["stride"])
        if strides != (1, 1):
            kernel += f" / {strides[0]}" if strides[0] == strides[1] else f" / {strides[0]}, {strides[1]}"
    return [
        str(index),
        layer.name,
        layer.op,
        layer.mode.name.lower(),
        kernel,
        _shape(target),
        f"{layer.macs_dense:,}" if fields["op"] == Op.MAC else "",
        str(target.threshold),
    ]


def _memory_row(use: MemoryUse) -> Row:
    share = use.used / use.available
    return [
        use.name,
        f"{use.used:,}",
        f"{use.available:,}",
        f"{share:.0%}",
        ("#" * round(share * 20)).ljust(20, "."),
        str(use.word_bits),
    ]


def _table(head: Row, rows: Sequence[Row], right: set[int]) -> list[str]:
    """Lines of a table with columns two spaces apart; the columns ``right`` are flush right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
