"""The configuration of the reader of handwriting and its named presets."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from applications.handwriting.augmentation import Augmentation
from applications.handwriting.ink_sources import InkSource
from common.checks import FRACTION, AtLeast, Between, check_ranges
from common.data.strings import require_join
from common.text.symbols import SymbolKind
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "handwriting"
INHERITANCE = Inheritance(
    NAME,
    architecture=("channels", "convolutions", "cell", "units", "layers"),
    preprocessing=("written_symbols",),
    kind=("render",),
)
SYMBOLS: SymbolKind = "characters"
"""What a frame of logits stands for."""


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: InkSource = field(default_factory=InkSource)
    """Where ink and what is written in it come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How ink is changed at random in training."""
    also: tuple[Path, ...] = ()
    """More ink to train on, in any form that --data takes, such as isolated characters beside words."""
    validation: Path | None = None
    """Ink to validate on, in any form that --data takes; unless given, some writers are held out for it."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the writers held out for validation where the data has no part of its own."""
    join: tuple[int, int] = (0, 0)
    """Ink of a single character is joined to strings of so many characters of one writer, such as 1 6, drawn anew in
    each epoch; 0 0 leaves it as it is."""
    joined_share: Annotated[float, AtLeast(0)] = 1.0
    """How often ink of a single character is in such strings in an epoch, on average."""
    widest_gap: Annotated[float, AtLeast(0)] = 0.5
    """Space between joined characters at most, in heights of a capital."""
    render: bool = False
    """Draw the ink as pictures, for a model that reads pictures of writing instead of a pen's strokes."""
    channels: Annotated[int, AtLeast(1)] = 64
    """Channels of each convolution; of those over pictures, of the first, twice as many of the second, and four times
    as many of the others."""
    convolutions: Annotated[int, Between(1, 3)] = 1
    """Convolutions below the recurrent layers, each of which halves the number of steps: so 2, 4 or 8 steps make a
    frame. Over pictures, whose columns are the steps, there are four, of which so many halve it."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 128
    """Hidden units per direction and layer."""
    layers: Annotated[int, AtLeast(1)] = 3
    """Recurrent layers, one upon another."""
    dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout of what the recurrent layers read and put out."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_join(self.join, "characters")


_BASE = Config(
    training=TrainingOptions(
        name="base",
        epochs=40,
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.02,
        averaging=0.995,
        patience=40,
        intra_op_threads=1,
    ),
    convolutions=2,
)
PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "smaller, for a first look at the words of made-up writers",
    "base": "the shipped model's",
    "picture": "reads pictures of writing, learnt from ink that is drawn as such",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        channels=8,
        units=16,
        layers=1,
    ),
    "sample": Config(
        training=replace(_BASE.training, name="sample", epochs=30, patience=30, batch_size=32),
        units=96,
        layers=2,
    ),
    "base": _BASE,
    "picture": replace(
        _BASE,
        training=replace(_BASE.training, name="picture", batch_size=32),
        render=True,
        channels=16,
        layers=2,
    ),
}
