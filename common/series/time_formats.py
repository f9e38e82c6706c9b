"""Forms in which times are written: what can be told of them, and where day and month may be mistaken."""

import re
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from common.errors import UserError
from common.series.frames import Frame

QUARTER = r"^(\d{4})[ -]?[Qq]([1-4])$"
FORMATS_OF_DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}
_DAY_AND_MONTH = r"^(\d{1,2})([/.-])(\d{1,2})[/.-](?:\d{4}|\d{2})(?!\d)"
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%b %Y", "%B %Y", "%b-%Y", "%b-%y")


def parser_of(frame: Frame, texts: pd.Series, form: str | None) -> Callable[[pd.Series], pd.Series]:
    """What makes times of texts, NaT of one that is not in the form of the first.

    Args:
        frame: the table, for messages.
        texts: the cells of its times.
        form: as `strptime` has it; else it is told from the cells.

    Raises:
        UserError: day and month may be mistaken for one another.
    """
    first = next((text for text in texts if text), "")

    def by(one: str) -> Callable[[pd.Series], pd.Series]:
        return lambda cells: pd.to_datetime(cells, format=one, errors="coerce")

    if form is not None:
        return by(form)
    if re.match(_DAY_AND_MONTH, first):
        return by(_day_and_month(frame, texts, first))
    if re.match(QUARTER, first):
        return _quarters
    if is_year_or_day(first):
        return by(FORMATS_OF_DIGITS[len(first)])
    is_iso = pd.notna(pd.to_datetime(first, format="ISO8601", errors="coerce"))
    return by("ISO8601" if is_iso else guessed_format(first) or "ISO8601")


def guessed_format(text: str) -> str | None:
    """The form of a time with the name of its month, or with its year in front; None if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a format is ambiguous: day and month are looked at before
        form: str | None = guess_datetime_format(text)
        months = (one for one in _MONTHS if pd.notna(pd.to_datetime(text, format=one, errors="coerce")))
        return form or next(months, None)


def is_year_or_day(text: str) -> bool:
    """Whether digits are a year, a year and month, or a year, month and day."""
    return text.isdigit() and len(text) in FORMATS_OF_DIGITS and 1500 <= int(text[:4]) <= 2200


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


def _quarters(texts: pd.Series) -> pd.Series:
    parts = texts.str.extract(QUARTER).astype(float)
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
