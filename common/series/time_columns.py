"""Which column of a table holds the times."""

import re

import numpy as np
import pandas as pd

from common.series.frames import Frame, looks_like_date
from common.series.time_formats import QUARTER, guessed_format, is_year_or_day

USUAL_NAMES = ("time", "date", "ds", "datetime", "timestamp", "index")
SECONDS, MILLISECONDS = (9, 10), (12, 13)
"""How many digits a number of them since 1970 has."""
_LOOKED_AT = 20


def find_time_column(frame: Frame) -> str:
    """The first column that reads as times, those of usual names (time, date, ds, ...) before others; "" if none."""
    usual = [name for name in frame.data.columns if name.casefold() in USUAL_NAMES]
    for name in usual:
        if _is_usual_time(frame.data[name]):
            return str(name)
    others = (name for name in frame.data.columns if name not in usual)
    return next((str(name) for name in others if _reads_as_times(frame.data[name])), "")


def _is_usual_time(cells: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return _reads_as_times(cells)
    return not _is_text(cells) or any(map(str.isdigit, str(next((cell for cell in cells if cell), ""))))


def _reads_as_times(cells: pd.Series) -> bool:
    if not _is_text(cells) and not pd.api.types.is_numeric_dtype(cells.dtype):
        return bool(
            pd.api.types.is_datetime64_any_dtype(cells.dtype) or isinstance(cells.dtype, pd.PeriodDtype)
        )
    head = cells[cells.notna() & (cells != "")].iloc[:_LOOKED_AT]
    if pd.api.types.is_numeric_dtype(cells.dtype):
        is_usual = str(cells.name).casefold() in USUAL_NAMES
        return is_usual and len(head) > 0 and bool((head % 1 == 0).all()) and all(map(is_stamp, head))
    return len(head) > 0 and all(map(_is_time, head.astype(str).str.strip()))


def _is_text(cells: pd.Series) -> bool:
    if not pd.api.types.is_object_dtype(cells.dtype):
        return isinstance(cells.dtype, pd.StringDtype)
    return all(isinstance(cell, str) or cell is None or cell is np.nan for cell in cells.iloc[:_LOOKED_AT])


def is_stamp(number: float) -> bool:
    """Whether a whole number reads as a time: a year, a day, or the seconds or milliseconds since 1970."""
    text = str(int(number))
    return is_year_or_day(text) or len(text) in (*SECONDS, *MILLISECONDS)


def _is_time(text: str) -> bool:
    if looks_like_date(text) or re.match(QUARTER, text) or re.fullmatch(r"\d{4}-\d{2}", text):
        return True
    has_words = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    return has_words and guessed_format(text) is not None
