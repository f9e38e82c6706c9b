"""The configuration of the image captioner and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, SHARE, Above, AtLeast, Between, check_ranges
from common.errors import FlagError
from common.images.captioned import CaptionSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "image_captioning"
INHERITANCE = Inheritance(
    NAME,
    architecture=(
        *("size", "crop", "channels", "blocks", "min_count"),
        *("embedding_units", "cell", "units", "attention", "positions"),
    ),
    preprocessing=("words",),
    kind=("encoder",),
    phases=("pretraining_epochs",),
)
IMAGE, TARGET, LABELS = "image", "target", "labels"
"""What the model as it is trained takes, by name."""

Encoder = Literal["residual", "MobileNetV2", "EfficientNetV2B0", "ConvNeXtTiny"]


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: CaptionSource = field(default_factory=CaptionSource)
    """Where images and their captions come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation_images: Path | None = None
    """Folder or tar of images to validate on; unless given, a part of the data is held out."""
    validation_captions: Path | None = None
    """Captions of the images to validate on."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the images held out for validation when none are given."""
    size: Annotated[int, AtLeast(16)] = 128
    """Side of the square that each image is brought to."""
    crop: Annotated[int, AtLeast(16)] = 112
    """Side of the random crops seen in training."""
    encoder: Encoder = "residual"
    """residual: a compact network of our own, trained from nothing. Any other: that network of keras.applications, as
    it is; what it sees in the images is computed once."""
    encoder_weights: str = "imagenet"
    """Weights of a network of keras.applications: imagenet (downloaded by Keras), or a file."""
    channels: tuple[Annotated[int, AtLeast(1)], ...] = (32, 64, 128, 256)
    """Channels of the stages of the residual network; each but the first halves the side."""
    blocks: tuple[Annotated[int, AtLeast(1)], ...] = (1, 2, 2, 2)
    """Residual blocks of each stage."""
    pretraining_epochs: Annotated[int, AtLeast(0)] = 40
    """Epochs in which the residual network first learns to predict the captions' content words; 0 for none."""
    pretraining_learning_rate: Annotated[float, Above(0)] = 3e-3
    """Peak learning rate of the pre-training."""
    pretraining_batch_size: Annotated[int, AtLeast(1)] = 64
    """Images per step of the pre-training."""
    pretraining_words: Annotated[int, AtLeast(1)] = 800
    """Content words that are predicted, the commonest in training."""
    pretraining_mixup: Annotated[float, AtLeast(0)] = 0.4
    """Images are blended in pairs, by shares of a beta distribution of this parameter (mixup, Zhang et al. 2018)."""
    smallest_crop: Annotated[float, Above(0), Between(0, 1)] = 0.35
    """Least share of an image's area that a random crop shows."""
    mirror: bool = True
    """Show half of the images whose captions tell neither left nor right mirrored."""
    jitter: Annotated[float, SHARE] = 0.4
    """By how much brightness, contrast and saturation are changed at most."""
    min_count: Annotated[int, AtLeast(1)] = 4
    """Rarer words of the training captions count as unknown, which is never written."""
    max_words: Annotated[int, AtLeast(1)] = 24
    """Words of a caption at most; longer ones lose their end."""
    captions_per_image: Annotated[int, AtLeast(1)] = 5
    """Captions of each image that a training step reads at most."""
    embedding_units: Annotated[int, AtLeast(1)] = 256
    """Width of the word vectors."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell of the decoder: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 352
    """Hidden units of the decoder."""
    attention: Literal["additive", "multiplicative"] = "additive"
    """How the decoder scores places: Bahdanau et al. 2015, or Luong et al. 2015."""
    positions: Annotated[float, AtLeast(0)] = 0.0
    """Scale of the two numbers that tell the decoder where each place lies, from -1 to 1; 0 for none."""
    word_dropout: Annotated[float, FRACTION] = 0.1
    """Share of the words that teacher forcing hides from the decoder."""
    embedding_dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout of the word vectors."""
    feature_dropout: Annotated[float, FRACTION] = 0.2
    """Share of the grid's channels dropped."""
    dropout: Annotated[float, FRACTION] = 0.4
    """Variational dropout of what the decoder makes of its state and the image."""
    label_smoothing: Annotated[float, FRACTION] = 0.1
    """Share of the target probability spread over all words (Szegedy et al. 2016)."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.channels or len(self.blocks) != len(self.channels):
            raise FlagError(
                f"--blocks {' '.join(map(str, self.blocks))}: expected a number for each of --channels "
                f"{' '.join(map(str, self.channels))}"
            )


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "half an hour; for drawn scenes",
    "base": "the shipped model's: all of it trained from nothing; two hours on 2 cores for 6,000 photographs",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=8, averaging=0.0),
        size=32,
        crop=32,
        channels=(4, 8),
        blocks=(1, 1),
        pretraining_epochs=1,
        pretraining_words=20,
        embedding_units=8,
        units=8,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=18, batch_size=32, learning_rate=1e-3, patience=18),
        size=96,
        crop=96,
        channels=(16, 32, 64, 96),
        blocks=(1, 1, 1, 1),
        pretraining_epochs=8,
        pretraining_words=60,
        pretraining_mixup=0.0,
        smallest_crop=1.0,
        jitter=0.0,
        min_count=1,
        captions_per_image=2,
        embedding_units=128,
        units=256,
        positions=5.0,
        word_dropout=0.0,
        embedding_dropout=0.0,
        feature_dropout=0.0,
        dropout=0.1,
    ),
    "base": Config(
        training=TrainingOptions(
            name="base",
            epochs=14,
            batch_size=32,
            learning_rate=8e-4,
            weight_decay=0.03,
            averaging=0.998,
            patience=8,
        )
    ),
}
