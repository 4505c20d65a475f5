"""Requests and responses, as :mod:`stillframe.contract.packets` has them."""

from __future__ import annotations

from stillframe.contract.array import PACKET_BYTES, ArrayConfig
from stillframe.contract.memory_map import READABLE, WRITABLE, Memory, columns, rows
from stillframe.contract.packets import READ_WORDS, RESPONSE, SYNC, Packet, Status

from ..assembler import Assembler
from ..isa import CRC_RESIDUE, Get, Put, ShownStatus
from ..memory_plan import Places

READING, WRITING = 1, 2


def write(a: Assembler, config: ArrayConfig, places: Places) -> None:
    """``receive``: take a request, carry it out, answer, and so on for ever.

    Others jump to ``finish_STATUS`` (carried out, or refused for good), ``drop_STATUS`` (and the frame cannot
    be run any more) or ``refuse_STATUS`` (not carried out, a repetition may be); with ``word_count`` words to
    answer from ``reply_at`` on, ``reply_step`` bytes apart, which are codes if ``step`` is 1.
    """
    _receive(a, places)
    _accept(a, places)
    _dispatch(a)
    _words(a)
    _locate(a, config, places)
    _answer(a)


def _receive(a: Assembler, places: Places) -> None:
    a.label("receive")
    a.get(a.value, Get.RX)
    a.sub(a.value, a.value, SYNC)
    a.if_nonzero("receive")
    a.put(Put.CRC, a.zero)
    a.li(a.word_count, 0)
    a.get(a.kind, Get.RX)
    a.get(a.sequence, Get.RX)
    a.get(a.length, Get.RX)
    a.get(a.value, Get.RX)
    a.shl(a.value, a.value, 8)
    a.or_(a.length, a.length, a.value)
    a.li(a.value, PACKET_BYTES)
    a.sub(a.value, a.value, a.length)
    a.if_negative("refuse_BAD_CRC")
    a.li(a.buffer, places.buffer)
    a.move(a.at, a.buffer)
    a.move(a.left, a.length)
    a.if_zero("check")
    a.label("payload")
    a.get(a.value, Get.RX)
    a.sb(a.value, a.at)
    a.add(a.at, a.at, 1)
    a.sub(a.left, a.left, 1)
    a.if_nonzero("payload")
    a.label("check")
    for _ in range(4):
        a.get(a.value, Get.RX)
    a.get(a.value, Get.CRC)
    a.li(a.count, CRC_RESIDUE)
    a.sub(a.value, a.value, a.count)
    a.if_nonzero("refuse_BAD_CRC")


def _accept(a: Assembler, places: Places) -> None:
    a.sub(a.value, a.kind, Packet.HELLO)
    a.or_(a.value, a.value, a.length)
    a.if_nonzero("in_session")
    a.li(a.session, 1)
    a.put(Put.STATUS, a.session)
    a.li(a.needs_key, 1)
    a.move(a.last_sequence, a.sequence)
    a.jump("drop_OK")
    a.label("in_session")
    a.test(a.session)
    a.if_zero("refuse_BAD_SEQUENCE")
    a.sub(a.value, a.sequence, a.last_sequence)
    a.ext(a.value, a.value, 0, 8)
    a.if_zero("repetition")
    a.sub(a.value, a.value, 1)
    a.if_nonzero("refuse_BAD_SEQUENCE")
    a.move(a.last_sequence, a.sequence)
    a.jump("dispatch")
    a.label("repetition")
    a.sub(a.value, a.kind, Packet.READ)
    a.if_zero("dispatch")
    a.move(a.status, a.outcome)
    a.if_nonzero("reply")
    a.sub(a.value, a.kind, Packet.RUN)
    a.if_nonzero("reply")
    a.label("answer_cycles")
    a.li(a.word_count, 1)
    a.li(a.reply_at, places.cycles)
    a.li(a.step, 4)
    a.jump("reply")


def _dispatch(a: Assembler) -> None:
    a.label("dispatch")
    for kind, target in (
        (Packet.WRITE, "write"),
        (Packet.READ, "read"),
        (Packet.BEGIN, "begin"),
        (Packet.INPUT, "input"),
        (Packet.RUN, "run"),
    ):
        a.sub(a.value, a.kind, kind)
        a.if_zero(target)
    a.jump("finish_BAD_REQUEST")


