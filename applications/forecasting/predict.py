"""Answers from the exported SavedModel: the quantiles of the next steps of each series. Imports no Keras and no
TensorFlow.

python -m applications.forecasting.predict --input sales.csv --horizon 48 --output forecast.csv --chart forecast.png
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from common import cli
from common.checks import AtLeast, Between, check_ranges
from common.data.sources import expanded
from common.errors import ROW_ERROR, FlagError, UserError
from common.inference.extra_files import read_extra
from common.inference.refused_rows import reasons_of, require_answered
from common.predicting.answer_files import require_answer_file, require_unread
from common.predicting.input_files import printable
from common.predicting.predictor import LoadedModel
from common.predicting.progress import progress
from common.predicting.script import Shown, hint, print_shown, write_shown
from common.predicting.texts import chunks
from common.series.collection import Series, SeriesCollection
from common.series.frequency import Frequency
from common.series.tables import SeriesSource, read_series, series_of
from common.text.tables import TableFormat

DESCRIPTION_FILE = Path("assets.extra") / "model.json"
COLUMNS = ("time", "series", "target", "median", "lower", "upper")

_HISTORY_SHOWN = 3
_MOST_CHARTS = 6


@dataclass(frozen=True)
class Origin:
    """A series at the moment from which it is forecast.

    Attributes:
        series: up to the last step in which a target has a value.
        ahead: what is known of the steps that follow, `[steps, known columns]`.
    """

    series: Series
    ahead: np.ndarray


@dataclass(frozen=True)
class Forecast:
    """What is forecast of a series.

    Attributes:
        origin: the series.
        times: Unix seconds `[horizon]`.
        median, lower, upper: `[horizon, targets]`.
    """

    origin: Origin
    times: np.ndarray
    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class Predictor(LoadedModel):
    """Forecasts series with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: series that are forecast at once.

    Attributes:
        facts: what training found in its data, such as the names of the columns.
        lookback: steps of the past that a forecast looks at.
        horizon: steps ahead, at most.
        frequency: from one step to the next.
        levels: of the quantiles.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("forecasting", model, batch_size)
        self.facts: dict[str, Any] = read_extra(self.path, DESCRIPTION_FILE, "forecasting")
        self.lookback: int = self.facts["lookback"]
        self.horizon: int = self.facts["horizon"]
        self.levels: list[float] = self.facts["levels"]
        self.frequency = Frequency(**self.facts["frequency"])

    def __call__(
        self,
        data: pd.DataFrame | str | Path,
        *,
        horizon: int | None = None,
        coverage: float = 0.8,
        source: SeriesSource | None = None,
        show_progress: bool | None = None,
    ) -> pd.DataFrame:
        """A data frame of `time`, `series`, `target`, `median`, `lower` and `upper`: a row for each step ahead of each
        target of each series.

        A forecast begins after the last step in which a target has a value. Where the model has columns that are known
        ahead, the rows behind that step give them.

        Args:
            data: a data frame, or the path of a table.
            horizon: steps ahead, at most the model's; unless given, the model's.
            coverage: share of the true values that are to lie between `lower` and `upper`.
            source: which columns are what, where that is otherwise than in training.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is wrong with the data.
        """
        forecasts = self.forecasts(
            self.read(data, source), horizon=horizon, coverage=coverage, show_progress=show_progress
        )
        return pd.concat([self.frame(one) for one in forecasts], ignore_index=True)

    def read(
        self, data: pd.DataFrame | str | Path | BytesIO, source: SeriesSource | None = None, name: str = ""
    ) -> SeriesCollection:
        """The series of a table with the columns of the model's training.

        Args:
            data: a data frame, the path of a table, or an open one.
            source: which columns are what, where that is otherwise than in training.
            name: of an open table, for messages.

        Raises:
            UserError: they cannot be read, lack a column or have another step.
        """
        asked = self.source(source or SeriesSource())
        if isinstance(data, pd.DataFrame):
            return series_of(data, asked)
        if not isinstance(data, str | Path | BytesIO):
            raise UserError(f"data: got {type(data).__name__}; expected a data frame, or the path of a table")
        return read_series(data if isinstance(data, BytesIO) else expanded(data), asked, name)

    def forecasts(
        self,
        collection: SeriesCollection,
        *,
        horizon: int | None = None,
        coverage: float = 0.8,
        show_progress: bool | None = None,
    ) -> list[Forecast]:
        """The forecast of each series, see `__call__`.

        Raises:
            UserError: naming the series that cannot be forecast, and why.
        """
        steps = self.require_horizon(horizon)
        if not 0 < coverage < 1:
            raise FlagError(f"--coverage {coverage}: expected between 0 and 1")
        if collection.frequency != self.frequency:
            raise UserError(
                f"{collection.name}: steps of {collection.frequency.name}; expected {self.frequency.name}, as the "
                "model was trained on"
            )
        origins = [self._origin(series, collection.name, steps) for series in collection.series]
        forecasts = []
        for chunk in progress(list(chunks(origins, self.batch_size)), "forecasting", show_progress):
            forecasts += self._ask(chunk, steps, coverage, collection.name)
        return forecasts

    def require_horizon(self, horizon: int | None) -> int:
        """The steps ahead that are asked for; the model's own for None.

        Raises:
            FlagError: the model was not trained for so many.
        """
        steps = self.horizon if horizon is None else horizon
        if not 1 <= steps <= self.horizon:
            raise FlagError(
                f"--horizon {steps}: expected from 1 to {self.horizon}, for which the model was trained"
            )
        return steps

    def answers(
        self, windows: Mapping[str, np.ndarray], names: Sequence[str], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        """What a signature answers to windows, for as many steps ahead as they have times of, all if they have none.
        Numbers of a window that the model refuses are NaN; `error` says why.

        Args:
            windows: as `common.series.windows.Windows.batch` cuts them.
            names: of the series of each window.
            signature: that is asked; all its outputs but `error` are `[windows, horizon, ...]`.
        """
        asked = {name: windows[name] for name in ("values", "past", "known") if name in windows}
        asked["time"] = windows["times"][:, : self.lookback]
        series = [name.encode() for name in names]
        outputs = self._runner.run(signature, **asked, series=series)
        ahead = windows["times"].shape[1] - self.lookback or self.horizon
        answers = {name: values[:, :ahead] for name, values in outputs.items() if name != ROW_ERROR}
        refused = list(reasons_of(outputs))
        for values in answers.values():
            if values.dtype.kind == "f":
                values[refused] = np.nan
        return {**answers, ROW_ERROR: outputs[ROW_ERROR]}

    def request(self, data: pd.DataFrame | str | Path) -> dict[str, Any]:
        """What a client of a server sends to `serving_default` to ask of the first series of a table: a row's inputs.

        Raises:
            UserError: naming what is wrong with the data.
        """
        collection = self.read(data)
        origin = self._origin(collection.series[0], collection.name, self.horizon)
        return {**self._window(origin), "series": origin.series.name}

    def of_series(self, names: Sequence[str], fact: str) -> np.ndarray:
        """A fact of each series and target, `[series, targets]`; NaN for those that the model does not know."""
        values = dict(zip(self.facts["series"], self.facts[fact], strict=True))
        unknown = [np.nan] * len(self.facts["targets"])
        return np.array([values.get(name, unknown) for name in names], np.float64)

    def frame(self, forecast: Forecast) -> pd.DataFrame:
        """A forecast as a data frame, its times in the zone of the model."""
        targets, (steps, count) = self.facts["targets"], forecast.median.shape
        times = self.timestamps(forecast.times)
        columns = {
            "time": times.repeat(count),
            "series": forecast.origin.series.name,
            "target": np.tile(targets, steps),
            "median": forecast.median.reshape(-1),
            "lower": forecast.lower.reshape(-1),
            "upper": forecast.upper.reshape(-1),
        }
        return pd.DataFrame(columns, columns=list(COLUMNS))

    def timestamps(self, times: np.ndarray) -> pd.DatetimeIndex:
        """Unix seconds as pandas has times: with their offset where the model has a zone."""
        stamps = pd.to_datetime(times, unit="s")
        zone = self.facts["time_zone"]
        return (
            stamps.tz_localize("UTC").tz_convert(zone) if zone and not self.frequency.is_of_days else stamps
        )

    def source(self, given: SeriesSource) -> SeriesSource:
        """How a table is read: as the flags say, and for the rest as in training."""
        facts, plain = self.facts, SeriesSource()
        trained = {name: facts[name] for name in ("time_zone", "utc", "series_column") if facts[name]}
        columns = {f"{role}_columns": tuple(facts[name]) for role, name in _ROLES.items()}
        asked = {
            name: value
            for name, value in {**trained, **columns}.items()
            if getattr(given, name) == getattr(plain, name)
        }
        return dataclasses.replace(given, **asked)

    def _origin(self, series: Series, where: str, steps: int) -> Origin:
        is_there = ~np.isnan(series.targets).all(axis=1)
        label = f"{where}, series {series.name!r}" if series.name else where
        if not is_there.any():
            raise UserError(f"{label}: no target has a value; expected a history")
        end = int(np.flatnonzero(is_there)[-1]) + 1
        ahead = series.known[end : end + steps]
        lacking = np.isnan(ahead).any(axis=1)
        if self.facts["known"] and (len(ahead) < steps or lacking.any()):
            step = int(np.argmax(lacking)) if lacking.any() else len(ahead)
            time = self.timestamps(self.frequency.after(int(series.times[end - 1]), np.array([step + 1])))[0]
            known = ", ".join(self.facts["known"])
            raise UserError(
                f"{label}: {known} not known at {time}; expected a row for each of the {steps} steps ahead, with the "
                "targets empty"
            )
        return Origin(series.between(0, end), ahead)

    def _ask(self, origins: Sequence[Origin], steps: int, coverage: float, where: str) -> list[Forecast]:
        """The forecasts of some series, asked together: shorter histories have NaN before them."""
        windows = [self._window(origin) for origin in origins]
        inputs = {name: np.stack([window[name] for window in windows]) for name in windows[0]}
        names = [origin.series.name for origin in origins]
        series, labels = [name.encode() for name in names], [f"{where}, series {name!r}" for name in names]
        shares = np.full(len(origins), coverage, np.float32)
        answers = require_answered(
            self._runner.run("interval", **inputs, series=series, coverage=shares), labels
        )
        return [
            Forecast(
                origin,
                *(answers[name][row, :steps] for name in ("time", "median", "lower", "upper")),
            )
            for row, origin in enumerate(origins)
        ]

    def _window(self, origin: Origin) -> dict[str, np.ndarray]:
        series, lookback = origin.series, self.lookback
        recent = series.between(max(len(series) - lookback, 0), len(series))
        lacking = lookback - len(recent)
        window = {
            "values": _padded(recent.targets, lacking),
            "past": _padded(recent.past, lacking),
            "known": np.concatenate([_padded(recent.known, lacking), origin.ahead]),
            "time": self.frequency.after(int(recent.times[-1]), np.arange(1 - lookback, 1)),
        }
        unused = [name for name in ("past", "known") if not self.facts[name]]
        return {name: values for name, values in window.items() if name not in unused}


_ROLES = {"target": "targets", "past": "past", "known": "known"}


def _padded(values: np.ndarray, lacking: int) -> np.ndarray:
    return np.pad(values, [(lacking, 0), (0, 0)], constant_values=np.nan)


@dataclass(frozen=True)
class Options:
    """A table comes from --input, or else from standard input as CSV."""

    input: Path | None = None
    """Table of values over time: CSV, TSV or text (.gz, .xz, .bz2 and .zip too), or Parquet. Columns that are known
    ahead go on behind the last value of the targets."""
    horizon: Annotated[int | None, AtLeast(1)] = None
    """Steps ahead; unless given, as many as the model was trained for."""
    coverage: Annotated[float, Between(0.01, 0.99)] = 0.8
    """Share of the true values that are to lie between lower and upper."""
    output: Path | None = None
    """Write the forecast to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    chart: Path | None = None
    """Draw the forecast with the last values, as a PNG; of several series and targets one each, forecast_1.png and so
    on."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    time_column: str | None = None
    """Column of the times; unless given, the first that reads as times."""
    series_column: str | None = None
    """Column that names the series of a row; unless given, as in training."""
    time_format: str | None = None
    """How times are written, such as %d/%m/%Y %H:%M; unless given, ISO 8601 and what cannot be mistaken."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Series that are forecast at once."""
    table: TableFormat = dataclasses.field(default_factory=TableFormat)
    """How the table is written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_answer_file(self.output)
        require_unread("--output", [self.output], [self.input])
        if self.chart is not None and self.chart.suffix.lower() != ".png":
            raise FlagError(f"--chart {self.chart}: expected a name that ends in .png")


def main(options: Options) -> None:
    """Forecasts the next steps of each series of a table, with an exported model."""
    predictor = Predictor(options.model, options.batch_size)
    source = SeriesSource(
        time_column=options.time_column,
        series_column=options.series_column,
        time_format=options.time_format,
        table=options.table,
    )
    if options.input is None and sys.stdin.isatty():
        hint("a table as CSV; Ctrl-D ends")
    data, name = (
        (BytesIO(sys.stdin.buffer.read()), "standard input") if options.input is None else (options.input, "")
    )
    collection = predictor.read(data, source, name)
    forecasts = predictor.forecasts(
        collection,
        horizon=options.horizon,
        coverage=options.coverage,
        show_progress=options.output is not None,
    )
    shown = _shown(predictor, forecasts, options.coverage)
    if options.output is None:
        print_shown(shown)
    else:
        write_shown(options.output, COLUMNS, shown)
    if options.chart is not None:
        _draw(predictor, forecasts, options.coverage, options.chart)


def _shown(predictor: Predictor, forecasts: Sequence[Forecast], coverage: float) -> Iterator[Shown]:
    is_of_days = predictor.frequency.is_of_days
    for forecast in forecasts:
        for row in predictor.frame(forecast).to_dict("records"):
            time = row["time"].date().isoformat() if is_of_days else row["time"].isoformat(sep=" ")
            record = {**row, "time": time}
            record |= {name: _rounded(row[name]) for name in ("median", "lower", "upper")}
            named = "\t".join(filter(None, (printable(record["series"]), record["target"])))
            line = (
                f"{record['time']}\t{record['median']:g}\t{record['lower']:g} to {record['upper']:g}\t{named}"
            )
            yield Shown(record, [line])


def _draw(predictor: Predictor, forecasts: Sequence[Forecast], coverage: float, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.forecast_plots import plot_fan

    names = predictor.facts["targets"]
    numbers = count(1)
    for forecast in forecasts:
        series = forecast.origin.series
        first = max(len(series) - _HISTORY_SHOWN * len(forecast.times), 0)
        for target, name in enumerate(names):
            title = ", ".join(filter(None, (series.name, name)))
            is_only = len(forecasts) * len(names) == 1
            chart = path if is_only else path.with_stem(f"{path.stem}_{next(numbers)}")
            plot_fan(
                chart,
                predictor.timestamps(series.times[first:]).to_pydatetime(),
                series.targets[first:, target],
                predictor.timestamps(forecast.times).to_pydatetime(),
                forecast.median[:, target],
                {coverage: (forecast.lower[:, target], forecast.upper[:, target])},
                title=title,
                value=name,
            )


def _rounded(value: float) -> float:
    """A number with six significant digits."""
    return float(f"{value:.6g}")


if __name__ == "__main__":
    cli.run(main, Options)
