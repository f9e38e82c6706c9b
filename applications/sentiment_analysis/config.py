"""The configuration of the sentiment classifier and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.checks import require_at_least, require_fraction
from common.errors import UserError
from common.text.labelled import TextSource
from common.training.options import TrainingOptions

NAME = "sentiment_analysis"


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: TextSource = field(default_factory=TextSource)
    """Where the labelled texts come from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """File of the same format to validate on; unless given, a part of the data is held out."""
    validation_fraction: float = 0.1
    """Share of the data held out for validation when no file is given."""
    vocabulary_size: int = 20_000
    """Words with a vector of their own, the commonest in training."""
    min_count: int = 3
    """Rarer words have no vector of their own; their affixes speak for them."""
    affix_buckets: int = 16_000
    """Vectors shared by the hashed beginnings and endings of words."""
    max_tokens: int = 2_000
    """Longer texts lose their middle."""
    training_tokens: int = 400
    """In training a random window of this many tokens is read from a longer text."""
    embedding_units: int = 128
    """Width of the token vectors."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: int = 256
    """Hidden units per direction and layer."""
    layers: int = 1
    """Recurrent layers, one upon another."""
    bidirectional: bool = True
    """Whether each text is read from both ends."""
    pooling: Literal["attention", "max", "all"] = "all"
    """How the states over time become one vector: attention, maximum, or both beside the mean."""
    word_dropout: float = 0.1
    """Share of words hidden in training, so that affixes and context learn to stand in."""
    embedding_dropout: float = 0.3
    """Variational dropout of the token vectors: one mask per text (Gal and Ghahramani 2016)."""
    dropout: float = 0.3
    """Variational dropout of the recurrent layers' outputs."""
    pooled_dropout: float = 0.5
    """Dropout of the pooled vector."""
    label_smoothing: float = 0.05
    """Share of the target probability spread over all labels (Szegedy et al. 2016)."""
    pretraining_epochs: int = 8
    """Epochs in which the recurrent layer first learns to predict the next and the previous word of the training
    texts (Dai and Le 2015); 0 for none."""
    pretraining_learning_rate: float = 3e-3
    """Peak learning rate of the pre-training."""
    pretraining_batch_size: int = 64
    """Windows of text per step of the pre-training."""
    pretraining_window: int = 100
    """Tokens in each window of the pre-training."""
    pretraining_dropout: float = 0.1
    """Variational dropout of the token vectors and of the states in the pre-training."""
    sampled_words: int = 512
    """Words that each predicted word is compared with in the pre-training, drawn anew for each batch."""

    def __post_init__(self) -> None:
        if self.pretraining_epochs and self.bidirectional and self.layers > 1:
            raise UserError(
                f"--layers {self.layers}: an upper bidirectional layer has seen the words it would have to predict; "
                "expected one layer, --no-bidirectional, or --pretraining-epochs 0"
            )
        require_at_least(0, pretraining_epochs=self.pretraining_epochs)
        require_at_least(
            1,
            vocabulary_size=self.vocabulary_size,
            min_count=self.min_count,
            affix_buckets=self.affix_buckets,
            training_tokens=self.training_tokens,
            embedding_units=self.embedding_units,
            units=self.units,
            layers=self.layers,
            pretraining_batch_size=self.pretraining_batch_size,
            sampled_words=self.sampled_words,
        )
        require_at_least(2, max_tokens=self.max_tokens, pretraining_window=self.pretraining_window)
        require_fraction(
            validation_fraction=self.validation_fraction,
            word_dropout=self.word_dropout,
            embedding_dropout=self.embedding_dropout,
            dropout=self.dropout,
            pooled_dropout=self.pooled_dropout,
            pretraining_dropout=self.pretraining_dropout,
            label_smoothing=self.label_smoothing,
        )


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "half a minute; for a few hundred short texts",
    "base": "the shipped model's: pre-trained on its own texts; 50 minutes on 2 cores for 25,000 reviews",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=16, averaging=0.0),
        vocabulary_size=500,
        affix_buckets=200,
        embedding_units=8,
        units=8,
        pretraining_epochs=1,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=12, batch_size=16, learning_rate=5e-3, patience=12),
        min_count=2,
        embedding_units=64,
        units=64,
        pretraining_epochs=0,
    ),
    "base": Config(training=TrainingOptions(name="base", epochs=5)),
}
