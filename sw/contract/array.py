"""The shape of an accelerator: what a bitstream fixes and what every program is compiled for."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, replace

from .block_rams import block_rams, registered_block_rams
from .errors import StillframeError

MASK_COLUMNS = 8
"""Neighbouring columns of a channel word that one change-mask word covers."""

SLOTS = 16
"""Output pixels that a bank may have accumulators for at the same time: the depth of a LUT RAM."""

MAX_BANKS = 8
"""Banks of the widest array."""

PIXEL_CHANNELS = 1024
"""Channels of a pixel of a tensor that the link or a layer on codes writes: the mask writer gathers the masks
of a pixel's words side by side."""

PARAMS_COPIED = 2
"""Channels in a block RAM's row of the requantisation memory where a layer's parameters are copied."""

PARAMS_CACHED = 512
"""Channels that they can be copied of on a real part."""

PARAMS_BITS = 72
"""Bits of a channel in the requantisation memory."""

PARAMS_GRANULE = 9
"""Bits of the requantisation memory that are written together: a lane of a block RAM."""

TABLE_ROWS = 64
"""32-bit words that one channel's activation table takes (256 codes, four a word)."""

LAYER_WORDS = 32
"""32-bit words reserved for one layer descriptor."""

COUNTER_WORDS = 4
"""32-bit counters kept for each layer (see :class:`~stillframe.contract.memory_map.Counter`)."""

ADDRESS_BITS = 20
"""Width of a memory address in descriptors and events; an array's memories may be smaller."""

MAX_KERNEL_ROWS = 64
"""Rows of the tallest kernel (a dense layer over an H x W x C map is a kernel of H rows)."""

MAX_KERNEL_COLUMNS = 64
"""Columns of the widest kernel."""

ACC_BITS = 27
"""Width of an accumulator and of a state word: three lanes of 9 bits of a block RAM. Convolutions of trained
networks need 18 to 23 bits, a dense layer of some thousand inputs the rest."""

SUM_BITS = 30
"""Width of what is requantised: an accumulator, or the two rescaled operands of an ADD."""

DRAIN_MULTIPLIERS = 4
"""18 x 18 multipliers that each drained element takes, in its requantiser."""

ADD_MULTIPLIERS = 2
"""Those that each lane of the adder of residuals takes."""

PACKET_BYTES = 1024
"""Largest packet payload."""


@dataclass(frozen=True)
class Part:
    """What an FPGA offers. ``block_rams`` counts 18-kbit blocks, ``multipliers`` 18 x 18 ones."""

    name: str
    block_rams: int
    multipliers: int


PARTS = {p.name: p for p in (Part("25F", 56, 28), Part("45F", 108, 72), Part("85F", 208, 156))}
"""Lattice LFE5U parts by the short name used in ``BxL@PART``."""

VIRTUAL = "virtual"
"""A part that does not exist, with memories for networks larger than any part here. It can be simulated."""


COMPACT = "UP5K"
"""The iCE40UP5K, which the compact machine (``hw/compact``) is for: 1 bank of 4 lanes, words of one element,
all memories in its 128 KB of SPRAM."""

COMPACT_VALUES = 512
"""Values of the largest receptive field that the compact machine has room for: events in its list."""

COMPACT_COLUMNS = 24
"""Columns of the widest kernel of a MAC layer on it."""


@dataclass(frozen=True)
class Shares:
    """How a part's block RAM is shared out; the state, largest of all, takes what the others leave.

    Attributes:
        codes, weights, masks: Of the part's blocks.
        events: Of its blocks but for 16.
        params: Most output channels that the requantisation memory holds parameters for.
    """

    codes: float
    events: float
    weights: float
    masks: float
    params: int


WIDE_DRAIN = 8
"""Elements of an activation word from which on the array's memories are shared out as :data:`WIDE` says."""

NARROW = Shares(codes=0.215, events=0.11, weights=1 / 12, masks=0.02875, params=2048)
"""So that P-Net at 60 x 48 and the occupancy network at 96 x 72 are in delta mode on a 1x16@85F."""

WIDE = Shares(codes=0.33, events=0.125, weights=0.24, masks=0.055, params=1024)
"""So that ResNet8 and P-Net run on a 4x16@85F: images of few channels fill few elements of a wide word, and
ResNet8 has 80 KB of weights. State is left for some of their layers."""


