"""The configuration of the sentiment classifier and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, Above, AtLeast, Between, check_ranges
from common.errors import FlagError
from common.text.labelled import TextSource
from common.training.classes import ClassWeights
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "sentiment_analysis"
INHERITANCE = Inheritance(
    NAME,
    architecture=(
        *("text_version", "vocabulary_size", "min_count", "affix_buckets", "embedding_units"),
        *("cell", "units", "layers", "bidirectional", "pooling"),
    ),
    preprocessing=("labels", "words"),
    phases=("pretraining_epochs",),
)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: TextSource = field(default_factory=TextSource)
    """Where the labelled texts come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """File of the same format to validate on; unless given, a part of the data is held out."""
    validation_fraction: Annotated[float, FRACTION] = 0.1
    """Share of the data held out for validation when no file is given."""
    text_version: Annotated[int, Between(1, 2)] = 1
    """How texts are read: 2 joins contractions that data sets set apart ("is n't") and hashes affixes as any language
    can; 1 is how models of before read."""
    vocabulary_size: Annotated[int, AtLeast(1)] = 20_000
    """Words with a vector of their own, the commonest in training."""
    min_count: Annotated[int, AtLeast(1)] = 3
    """Rarer words have no vector of their own; their affixes speak for them."""
    affix_buckets: Annotated[int, AtLeast(1)] = 16_000
    """Vectors shared by the hashed beginnings and endings of words."""
    max_tokens: Annotated[int, AtLeast(2)] = 2_000
    """Longer texts lose their middle."""
    training_tokens: Annotated[int, AtLeast(1)] = 400
    """In training a random window of this many tokens is read from a longer text."""
    embedding_units: Annotated[int, AtLeast(1)] = 128
    """Width of the token vectors."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 256
    """Hidden units per direction and layer."""
    layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers, one upon another."""
    bidirectional: bool = True
    """Whether each text is read from both ends."""
    pooling: Literal["attention", "max", "all"] = "all"
    """How the states over time become one vector: attention, maximum, or both beside the mean."""
    word_dropout: Annotated[float, FRACTION] = 0.1
    """Share of words hidden in training, so that affixes and context learn to stand in."""
    embedding_dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout of the token vectors: one mask per text (Gal and Ghahramani 2016)."""
    dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout of the recurrent layers' outputs."""
    pooled_dropout: Annotated[float, FRACTION] = 0.5
    """Dropout of the pooled vector."""
    label_smoothing: Annotated[float, FRACTION] = 0.05
    """Share of the target probability spread over all labels (Szegedy et al. 2016)."""
    class_weights: ClassWeights = "none"
    """balanced: an example weighs the more, the fewer its class has, so that all classes count alike in the loss."""
    pretraining_epochs: Annotated[int, AtLeast(0)] = 8
    """Epochs in which the recurrent layer first learns to predict the next and the previous word of the training
    texts (Dai and Le 2015); 0 for none."""
    pretraining_learning_rate: Annotated[float, Above(0)] = 3e-3
    """Peak learning rate of the pre-training."""
    pretraining_batch_size: Annotated[int, AtLeast(1)] = 64
    """Windows of text per step of the pre-training."""
    pretraining_window: Annotated[int, AtLeast(2)] = 100
    """Tokens in each window of the pre-training."""
    pretraining_dropout: Annotated[float, FRACTION] = 0.1
    """Variational dropout of the token vectors and of the states in the pre-training."""
    sampled_words: Annotated[int, AtLeast(1)] = 512
    """Words that each predicted word is compared with in the pre-training, drawn anew for each batch."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.pretraining_epochs and self.bidirectional and self.layers > 1:
            raise FlagError(
                f"--layers {self.layers}: an upper bidirectional layer has seen the words it would have to predict; "
                "expected one layer, --no-bidirectional, or --pretraining-epochs 0"
            )


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "half a minute; for a few hundred short texts",
    "base": "the shipped model's: pre-trained on its own texts; 50 minutes on 2 cores for 25,000 reviews",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=16, averaging=0.0),
        text_version=2,
        vocabulary_size=500,
        affix_buckets=200,
        embedding_units=8,
        units=8,
        pretraining_epochs=1,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=12, batch_size=16, learning_rate=5e-3, patience=12),
        text_version=2,
        min_count=2,
        embedding_units=64,
        units=64,
        pretraining_epochs=0,
    ),
    "base": Config(training=TrainingOptions(name="base", epochs=5), text_version=2),
}
