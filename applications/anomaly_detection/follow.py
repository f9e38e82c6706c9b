"""Reads a table while another program appends to it, or standard input, and tells of alarms as they open and close.
Imports no Keras and no TensorFlow."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np

from applications.anomaly_detection.alarm_lines import COLUMNS, shown_alarm
from applications.anomaly_detection.answers import SILENT_ROWS, Alarm, alarm_at, seconds_of, time_text
from applications.anomaly_detection.growing_tables import Lines, lines_of
from applications.anomaly_detection.predict import Predictor, notes_of
from applications.anomaly_detection.stream import Stream
from common.cli import warn
from common.errors import UserError
from common.predicting.answer_files import growing_answer_file
from common.predicting.script import Shown
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording

FOLLOWED_COLUMNS = ("state", *COLUMNS)
"""Of a table of alarms that are told of twice."""


class FollowOptions(Protocol):
    """What the flags say."""

    @property
    def input(self) -> Path | None: ...
    @property
    def output(self) -> Path | None: ...
    @property
    def alarms_per_week(self) -> float | None: ...
    @property
    def source(self) -> ReadingSource: ...


@dataclass
class _Followed:
    """A series that is being read.

    Attributes:
        stream: its state.
        missing: of each sensor, how many of the last rows had no value.
        open: its alarm, if one is open.
        last: time of its last row.
    """

    stream: Stream
    missing: list[int]
    open: Alarm | None = None
    last: int | None = None


@dataclass(frozen=True)
class _Table:
    """The table that is followed.

    Attributes:
        predictor: whose model reads.
        where: it comes from.
        source: how it is read.
        alarms_per_week: false ones that are allowed.
        series: those that are being read, by name.
        told: what was warned of once.
    """

    predictor: Predictor
    where: str
    source: ReadingSource
    alarms_per_week: float | None
    series: dict[str, _Followed]
    told: set[str]

    @property
    def is_strict(self) -> bool:
        """Whether a row that cannot be read ends the work."""
        return self.source.table.strict

    def of_sensors(self, readings: Readings) -> "_Table":
        """Later rows are of the same sensors, whatever is in their cells."""
        return replace(self, source=replace(self.source, sensor_columns=readings.sensors))

    def series_of(self, recording: Recording, sensors: Sequence[str]) -> _Followed:
        """What is known of a series."""
        if recording.name not in self.series:
            stream = self.predictor.stream(len(sensors), alarms_per_week=self.alarms_per_week)
            self.series[recording.name] = _Followed(stream, [0] * len(sensors))
        return self.series[recording.name]


def follow(predictor: Predictor, options: FollowOptions, history: Readings | None) -> None:
    """Tells of each alarm as it opens, and again as it closes, until Ctrl-C or the end of standard input.

    A row that cannot be read is left out with a warning, unless the flags are strict.

    Raises:
        UserError: the table cannot be read at all, or a row cannot and the flags are strict.
    """
    try:
        alarms = followed_alarms(predictor, options, history, lines_of(options.input))
        if options.output is None:
            for shown in alarms:
                print(*shown.lines, sep="\n", flush=True)
        else:
            with growing_answer_file(options.output, FOLLOWED_COLUMNS) as add:
                for shown in alarms:
                    add(shown.record, map(str, shown.lines), shown.rows)
    except KeyboardInterrupt:
        return


def followed_alarms(
    predictor: Predictor, options: FollowOptions, history: Readings | None, portions: Iterable[Lines]
) -> Iterator[Shown]:
    """Each alarm as it opens, and again as it closes; the `state` of its record says which.

    Args:
        predictor: whose model reads.
        options: the flags.
        history: rows from before, which are read first and not told of.
        portions: of the table, as they come.
    """
    where = "standard input" if options.input is None else str(options.input)
    table = _Table(predictor, where, options.source, options.alarms_per_week, {}, set())
    if history is not None:
        table = table.of_sensors(history)
        for one in history.recordings:
            followed = table.series_of(one, history.sensors)
            list(_read(followed, one, history, table))
            followed.open = None
    for portion in portions:
        for readings in _readings_of(portion, table):
            table = table.of_sensors(readings)
            _tell_once(readings, table)
            for one in readings.recordings:
                for alarm in _read(table.series_of(one, readings.sensors), one, readings, table):
                    shown = shown_alarm(alarm, readings)
                    state = "opened" if alarm.closed is None else "closed"
                    yield replace(shown, record={"state": state, **shown.record})


def _readings_of(portion: Lines, table: _Table) -> Iterator[Readings]:
    """The readings of lines: of all at once, or of one after another where one cannot be read.

    Raises:
        UserError: a line cannot be read and the flags are strict, or nothing of the table was read before.
    """
    try:
        yield _readings_in(portion, table)
        return
    except UserError:
        if table.is_strict or not table.series:
            raise
    for number, line in enumerate(portion.rows, portion.first):
        try:
            yield _readings_in(Lines(portion.header, [line], number), table)
        except UserError as error:
            warn(f"{error}; the row is left out")


def _readings_in(portion: Lines, table: _Table) -> Readings:
    content = BytesIO(portion.header + b"".join(portion.rows))
    try:
        readings = table.predictor.read(content, table.source, table.where)
    except UserError as error:
        raise UserError(_with_line_of_the_file(str(error), portion.first)) from None
    left_out = {_with_line_of_the_file(why, portion.first): rows for why, rows in readings.left_out.items()}
    return replace(readings, left_out=left_out)


def _with_line_of_the_file(message: str, first: int) -> str:
    """A message on lines of a portion, whose first row is its second line, with their numbers in the file.

    >>> _with_line_of_the_file("a.csv, line 3: 'x' is no number", first=101)
    "a.csv, line 102: 'x' is no number"
    """
    return re.sub(r"\bline (\d+)", lambda match: f"line {int(match[1]) + first - 2}", message)


def _tell_once(readings: Readings, table: _Table) -> None:
    """Warns of what was made of the rows; not again if it is the same but for numbers."""
    for note in notes_of(readings):
        kind = re.sub(r"[\d,]+", "", note)
        if kind not in table.told:
            table.told.add(kind)
            warn(f"{table.where}: {note}; this is not told again")


def _read(followed: _Followed, recording: Recording, readings: Readings, table: _Table) -> Iterator[Alarm]:
    """Reads the rows of a series that came, and tells of alarms that opened or closed at one of them."""
    times = recording.times
    if readings.is_counted and followed.last is not None and len(times) and times[0] <= followed.last:
        times = times - times[0] + followed.last + 1
    recording = replace(recording, times=times)
    for row, seconds in enumerate(seconds_of(times, readings.is_counted).tolist()):
        try:
            answer = followed.stream.answer(seconds, recording.values[row])
        except UserError as error:
            line = f"{table.where}, {_named(recording)}{_time(recording, row, readings)}: {error}"
            if table.is_strict:
                raise UserError(line) from None
            warn(f"{line}; the row is left out")
            continue
        followed.last = int(times[row])
        _tell_of_silence(followed, recording, row, readings)
        if followed.open is not None and (not answer["alarm"] or answer["opened"]):
            yield replace(followed.open, closed=followed.last)
            followed.open = None
        if answer["opened"]:
            told = {name: value[None] for name, value in answer.items()}
            followed.open = alarm_at(recording.between(row, row + 1), told, 0, readings.sensors)
            yield followed.open
        elif followed.open is not None:
            severity = max(followed.open.severity, float(answer["severity"]))
            followed.open = replace(followed.open, severity=severity)


def _tell_of_silence(followed: _Followed, recording: Recording, row: int, readings: Readings) -> None:
    """Warns, once, of a sensor that has given no value for some rows, and tells when it gives one again."""
    for place, value in enumerate(recording.values[row]):
        before = followed.missing[place]
        followed.missing[place] = before + 1 if np.isnan(value) else 0
        said = ""
        if followed.missing[place] == SILENT_ROWS:
            said = f"has had no value for {SILENT_ROWS} rows"
        elif before >= SILENT_ROWS and not followed.missing[place]:
            said = "has a value again"
        if said:
            sensor = f"{_named(recording)}sensor {readings.sensors[place]}"
            warn(f"{sensor} {said} at {_time(recording, row, readings)}")


def _named(recording: Recording) -> str:
    return f"series {recording.name}, " if recording.name else ""


def _time(recording: Recording, row: int, readings: Readings) -> str | None:
    return time_text(int(recording.times[row]), readings.is_counted)
