"""Reads series of values over time from the tables people have: wide, long or packed, with times or without."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pandas as pd

from common.data import sources
from common.data.sources import SAMPLE
from common.series.assembly import Clock, assembled
from common.series.collection import SeriesCollection
from common.series.frames import Frame, frame_of, read_frame
from common.series.frequency_names import frequency_named
from common.series.holiday_dates import require_holidays
from common.series.roles import SERIES_NAMES, require_one_flag_each, roles_of
from common.series.table_files import KINDS
from common.series.time_zones import require_zone
from common.text.tables import TableFormat


@dataclass(frozen=True)
class SeriesSource:
    """Where series come from."""

    data: str = SAMPLE
    """`sample` (made), a data set's name (covid19), or a table: CSV, TSV or text (.gz, .xz, .bz2 and .zip too), or
    Parquet. What exists as a path is a path; what begins with ., / or ~ or ends like a file (.csv, .txt, .tar.gz) is
    meant as one; the rest is a data set's name."""
    time_column: str | None = None
    """Column of the times; unless given, the first that reads as times, one named time, date, ds, datetime, timestamp
    or index before others. A table without one has a row per step."""
    target_columns: tuple[str, ...] = ()
    """Columns that are forecast; unless given, all columns of numbers that are nothing else. The columns of a table
    without a header are called 1, 2 and so on."""
    series_column: str | None = None
    """Column that names the series of a row, where one table holds several; unless given, unique_id, series, series_id
    or item_id if there is one."""
    known_columns: tuple[str, ...] = ()
    """Columns of numbers that are known in the future, too, such as a price that is set or an event that is planned."""
    past_columns: tuple[str, ...] = ()
    """Columns of numbers that are known up to the forecast's origin only, such as a measured temperature."""
    frequency: str | None = None
    """Step of the series: s, 30min, h, D, B (business days), W, MS, QS or YS; unless given, the median difference of
    the times. Rows of shorter steps are averaged."""
    time_format: str | None = None
    """How times are written, as in Python's strptime, such as %d/%m/%Y %H:%M; unless given, ISO 8601 and what cannot be
    mistaken."""
    time_zone: str | None = None
    """Zone whose hours, weekdays and holidays matter, such as Australia/Melbourne; UTC unless given."""
    utc: bool = False
    """Times without an offset are in UTC; else they are what the clock on the wall shows in --time-zone."""
    holidays: str | None = None
    """Country or region whose public holidays matter, such as DE or AU-VIC."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""

    def __post_init__(self) -> None:
        if self.frequency is not None:
            frequency_named(self.frequency)
        if self.time_zone is not None:
            require_zone(self.time_zone)
        if self.holidays is not None:
            require_holidays(self.holidays)
        require_one_flag_each(
            (
                ("--time-column", (self.time_column,)),
                ("--series-column", (self.series_column,)),
                ("--target-columns", self.target_columns),
                ("--known-columns", self.known_columns),
                ("--past-columns", self.past_columns),
            )
        )


def load(source: SeriesSource, sample: Callable[[], SeriesCollection]) -> SeriesCollection:
    """The series that `--data` names.

    Args:
        source: the flags.
        sample: makes the series of `--data sample`.

    Raises:
        UserError: naming what cannot be read.
    """
    kind = sources.located(source.data, KINDS)
    if isinstance(kind, sources.Sample):
        return sample()
    if isinstance(kind, sources.OwnFiles):
        return read_series(kind.path, source)
    return series_of(_rows_of_set(kind.name, source), source, kind.name)


def read_series(file: str | Path | IO[Any], source: SeriesSource, name: str = "") -> SeriesCollection:
    """The series of a table in a file.

    Args:
        file: its path, or an open file of text or bytes.
        source: the flags; `data` is not looked at.
        name: of an open file, for messages.

    Raises:
        UserError: in one line: the file, the row (a header is line 1), what is wrong with it and what was expected.

    Example:
        >>> import io
        >>> table = io.StringIO("day,sales\\n2024-05-01,3\\n2024-05-02,4\\n2024-05-04,6\\n")
        >>> series = read_series(table, SeriesSource(), "sales.csv")
        >>> series.describe()
        'sales.csv: 4 steps of 1 day, 1 target, 25.0% of the values missing'
    """
    texts = {one for one in (source.time_column, source.series_column) if one}
    return _collected(read_frame(file, source.table, {*texts, *SERIES_NAMES}, name), source)


def series_of(data: pd.DataFrame, source: SeriesSource, name: str = "the data frame") -> SeriesCollection:
    """The series of a data frame, whose index may hold the times.

    Raises:
        UserError: as of `read_series`; rows count from 1.
    """
    return _collected(frame_of(data, name), source)


def _rows_of_set(name: str, source: SeriesSource) -> pd.DataFrame:
    from common.series.tfds import read_rows

    named = (source.time_column, source.series_column)
    columns = {*filter(None, named), *source.target_columns, *source.past_columns, *source.known_columns}
    is_whole = source.time_column is None or not source.target_columns
    return read_rows(name, () if is_whole else columns, source.data_dir)


def _collected(frame: Frame, source: SeriesSource) -> SeriesCollection:
    roles = roles_of(
        frame,
        source.time_column,
        source.series_column,
        source.target_columns,
        source.past_columns,
        source.known_columns,
    )
    frequency = frequency_named(source.frequency) if source.frequency else None
    return assembled(frame, roles, Clock(frequency, source.time_format, source.time_zone, source.utc))
