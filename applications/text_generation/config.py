"""The configuration of the character language model and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, AtLeast, check_ranges
from common.errors import FlagError
from common.text.running import RawTextSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "text_generation"
INHERITANCE = Inheritance(
    NAME,
    architecture=("min_count", "embedding_units", "cell", "units", "layers", "residual", "tied"),
    preprocessing=("characters",),
)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: RawTextSource = field(default_factory=RawTextSource)
    """Where the text comes from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """Text file to validate on; unless given, 5 % of the text is held out for it, and as much for the test."""
    min_count: Annotated[int, AtLeast(1)] = 2
    """Characters that occur less often in training count as unknown, which is never written."""
    window: Annotated[int, AtLeast(1)] = 128
    """Characters in each row of a batch, through which gradients flow back; states are carried on to the next batch."""
    embedding_units: Annotated[int, AtLeast(1)] = 128
    """Width of the character vectors."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 512
    """Hidden units per layer."""
    layers: Annotated[int, AtLeast(1)] = 3
    """Recurrent layers, one upon another."""
    residual: bool = False
    """Whether each layer adds its input to its output where they are equally wide."""
    tied: bool = False
    """Whether a character's vector is also its row of the output matrix (Inan et al. 2017); needs equal widths."""
    character_dropout: Annotated[float, FRACTION] = 0.0
    """Share of characters whose vectors are zero in a training batch (embedding dropout, Gal and Ghahramani 2016)."""
    input_dropout: Annotated[float, FRACTION] = 0.0
    """Variational dropout of the character vectors."""
    dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout between the recurrent layers: one mask per row and batch."""
    recurrent_dropout: Annotated[float, FRACTION] = 0.0
    """Variational dropout of the hidden states on their way from step to step."""
    weight_dropout: Annotated[float, FRACTION] = 0.0
    """Share of the recurrent weights that each training batch does without (Merity et al. 2018)."""
    output_dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout of the last layer's states."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.tied and self.embedding_units != self.units:
            raise FlagError(
                f"--tied: expected character vectors as wide as the states, got --embedding-units "
                f"{self.embedding_units} and --units {self.units}"
            )


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "a minute on 2 cores for a million characters; for a first look at any text",
    "base": "the shipped model's; 36 minutes on 2 cores for a million characters",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        window=32,
        embedding_units=8,
        units=16,
        layers=1,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=3, batch_size=32, learning_rate=5e-3),
        window=64,
        embedding_units=64,
        units=192,
        layers=1,
        dropout=0.0,
        output_dropout=0.1,
    ),
    "base": Config(
        training=TrainingOptions(
            name="base",
            epochs=24,
            batch_size=64,
            learning_rate=4e-3,
            averaging=0.998,
            weight_decay=0.03,
            patience=8,
        ),
        residual=True,
        input_dropout=0.1,
        dropout=0.4,
        weight_dropout=0.3,
        output_dropout=0.4,
    ),
}
