"""Reads a table while another program appends to it, or standard input, and tells of alarms as they open and close.
Imports no Keras and no TensorFlow."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from applications.anomaly_detection.alarm_lines import COLUMNS, shown_alarm
from applications.anomaly_detection.answers import Alarm, alarm_at, seconds_of
from applications.anomaly_detection.predict import Predictor
from applications.anomaly_detection.stream import Stream
from common.errors import UserError
from common.predicting.answer_files import growing_answer_file
from common.predicting.script import Shown
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording

_POLL_SECONDS = 0.2
_READ_AT_ONCE = 1 << 20


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
        open: its alarm, if one is open.
        last: time of its last row.
    """

    stream: Stream
    open: Alarm | None = None
    last: int | None = None


def follow(predictor: Predictor, options: FollowOptions, history: Readings | None) -> None:
    """Tells of each alarm as it opens, and again as it closes, until Ctrl-C or the end of standard input.

    Raises:
        UserError: a row cannot be read; the rows before it are told of.
    """
    alarms = followed_alarms(predictor, options, history, _chunks(options.input))
    try:
        if options.output is None:
            for shown in alarms:
                print(*shown.lines, sep="\n", flush=True)
        else:
            with growing_answer_file(options.output, COLUMNS) as add:
                for shown in alarms:
                    add(shown.record, map(str, shown.lines), shown.rows)
    except KeyboardInterrupt:
        return


def followed_alarms(
    predictor: Predictor,
    options: FollowOptions,
    history: Readings | None,
    chunks: Iterable[bytes],
) -> Iterator[Shown]:
    """Each alarm as it opens, and again as it closes.

    Args:
        predictor: whose model reads.
        options: the flags.
        history: rows from before, which are read first and not told of.
        chunks: whole lines of the table, the header first.
    """
    where = "standard input" if options.input is None else str(options.input)
    series: dict[str, _Followed] = {}
    source = options.source
    if history is not None:
        source = replace(source, sensor_columns=history.sensors)
        for one in history.recordings:
            followed = _begun(series, one.name, predictor, len(history.sensors), options)
            list(_read(followed, one, history))
            followed.open = None
    header, row = b"", 1
    for chunk in chunks:
        lines = chunk.splitlines(keepends=True)
        if not header:
            header, lines = lines[0], lines[1:]
        if not lines:
            continue
        readings = predictor.read(BytesIO(header + b"".join(lines)), source, f"{where}, after row {row:,}")
        # Later rows are of the same sensors, whatever is in their cells.
        source = replace(source, sensor_columns=readings.sensors)
        row += len(lines)
        for one in readings.recordings:
            followed = _begun(series, one.name, predictor, len(readings.sensors), options)
            for alarm in _read(followed, one, readings):
                yield shown_alarm(alarm, readings)


def _begun(
    series: dict[str, _Followed], name: str, predictor: Predictor, sensors: int, options: FollowOptions
) -> _Followed:
    if name not in series:
        stream = predictor.stream(sensors, alarms_per_week=options.alarms_per_week)
        series[name] = _Followed(stream)
    return series[name]


def _read(followed: _Followed, recording: Recording, readings: Readings) -> Iterator[Alarm]:
    """Reads the rows of a series that came, and tells of alarms that opened or closed at one of them."""
    times = recording.times
    if readings.is_counted and followed.last is not None and len(times) and times[0] <= followed.last:
        times = times - times[0] + followed.last + 1
    recording = replace(recording, times=times)
    for row, seconds in enumerate(seconds_of(times, readings.is_counted).tolist()):
        try:
            answer = followed.stream.answer(seconds, recording.values[row])
        except UserError as error:
            raise UserError(f"{readings.name}, row {row + 1}: {error}") from None
        followed.last = int(times[row])
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


def _chunks(path: Path | None) -> Iterator[bytes]:
    """Whole lines as they come, of a file that grows or of standard input."""
    if path is None:
        yield from _whole_lines(sys.stdin.buffer.readline, ends=True)
        return
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a table that grows") from None
    with file:
        yield from _whole_lines(lambda: file.read(_READ_AT_ONCE), ends=False)


def _whole_lines(read: Callable[[], bytes], *, ends: bool) -> Iterator[bytes]:
    """What is read, cut behind the last line that is whole.

    Args:
        read: gives what has come; nothing if there is nothing more yet.
        ends: whether nothing means the end.
    """
    rest = b""
    while True:
        new = read()
        if not new and ends:
            if rest:
                yield rest
            return
        if not new:
            time.sleep(_POLL_SECONDS)
            continue
        whole, newline, rest = (rest + new).rpartition(b"\n")
        if newline:
            yield whole + newline
