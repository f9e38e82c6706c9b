"""Zones of the time: the names that exist, and the offsets of one from UTC over the years."""

import difflib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from common.errors import FlagError

_STEP = 86_400  # Some zones changed twice within seven days, none within one


def require_zone(name: str) -> None:
    """Raises FlagError, with the nearest names, unless there is a zone of that name."""
    if name not in available_timezones():
        raise FlagError(f"--time-zone {name}: no zone of that name; {_advice(name)}")


def offset_table(zone: str, first_year: int = 1970, last_year: int = 2100) -> tuple[np.ndarray, np.ndarray]:
    """The instants at which a zone's offset from UTC changes, and the offset from each on.

    Args:
        zone: its name, such as Australia/Melbourne.
        first_year: of the table, in UTC.
        last_year: of the table, in UTC, the whole year included.

    Returns:
        Unix seconds `[changes]`, int64, of which the first is the begin of the first year, and offsets in seconds east
        of UTC `[changes]`, int32.

    Raises:
        FlagError: there is no such zone.

    Example:
        >>> instants, offsets = offset_table("Australia/Melbourne", 2024, 2024)
        >>> offsets.tolist()
        [39600, 36000, 39600]
    """
    require_zone(zone)
    place = ZoneInfo(zone)

    def offset_at(instant: int) -> int:
        offset = datetime.fromtimestamp(instant, place).utcoffset()
        return round(offset.total_seconds()) if offset is not None else 0

    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first_year, last_year + 1))
    instants, offsets = [begin], [offset_at(begin)]
    for start in range(begin, end, _STEP):
        stop = min(start + _STEP, end - 1)
        if offset_at(stop) != offsets[-1]:
            # The last known offset holds at `low` and no longer at `high`.
            low, high = max(start, instants[-1]), stop
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset_at(middle) == offsets[-1] else (low, middle)
            instants.append(high)
            offsets.append(offset_at(high))
    return np.array(instants, np.int64), np.array(offsets, np.int32)


def _advice(name: str) -> str:
    plain = {zone.casefold(): zone for zone in available_timezones()}
    cities = {zone.rpartition("/")[2]: zone for zone in plain if "/" in zone}
    wanted = name.casefold().replace(" ", "_")
    near = [plain[cities.get(one, one)] for one in difflib.get_close_matches(wanted, [*plain, *cities], 3)]
    return (
        f"did you mean {' or '.join(dict.fromkeys(near))}?"
        if near
        else "expected a name such as Europe/Berlin"
    )