def _words(a: Assembler) -> None:
    """READ and WRITE: memory(1) column(1) row(4), then count(2) or words."""
    a.label("read")
    a.sub(a.value, a.length, 8)
    a.if_nonzero("finish_BAD_REQUEST")
    a.lw(a.count, a.buffer, 6)
    a.ext(a.count, a.count, 0, 16)
    a.sub(a.value, a.zero, -READ_WORDS)
    a.sub(a.value, a.value, a.count)
    a.if_negative("finish_BAD_REQUEST")
    a.li(a.access, READING)
    a.call("locate")
    a.move(a.reply_at, a.at)
    a.move(a.word_count, a.count)
    a.jump("finish_OK")

    a.label("write")
    a.sub(a.value, a.length, 6)
    a.if_negative("finish_BAD_REQUEST")
    a.ext(a.count, a.value, 2, 30)
    a.and_(a.value, a.value, 3)
    a.if_nonzero("finish_BAD_REQUEST")
    a.li(a.access, WRITING)
    a.call("locate")
    a.test(a.memory)
    a.if_nonzero("keeps_program")
    a.li(a.needs_key, 1)
    a.li(a.begun, 0)
    a.label("keeps_program")
    a.label("next_word")
    a.sub(a.count, a.count, 1)
    a.if_negative("finish_OK")
    a.lw(a.value, a.buffer, 6)
    a.add(a.buffer, a.buffer, 4)
    a.sub(a.left, a.step, 1)
    a.if_zero("write_code")
    a.sw(a.value, a.at)
    a.add(a.at, a.at, a.step)
    a.jump("next_word")
    a.label("write_code")
    a.sb(a.value, a.at)
    a.add(a.at, a.at, 1)
    a.jump("next_word")


def _locate(a: Assembler, config: ArrayConfig, places: Places) -> None:
    """``at``: the address of (``memory``, ``column``, ``row``); ``step``: to the next row. Jumps away if a
    word is outside, or the memory closed to ``access``."""
    assert Memory.LAYERS == 0, "known by that in a WRITE"
    a.label("locate")
    a.lbu(a.memory, a.buffer)
    a.lbu(a.column, a.buffer, 1)
    a.lw(a.row, a.buffer, 2)
    for memory in Memory:
        other = a.fresh("other")
        a.sub(a.value, a.memory, int(memory))
        a.if_nonzero(other)
        a.li(a.at, places.host[memory])
        a.li(a.limit, rows(memory, config))
        a.li(a.step, 1 if memory is Memory.CODES else 4 * columns(memory, config))
        a.li(a.open, READING * (memory in READABLE) + WRITING * (memory in WRITABLE))
        a.li(a.left, columns(memory, config))
        a.jump("located")
        a.label(other)
    a.jump("finish_BAD_REQUEST")
    a.label("located")
    a.and_(a.value, a.open, a.access)
    a.if_zero("finish_BAD_REQUEST")
    a.sub(a.value, a.column, a.left)
    a.if_not_negative("finish_BAD_REQUEST")
    a.ext(a.value, a.row, 20, 12)
    a.if_nonzero("finish_BAD_REQUEST")
    a.add(a.value, a.row, a.count)
    a.sub(a.value, a.limit, a.value)
    a.if_negative("finish_BAD_REQUEST")
    a.shl(a.value, a.column, 2)
    a.add(a.at, a.at, a.value)
    a.move(a.factor, a.row)
    a.move(a.other_factor, a.step)
    a.call("multiply")
    a.add(a.at, a.at, a.product)
    a.ret("locate")


def _answer(a: Assembler) -> None:
    for status in Status:
        a.label(f"drop_{status.name}")
        a.li(a.begun, 0)
        a.label(f"finish_{status.name}")
        a.li(a.status, int(status))
        a.move(a.outcome, a.status)
        a.jump("reply")
    for status in (Status.BAD_CRC, Status.BAD_SEQUENCE):
        a.label(f"refuse_{status.name}")
        if status is Status.BAD_CRC:
            a.put(Put.STATUS, a.session, ShownStatus.DAMAGED)
        a.li(a.status, int(status))
        a.jump("reply")
    a.label("reply")
    a.li(a.value, SYNC)
    a.put(Put.TX, a.value)
    a.put(Put.CRC, a.zero)
    a.or_(a.value, a.kind, RESPONSE)
    a.put(Put.TX, a.value)
    a.put(Put.TX, a.sequence)
    a.shl(a.value, a.word_count, 2)
    a.add(a.value, a.value, 1)
    a.put(Put.TX, a.value)
    a.ext(a.value, a.value, 8, 8)
    a.put(Put.TX, a.value)
    a.put(Put.TX, a.status)
    a.label("reply_word")
    a.sub(a.word_count, a.word_count, 1)
    a.if_negative("reply_end")
    a.lw(a.value, a.reply_at)
    a.sub(a.left, a.step, 1)
    a.if_nonzero("reply_bytes")
    a.lb(a.value, a.reply_at)
    a.label("reply_bytes")
    a.call("send")
    a.add(a.reply_at, a.reply_at, a.step)
    a.jump("reply_word")
    a.label("reply_end")
    a.get(a.value, Get.CRC)
    a.xor(a.value, a.value, -1)
    a.call("send")
    a.jump("receive")

    a.label("send")
    for _ in range(4):
        a.put(Put.TX, a.value)
        a.ror(a.value, a.value, 8)
    a.ret("send")
