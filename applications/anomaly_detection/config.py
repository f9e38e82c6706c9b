"""The configuration of the detector and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, AtLeast, check_ranges
from common.series.reading_tables import ReadingSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "anomaly_detection"
INHERITANCE = Inheritance(
    NAME,
    architecture=("cell", "units", "layers", "head_units", "members", "life_cap"),
    preprocessing=("sensors",),
    kind=("task",),
)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are forecast: the median, and the ends of the intervals of 50 and 90 %."""
HORIZONS = (1, 96)
"""Rows ahead that are forecast: the next one, and one far enough ahead that the forecast cannot follow a fault."""


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: ReadingSource = field(default_factory=ReadingSource)
    """Where readings come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    task: Literal["alarms", "remaining_life"] = "alarms"
    """What is learnt: alarms, from machines that run well; or remaining_life, how many rows a machine has left, from
    machines that ran until they failed."""
    validation: Path | None = None
    """Readings to validate on, in any form that --data takes; unless given, the validation part of the data, or else
    the last rows of each series."""
    validation_fraction: Annotated[float, FRACTION] = 0.2
    """Share of the rows of each series, the last ones, held out where the data has no part for validation; for
    remaining lives, share of the machines."""
    random_streams: Annotated[int, AtLeast(0)] = 0
    """Streams of random kinds that are made and trained on beside the data, so that the model can judge sensors that it
    never saw."""
    random_rows: Annotated[int, AtLeast(500)] = 3000
    """Rows of each of them."""
    random_share: Annotated[float, FRACTION] = 0.5
    """Share of the windows that are of random streams, where there are any."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 64
    """Hidden units per layer."""
    layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers, one upon another."""
    head_units: Annotated[int, AtLeast(1)] = 48
    """Units of the hidden layer of each horizon."""
    dropout: Annotated[float, FRACTION] = 0.0
    """Share of the features dropped between recurrent layers."""
    noise: Annotated[float, AtLeast(0)] = 0.1
    """Remaining lives: the noise that training adds to the standardised sensors."""
    members: Annotated[int, AtLeast(1)] = 1
    """Remaining lives: networks that are trained beside one another, of whose estimates the mean is taken."""
    life_cap: Annotated[int, AtLeast(1)] = 125
    """Remaining lives: rows beyond which lives are not told apart, since a machine shows no wear so early."""
    window: Annotated[int, AtLeast(16)] = 400
    """Rows that training reads at once."""
    windows_per_epoch: Annotated[int, AtLeast(1)] = 3200
    """Windows of each epoch, drawn at random."""
    validation_windows: Annotated[int, AtLeast(1)] = 256
    """Windows of each validation."""
    alarms_per_week: Annotated[float, AtLeast(0.001)] = 1.0
    """False alarms of a series that are allowed in a week, from which the threshold follows; whoever asks may say
    otherwise."""

    def __post_init__(self) -> None:
        check_ranges(self)


_BASE = Config(
    training=TrainingOptions(
        name="base",
        epochs=60,
        batch_size=32,
        learning_rate=4e-3,
        averaging=0.99,
        patience=60,
        intra_op_threads=1,
    ),
    random_streams=2000,
    random_share=0.95,
    units=96,
)
PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "some minutes; for readings of one's own",
    "base": "the shipped model's; knows the most different streams",
    "life": "how many rows machines have left, from others that ran until they failed; some minutes",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        units=8,
        head_units=8,
        window=128,
        windows_per_epoch=64,
        validation_windows=16,
    ),
    "sample": Config(
        training=TrainingOptions(
            name="sample", epochs=12, batch_size=32, learning_rate=4e-3, averaging=0.98, intra_op_threads=1
        ),
        random_streams=200,
        units=48,
        windows_per_epoch=1600,
    ),
    "base": _BASE,
    "life": Config(
        training=TrainingOptions(
            name="life",
            epochs=75,
            batch_size=20,
            learning_rate=5e-3,
            averaging=0.98,
            patience=75,
            intra_op_threads=1,
        ),
        task="remaining_life",
        dropout=0.3,
        members=3,
    ),
}
