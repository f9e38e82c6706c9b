"""Alarms from the exported SavedModel, of whole recordings or of rows as they come. Imports no Keras and no TensorFlow.

python -m applications.anomaly_detection.predict --input readings.csv --output alarms.csv --picture alarms.png
"""

import dataclasses
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from applications.anomaly_detection.alarm_lines import COLUMNS, shown_alarm
from applications.anomaly_detection.answers import Alarm, Judged, seconds_of, silences, with_history
from applications.anomaly_detection.life_answers import COLUMNS as LIFE_COLUMNS
from applications.anomaly_detection.life_answers import (
    KIND,
    LifeAnswer,
    life_answers,
    life_frame,
    life_source,
    require_sensors,
    shown_life,
)
from applications.anomaly_detection.stream import Stream
from common import cli
from common.checks import Above, AtLeast, check_ranges
from common.data.sources import expanded, left_out_text
from common.errors import FlagError, UserError
from common.inference.extra_files import read_extra
from common.inference.refused_rows import require_answered
from common.predicting.answer_files import require_answer_file, require_picture, require_unread
from common.predicting.predictor import LoadedModel
from common.predicting.progress import progress
from common.predicting.script import Shown, hint, print_shown, write_shown
from common.predicting.texts import chunks
from common.series.reading_sources import ALL, FORMS, load_readings
from common.series.reading_tables import ReadingSource, read_readings, readings_of
from common.series.readings import Readings, Recording, stacked
from common.text.tables import TableFormat

DESCRIPTION_FILE = Path("assets.extra") / "model.json"
# Too little is known of a series then.
_SILENT_ROWS = 300
_NAMED = 5


