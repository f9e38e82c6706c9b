"""Columns of times: which one it is, what its cells say, and when that was in the zone of the data."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from common.errors import UserError
from common.series.frames import Frame, looks_like_date

USUAL_NAMES = ("time", "date", "ds", "datetime", "timestamp", "index")
MICROSECONDS = 1_000_000
_LOOKED_AT = 20
_OFFSET = r"\d:\d{2}[\d:.,]*\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)$"
_DAY_AND_MONTH = r"^(\d{1,2})([/.-])(\d{1,2})[/.-](?:\d{4}|\d{2})(?!\d)"
_QUARTER = r"^(\d{4})[ -]?[Qq]([1-4])$"
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_NUMBERS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}
_SECONDS, _MILLISECONDS = (9, 10), (12, 13)


@dataclass(frozen=True)
class Times:
    """What a column of times says.

    Attributes:
        wall: microseconds `[rows]`, int64, of the clock on the wall, as if it stood in UTC.
        instants: microseconds since 1970 in UTC `[rows]`, int64; None where wall time of a zone must be made such.
    """

    wall: np.ndarray
    instants: np.ndarray | None


def find_time_column(frame: Frame) -> str:
    """The first column that reads as times, those of usual names (time, date, ds, ...) before others; "" if none."""
    usual = [name for name in frame.data.columns if name.casefold() in USUAL_NAMES]
    for name in usual:
        if _is_usual_time(frame.data[name]):
            return str(name)
    others = (name for name in frame.data.columns if name not in usual)
    return next((str(name) for name in others if _reads_as_times(frame.data[name])), "")


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
    if form is None and not _is_year_or_day(texts.iloc[0]) and texts.iloc[0].isdigit():
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


def require_order_of_day_and_month(frame: Frame, column: str, codes: np.ndarray, wall: np.ndarray) -> None:
    """Raises UserError if the rows of the series are in order only where day and month change places.

    Args:
        frame: the table.
        column: of its times.
        codes: of the series of each row.
        wall: the times of the rows in microseconds.
    """
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    descents = np.flatnonzero((np.diff(wall[order]) < 0) & same)
    if not len(descents):
        return
    swapped = _swapped(wall)[order]
    if ((np.diff(swapped) > 0) | ~same).all():
        row = int(order[descents[0] + 1])
        raise UserError(
            f"{frame.at(row)}: {frame.data[column].iloc[row]} is before the row above it, unless day and month change "
            "places; give --time-format, such as %Y-%d-%m or %d/%m/%Y"
        )


def _swapped(wall: np.ndarray) -> np.ndarray:
    days = wall.astype("datetime64[us]").astype("datetime64[D]")
    years, months = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(int)
    month = (months - years.astype("datetime64[M]")).astype(int)
    others = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    moved = np.where(day < 12, others, days)
    return np.asarray(wall + (moved - days).astype("timedelta64[us]").astype(np.int64))


def _is_usual_time(cells: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return _reads_as_times(cells)
    return not _is_text(cells) or any(character.isdigit() for character in str(cells.iloc[0]))


def _reads_as_times(cells: pd.Series) -> bool:
    if not _is_text(cells) and not pd.api.types.is_numeric_dtype(cells.dtype):
        return bool(
            pd.api.types.is_datetime64_any_dtype(cells.dtype) or isinstance(cells.dtype, pd.PeriodDtype)
        )
    head = cells[cells.notna() & (cells != "")].iloc[:_LOOKED_AT]
    if pd.api.types.is_numeric_dtype(cells.dtype):
        is_usual = str(cells.name).casefold() in USUAL_NAMES
        return is_usual and len(head) > 0 and bool((head % 1 == 0).all()) and all(map(_is_stamp, head))
    return len(head) > 0 and all(map(_is_time, head.astype(str).str.strip()))


def _is_text(cells: pd.Series) -> bool:
    if not pd.api.types.is_object_dtype(cells.dtype):
        return isinstance(cells.dtype, pd.StringDtype)
    return all(isinstance(cell, str) or cell is None or cell is np.nan for cell in cells.iloc[:_LOOKED_AT])


def _is_stamp(number: float) -> bool:
    text = str(int(number))
    return _is_year_or_day(text) or len(text) in (*_SECONDS, *_MILLISECONDS)


def _is_year_or_day(text: str) -> bool:
    return text.isdigit() and len(text) in _NUMBERS and 1500 <= int(text[:4]) <= 2200


def _is_time(text: str) -> bool:
    if looks_like_date(text) or re.match(_QUARTER, text) or re.fullmatch(r"\d{4}-\d{2}", text):
        return True
    has_words = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    return has_words and _guessed(text) is not None


def _guessed(text: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a format is ambiguous: day and month are looked at before
        form: str | None = guess_datetime_format(text)
    return form


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
    unit = MICROSECONDS if len(texts.iloc[0]) in _SECONDS else 1000
    wrong = np.flatnonzero(~texts.str.fullmatch(r"-?\d+").to_numpy(bool))
    if len(wrong) or len(texts.iloc[0]) not in (*_SECONDS, *_MILLISECONDS):
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
        stamps = pd.to_datetime(plain, format=_guessed(plain.iloc[0]) or "ISO8601", errors="coerce", utc=True)
    _require_all(frame, column, stamps, texts)
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
    parse = _parser(frame, texts, form)
    stamps = parse(texts)
    _require_all(frame, column, stamps, texts)
    return stamps


def _parser(frame: Frame, texts: pd.Series, form: str | None) -> Callable[[pd.Series], pd.Series]:
    first = next((text for text in texts if text), "")

    def by(one: str) -> Callable[[pd.Series], pd.Series]:
        return lambda cells: pd.to_datetime(cells, format=one, errors="coerce")

    if form is not None:
        return by(form)
    if re.match(_DAY_AND_MONTH, first):
        return by(_day_and_month(frame, texts, first))
    if re.match(_QUARTER, first):
        return _quarters
    if _is_year_or_day(first):
        return by(_NUMBERS[len(first)])
    is_iso = pd.notna(pd.to_datetime(first, format="ISO8601", errors="coerce"))
    return by("ISO8601" if is_iso else _guessed(first) or "ISO8601")


def _quarters(texts: pd.Series) -> pd.Series:
    parts = texts.str.extract(_QUARTER).astype(float)
    months = parts[0] * 100 + parts[1] * 3 - 2
    return pd.to_datetime(months.astype("Int64").astype(str), format="%Y%m", errors="coerce")


def _day_and_month(frame: Frame, texts: pd.Series, first: str) -> str:
    parts = texts.str.extract(_DAY_AND_MONTH)
    over = [np.flatnonzero((parts[side].astype(float) > 12).to_numpy()) for side in (0, 2)]
    separator = str(parts[1].iloc[0])
    if len(over[0]) and len(over[1]):
        rows = [int(rows[0]) for rows in over]
        raise UserError(
            f"{frame.at(max(rows))}: {texts.iloc[rows[0]]!r} ({frame.place(rows[0])}) begins with the day, "
            f"{texts.iloc[rows[1]]!r} ({frame.place(rows[1])}) with the month; "
            "expected one form, named by --time-format"
        )
    if not len(over[0]) and not len(over[1]) and separator != ".":
        forms = " or ".join(
            separator.join(order) + separator + "%Y" for order in (("%d", "%m"), ("%m", "%d"))
        )
        raise UserError(
            f"{frame.at(0)}: {first!r} may begin with the day or with the month; give --time-format: {forms}"
        )
    order = ("%d", "%m") if not len(over[1]) else ("%m", "%d")
    for year in ("%Y", "%y"):
        for clock in _CLOCKS:
            form = separator.join((*order, year)) + clock
            example = str(texts.iloc[over[0][0] if len(over[0]) else over[1][0] if len(over[1]) else 0])
            if pd.notna(pd.to_datetime(example, format=form, errors="coerce")):
                return form
    return separator.join((*order, "%Y"))


def _require_all(frame: Frame, column: str, stamps: pd.Series, cells: pd.Series) -> None:
    wrong = np.flatnonzero(stamps.isna().to_numpy())
    if len(wrong):
        raise _no_time(frame, column, int(wrong[0]), cells)


def _no_time(frame: Frame, column: str, row: int, cells: pd.Series) -> UserError:
    cell = cells.iloc[row]
    said = (
        "is empty"
        if cell == "" or pd.isna(cell)
        else f"has {str(cell)!r}, which is no time in the form of the others"
    )
    return UserError(
        f"{frame.at(row)}: column {column!r} {said}; expected such as 2020-12-31 23:30, or give --time-format"
    )


def _microseconds(stamps: pd.Series) -> np.ndarray:
    return _index_microseconds(pd.DatetimeIndex(stamps))


def _index_microseconds(stamps: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(stamps.as_unit("us").asi8, np.int64)
