"""After power-on and reset: constants, the info memory, a session that has not begun."""

from __future__ import annotations

from stillframe.contract.array import ArrayConfig
from stillframe.contract.memory_map import Memory, info_words

from ..assembler import Assembler
from ..memory_plan import Places


def write(a: Assembler, config: ArrayConfig, places: Places) -> None:
    """Registers set for ever: ``zero``, ``one`` and the memories' first bytes."""
    a.li(a.zero, 0)
    a.li(a.one, 1)
    a.li(a.at, places.host[Memory.INFO])
    for row, word in enumerate(info_words(config)):
        a.li(a.value, word)
        a.sw(a.value, a.at, 4 * row)
    for name, place in (
        ("codes_base", places.host[Memory.CODES]),
        ("layers_base", places.host[Memory.LAYERS]),
        ("weights_base", places.host[Memory.WEIGHTS] // 4),
        ("params_base", places.host[Memory.PARAMS]),
        ("tables_base", places.host[Memory.TABLES]),
        ("state_base", places.host[Memory.STATE]),
        ("events_base", places.events),
        ("masks_base", places.masks),
        ("flags_base", places.flags),
        ("changed_base", places.changed),
    ):
        a.li(a.reg(name), place)
    a.li(a.session, 0)
    a.li(a.begun, 0)
    a.li(a.needs_key, 1)
    a.li(a.last_sequence, 0)
