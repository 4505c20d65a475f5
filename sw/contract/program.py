"""A compiled program: what the driver loads into an array, and the file it is kept in.

File: ``MAGIC``, format version (u32), length of the JSON header (u32), header, the segments' words
in the header's order, the model, the head's and the tail's models if there are any, CRC-32 of everything
before it. All numbers little-endian.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .array import ArrayConfig
from .errors import StillframeError
from .host import Assignment, HostPart, HostTensor, in_order
from .layer import Mode
from .memory_map import PROTOCOL_VERSION, Memory
from .scratch import scratch_beside

FILE_MAGIC = b"STLFPROG"
FORMAT_VERSION = 4


@dataclass(frozen=True)
class TensorSpec:
    """A tensor in the device's memories.

    Attributes:
        name: Name in the model.
        height, width, channels: Shape of one frame.
        scale, zero_point: Quantisation: real = scale * (code - zero_point).
        codes: First word in CODES.
        pitch: Activation words from one row to the next.
        words: Activation words of a pixel: word j of pixel (y, x) is ``codes + y * pitch + j * width + x``.
        mode: What its encoder calls an event.
        threshold: Codes by which a value may differ from the last one sent, unsent.
        order: The model's channel at each position of a pixel; empty if that is the position itself.
        spread: Pixels take turns with the elements of their words (:mod:`~.spread`).
    """

    name: str
    height: int
    width: int
    channels: int
    scale: float
    zero_point: int
    codes: int
    pitch: int
    words: int
    mode: Mode
    threshold: int
    order: tuple[int, ...] = ()
    spread: bool = False


@dataclass(frozen=True)
class LayerSpec:
    """A layer of the program.

    Attributes:
        name: Name in the model.
        op: Operators of the model that the layer executes, for example ``CONV_2D + PRELU``.
        mode: Mode of its input tensor: what the array is fed with.
        input, output: Indices of its tensors (equal for the INPUT layer).
        macs_dense: Multiplications of a dense pass over taps inside the image.
        fields: The descriptor (see :data:`~stillframe.contract.layer.LAYER_FIELDS`).
    """

    name: str
    op: str
    mode: Mode
    input: int
    output: int
    macs_dense: int
    fields: dict[str, int]


@dataclass(frozen=True)
class OutputSpec:
    """An output of the device: of the model, or what its tail takes.

    Attributes:
        name: Name in the model.
        tensor: Index of the device tensor it comes from.
        shape: Shape of one frame's output, without the batch dimension.
        scale, zero_point: Quantisation of the codes after ``host_ops``.
        host_ops: Operators that the host applies, in order (see ``stillframe.driver.host_ops``).
    """

    name: str
    tensor: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int
    host_ops: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Segment:
    """``words`` (uint32) for a column of a memory, from ``row`` on."""

    memory: Memory
    column: int
    row: int
    words: npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Program:
    """A model compiled for an array.

    Attributes:
        model: Name of the model.
        config: The array it is compiled for.
        tensors: Device tensors; tensor 0 is the input.
        layers: Layers in order; layer 0 encodes the input.
        outputs: Outputs of the device.
        segments: Content of the memories.
        tflite: The int8 model that was compiled, the reference for verification.
        head, tail: What the host computes before and behind the device, if anything.
        order: With a tail, names of the model's outputs in the model's order: the tail's, and those of
            ``outputs`` that are the model's.
        assignments: Where each operator of the model runs, in the model's order.
        split: The border that was asked for (``--split``), empty if it was chosen automatically.
    """

    model: str
    config: ArrayConfig
    tensors: tuple[TensorSpec, ...]
    layers: tuple[LayerSpec, ...]
    outputs: tuple[OutputSpec, ...]
    segments: tuple[Segment, ...]
    tflite: bytes = field(repr=False)
    head: HostPart | None = None
    tail: HostPart | None = None
    order: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    split: str = ""

    @property
    def frame(self) -> HostTensor:
        """What a session takes: the model's own input if there is a head, else the device's codes."""
        if self.head:
            return self.head.inputs[0]
        tensor = self.tensors[0]
        shape = (tensor.height, tensor.width, tensor.channels)
        return HostTensor(tensor.name, shape, "int8", tensor.scale, tensor.zero_point)

    @property
    def results(self) -> tuple[OutputSpec | HostTensor, ...]:
        """What a session gives: the model's outputs, in the model's order."""
        return in_order(self.outputs, self.tail, self.order)

    def to_bytes(self) -> bytes:
        """The program file's content."""
        header = {
            "protocol_version": PROTOCOL_VERSION,
            "model": self.model,
            "config": self.config.as_dict(),
            "tensors": [asdict(t) for t in self.tensors],
            "layers": [asdict(layer) for layer in self.layers],
            "outputs": [asdict(o) for o in self.outputs],
            "segments": [
                {"memory": int(s.memory), "column": s.column, "row": s.row, "count": len(s.words)}
                for s in self.segments
            ],
            "tflite_bytes": len(self.tflite),
            "head": self.head and self.head.as_dict(),
            "tail": self.tail and self.tail.as_dict(),
            "order": self.order,
            "assignments": [asdict(a) for a in self.assignments],
            "split": self.split,
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        body = FILE_MAGIC + struct.pack("<II", FORMAT_VERSION, len(text)) + text
        body += b"".join(s.words.astype("<u4").tobytes() for s in self.segments) + self.tflite
        body += b"".join(part.tflite for part in (self.head, self.tail) if part)
        return body + struct.pack("<I", zlib.crc32(body))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program file; the file appears whole or not at all."""
        path = Path(path)
        scratch = scratch_beside(path)
        try:
            scratch.write_bytes(self.to_bytes())
            scratch.replace(path)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise StillframeError(
                f"program {path}: expected a place to write to, got: {error.strerror}",
                "choose a folder that exists and that you may write to",
            ) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Program:
        """Read a program file.

        Raises:
            StillframeError: The file is missing, damaged or of another version.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise StillframeError(
                f"program {path}: expected a file to read, got: {error.strerror}",
                "check the path, or make one with: stillframe compile",
            ) from error
        return cls.from_bytes(data, str(path))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "<bytes>") -> Program:
        """Read a program file's content; ``name`` is for messages.

        Raises:
            StillframeError: The content is damaged or of another version.
        """
        hint = "make the program again with: stillframe compile"
        if data[:8] != FILE_MAGIC:
            raise StillframeError(
                f"program {name}: expected {FILE_MAGIC!r} at byte 0, got {data[:8]!r}",
                "this is not a program file; make one with: stillframe compile",
            )
        if len(data) < 20:
            raise StillframeError(f"program {name}: expected at least 20 bytes, got {len(data)}", hint)
        version, length = struct.unpack_from("<II", data, 8)
        if version != FORMAT_VERSION:
            raise StillframeError(
                f"program {name}: expected format version {FORMAT_VERSION} at byte 8, got {version}", hint
            )
        stored, actual = struct.unpack_from("<I", data, len(data) - 4)[0], zlib.crc32(data[:-4])
        if stored != actual:
            raise StillframeError(
                f"program {name}: expected CRC {actual:#010x} at byte {len(data) - 4}, got {stored:#010x}; "
                "the file is damaged or cut short",
                hint,
            )
        header = json.loads(data[16 : 16 + length])
        if header["protocol_version"] != PROTOCOL_VERSION:
            raise StillframeError(
                f"program {name}: expected protocol version {PROTOCOL_VERSION} "
                f"(of descriptors and memories), got {header['protocol_version']}",
                hint,
            )
        position = 16 + length
        segments = []
        for s in header["segments"]:
            words = np.frombuffer(data, "<u4", s["count"], position).astype(np.uint32)
            position += 4 * s["count"]
            segments.append(Segment(Memory(s["memory"]), s["column"], s["row"], words))
        tflite = data[position : position + header["tflite_bytes"]]
        position += len(tflite)
        parts: dict[str, HostPart | None] = {"head": None, "tail": None}
        for part in parts:
            if described := header[part]:
                end = position + described["bytes"]
                parts[part] = HostPart.from_dict(described, data[position:end])
                position = end
        return cls(
            model=header["model"],
            config=ArrayConfig(**header["config"]),
            tensors=tuple(
                TensorSpec(**t | {"mode": Mode(t["mode"]), "order": tuple(t["order"])})
                for t in header["tensors"]
            ),
            layers=tuple(LayerSpec(**x | {"mode": Mode(x["mode"])}) for x in header["layers"]),
            outputs=tuple(
                OutputSpec(**o | {"shape": tuple(o["shape"]), "host_ops": tuple(o["host_ops"])})
                for o in header["outputs"]
            ),
            segments=tuple(segments),
            tflite=tflite,
            **parts,
            order=tuple(header["order"]),
            assignments=tuple(Assignment(**a) for a in header["assignments"]),
            split=header["split"],
        )
