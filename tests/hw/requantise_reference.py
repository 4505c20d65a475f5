"""TFLite's requantisation, number by number: the reference of the requantiser's tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from stillframe.contract import Op
from stillframe.contract.memory_map import param_columns


def wrap(value: int) -> int:
    """``value`` as int32."""
    return (value + 2**31) % 2**32 - 2**31


@dataclass(frozen=True)
class Channel:
    """Parameters of a channel (see :data:`~stillframe.contract.memory_map.PARAM_FIELDS`)."""

    bias: int = 0
    multiplier: int = 1 << 30
    right: int = 0
    left: int = 0

    def columns(self, last: bool = False) -> list[int]:
        """What the host writes; ``last``: the channel is a layer's last."""
        fields = {name: getattr(self, name) for name in ("bias", "multiplier", "right", "left")}
        return param_columns(fields | {"last": int(last)})


@dataclass(frozen=True)
class Range:
    """How the layer rounds, what it adds and clamps to."""

    zero_point: int = 0
    act_min: int = -128
    act_max: int = 127
    round_once: bool = False

    def fields(self) -> dict[str, int]:
        """The fields of the layer's descriptor."""
        return {
            "op": int(Op.MAC),
            "requant_zero_point": self.zero_point,
            "act_min": self.act_min,
            "act_max": self.act_max,
            "round_once": int(self.round_once),
        }


def rounding_high_mul(x: int, multiplier: int) -> int:
    """TFLite's SaturatingRoundingDoublingHighMul, whose division truncates towards zero."""
    nudged = x * multiplier + ((1 << 30) if x * multiplier >= 0 else 1 - (1 << 30))
    return nudged >> 31 if nudged >= 0 else -(-nudged >> 31)


def rounding_divide(x: int, exponent: int) -> int:
    """TFLite's RoundingDivideByPOT."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def requantise(z: int, channel: Channel, layer: Range) -> int:
    """The code of an accumulator.

    Step by step as in TFLite: the two roundings of MultiplyByQuantizedMultiplier, or one only, halves up.
    """
    x = wrap(wrap(z + channel.bias) << channel.left)
    if layer.round_once:
        rounded = (2 * x * channel.multiplier + (1 << 31 + channel.right)) >> (32 + channel.right)
    else:
        rounded = rounding_divide(rounding_high_mul(x, channel.multiplier), channel.right)
    return min(max(rounded + layer.zero_point, layer.act_min), layer.act_max)


@dataclass(frozen=True)
class Operand:
    """How ADD and SUB rescale one of their inputs."""

    zero_point: int
    multiplier: int
    shift: int
    negate: bool = False

    def rescale(self, code: int) -> int:
        """The code as a term of the sum, as TFLite's reference kernel forms it."""
        multiplier = -self.multiplier if self.negate else self.multiplier
        return rounding_divide(rounding_high_mul((code - self.zero_point) << 20, multiplier), self.shift)


def random_operand(rng: random.Random, negate: bool = False) -> Operand:
    """Any zero point and shift, and a multiplier that is any or at an end."""
    multiplier = rng.choice((1 << 30, 2**31 - 1, rng.randrange(1 << 30, 1 << 31), rng.randrange(1 << 31)))
    return Operand(rng.randrange(-128, 128), multiplier, rng.randrange(16), negate)


def random_channel(rng: random.Random) -> Channel:
    """Parameters as models have them, most giving codes inside the range; some at random altogether."""
    if rng.random() < 0.8:
        channel = Channel(rng.randrange(-4000, 4000), rng.randrange(1 << 30, 1 << 31), rng.randrange(3, 13))
        return channel if rng.random() < 0.9 else replace(channel, right=0, left=rng.randrange(8))
    left = rng.choice([0, rng.randrange(8)])
    return Channel(
        rng.randrange(-(2**31), 2**31), rng.randrange(2**31), 0 if left else rng.randrange(32), left
    )


def random_sum(rng: random.Random) -> int:
    """An accumulator: small, middling or anything."""
    reach = rng.choice([200, 20_000, 2**23, 2**29])
    return rng.randrange(-reach, reach)
