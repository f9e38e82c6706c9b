"""The configuration of the speech-command recogniser and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.audio.augmentation import Augmentation
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import AudioSource
from common.checks import FRACTION, AtLeast, check_ranges, require_at_least
from common.errors import FlagError
from common.training.classes import ClassWeights
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "speech_commands"
INHERITANCE = Inheritance(
    NAME,
    architecture=("clip_seconds", "mel_bins", "channels", "projection_units", "cell", "units", "layers"),
    preprocessing=("labels",),
    kind=("kind",),
)
HOP_SECONDS = 0.02
"""Time from one frame of a streaming model, or one attention weight, to the next."""

Kind = Literal["clip", "streaming", "convolutional"]


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: AudioSource = field(default_factory=AudioSource)
    """Where the labelled clips come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How clips are changed at random in training."""
    validation: Path | None = None
    """Folder or tar of clips to validate on; unless given, some speakers are held out for it."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the speakers held out for validation where the data has no part of its own."""
    noises: Path | None = None
    """Folder or tar of background recordings; unless given, those of the data's `_background_noise_`."""
    kind: Kind = "clip"
    """clip: hears a whole clip, then answers. streaming: answers every 20 ms, from what it has heard so far.
    convolutional: as clip, without recurrence or attention, for comparison."""
    clip_seconds: Annotated[float, AtLeast(0.1)] = 1.0
    """Length that a clip is brought to: zeros follow a shorter one, of a longer one the loudest part is heard."""
    recording_seconds: float = 6.0
    """Length of the recordings that a streaming model is trained on, composed from clips and noise."""
    recordings: Annotated[int, AtLeast(1)] = 1000
    """Composed recordings in each epoch of a streaming model."""
    mel_bins: Annotated[int, AtLeast(8)] = 40
    """Bands of the log-mel spectrum."""
    channels: Annotated[int, AtLeast(1)] = 32
    """Channels of the first convolution, twice as many in the later ones (of a streaming model, in each)."""
    projection_units: Annotated[int, AtLeast(1)] = 128
    """Width of what the recurrent layers read."""
    cell: Literal["lstm", "gru", "rnn"] = "gru"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 128
    """Hidden units per direction and layer."""
    layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers, one upon another."""
    convolution_dropout: Annotated[float, FRACTION] = 0.1
    """Share of the channels dropped within each residual block of convolutions."""
    dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout of what the recurrent layers read and put out."""
    pooled_dropout: Annotated[float, FRACTION] = 0.5
    """Dropout of the vector that stands for the whole clip."""
    label_smoothing: Annotated[float, FRACTION] = 0.1
    """Share of the target probability spread over all labels (Szegedy et al. 2016)."""
    class_weights: ClassWeights = "none"
    """balanced: a clip weighs the more, the fewer its class has in an epoch, so that all classes count alike in the
    loss."""
    time_masks: Annotated[int, AtLeast(0)] = 2
    """Stretches of time hidden in training (SpecAugment, Park et al. 2019)."""
    time_mask_frames: Annotated[int, AtLeast(0)] = 20
    """Width of such a stretch at most, in frames of 10 ms."""
    frequency_masks: Annotated[int, AtLeast(0)] = 2
    """Bands of frequency hidden in training."""
    frequency_mask_bins: Annotated[int, AtLeast(0)] = 8
    """Width of such a band at most, in mel bins."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_at_least(2 * self.clip_seconds, recording_seconds=self.recording_seconds)
        if self.class_weights == "balanced" and self.kind == "streaming":
            raise FlagError(
                "--class-weights balanced: the recordings that a streaming model is trained on hold every word about "
                "equally often; expected none, or another --kind"
            )

    @property
    def clip_samples(self) -> int:
        """Samples of a clip."""
        return round(self.clip_seconds * SAMPLE_RATE)


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "a minute; for spoken words of a synthesiser",
    "base": "the shipped model's, which hears a whole clip; 15 minutes on 2 cores for 3,000 clips",
    "streaming": "answers every 20 ms from what it has heard so far",
    "convolutional": "a network of the base preset's size without recurrence, for comparison",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=16, averaging=0.0),
        channels=4,
        projection_units=8,
        units=8,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=12, batch_size=32, learning_rate=3e-3, patience=12),
        channels=16,
        projection_units=64,
        units=64,
    ),
    "base": Config(
        training=TrainingOptions(
            name="base", epochs=100, learning_rate=2e-3, weight_decay=0.02, averaging=0.995, patience=100
        )
    ),
    "streaming": Config(
        training=TrainingOptions(
            name="streaming", epochs=30, batch_size=32, learning_rate=2e-3, weight_decay=0.02, patience=30
        ),
        kind="streaming",
        channels=96,
        layers=2,
        units=160,
    ),
    "convolutional": Config(
        training=TrainingOptions(
            name="convolutional",
            epochs=100,
            learning_rate=2e-3,
            weight_decay=0.02,
            averaging=0.995,
            patience=100,
        ),
        kind="convolutional",
        channels=26,
    ),
}
