"""The shape of an accelerator: what a bitstream fixes and what every program is compiled for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .block_rams import block_rams, registered_block_rams
from .parts import COMPACT, PARTS, VIRTUAL, WIDE_DRAIN

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

PARAMS_CACHED = 256
"""Channels that they can be copied of on a real part, in words of 16: a LUT RAM has 16 rows."""

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

COMPACT_VALUES = 512
"""Values of the largest receptive field that the compact machine has room for: events in its list."""

COMPACT_COLUMNS = 24
"""Columns of the widest kernel of a MAC layer on it."""


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
    def interleaved(self) -> bool:
        """How a bank's lanes are numbered. Lane n has output n where each lane has an output of its own. If
        words are as wide as a bank, an element so has one lane of each bank, and those that it has in
        depthwise layers are to be that one's neighbours.
        """
        return self.drain >= self.lanes and self.group >= self.taps

    def lane(self, tap: int, place: int) -> int:
        """The lane of lane group ``tap`` that multiplies value ``place`` of an event."""
        return place * self.taps + tap if self.interleaved else tap * self.group + place

    def tap_and_place(self, lane: int) -> tuple[int, int]:
        """The lane group of a lane, and which value of an event it multiplies."""
        if self.interleaved:
            return lane % self.taps, lane // self.taps
        return lane // self.group, lane % self.group

    def output_and_column(self, lane: int, side_log2: int) -> tuple[int, int]:
        """The output that a lane has where ``1 << side_log2`` kernel columns are side by side in a bank, and
        which of the columns it takes.

        Lane groups are shared out evenly among columns, in their order. Output n has lane n; what its other
        lanes differ from that in are the upper bits of their number and, if lanes are interleaved, as many
        upper bits of their lane group's, so that their columns differ.
        """
        outputs = self.lanes >> side_log2
        part = self.taps >> side_log2
        output = lane ^ (lane // outputs * part if self.interleaved else 0)
        return output % outputs, self.tap_and_place(lane)[0] // part

    @property
    def add_lanes(self) -> int:
        """Lanes of the adder of residuals: for each element of a word, or for half of them where the part's
        multipliers are short."""
        if self.part == VIRTUAL:
            return self.drain
        spare = PARTS[self.part].multipliers - self.total_lanes - DRAIN_MULTIPLIERS * self.drain
        return self.drain if ADD_MULTIPLIERS * self.drain <= spare else self.drain // 2

    @property
    def multipliers(self) -> int:
        """Multipliers of lanes, requantisers and adder."""
        return self.total_lanes + DRAIN_MULTIPLIERS * self.drain + ADD_MULTIPLIERS * self.add_lanes

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
        """As :meth:`parse` takes it."""
        from .array_name import array_name

        return array_name(self)

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
        """Make a configuration from its name; see :func:`~.array_name.parse_array`.

        Raises:
            StillframeError: As there.
        """
        from .array_name import parse_array

        return parse_array(text)
