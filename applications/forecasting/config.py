"""The configuration of the forecaster and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, AtLeast, check_ranges
from common.errors import FlagError
from common.series.tables import SeriesSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "forecasting"
INHERITANCE = Inheritance(
    NAME,
    architecture=("lookback", "horizon", "segment", "cell", "units", "layers", "scaling"),
    preprocessing=("facts",),
)
LEVELS = (0.025, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.975)
"""The quantiles that are forecast: the median, and the ends of the intervals of 20, 50, 80 and 95 %."""
MEDIAN = LEVELS.index(0.5)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: SeriesSource = field(default_factory=SeriesSource)
    """Where the series come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """Table of the steps that follow, to validate on; unless given, the last steps of the data are held out."""
    validation_fraction: Annotated[float, FRACTION] = 0.2
    """Share of the steps held out for validation when no table is given; at least a horizon."""
    test_fraction: Annotated[float, FRACTION] = 0.0
    """Share of the steps, the last ones, that training does not look at, for `evaluate` with the same flag."""
    lookback: Annotated[int, AtLeast(2)] = 336
    """Steps of the past that a forecast looks at."""
    horizon: Annotated[int, AtLeast(1)] = 96
    """Steps ahead, at most, that can be forecast."""
    segment: Annotated[int, AtLeast(1)] = 24
    """Steps that the recurrence takes at once; a whole number of them makes the lookback."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 256
    """Hidden units per layer."""
    layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers, one upon another."""
    scaling: Literal["series", "window"] = "series"
    """series: values are standardised by the training part of their series; window: by the window itself, for series
    whose size or spread changes."""
    season: Annotated[int, AtLeast(0)] = 0
    """Steps of the season that the seasonal naive forecast repeats and MASE is measured by; 0 for the one of a day, a
    week or a year by which the training part repeats itself best."""
    dropout: Annotated[float, FRACTION] = 0.3
    """Dropout of what the recurrence reads and gives."""
    ridge: Annotated[float, AtLeast(0)] = 100.0
    """Penalty of the linear model that is fitted first, in closed form, and whose forecast the network corrects."""
    decay: Annotated[float, AtLeast(0)] = 24.0
    """A step h ahead weighs (1 + h / decay)^-0.5 in the loss, so that long horizons leave short ones their say; 0 for
    equal weights."""
    unknown: Annotated[float, FRACTION] = 0.1
    """Share of the windows that training takes as those of an unknown series, standardised by the window itself: so the
    model learns to forecast series that it was not trained on."""
    windows: Annotated[int, AtLeast(1)] = 4096
    """Windows of each epoch, drawn at random."""
    validation_windows: Annotated[int, AtLeast(1)] = 512
    """Windows of each validation, at equal distances."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.lookback % self.segment:
            raise FlagError(
                f"--lookback {self.lookback}: expected a whole number of segments of --segment {self.segment}"
            )


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "two minutes; two days ahead of half-hourly series of some months",
    "base": "the shipped model's; two weeks of half hours behind, two days ahead",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=16, averaging=0.0),
        lookback=24,
        horizon=8,
        segment=4,
        units=8,
        windows=64,
        validation_windows=32,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=6, batch_size=64, averaging=0.98),
        lookback=336,
        horizon=96,
        units=96,
        windows=2048,
    ),
    "base": Config(training=TrainingOptions(name="base", epochs=20, batch_size=64), lookback=672, horizon=96),
}
