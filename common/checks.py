"""Checks of values that users give by flags."""

from numbers import Integral, Real

from common.errors import UserError


def require_number(**values: object) -> None:
    """Raises UserError naming the flag of a value that is no number."""
    _require_kind(Real, "a number", values)


def require_integer(**values: object) -> None:
    """Raises UserError naming the flag of a value that is no whole number."""
    _require_kind(Integral, "a whole number", values)


def require_at_least(least: float, **values: float) -> None:
    """Raises UserError naming the flag of a value below `least`, or not a number."""
    for name, value in values.items():
        if not value >= least:
            raise UserError(f"{flag(name)} {value}: expected at least {least}")


def require_fraction(**values: float) -> None:
    """Raises UserError naming the flag of a value outside 0 (included) to 1 (not included)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UserError(f"{flag(name)} {value}: expected from 0 to less than 1")


def _require_kind(kind: type, named: str, values: dict[str, object]) -> None:
    for name, value in values.items():
        if not isinstance(value, kind):
            raise UserError(f"{flag(name)} {value!r}: expected {named}")


def flag(name: str) -> str:
    """The flag of a configuration field."""
    return f"--{name.replace('_', '-')}"
