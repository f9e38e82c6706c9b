"""Columns of times: what their cells say, and when that was in the zone of the data."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.errors import UserError
from common.series.frames import Frame
from common.series.time_columns import MILLISECONDS, SECONDS
from common.series.time_formats import guessed_format, is_year_or_day, parser_of

MICROSECONDS = 1_000_000
_OFFSET = r"\d:\d{2}[\d:.,]*\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)$"


@dataclass(frozen=True)
class Times:
    """What a column of times says.

    Attributes:
        wall: microseconds `[rows]`, int64, of the clock on the wall, as if it stood in UTC.
        instants: microseconds since 1970 in UTC `[rows]`, int64; None where wall time of a zone must be made such.
    """

    wall: np.ndarray
    instants: np.ndarray | None


def read_times(frame: Frame, column: str, form: str | None, zone: str | None, utc: bool) -> Times:
    """The times of a table.

    Args:
        frame: the table.
        column: of the times.
        form: of its cells, as `strptime` has it; else ISO 8601 and what cannot be mistaken.
        zone: whose hours count.
        utc: times without an offset are in UTC, not wall time.

    Raises:
        UserError: naming the row of a cell that is no time, that may be read in two ways, or has another zone.
    """
    cells = frame.data[column]
    if isinstance(cells.dtype, pd.PeriodDtype):
        cells = cells.dt.to_timestamp()
    if pd.api.types.is_object_dtype(cells.dtype) and not all(isinstance(cell, str) for cell in cells):
        if all(isinstance(cell, str) or pd.isna(cell) for cell in cells):
            cells = cells.fillna("")
        else:
            cells = pd.to_datetime(cells, errors="coerce", utc=_any_aware(cells))
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        _require_all(frame, column, cells, cells)
        shown = cells.dt.tz_convert(zone) if zone else cells
        return Times(_microseconds(shown.dt.tz_localize(None)), _microseconds(cells.dt.tz_convert("UTC")))
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        _require_all(frame, column, cells, cells)
        return _naive(_microseconds(cells), zone, utc)
    if form is None and pd.api.types.is_numeric_dtype(cells.dtype):
        cells = cells.astype("Int64").astype(str).replace("<NA>", "")
    texts = cells.astype(str).str.strip()
    if form is None and not is_year_or_day(texts.iloc[0]) and texts.iloc[0].isdigit():
        return _since_1970(frame, column, texts, zone)
    offsets = texts.str.extract(_OFFSET, expand=False)
    is_aware = offsets.notna().to_numpy()
    if not is_aware.any():
        return _naive(_microseconds(_parsed(frame, column, texts, form)), zone, utc)
    _require_one_kind(frame, texts, is_aware)
    return _aware(frame, column, texts, offsets, form, zone)


def instants_of(frame: Frame, times: Times, zone: str | None) -> np.ndarray:
    """The instants of times in microseconds `[rows]`.

    Raises:
        UserError: naming a row whose local hour a change of daylight saving time doubles or skips.
    """
    if times.instants is not None:
        return times.instants
    wall = pd.DatetimeIndex(times.wall.astype("datetime64[us]"))
    local = wall.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    wrong = np.flatnonzero(local.isna())
    if len(wrong):
        first = wall[wrong[0] : wrong[0] + 1]
        is_skipped = first.tz_localize(zone, ambiguous=np.array([True]), nonexistent="NaT").isna()[0]
        what = "does not exist" if is_skipped else "is there twice"
        raise UserError(
            f"{frame.at(int(wrong[0]))}: {first[0]} {what} in {zone}, for daylight saving time changes; give times "
            "with offsets, or in UTC with --utc"
        )
    return _index_microseconds(local.tz_convert("UTC"))


def _any_aware(cells: pd.Series) -> bool:
    return any(getattr(cell, "tzinfo", None) is not None for cell in cells)


def _naive(stamps: np.ndarray, zone: str | None, utc: bool) -> Times:
    if zone is None:
        return Times(stamps, stamps)
    return Times(_in_zone(stamps, zone), stamps) if utc else Times(stamps, None)


def _in_zone(instants: np.ndarray, zone: str) -> np.ndarray:
    stamps = pd.DatetimeIndex(instants.astype("datetime64[us]")).tz_localize("UTC")
    return _index_microseconds(stamps.tz_convert(zone).tz_localize(None))


def _since_1970(frame: Frame, column: str, texts: pd.Series, zone: str | None) -> Times:
    unit = MICROSECONDS if len(texts.iloc[0]) in SECONDS else 1000
    wrong = np.flatnonzero(~texts.str.fullmatch(r"-?\d+").to_numpy(bool))
    if len(wrong) or len(texts.iloc[0]) not in (*SECONDS, *MILLISECONDS):
        raise _no_time(frame, column, int(wrong[0]) if len(wrong) else 0, texts)
    instants = texts.astype("int64").to_numpy() * unit
    return Times(_in_zone(instants, zone) if zone else instants, instants)


def _aware(
    frame: Frame, column: str, texts: pd.Series, offsets: pd.Series, form: str | None, zone: str | None
) -> Times:
    others = np.flatnonzero((offsets != offsets.iloc[0]).to_numpy())
    if len(others) and zone is None:
        raise UserError(
            f"{frame.at(int(others[0]))}: offset {offsets.iloc[others[0]]}, but {offsets.iloc[0]} in "
            f"{frame.place(0)}; give --time-zone, the zone whose hours count"
        )
    plain = texts.str.replace(r"\s*UTC$", "Z", regex=True)
    stamps = pd.to_datetime(plain, format=form or "ISO8601", errors="coerce", utc=True)
    if form is None and stamps.isna().iloc[0]:
        stamps = pd.to_datetime(
            plain, format=guessed_format(plain.iloc[0]) or "ISO8601", errors="coerce", utc=True
        )
    _require_all(frame, column, stamps, texts, form)
    instants = _microseconds(stamps)
    if zone:
        return Times(_in_zone(instants, zone), instants)
    return Times(instants + _seconds(offsets.iloc[0]) * MICROSECONDS, instants)


def _seconds(offset: str) -> int:
    digits = offset[1:].replace(":", "")
    if not digits.isdigit():
        return 0
    seconds = 3600 * int(digits[:2]) + 60 * int(digits[2:] or 0)
    return -seconds if offset.startswith("-") else seconds


def _require_one_kind(frame: Frame, texts: pd.Series, is_aware: np.ndarray) -> None:
    other = np.flatnonzero(is_aware != is_aware[0])
    if len(other):
        with_offset, without = (0, int(other[0])) if is_aware[0] else (int(other[0]), 0)
        raise UserError(
            f"{frame.at(int(other[0]))}: {texts.iloc[without]!r} ({frame.place(without)}) has no offset, but "
            f"{texts.iloc[with_offset]!r} ({frame.place(with_offset)}) has one; expected all times alike"
        )


def _parsed(frame: Frame, column: str, texts: pd.Series, form: str | None) -> pd.Series:
    parse = parser_of(frame, texts, form)
    stamps = parse(texts)
    _require_all(frame, column, stamps, texts, form)
    return stamps


def _require_all(
    frame: Frame, column: str, stamps: pd.Series, cells: pd.Series, form: str | None = None
) -> None:
    wrong = np.flatnonzero(stamps.isna().to_numpy())
    if len(wrong):
        raise _no_time(frame, column, int(wrong[0]), cells, form)


def _no_time(frame: Frame, column: str, row: int, cells: pd.Series, given: str | None = None) -> UserError:
    cell, first = cells.iloc[row], cells.iloc[0]
    if given is not None and cell != "" and not pd.isna(cell):
        return UserError(
            f"{frame.at(row)}: column {column!r} has {str(cell)!r}; expected a time as --time-format {given} says"
        )
    form = f" in the form of {str(first)!r}" if row else ""
    said = "is empty" if cell == "" or pd.isna(cell) else f"has {str(cell)!r}, which is no time{form}"
    return UserError(
        f"{frame.at(row)}: column {column!r} {said}; expected such as 2020-12-31 23:30, or give --time-format"
    )


def _microseconds(stamps: pd.Series) -> np.ndarray:
    return _index_microseconds(pd.DatetimeIndex(stamps))


def _index_microseconds(stamps: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(stamps.as_unit("us").asi8, np.int64)
