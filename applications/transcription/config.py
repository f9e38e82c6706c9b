"""The configuration of the transcriber and its named presets."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from common.audio.augmentation import Augmentation
from common.audio.transcripts import TranscriptSource
from common.checks import FRACTION, AtLeast, check_ranges
from common.data.strings import require_join
from common.text.symbols import SymbolKind
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "transcription"
INHERITANCE = Inheritance(
    NAME,
    architecture=("symbols", "mel_bins", "channels", "projection_units", "cell", "units", "layers"),
    preprocessing=("symbols",),
    kind=("kind",),
)
FRAME_SECONDS = 0.02
"""Time from one frame of the logits to the next."""

Kind = Literal["base", "streaming", "convolutional"]


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: TranscriptSource = field(default_factory=TranscriptSource)
    """Where recordings and their transcripts come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(noise_share=0.3, noise_ratio=(8.0, 30.0))
    )
    """How recordings are changed at random in training."""
    validation: Path | None = None
    """Recordings to validate on, in any form that --data takes; unless given, some speakers are held out for it."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the speakers held out for validation where the data has no part of its own."""
    noises: Path | None = None
    """Folder or tar of background recordings; unless given, the sample's own, and none for other data."""
    join: tuple[int, int] = (0, 0)
    """Recordings of a single word are joined to strings of so many words of one speaker, such as 3 8, drawn anew in
    each epoch; 0 0 leaves them as they are."""
    joined_share: Annotated[float, AtLeast(0)] = 1.0
    """How often a recording of a single word is heard in such strings in an epoch, on average."""
    longest_gap: Annotated[float, AtLeast(0)] = 0.3
    """Seconds of silence between joined words at most."""
    symbols: SymbolKind = "characters"
    """What a frame stands for: the characters of the transcripts, or for a closed vocabulary their whole words."""
    kind: Kind = "base"
    """base: hears a whole recording, from both sides. streaming: writes as it hears. convolutional: as base, with
    convolutions over time in the place of the recurrent layers, for comparison."""
    mel_bins: Annotated[int, AtLeast(8)] = 40
    """Bands of the log-mel spectrum."""
    channels: Annotated[int, AtLeast(1)] = 32
    """Channels of the first convolution, twice as many in the later ones (of a streaming model, in each)."""
    projection_units: Annotated[int, AtLeast(1)] = 160
    """Width of what the recurrent layers read."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 160
    """Hidden units per direction and layer; of a convolutional model half the channels within a block."""
    layers: Annotated[int, AtLeast(1)] = 2
    """Recurrent layers, one upon another."""
    convolution_dropout: Annotated[float, FRACTION] = 0.05
    """Share of the channels dropped between convolutions."""
    dropout: Annotated[float, FRACTION] = 0.1
    """Variational dropout of what the recurrent layers read and put out."""
    time_masks: Annotated[int, AtLeast(0)] = 2
    """Stretches of time hidden in training (SpecAugment, Park et al. 2019)."""
    time_mask_frames: Annotated[int, AtLeast(0)] = 8
    """Width of such a stretch at most, in frames of 10 ms."""
    frequency_masks: Annotated[int, AtLeast(0)] = 1
    """Bands of frequency hidden in training."""
    frequency_mask_bins: Annotated[int, AtLeast(0)] = 6
    """Width of such a band at most, in mel bins."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_join(self.join, "words")


_BASE = Config(
    training=TrainingOptions(
        name="base",
        epochs=60,
        batch_size=16,
        learning_rate=3e-3,
        weight_decay=0.02,
        averaging=0.995,
        patience=60,
    )
)
PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "10 minutes on 2 cores; for spoken sentences of a synthesiser",
    "base": "the shipped model's, which hears a whole recording",
    "streaming": "writes as it hears, a frame each 20 ms",
    "convolutional": "a network of the base preset's size without recurrence, for comparison",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        channels=4,
        projection_units=16,
        units=16,
        layers=1,
    ),
    "sample": Config(
        training=TrainingOptions(
            name="sample", epochs=24, batch_size=12, learning_rate=3e-3, patience=24, intra_op_threads=1
        ),
        channels=16,
        projection_units=128,
        units=128,
    ),
    "base": _BASE,
    "streaming": replace(
        _BASE, training=replace(_BASE.training, name="streaming"), kind="streaming", channels=128, units=256
    ),
    "convolutional": replace(
        _BASE, training=replace(_BASE.training, name="convolutional"), kind="convolutional", units=76
    ),
}
