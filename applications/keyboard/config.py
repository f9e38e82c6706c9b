"""The configuration of the keyboard's language model and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, AtLeast, check_ranges
from common.text.running import RawTextSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "keyboard"
INHERITANCE = Inheritance(
    NAME,
    architecture=("width", "ngram_buckets", "cell", "units", "layers", "residual"),
    preprocessing=("vocabulary", "mixture"),
    kind=("split_at_blanks",),
)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: RawTextSource = field(default_factory=RawTextSource)
    """Where the text comes from."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training."""
    validation: Path | None = None
    """File to validate on; unless given, 5 % of the text is held out for it, and as much for the test."""
    split_at_blanks: bool = False
    """Whether the text is tokenised and its words are whatever stands between blanks, as in the Penn Treebank."""
    join_tokens: bool = False
    """Whether the text is tokenised and its tokens are joined as a person writes them, before it is read."""
    vocabulary: Annotated[int, AtLeast(1)] = 15_000
    """Words that are known at most, the commonest."""
    min_count: Annotated[int, AtLeast(1)] = 2
    """Words that occur less often in training are unknown, and read through their characters."""
    ngram_buckets: Annotated[int, AtLeast(1)] = 2048
    """Vectors for the character n-grams of unknown words, which are hashed into as many buckets."""
    width: Annotated[int, AtLeast(1)] = 160
    """Width of the word vectors, which are the rows of the output matrix too, and to which states are projected."""
    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    units: Annotated[int, AtLeast(1)] = 352
    """Hidden units per layer."""
    layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers, one upon another."""
    residual: bool = False
    """Whether each layer adds its input to its output where they are equally wide."""
    window: Annotated[int, AtLeast(1)] = 35
    """Words in each row of a batch, through which gradients flow back; states are carried on to the next batch."""
    sampled_words: Annotated[int, AtLeast(1)] = 2048
    """Words drawn for the loss of a training batch where the vocabulary has more than 10,000 (sampled softmax)."""
    spelled_words: Annotated[float, FRACTION] = 0.05
    """Share of known words that are read through their characters in training, as if they were unknown."""
    word_dropout: Annotated[float, FRACTION] = 0.05
    """Share of the words whose vectors are zero in training."""
    input_dropout: Annotated[float, FRACTION] = 0.1
    """Variational dropout of the word vectors: one mask per row and batch."""
    dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout between the recurrent layers."""
    recurrent_dropout: Annotated[float, FRACTION] = 0.0
    """Variational dropout of the hidden states on their way from step to step."""
    weight_dropout: Annotated[float, FRACTION] = 0.2
    """Share of the recurrent weights that each training batch does without (Merity et al. 2018)."""
    output_dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout of the last layer's states."""

    def __post_init__(self) -> None:
        check_ranges(self)


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "a minute or two on 2 cores for the sample; for a first look at any text",
    "base": "the shipped model's; some hours on 2 cores for millions of words",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=4, averaging=0.0),
        vocabulary=500,
        ngram_buckets=64,
        width=16,
        units=24,
        window=16,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=8, batch_size=20, learning_rate=5e-3),
        vocabulary=5000,
        ngram_buckets=1024,
        width=96,
        units=160,
    ),
    "base": Config(
        training=TrainingOptions(
            name="base",
            epochs=12,
            batch_size=64,
            learning_rate=4e-3,
            averaging=0.998,
            weight_decay=0.03,
        ),
    ),
}
