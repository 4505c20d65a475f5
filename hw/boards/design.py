"""The whole design of a board: the accelerator with its UART, on the board's clock and pins."""

from __future__ import annotations

import importlib
from itertools import count
from typing import Any

from amaranth.build import ResourceError
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io

from stillframe.contract import ArrayConfig
from stillframe.contract.boards import Board

from .clock import add_clock
from .lights import LIGHTS
from .top import Top


def platform_of(board: Board) -> Any:
    """The board's Amaranth platform."""
    module, _, name = board.platform.partition(":")
    return getattr(importlib.import_module(module), name)()


class BoardDesign(Elaboratable):
    """What a bitstream holds.

    Args:
        board: The board.
        config: The array.
    """

    def __init__(self, board: Board, config: ArrayConfig) -> None:
        self.board, self.config = board, config

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        clock_hz = add_clock(m, platform, self.board.clock_mhz)
        m.submodules.top = top = Top(self.config, clock_hz, self.board.baud)
        # Pins that are not used here, such as those for flow control, stay as they are.
        pins = platform.request("uart", 0, dir={pin.name: "-" for pin in platform.lookup("uart", 0).ios})
        m.submodules.rx = rx = io.Buffer("i", pins.rx)
        m.submodules.tx = tx = io.Buffer("o", pins.tx)
        m.d.comb += [top.rx.eq(rx.i), tx.o.eq(top.tx)]
        for n in count():
            try:
                pin = platform.request("led", n, dir="-")
            except ResourceError:
                break
            m.submodules[f"light_{n}"] = light = io.Buffer("o", pin)
            m.d.comb += light.o.eq(top.lights[n] if n < LIGHTS else 0)
        return m
