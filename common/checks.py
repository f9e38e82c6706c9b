"""Ranges of values that users give by flags, declared where the field is, and their one check.

units: Annotated[int, AtLeast(1)] = 256
channels: tuple[Annotated[int, AtLeast(1)], ...] = (32, 64)
"""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Protocol

from common.errors import FlagError


class Range(Protocol):
    """What a number may be."""

    @property
    def expected(self) -> str:
        """In words, after "expected"."""

    def holds(self, value: float) -> bool:
        """Whether a number lies in it; NaN never does."""


@dataclass(frozen=True)
class AtLeast:
    """`least` or more."""

    least: float

    @property
    def expected(self) -> str:
        """See `Range`."""
        return f"at least {self.least}"

    def holds(self, value: float) -> bool:
        """See `Range`."""
        return value >= self.least


@dataclass(frozen=True)
class Above:
    """More than `bound`."""

    bound: float

    @property
    def expected(self) -> str:
        """See `Range`."""
        return f"more than {self.bound}"

    def holds(self, value: float) -> bool:
        """See `Range`."""
        return value > self.bound


@dataclass(frozen=True)
class Between:
    """`least` or more, and `most` or less."""

    least: float
    most: float

    @property
    def expected(self) -> str:
        """See `Range`."""
        return f"from {self.least} to {self.most}"

    def holds(self, value: float) -> bool:
        """See `Range`."""
        return self.least <= value <= self.most


@dataclass(frozen=True)
class Fraction:
    """From 0 (included) to 1 (not included)."""

    @property
    def expected(self) -> str:
        """See `Range`."""
        return "from 0 to less than 1"

    def holds(self, value: float) -> bool:
        """See `Range`."""
        return 0 <= value < 1


FRACTION = Fraction()
SHARE = Between(0, 1)


def check_ranges(config: Any) -> None:
    """Checks every number of a dataclass: it is finite, and lies in the range that its annotation declares.

    Raises:
        FlagError: naming the flag of the first field that does not, its value, and what was expected.
    """
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for number, ranges in _numbers(value, hints[field.name]):
            fault = next((one.expected for one in ranges if not one.holds(number)), None)
            if fault is None and isinstance(number, float) and not math.isfinite(number):
                fault = "a finite number"
            if fault is not None:
                shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
                raise FlagError(f"{flag(field.name)} {shown}: expected {fault}")


def _numbers(value: Any, hint: Any) -> typing.Iterator[tuple[float, tuple[Range, ...]]]:
    """The numbers of a field's value with their ranges."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, tuple) and origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[-1:] == (...,) else arguments
        for element, kind in zip(value, kinds, strict=False):
            yield from _numbers(element, kind)
    elif origin in (typing.Union, types.UnionType):
        for kind in arguments if value is not None else ():
            yield from _numbers(value, kind)
    elif isinstance(value, Real) and not isinstance(value, bool):
        number = value if isinstance(value, int) and hint is not float else float(value)
        yield number, arguments[1:] if origin is Annotated else ()


def require_number(**values: object) -> None:
    """Raises FlagError naming the flag of a value that is no number."""
    _require_kind(Real, "a number", values)


def require_integer(**values: object) -> None:
    """Raises FlagError naming the flag of a value that is no whole number."""
    _require_kind(Integral, "a whole number", values)


def require_at_least(least: float, **values: float) -> None:
    """Raises FlagError naming the flag of a value below `least`, or not a number."""
    for name, value in values.items():
        if not AtLeast(least).holds(value):
            raise FlagError(f"{flag(name)} {value}: expected {AtLeast(least).expected}")


def _require_kind(kind: type, named: str, values: dict[str, object]) -> None:
    for name, value in values.items():
        if not isinstance(value, kind):
            raise FlagError(f"{flag(name)} {value!r}: expected {named}")


def flag(name: str) -> str:
    """The flag of a configuration field."""
    return f"--{name.replace('_', '-')}"
