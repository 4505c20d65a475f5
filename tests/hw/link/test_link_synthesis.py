"""What the link and its parts take on an ECP5."""

import pytest

from stillframe.bitstreams import utilisation
from stillframe.contract import ArrayConfig
from stillframe.hw.link.commands import CommandProcessor
from stillframe.hw.link.frame import FrameReceiver
from stillframe.hw.link.link import Link
from stillframe.hw.link.receiver import PacketReceiver
from stillframe.hw.link.sender import PacketSender

CONFIG = ArrayConfig.parse("1x16")


@pytest.mark.parametrize(
    ("component", "luts", "block_rams"),
    [
        (lambda: Link(CONFIG), 1200, 1),
        (PacketReceiver, 180, 1),
        (PacketSender, 180, 0),
        (lambda: CommandProcessor(CONFIG), 610, 0),
        (lambda: FrameReceiver(CONFIG), 360, 0),
    ],
    ids=["link", "receiver", "sender", "commands", "frame"],
)
def test_budget(component, luts, block_rams):
    used = utilisation(component())
    assert used.luts <= luts, used
    assert used.block_rams == block_rams, used
    assert used.multipliers == 0, used
    assert used.lut_ram == 0, used
