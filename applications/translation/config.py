"""The configuration of the translator and its named presets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from common.checks import FRACTION, Above, AtLeast, check_ranges
from common.layers.attention_decoder import Score
from common.layers.stack import CellName
from common.text.parallel import PairSource
from common.training.init_from import Inheritance
from common.training.options import TrainingOptions

NAME = "translation"
INHERITANCE = Inheritance(
    NAME,
    architecture=(
        *("subwords", "embedding_units", "cell", "encoder_units", "encoder_layers"),
        *("decoder_units", "decoder_layers", "attention", "input_feeding"),
    ),
    preprocessing=("subwords",),
    phases=("both_directions_epochs",),
)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on."""

    source: PairSource = field(default_factory=PairSource)
    """Where the pairs of texts come from, and in which direction they are translated."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Length, optimiser and schedule of the training. Batches hold like numbers of tokens, and --batch-size pairs on
    average."""
    validation: tuple[Path, ...] = ()
    """File of the same format to validate on, or two line-aligned files, source before target; unless given, a part of
    the data is held out."""
    validation_fraction: Annotated[float, FRACTION] = 0.02
    """Share of the data held out for validation when no file is given."""
    subwords: Annotated[int, AtLeast(1)] = 8_000
    """Subwords that are learnt from both languages together."""
    subword_sharpness: Annotated[float, Above(0)] | None = None
    """Each epoch reads the texts in other subwords, drawn with their probabilities to this power (Kudo 2018); unless
    given, always in the most probable ones."""
    max_tokens: Annotated[int, AtLeast(2)] = 150
    """Pairs with more subwords on either side are left out; a longer text to be translated loses its end."""
    embedding_units: Annotated[int, AtLeast(1)] = 256
    """Width of the subwords' vectors, which source, target and output share (Press and Wolf 2017)."""
    cell: CellName = "lstm"
    """Recurrent cell: LSTM, GRU or simple (Elman) recurrence."""
    encoder_units: Annotated[int, AtLeast(1)] = 256
    """Hidden units per direction and layer of the encoder, which reads from both ends."""
    encoder_layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers of the encoder, one upon another."""
    decoder_units: Annotated[int, AtLeast(1)] = 512
    """Hidden units of the decoder's layers."""
    decoder_layers: Annotated[int, AtLeast(1)] = 1
    """Recurrent layers of the decoder; the lowest attends, the others add to what it read (Wu et al. 2016)."""
    attention: Score = "multiplicative"
    """How the decoder scores the source's states: additive (Bahdanau et al. 2015) or multiplicative (Luong et al.
    2015)."""
    input_feeding: bool = True
    """Whether each step reads what the one before made of the source (Luong et al. 2015)."""
    word_dropout: Annotated[float, FRACTION] = 0.0
    """Share of the subwords hidden in training, on both sides."""
    embedding_dropout: Annotated[float, FRACTION] = 0.2
    """Variational dropout of the subwords' vectors: one mask per text (Gal and Ghahramani 2016)."""
    dropout: Annotated[float, FRACTION] = 0.3
    """Variational dropout of the encoder's and the decoder's outputs."""
    label_smoothing: Annotated[float, FRACTION] = 0.1
    """Share of the target probability spread over all subwords (Szegedy et al. 2016)."""
    both_directions_epochs: Annotated[int, AtLeast(0)] = 0
    """Epochs in which the model first learns to translate in both directions (Ding et al. 2021, arXiv:2109.07780)."""

    def __post_init__(self) -> None:
        check_ranges(self)


PRESET_DESCRIPTIONS = {
    "tiny": "too small to learn much; for trying things out",
    "sample": "a few minutes; dates, times and numbers in words",
    "base": "the shipped model's; half an hour on 2 cores for 29,000 pairs",
}
PRESETS = {
    "tiny": Config(
        training=TrainingOptions(name="tiny", epochs=2, batch_size=16, averaging=0.0),
        subwords=200,
        embedding_units=8,
        encoder_units=8,
        decoder_units=8,
    ),
    "sample": Config(
        training=TrainingOptions(name="sample", epochs=6, batch_size=64, learning_rate=3e-3),
        subwords=500,
        embedding_units=64,
        encoder_units=128,
        decoder_units=128,
        embedding_dropout=0.0,
        dropout=0.1,
    ),
    "base": Config(
        training=TrainingOptions(
            name="base", epochs=22, batch_size=128, learning_rate=2e-3, averaging=0.999, patience=10
        ),
        subwords=6_000,
        subword_sharpness=0.5,
        decoder_units=448,
        word_dropout=0.1,
        embedding_dropout=0.3,
        dropout=0.4,
    ),
}
