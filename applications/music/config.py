"""The configuration of the composer and its named presets."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from applications.music.piece_sources import PieceSource
from common.checks import FRACTION, SHARE, AtLeast, Between, check_ranges
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "music"
INHERITANCE = Inheritance(
    NAME,
    architecture=("cell", "units", "layers", "anticipation_units", "harmony_units", "head_units"),
    preprocessing=("kinds", "voices"),
)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: PieceSource = field(default_factory=PieceSource)
    """Where music comes from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """Music to validate on, in any form that --data takes; unless given, some pieces are held out for it."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the pieces held out for validation where the data has no part of its own."""
    passes: Annotated[int, AtLeast(1)] = 4
    """How often an epoch goes through the training pieces, each time cut, transposed and told of anew."""
    crop: Annotated[int, AtLeast(2)] = 128
    """Steps of a training example at most."""
    transposition: Annotated[int, Between(0, 11)] = 6
    """Training pieces are moved up or down by so many semitones at most."""
    transposed_share: Annotated[float, SHARE] = 0.8
    """Share of the training examples that are moved."""
    given_share: Annotated[float, SHARE] = 0.4
    """Share of the training examples in which some notes, such as the melody, are given beforehand."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 256
    """Hidden units per layer of the recurrence over steps."""
    layers: Annotated[int, AtLeast(1)] = 2
    """Recurrent layers, one upon another."""
    anticipation_units: Annotated[int, AtLeast(1)] = 96
    """Hidden units of the recurrence that reads given notes from the end to the beginning."""
    harmony_units: Annotated[int, AtLeast(1)] = 80
    """Hidden units per layer and direction of the network that tells what to expect around given notes."""
    head_units: Annotated[int, AtLeast(1)] = 256
    """Hidden units of the head that writes the notes of a step."""
    dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout of what the recurrent layers read and put out, and dropout of the head's hidden units."""
    recurrent_dropout: Annotated[float, FRACTION] = 0.0
    """Variational dropout of the hidden states on their way from step to step."""

    def __post_init__(self) -> None:
        check_ranges(self)


_CHORALES = Config(
    training=TrainingOptions(
        name="chorales",
        epochs=36,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.02,
        averaging=0.995,
        patience=36,
        intra_op_threads=1,
    ),
)
PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "smaller, for a first look at two voices",
    "base": "the shipped model's; four voices",
    "chorales": "the same as base",
    "tunes": "a melody with its chords",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        passes=1,
        crop=16,
        units=16,
        layers=1,
        anticipation_units=8,
        harmony_units=8,
        head_units=16,
    ),
    "sample": Config(
        training=replace(_CHORALES.training, name="sample", epochs=24),
        passes=2,
        given_share=0.3,
        units=192,
        anticipation_units=64,
        harmony_units=64,
        head_units=128,
        dropout=0.05,
    ),
    "base": replace(_CHORALES, training=replace(_CHORALES.training, name="base")),
    "chorales": _CHORALES,
    "tunes": replace(
        _CHORALES,
        training=replace(_CHORALES.training, name="tunes", epochs=16, patience=16),
        passes=1,
        transposed_share=0.5,
    ),
}