@dataclass(frozen=True)
class ArrayConfig:
    """An array of ``banks`` x ``lanes`` multipliers and the memories around it.

    Attributes:
        banks: Banks of lanes, and groups of elements: a power of two up to :data:`MAX_BANKS`.
        lanes: Multipliers in a bank.
        drain: Requantisers, and elements in an activation word: one word is drained a cycle. Element e of a
            word belongs to group e % banks; each group has its own events, masks and scanner.
        part: Name of the FPGA whose memories the array takes, or :data:`VIRTUAL`.
        layers: Layers in a program, the input included.
        codes_words: Depth of the activation memory, in words of ``drain`` int8 codes.
        events_words: Depth of the event memory, in words of ``drain`` 9-bit deltas.
        state_words: Depth of the state memory, in words of ``drain`` accumulators.
        weights_words: Depth of the weight memory, in words of one int8 weight per lane.
        params_words: Depth of the requantisation memory, in words of ``drain`` channels of 72 bits.
        tables_words: Depth of the activation tables, in 32-bit words per drained element.
        masks_words: Depth of the change-mask memory, in words of ``MASK_COLUMNS`` x ``drain`` bits.
        rows: Depth of the row-flag memory, in tensor rows.
    """

    banks: int
    lanes: int
    drain: int
    part: str
    layers: int
    codes_words: int
    events_words: int
    state_words: int
    weights_words: int
    params_words: int
    tables_words: int
    masks_words: int
    rows: int

    @property
    def total_lanes(self) -> int:
        """Lanes of the whole array."""
        return self.banks * self.lanes

    @property
    def group(self) -> int:
        """Elements of an activation word in each group, and requantisers for each bank."""
        return self.drain // self.banks

    @property
    def compact(self) -> bool:
        """Whether it is the compact machine."""
        return self.part == COMPACT

    @property
    def taps(self) -> int:
        """Kernel columns that a bank works on at once in a depthwise layer, each with ``group`` lanes."""
        return self.lanes // self.group

    @property
    def add_lanes(self) -> int:
        """Lanes of the adder of residuals: for each element of a word, or for half of them where the part's
        multipliers are short."""
        if self.part == VIRTUAL:
            return self.drain
        spare = PARTS[self.part].multipliers - self.total_lanes - DRAIN_MULTIPLIERS * self.drain
        return self.drain if ADD_MULTIPLIERS * self.drain <= spare else self.drain // 2

    @property
    def add_cycles(self) -> int:
        """Cycles that the adder takes for each of a sum's two words."""
        return self.drain // self.add_lanes

    @property
    def pixel_words(self) -> int:
        """Words of the largest pixel that the link or a layer on codes writes."""
        return PIXEL_CHANNELS // self.drain

    @property
    def params_cache(self) -> int:
        """Words of ``drain`` channels that a layer's parameters are copied into when it starts; 0 where words
        are so narrow that the requantisation memory gives one a cycle. A power of two."""
        if self.drain < WIDE_DRAIN:
            return 0
        return self.params_words if self.part == VIRTUAL else PARAMS_CACHED // self.drain

    @property
    def name(self) -> str:
        """``BxL@PART``, as the command line takes it."""
        return f"{self.banks}x{self.lanes}@{self.part}"

    @property
    def block_rams(self) -> int:
        """Block RAMs taken by the memories above, with layers, counters and packet buffer."""
        d = self.drain
        return (
            registered_block_rams(self.codes_words, 8 * d, max(1, d // 4))
            + self.banks * registered_block_rams(self.events_words, 9 * self.group)
            + registered_block_rams(self.state_words, ACC_BITS * d, d)
            + self.banks * block_rams(self.weights_words, 8 * self.lanes, max(1, self.lanes // 4))
            + self._params_block_rams
            + d * block_rams(self.tables_words, 32)
            + self.banks * block_rams(self.masks_words, MASK_COLUMNS * self.group, self.group)
            + block_rams(self.rows, 1)
            + block_rams(LAYER_WORDS * self.layers, 32)
            + block_rams(COUNTER_WORDS * self.layers, 32)
            + 1  # packet buffer
        )

    @property
    def _params_block_rams(self) -> int:
        """Those of biases, multipliers and shifts."""
        across = PARAMS_COPIED if self.params_cache else self.drain
        bits = PARAMS_BITS * across
        return block_rams(self.params_words * self.drain // across, bits, bits // PARAMS_GRANULE)

    def as_dict(self) -> dict[str, int | str]:
        """The fields as plain values, for program files and the info memory."""
        return asdict(self)

    @classmethod
    def parse(cls, text: str) -> ArrayConfig:
        """Make a configuration from ``BxL`` or ``BxL@PART`` (85F when none is named; ``virtual`` is simulated
        only).

        Raises:
            StillframeError: The text has another form, names an unknown part, or the array
                does not fit the part's multipliers.
        """
        match = re.fullmatch(r"(\d{1,3})x(\d{1,3})(?:@(\w+))?", text)
        if not match:
            raise StillframeError(
                f"array: expected BxL or BxL@PART (banks x lanes), got {text!r}",
                "for example --array 1x16, --array 2x8 or --array 1x16@25F",
            )
        banks, lanes, part_name = int(match[1]), int(match[2]), match[3] or "85F"
        if part_name not in (*PARTS, COMPACT, VIRTUAL):
            known = ", ".join((*PARTS, COMPACT, VIRTUAL))
            raise StillframeError(
                f"array {text!r}: expected a part out of {known}, got {part_name!r}",
                "name one of these, or leave @PART out for an 85F",
            )
        powers = [1 << n for n in range(7)]
        if banks not in powers or lanes not in powers or banks > MAX_BANKS or lanes < 4:
            raise StillframeError(
                f"array {text!r}: expected 1, 2, 4 or {MAX_BANKS} banks of 4, 8, 16, 32 or 64 lanes, "
                f"got {banks} banks of {lanes}",
                "for example 1x16, 2x8 or 4x16",
            )
        if banks * lanes > 128:
            raise StillframeError(
                f"array {text!r}: expected at most 128 lanes in all, got {banks} x {lanes} = {banks * lanes}",
                "choose fewer banks or lanes, for example 4x16 or 8x16",
            )
        if part_name == VIRTUAL:
            return _virtual(banks, lanes)
        if part_name == COMPACT:
            return _compact(banks, lanes, text)
        return _fit(banks, lanes, PARTS[part_name], text)


def _virtual(banks: int, lanes: int) -> ArrayConfig:
    drain = 4 * banks
    return ArrayConfig(
        banks=banks,
        lanes=lanes,
        drain=drain,
        part=VIRTUAL,
        layers=256,
        codes_words=(1 << 20) // drain,
        events_words=(1 << 19) // drain,
        state_words=(1 << 20) // drain,
        weights_words=(1 << 19) // (banks * lanes),
        params_words=(1 << 15) // drain,
        tables_words=1 << 14,
        masks_words=(1 << 18) // drain,
        rows=1 << 12,
    )


def _compact(banks: int, lanes: int, text: str) -> ArrayConfig:
    """The compact machine. The state takes what is left of 128 KB; the other memories are chosen so that the
    occupancy network at 96 x 72 fits with its first layer in delta mode."""
    if (banks, lanes) != (1, 4):
        raise StillframeError(
            f"array {text!r}: expected 1 bank of 4 lanes on an iCE40{COMPACT}, got {banks} banks of {lanes}",
            f"take 1x4@{COMPACT}",
        )
    return ArrayConfig(
        banks=1,
        lanes=4,
        drain=1,
        part=COMPACT,
        layers=16,
        codes_words=34 << 10,
        events_words=7 << 10,
        state_words=13952,
        weights_words=4096,
        params_words=160,
        tables_words=1024,
        masks_words=6 << 10,
        rows=512,
    )


def _fit(banks: int, lanes: int, part: Part, text: str) -> ArrayConfig:
    total = banks * lanes
    drain = 4 * banks
    each = DRAIN_MULTIPLIERS + ADD_MULTIPLIERS // 2  # at least: the adder may have half as many lanes
    least = max(banks, 2)
    while drain > least and total + each * drain > part.multipliers:
        drain //= 2
    if total + each * drain > part.multipliers:
        raise StillframeError(
            f"array {text!r}: expected at most {part.multipliers} multipliers on an LFE5U-{part.name}, "
            f"got {total} lanes + {each * least} for {least} requantisers and an adder",
            "choose fewer lanes or a larger part",
        )
    blocks = part.block_rams
    shares = WIDE if drain >= WIDE_DRAIN else NARROW
    elements = 2048  # codes or deltas of one block, 9 bits each
    weight_blocks = banks * block_rams(512, 8 * lanes, max(1, lanes // 4))
    large = blocks >= 100
    without_state = ArrayConfig(
        banks=banks,
        lanes=lanes,
        drain=drain,
        part=part.name,
        layers=64 if large else 32,
        codes_words=int(blocks * shares.codes) * elements // drain,
        events_words=int((blocks - 16) * shares.events) * elements // drain,
        state_words=0,
        weights_words=max(1, int(blocks * shares.weights) // weight_blocks) * 512,
        params_words=min(512, shares.params // drain),
        tables_words=1024 if large and drain < WIDE_DRAIN else 512,
        masks_words=math.ceil(blocks * shares.masks) * elements // drain,
        rows=1024,
    )
    state_blocks = registered_block_rams(512, ACC_BITS * drain, drain)
    while without_state.block_rams + state_blocks > blocks and without_state.codes_words > elements:
        # The least state there can be comes before all of the codes' share.
        fewer = without_state.codes_words - elements // drain
        without_state = replace(without_state, codes_words=fewer)
    state_blocks = blocks - without_state.block_rams
    depths = range(512, 1 << 16, 512)
    fitting = [n for n in depths if registered_block_rams(n, ACC_BITS * drain, drain) <= state_blocks]
    if not fitting:
        raise StillframeError(
            f"array {text!r}: expected at most {blocks} block RAMs on an LFE5U-{part.name}, "
            f"got {without_state.block_rams} before any state memory",
            "choose fewer lanes or a larger part",
        )
    return replace(without_state, state_words=max(fitting))