class Predictor(LoadedModel):
    """Finds anomalies in readings of sensors with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: series that are read at once.

    Attributes:
        alarms_per_week: false alarms of a series that are allowed, unless a call says otherwise.
        tells_life: whether it tells how long machines will last, instead of alarms.
        life_cap: rows beyond which it does not tell lives apart; 0 of a model of alarms.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("anomaly_detection", model, batch_size)
        facts: dict[str, Any] = read_extra(
            self.path, DESCRIPTION_FILE, "anomaly_detection", facts=("kind", "sensors")
        )
        self.tells_life: bool = facts["kind"] == KIND
        self.life_cap: float = facts.get("life_cap", 0)
        self.alarms_per_week: float = facts.get("alarms_per_week", 1.0)
        self._sensors: list[str] = facts["sensors"]

    def __call__(
        self,
        data: pd.DataFrame | str | Path,
        *,
        alarms_per_week: float | None = None,
        history: pd.DataFrame | str | Path | None = None,
        source: ReadingSource | None = None,
        show_progress: bool | None = None,
    ) -> pd.DataFrame:
        """A data frame with a row for each alarm: its `series`, when it `opened` and `closed` (NaT while it is open),
        its highest `severity`, and which `sensor` and `detector` said most when it opened, with the `value` of that
        sensor and what was `expected`, within `lower` and `upper` in nine cases of ten.

        Of a model of remaining life: a row for each machine, its `series`, how many `rows` of it were read, and how
        many are `remaining`, within `lower` and `upper` in nine cases of ten.

        Args:
            data: a data frame, or the path of a table or of a folder of tables.
            alarms_per_week: false alarms of a series that are allowed; unless given, the model's.
            history: readings from before, which teach what is normal; no alarm in them is told.
            source: which columns are what, and how files are written.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is wrong with the data.
        """
        if self.tells_life:
            self.require_alarms(
                history is not None or alarms_per_week is not None, "history, alarms_per_week"
            )
            return life_frame(self.lives(self.read(data, source), show_progress=show_progress))
        readings = self.read(data, source)
        before = None if history is None else self.read(history, source)
        judged = self.judged(readings, before, alarms_per_week=alarms_per_week, show_progress=show_progress)
        return self.frame([alarm for one in judged for alarm in one.alarms(readings.sensors)], readings)

    def read(
        self, data: pd.DataFrame | str | Path | BytesIO, source: ReadingSource | None = None, name: str = ""
    ) -> Readings:
        """The readings of a data frame, a table, an open one, or a folder of tables.

        Raises:
            UserError: they cannot be read.
        """
        asked = self.source(source or ReadingSource())
        if isinstance(data, pd.DataFrame):
            return readings_of(data, asked)
        if isinstance(data, BytesIO):
            return read_readings(data, asked, name)
        if not isinstance(data, str | Path):
            raise UserError(f"data: got {type(data).__name__}; expected a data frame, or the path of a table")
        path = expanded(data)
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; expected {FORMS}")
        where = str(path) if path.is_absolute() else f"./{path}"
        return load_readings(dataclasses.replace(asked, data=where), ALL, _no_sample)

    def source(self, given: ReadingSource) -> ReadingSource:
        """How a table is read: as the flags say; a model of remaining life reads the sensors of its training."""
        return life_source(given, self._sensors) if self.tells_life else given

    def lives(self, readings: Readings, *, show_progress: bool | None = None) -> list[LifeAnswer]:
        """What a model of remaining life says of each machine.

        Raises:
            UserError: a machine cannot be judged, or has other sensors than those of the training.
        """
        whole = require_sensors(readings, self._sensors)
        return life_answers(self._runner, whole, self.batch_size, show_progress)

    def require_alarms(self, is_wanted: bool, what: str) -> None:
        """Raises UserError, which names what is wanted, if the model tells of remaining life."""
        if is_wanted and self.tells_life:
            raise UserError(f"{what}: {self.path} tells of remaining life; expected a model of alarms")

    def judged(
        self,
        readings: Readings,
        history: Readings | None = None,
        *,
        alarms_per_week: float | None = None,
        show_progress: bool | None = None,
    ) -> list[Judged]:
        """What is said of each row of each recording.

        Args:
            readings: the recordings.
            history: rows from before, of the same sensors.
            alarms_per_week: see `__call__`.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: a recording cannot be judged, or the history has other sensors or later rows.
        """
        self.require_alarms(True, "alarms")
        budget = self._require_budget(alarms_per_week)
        _warn_of_lacking(readings, history)
        joined = [with_history(one, history, readings) for one in readings.recordings]
        short = sum(len(one) < _SILENT_ROWS for one, _ in joined)
        if short:
            cli.warn(
                f"{readings.name}: {short:,} of {len(joined):,} series have fewer than {_SILENT_ROWS} rows, of which "
                "nothing is said; expected more rows, or those before as the history"
            )
        answers: list[Judged | None] = [None] * len(joined)
        order = sorted(range(len(joined)), key=lambda place: len(joined[place][0]))
        for places in progress(list(chunks(order, self.batch_size)), "reading", show_progress):
            told = self._ask([joined[place][0] for place in places], readings, budget)
            for place, one in zip(places, told, strict=True):
                answers[place] = one.after(joined[place][1])
        return [one for one in answers if one is not None]

    def at_budget(
        self,
        judged: Sequence[Judged],
        readings: Readings,
        alarms_per_week: float | None = None,
        threshold: float = 0.0,
    ) -> list[Judged]:
        """The same recordings with the alarms of another budget, or of a threshold of severity, without another
        reading."""
        budget, again = self._require_budget(alarms_per_week), []
        for chunk in chunks(list(judged), self.batch_size):
            times, _ = stacked([one.recording for one in chunk])
            rows = times.shape[1]
            severity = [np.pad(one.answer["severity"], (0, rows - len(one.recording))) for one in chunk]
            answer = require_answered(
                self._runner.run(
                    "alarms",
                    severity=np.stack(severity),
                    time=seconds_of(times, readings.is_counted),
                    sensors=np.full(len(chunk), len(readings.sensors)),
                    alarms_per_week=np.full(len(chunk), budget, np.float32),
                    threshold=np.full(len(chunk), threshold, np.float32),
                )
            )
            again += [
                dataclasses.replace(
                    one,
                    answer={
                        **one.answer,
                        **{name: told[row, : len(one.recording)] for name, told in answer.items()},
                    },
                )
                for row, one in enumerate(chunk)
            ]
        return again

    def stream(self, sensors: int = 1, *, alarms_per_week: float | None = None) -> Stream:
        """What reads a series row by row, as the readings come.

        Args:
            sensors: of the series.
            alarms_per_week: see `__call__`.
        """
        self.require_alarms(True, "a stream")
        return Stream(self._runner.run, sensors, self._require_budget(alarms_per_week))

    def request(self, data: pd.DataFrame | str | Path) -> dict[str, Any]:
        """What a client of a server sends to `serving_default` to ask of a table's first series: a row's inputs."""
        readings = self.read(data)
        first = readings.recordings[0]
        if self.tells_life:
            return {"values": require_sensors(readings, self._sensors).recordings[0].values}
        return {
            "values": first.values,
            "time": seconds_of(first.times, readings.is_counted),
            "alarms_per_week": self.alarms_per_week,
        }

    def frame(self, alarms: Sequence[Alarm], readings: Readings) -> pd.DataFrame:
        """Alarms as a data frame; times that are counted stay numbers."""
        frame = pd.DataFrame([dataclasses.asdict(alarm) for alarm in alarms], columns=list(COLUMNS))
        for name in ("opened", "closed"):
            frame[name] = (
                frame[name].astype("Int64")
                if readings.is_counted
                else pd.to_datetime(frame[name].astype("Float64"), unit="s")
            )
        return frame

    def _require_budget(self, alarms_per_week: float | None) -> float:
        budget = self.alarms_per_week if alarms_per_week is None else alarms_per_week
        if not (0 < budget < math.inf):
            raise UserError(f"alarms per week: got {budget}; expected a number above 0")
        return budget

    def _ask(self, recordings: Sequence[Recording], readings: Readings, budget: float) -> list[Judged]:
        times, values = stacked(recordings)
        labels = [
            f"{readings.name}, series {one.name!r}" if one.name else readings.name for one in recordings
        ]
        outputs = self._runner.run(
            "serving_default",
            values=values,
            time=seconds_of(times, readings.is_counted),
            alarms_per_week=np.full(len(recordings), budget, np.float32),
        )
        answer = require_answered(outputs, labels)
        return [
            Judged(one, {name: told[row, : len(one)] for name, told in answer.items()})
            for row, one in enumerate(recordings)
        ]


def _warn_of_lacking(readings: Readings, history: Readings | None) -> None:
    """Says of which series nothing is known from before."""
    known = () if history is None else tuple(one.name for one in history.recordings)
    lacking = [one.name for one in readings.recordings if one.name not in known]
    if history is not None and lacking:
        cli.warn(
            f"{history.name}: of {len(lacking):,} of {len(readings.recordings):,} series nothing is known from before, "
            f"such as {lacking[0]!r}; the history has {', '.join(map(repr, known[:_NAMED]))}"
        )


def notes_of(readings: Readings) -> list[str]:
    """What was made of a table, in words: rows that were left out, and times."""
    left_out = left_out_text(readings.left_out).removeprefix("; ")
    return [*filter(None, [left_out]), *readings.notes]


def _no_sample(part: str) -> Readings:
    raise AssertionError(part)


# --- the script


@dataclass(frozen=True)
class Options:
    """A table comes from --input, or else from standard input as CSV."""

    input: Path | None = None
    """Table of readings: CSV, TSV or text (.gz, .xz, .bz2 and .zip too), or Parquet; or a folder of such. Unless given,
    standard input is read, as CSV."""
    follow: bool = False
    """Go on reading what another program appends to the --input, or sends to standard input, and tell of each alarm as
    it opens and closes. Ctrl-C ends."""
    history: Path | None = None
    """Readings from before those of the input, which teach what is normal; no alarm in them is told."""
    alarms_per_week: Annotated[float | None, Above(0)] = None
    """False alarms of a series that are allowed in a week; unless given, as the model was trained. More of them find
    more."""
    output: Path | None = None
    """Write the alarms to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    picture: Path | None = None
    """Draw the readings of a series with what was expected and the alarms, as a PNG; of several series one each,
    alarms_1.png and so on."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    time_column: str | None = None
    """Column of the times; unless given, the first that reads as times. A table without one counts its rows, as if
    they were five minutes apart."""
    series_column: str | None = None
    """Column that names the machine or series of a row; unless given, one that is called so."""
    sensor_columns: tuple[str, ...] = ()
    """Columns of the sensors; unless given, all columns of numbers that are nothing else."""
    label_column: str | None = None
    """Column of labels, which is no sensor; unless given, one that is called so."""
    time_format: str | None = None
    """How times are written, such as %d/%m/%Y %H:%M; unless given, ISO 8601 and what cannot be mistaken."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Series that are read at once."""
    table: TableFormat = dataclasses.field(default_factory=TableFormat)
    """How the table is written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_answer_file(self.output)
        require_picture(self.picture, "--picture")
        require_unread("--output", [self.output], [self.input, self.history])
        if self.follow and self.picture is not None:
            raise FlagError("--picture: expected without --follow, whose readings do not end")

    @property
    def source(self) -> ReadingSource:
        """How the table is read."""
        return ReadingSource(
            time_column=self.time_column,
            series_column=self.series_column,
            sensor_columns=self.sensor_columns,
            label_column=self.label_column,
            time_format=self.time_format,
            table=self.table,
        )


def main(options: Options) -> None:
    """Tells of anomalies in the readings of sensors, with an exported model."""
    predictor = Predictor(options.model, options.batch_size)
    for flag in ("follow", "history", "alarms_per_week", "picture"):
        predictor.require_alarms(bool(getattr(options, flag)), f"--{flag.replace('_', '-')}")
    history = None if options.history is None else predictor.read(options.history, options.source)
    if options.follow:
        from applications.anomaly_detection.follow import follow

        follow(predictor, options, history)
        return
    if options.input is None and sys.stdin.isatty():
        hint("a table as CSV; Ctrl-D ends")
    data, name = (
        (BytesIO(sys.stdin.buffer.read()), "standard input") if options.input is None else (options.input, "")
    )
    readings = predictor.read(data, options.source, name)
    silent = [
        note for one in readings.recordings for note in silences(one, readings.sensors, readings.is_counted)
    ]
    for note in (*notes_of(readings), *silent):
        cli.warn(f"{readings.name}: {note}")
    if predictor.tells_life:
        lives = map(shown_life, predictor.lives(readings, show_progress=options.output is not None))
        _show(options.output, LIFE_COLUMNS, lives)
        return
    judged = predictor.judged(
        readings,
        history,
        alarms_per_week=options.alarms_per_week,
        show_progress=options.output is not None,
    )
    shown = [shown_alarm(alarm, readings) for one in judged for alarm in one.alarms(readings.sensors)]
    _show(options.output, COLUMNS, shown)
    if not shown:
        hint(f"no alarm in {len(readings):,} rows")
    if options.picture is not None:
        from applications.anomaly_detection.charts import draw_recordings

        draw_recordings(options.picture, judged, readings)


def _show(output: Path | None, columns: Sequence[str], shown: Iterable[Shown]) -> None:
    if output is None:
        print_shown(shown)
    else:
        write_shown(output, columns, shown)


if __name__ == "__main__":
    cli.run(main, Options)
