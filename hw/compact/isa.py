"""The instructions of the compact machine: 32 bits each, three operands, 256 registers of 32 bits.

    31..27  26..19  18..11  10         9..0
    op      rd      ra      immediate  rb (7..0), or a signed number, or shift and width, or a target

Every instruction that writes a register sets two flags by what it writes: zero, negative.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

DEPTH = 1024
"""Instructions of a microprogram: eight block RAMs."""

REGISTERS = 256


class Op(IntEnum):
    """What an instruction does. ``b`` is register rb or the number."""

    ADD = 0  # rd = a + b
    SUB = 1  # rd = a - b
    AND = 2  # rd = a & b
    OR = 3  # rd = a | b
    XOR = 4  # rd = a ^ b
    MAX = 5  # rd = the larger one of a and b, signed
    MIN = 6  # rd = the smaller one of a and b, signed
    ROR = 7  # rd = a rotated right by b modulo 32
    EXT = 8  # rd = ``width`` bits of a from bit ``shift`` on
    BYTE = 9  # rd = the low byte of a, sign-extended
    LI = 10  # rd = a signed number of 18 bits, in ra and the low ten bits
    LW = 11  # rd = the word at a + b
    LB = 12  # rd = the byte at a + b, sign-extended
    LBU = 13  # rd = the byte at a + b
    SW = 14  # the word at a + number = rd
    SB = 15  # the byte at a + number = rd
    BR = 16  # go on at the target if condition rd holds
    CALL = 17  # rd = address of the next instruction; go on at the target
    JR = 18  # go on at a
    GET = 19  # rd = what port ``number`` gives; waits until it does
    PUT = 20  # give a + b to port rd; waits until that takes it


class Condition(IntEnum):
    """Of the value that was written last."""

    ALWAYS = 0
    ZERO = 1
    NONZERO = 2
    NEGATIVE = 3
    NOT_NEGATIVE = 4


class Put(IntEnum):
    """Where PUT gives a value to."""

    TX = 0  # the byte stream to the host, and the CRC
    CRC = 1  # the CRC begins anew
    LIST = 2  # the list of events is empty
    SCAN_MODE = 3  # bit 0: events are differences; bit 1: all columns have one weight
    SCAN_ZERO = 4  # what a code's event is counted from, where it is no difference
    SCAN_OLD = 5  # from the address of a code to that of the one sent before
    SCAN_MASK_STEP = 6  # mask bytes from one channel to the next
    SCAN_CODE_STEP = 7  # codes from one channel to the next
    SCAN_WEIGHT_STEP = 8  # weight rows from one channel to the next
    SCAN_SELECT = 9  # columns of a mask byte that are looked at
    SCAN_MASKS = 10  # address of the first mask byte
    SCAN_CODES = 11  # address of the code in column 0 of the first mask byte
    SCAN_WEIGHTS = 12  # weight row of that column
    SCAN = 13  # look at so many channels
    MAC = 14  # multiply all events by the weights from this word on
    FINISH_STATE = 15  # address of the next output's accumulator
    FINISH_PARAM = 16  # of its PARAMS
    FINISH_ENTRY = 17  # of where code 0 stands in its table
    FINISH_LOWEST = 18  # what sums are requantised to at least, before the zero point is added
    FINISH_HIGHEST = 19  # at most
    FINISH_ZERO = 20  # that zero point
    FINISH_ONCE = 21  # whether to round once
    FINISH_USE_STATE = 22  # whether there are accumulators
    FINISH_USE_TABLE = 23  # whether there is a table
    FINISH_BY_CHANNEL = 24  # one for each channel
    FINISH_FRESH = 25  # whether accumulators begin at 0
    FINISH_LEAVE = 26  # leave out an output, here and in the encoder
    FINISH_CODE = 27  # finish an output whose code before the table this is
    FINISH = 28  # finish so many outputs, from lane 0 on
    ENCODE_CODE = 29  # address of the next output's code
    ENCODE_MASK = 30  # of its mask byte
    ENCODE_COLUMN = 31  # its column
    ENCODE_FLAG = 32  # address of its row flag
    ENCODE_CODE_STEP = 33  # codes from one channel to the next
    ENCODE_MASK_STEP = 34  # mask bytes
    ENCODE_OLD = 35  # from the address of a code to its place in EVENTS
    ENCODE_ZERO = 36  # zero point of the output
    ENCODE_THRESHOLD = 37  # what is unsent
    ENCODE_KEY = 38  # whether this is a key frame
    ENCODE_MODE = 39  # mode of the output
    ENCODE_EVENTS = 40  # whether it has a place in EVENTS
    ENCODE_CLEAR = 41  # nothing has changed yet
    STATUS = 42  # what a board shows: bits of ShownStatus


class ShownStatus(IntFlag):
    """Of :class:`~stillframe.hw.signatures.DeviceStatus`: levels, which stay until STATUS is put again, and
    pulses."""

    SESSION = 1
    WORKING = 2
    LAYER = 4  # a pulse
    DAMAGED = 8  # a pulse


class Get(IntEnum):
    """What GET gives."""

    RX = 0  # the next byte from the host, which the CRC takes too
    CRC = 1  # the CRC so far, without its final inversion
    LIST = 2  # events in the list, once the scan is through
    CHANGED = 3  # whether a code was sent since ENCODE_CLEAR, once the encoder is through
    CYCLES = 4  # since power-on


CRC_RESIDUE = 0xDEBB20E3
"""The CRC's register after a packet with its CRC, if nothing was damaged."""
