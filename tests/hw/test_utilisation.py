"""Every component alone on an ECP5: multipliers and block RAMs exactly, LUTs within a budget.

Budgets are about a fifth above what the component takes now; a change that breaks one is to be a decision.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from amaranth.lib import wiring

import stillframe.hw
from stillframe.bitstreams import utilisation
from stillframe.contract import ArrayConfig
from stillframe.contract.array import (
    ACC_BITS,
    ADD_MULTIPLIERS,
    DRAIN_MULTIPLIERS,
    LAYER_WORDS,
    MASK_COLUMNS,
    PARAMS_BITS,
    PARAMS_GRANULE,
)
from stillframe.contract.block_rams import block_rams, registered_block_rams
from stillframe.hw.accelerator import Accelerator
from stillframe.hw.activation_table import ActivationTable
from stillframe.hw.block_ram import Block, BlockRam, BlockRows
from stillframe.hw.code_memory import CodeMemory
from stillframe.hw.column_blocks import ColumnBlocks
from stillframe.hw.column_walker import ColumnWalker
from stillframe.hw.concatenation import Concatenation
from stillframe.hw.credits import Credits
from stillframe.hw.delta_encoder import DeltaEncoder
from stillframe.hw.distant_queue import DistantQueue
from stillframe.hw.drain import Drain
from stillframe.hw.event_finder import EventFinder
from stillframe.hw.event_router import EventRouter
from stillframe.hw.event_scanner import EventScanner
from stillframe.hw.fused_add import FusedAdd
from stillframe.hw.gathered_masks import GatheredMasks
from stillframe.hw.lane_sums import LaneSums
from stillframe.hw.layer_counters import LayerCounters
from stillframe.hw.layer_loader import LayerLoader
from stillframe.hw.layer_products import LayerProducts
from stillframe.hw.link.link import Link
from stillframe.hw.mac_array import MacArray
from stillframe.hw.mac_bank import MacBank
from stillframe.hw.mask_writer import MaskWriter
from stillframe.hw.max_pool import MaxPool
from stillframe.hw.multiplier import Multiplier
from stillframe.hw.parameters import Parameters
from stillframe.hw.payloads import STRIP
from stillframe.hw.pixel_marks import PixelMarks
from stillframe.hw.queue import Queue
from stillframe.hw.requantise_lane import RequantiseLane
from stillframe.hw.requantiser import Requantiser
from stillframe.hw.request_walker import RequestWalker
from stillframe.hw.rescale_lane import RescaleLane
from stillframe.hw.residual_add import ResidualAdd
from stillframe.hw.row_finder import RowFinder
from stillframe.hw.row_gate import RowGate
from stillframe.hw.selecting_adder import SelectingAdder
from stillframe.hw.sequencer import Sequencer
from stillframe.hw.skid import Skid
from stillframe.hw.state_update import StateUpdate
from stillframe.hw.strip_range import StripRange
from stillframe.hw.strip_walker import StripWalker
from stillframe.hw.tap_expander import TapExpander
from stillframe.hw.window_reader import WindowReader
from stillframe.hw.window_walker import WindowWalker
from stillframe.hw.windows import Windows

CONFIG = ArrayConfig.parse("1x16@25F")
TWO_BANKS = ArrayConfig.parse("2x8@25F")  # of one bank the router is wires
WIDE = ArrayConfig.parse("4x16@85F")
DRAIN = CONFIG.drain

WEIGHTS = block_rams(CONFIG.weights_words, 8 * CONFIG.total_lanes, CONFIG.total_lanes // 4)
PARAMS = block_rams(CONFIG.params_words, PARAMS_BITS * DRAIN, PARAMS_BITS * DRAIN // PARAMS_GRANULE)
TABLES = DRAIN * block_rams(CONFIG.tables_words, 32)
STATE = registered_block_rams(CONFIG.state_words, ACC_BITS * DRAIN, DRAIN)
CODES = registered_block_rams(CONFIG.codes_words, 8 * DRAIN)
EVENTS = block_rams(CONFIG.events_words, 9 * DRAIN)
MASKS = block_rams(CONFIG.masks_words, MASK_COLUMNS * DRAIN, CONFIG.group)
FLAGS = block_rams(CONFIG.rows, 1)
LAYERS = block_rams(LAYER_WORDS * CONFIG.layers, 32)
COUNTERS = PACKET = 1


@dataclass(frozen=True)
class Budget:
    """What a component may take: exactly these multipliers and block RAMs, at most these LUTs."""

    make: Callable[[], wiring.Component]
    luts: int
    block_rams: int = 0
    multipliers: int = 0


BUDGETS = {
    Accelerator: Budget(
        lambda: Accelerator(CONFIG),
        22000,
        CONFIG.block_rams,
        CONFIG.total_lanes + DRAIN_MULTIPLIERS * DRAIN + ADD_MULTIPLIERS * CONFIG.add_lanes,
    ),
    ActivationTable: Budget(lambda: ActivationTable(CONFIG), 80, TABLES),
    Block: Budget(lambda: Block(1024, 18), 0, 1),
    BlockRam: Budget(lambda: BlockRam(3072, 8), 20, 2),
    BlockRows: Budget(lambda: BlockRows(3072, 8, 1), 20, 2),
    CodeMemory: Budget(lambda: CodeMemory(CONFIG), 180, CODES),
    ColumnBlocks: Budget(ColumnBlocks, 1420),
    ColumnWalker: Budget(lambda: ColumnWalker(CONFIG), 3380),
    Concatenation: Budget(lambda: Concatenation(CONFIG), 30),
    Credits: Budget(lambda: Credits(8), 20),
    DeltaEncoder: Budget(lambda: DeltaEncoder(CONFIG), 320),
    DistantQueue: Budget(lambda: DistantQueue(STRIP, 8), 330),
    Drain: Budget(lambda: Drain(CONFIG), 1220),
    EventFinder: Budget(lambda: EventFinder(CONFIG), 5300, EVENTS + MASKS + FLAGS),
    EventRouter: Budget(lambda: EventRouter(TWO_BANKS), 1360),
    EventScanner: Budget(lambda: EventScanner(CONFIG, 0), 770, EVENTS + MASKS),
    FusedAdd: Budget(lambda: FusedAdd(CONFIG), 100),
    GatheredMasks: Budget(lambda: GatheredMasks(CONFIG), 840),
    LaneSums: Budget(lambda: LaneSums(CONFIG), 500),
    LayerCounters: Budget(lambda: LayerCounters(CONFIG), 330, COUNTERS),
    LayerLoader: Budget(lambda: LayerLoader(CONFIG), 50, LAYERS),
    LayerProducts: Budget(LayerProducts, 150),
    Link: Budget(lambda: Link(CONFIG), 1220, PACKET),
    MacArray: Budget(lambda: MacArray(CONFIG), 4240, WEIGHTS, CONFIG.total_lanes),
    MacBank: Budget(lambda: MacBank(CONFIG), 3500, WEIGHTS, CONFIG.total_lanes),
    MaskWriter: Budget(lambda: MaskWriter(CONFIG), 1800),
    MaxPool: Budget(lambda: MaxPool(CONFIG), 50),
    Multiplier: Budget(lambda: Multiplier(9, 8), 0, 0, 1),
    Parameters: Budget(lambda: Parameters(CONFIG), 60, PARAMS),
    PixelMarks: Budget(PixelMarks, 290),
    Queue: Budget(lambda: Queue(STRIP, 8), 230),
    RequantiseLane: Budget(RequantiseLane, 510, 0, 4),
    Requantiser: Budget(lambda: Requantiser(CONFIG), 1150, PARAMS, 4 * DRAIN),
    RequestWalker: Budget(RequestWalker, 1090),
    RescaleLane: Budget(RescaleLane, 220, 0, ADD_MULTIPLIERS),
    ResidualAdd: Budget(lambda: ResidualAdd(CONFIG), 570, 0, ADD_MULTIPLIERS * CONFIG.add_lanes),
    RowFinder: Budget(lambda: RowFinder(CONFIG), 940, FLAGS),
    RowGate: Budget(RowGate, 250),
    SelectingAdder: Budget(lambda: SelectingAdder(20), 20),
    Sequencer: Budget(lambda: Sequencer(CONFIG), 470, LAYERS + COUNTERS),
    Skid: Budget(lambda: Skid(STRIP), 135),
    StateUpdate: Budget(lambda: StateUpdate(CONFIG), 700, STATE),
    StripRange: Budget(StripRange, 470),
    StripWalker: Budget(StripWalker, 660),
    TapExpander: Budget(lambda: TapExpander(CONFIG), 840),
    WindowReader: Budget(lambda: WindowReader(CONFIG), 720),
    WindowWalker: Budget(WindowWalker, 390),
    Windows: Budget(lambda: Windows(CONFIG), 1760, 0, ADD_MULTIPLIERS * CONFIG.add_lanes),
}


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=[kind.__name__ for kind in BUDGETS])
def test_budget(budget: Budget) -> None:
    used = utilisation(budget.make())
    assert used.multipliers == budget.multipliers, used
    assert used.block_rams == budget.block_rams, used
    assert used.luts <= budget.luts, used


def test_parameters_of_wide_words_take_block_rams_by_what_they_hold() -> None:
    """1024 channels of 72 bits on a 4x16, and LUT RAM for 32 words of 16 of them."""
    used = utilisation(Parameters(WIDE))
    assert used.block_rams == 4
    assert used.luts <= 5400, used


def test_every_component_has_a_budget() -> None:
    # The parts of the link have theirs in tests/hw/link, the compact machine in tests/hw/compact.
    modules = [
        importlib.import_module(f"stillframe.hw.{info.name}")
        for info in pkgutil.iter_modules(stillframe.hw.__path__)
        if not info.ispkg
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, wiring.Component)
    }
    ours = {kind for kind in kinds if kind.__module__ in {module.__name__ for module in modules}}
    assert {kind for kind in ours if hasattr(kind, "elaborate")} | {Link} == set(BUDGETS)
