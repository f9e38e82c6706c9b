"""Steps of time by the names that pandas gives them."""

import re

from common.errors import FlagError
from common.series.frequency import DAY, Frequency, Unit

EXPECTED = "a step such as s, 30min, h, D, B (business days), W, MS, QS or YS"
_NAME = re.compile(r"(\d{0,6})\s*([A-Za-z]+)(?:-[A-Za-z]{3})?")
_UNITS: dict[str, tuple[int, Unit]] = {
    "s": (1, "second"),
    "min": (60, "second"),
    "h": (3600, "second"),
    "d": (DAY, "second"),
    "w": (7 * DAY, "second"),
    "b": (1, "business day"),
    **dict.fromkeys(("ms", "me", "m"), (1, "month")),
    **dict.fromkeys(("qs", "qe", "q"), (3, "month")),
    **dict.fromkeys(("ys", "ye", "y", "as", "a"), (12, "month")),
}


def frequency_named(name: str) -> Frequency:
    """The step of a name such as 30min, h, D, B, W, MS, QS or YS, in upper or lower case.

    Only the length of the step counts: MS and ME, or W and W-MON, are the same, for the day on which steps begin is
    that of the data.

    Raises:
        FlagError: there is no such step.

    Example:
        >>> frequency_named("30min").name, frequency_named("QS").name, frequency_named("W-SUN").name
        ('30 minutes', '3 months', '1 week')
    """
    match = _NAME.fullmatch(name.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None or match[1].strip("0") == "" != match[1]:
        raise FlagError(f"--frequency {name}: no step of that name; expected {EXPECTED}")
    return Frequency(int(match[1] or 1) * unit[0], unit[1])
