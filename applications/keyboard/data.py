"""Where text comes from, and how it becomes batches of a stream of words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from applications.keyboard.config import Config
from applications.keyboard.sample import sample
from applications.keyboard.vocabulary import Vocabulary, Words
from applications.keyboard.word_numbers import END, FIRST_WORD, UNKNOWN
from common.data.batching import generated
from common.data.streams import Windows, ring, side_by_side, steps_per_epoch, windows
from common.errors import UserError
from common.text.character_ngrams import COUNT
from common.text.detokenization import join_tokens
from common.text.entries import read_entries
from common.text.running import Part, RawText, RawTextSource, load_evaluation, load_training
from common.text.segmentation import LINE_END, segment, split_at_blanks

VALIDATION_ROWS = 16
_VALIDATED_AT_ONCE = 64
_READ_AT_ONCE = 1024
_BEFORE = -1
_NUMBERS = tf.TensorSpec([None, None], tf.int32)
_PIECES = (
    {
        "words": _NUMBERS,
        "ngrams": tf.TensorSpec([None, None, COUNT], tf.int32),
        "targets": _NUMBERS,
        "starts": tf.TensorSpec([None], tf.bool),
    },
    _NUMBERS,
)
Batch = tuple[dict[str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Stream:
    """A text as one stream of words.

    Attributes:
        numbers: of the words `[words]` int32.
        spelled: which of the spellings each word has `[words]`.
        ngrams: of each spelling `[spellings, COUNT]`.
        spelling_nats: what the characters of each spelling cost `[spellings]`, 0 of known words.
        characters: of the text.
    """

    numbers: np.ndarray
    spelled: np.ndarray
    ngrams: np.ndarray
    spelling_nats: np.ndarray
    characters: int

    def __len__(self) -> int:
        return len(self.numbers)


def training_examples(config: Config) -> tuple[RawText, RawText]:
    """The text to train on and the text to validate on.

    Raises:
        UserError: a part is empty, or a file cannot be read.
    """
    train, validation = load_training(config.source, sample, config.validation, read_entries)
    if config.join_tokens:
        train, validation = map(_with_joined_tokens, (train, validation))
    return train, validation


def evaluation_examples(source: RawTextSource, part: Part | None = None) -> RawText:
    """The text that `evaluate` measures on: the given part, or as `load_evaluation` chooses."""
    return load_evaluation(source, sample, part, read_entries)


def segmented(text: RawText, at_blanks: bool) -> list[str]:
    """The words of a text as they are spelled, `LINE_END` at the end of each line that has any."""
    split = tf.function(
        split_at_blanks if at_blanks else segment,
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    lines = [f"{line}{LINE_END}" for line in text.text.split("\n") if line.strip()]
    words: list[str] = []
    for start in range(0, len(lines), _READ_AT_ONCE):
        spellings, _ = split(tf.constant(lines[start : start + _READ_AT_ONCE]))
        words += [spelling.decode("utf-8") for spelling in spellings.flat_values.numpy()]
    return words


def make_vocabulary(config: Config, text: RawText, spellings: list[str]) -> Vocabulary:
    """The words that the model will know: the commonest of the training text.

    Raises:
        UserError: no word is frequent enough, or the text has fewer words than a batch.
    """
    require_a_batch(config, text, len(spellings))
    vocabulary = Vocabulary.choose([spellings], config.vocabulary, config.min_count, config.split_at_blanks)
    if not vocabulary.words:
        raise UserError(f"{text.name}: no word occurs {config.min_count:,} times or more (--min-count)")
    return vocabulary


def require_a_batch(config: Config, text: RawText, words: int) -> None:
    """Raises UserError if a text of so many words is shorter than a batch."""
    rows = config.training.batch_size
    needed = rows * (config.window + 1)
    if words < needed:
        raise UserError(
            f"{text.name}: {words:,} words are fewer than one batch of {rows} rows of {config.window} "
            f"(--batch-size, --window); expected {needed:,} or more"
        )


def encode(text: RawText, spellings: list[str], words: Words) -> Stream:
    """The text, whose words are spelled as given, as one stream.

    Raises:
        UserError: there are too few words to validate on.
    """
    if len(spellings) < VALIDATION_ROWS:
        raise UserError(
            f"{text.name}: {len(spellings)} words are too few to validate on; expected {VALIDATION_ROWS} or more "
            "(--validation)"
        )
    places: dict[str, int] = {}
    spelled = np.array([places.setdefault(spelling, len(places)) for spelling in spellings], np.int32)
    read = tf.function(
        lambda forms: _read(forms, words),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    forms = list(places)
    pieces = [
        [array.numpy() for array in read(tf.constant(forms[start : start + _READ_AT_ONCE]))]
        for start in range(0, len(forms), _READ_AT_ONCE)
    ]
    numbers, ngrams, nats = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return Stream(numbers[spelled], spelled, ngrams, nats, len(text))


def training_batches(stream: Stream, config: Config, *, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Batches of consecutive windows and how many there are in each epoch.

    A batch has the inputs of the model: `words` `[rows, window]`, the word before each target, `END` at the beginning
    of a row; `ngrams` `[rows, window, COUNT]` of those that are unknown, or that are read through their characters for
    a change; `targets`, and `starts` `[rows]`. The order, and what is read so, depend on (seed, epoch) alone.
    """
    rows, window, seed = config.training.batch_size, config.window, config.training.seed
    places = np.arange(len(stream), dtype=np.int32)

    def generate() -> Iterator[Batch]:
        for epoch in epochs:
            random = np.random.default_rng((seed, epoch, 1))
            for piece in windows(ring(places, rows, window, epoch=epoch, seed=seed), window, _BEFORE):
                is_spelled = random.random(piece.fed.shape) < config.spelled_words
                yield _batch(stream, piece, is_spelled)

    return generated(generate, _PIECES), steps_per_epoch(len(stream), rows, window)


def validation_batches(stream: Stream, rows: int = VALIDATION_ROWS) -> tf.data.Dataset:
    """The text cut into `rows` rows that are read side by side, in windows of like length; a last few are left out."""
    held_out = side_by_side(np.arange(len(stream), dtype=np.int32), rows)
    count = -(-held_out.shape[1] // _VALIDATED_AT_ONCE)

    def generate() -> Iterator[Batch]:
        for piece in windows(held_out, -(-held_out.shape[1] // count), _BEFORE):
            yield _batch(stream, piece, np.zeros(piece.fed.shape, bool))

    return generated(generate, _PIECES, count)


def inputs_at(stream: Stream, places: np.ndarray, is_spelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers and the n-grams of the words at these places, `END` standing before the first.

    Args:
        stream: of words.
        places: -1 before the first word.
        is_spelled: which known words are read through their characters, as unknown ones are.
    """
    numbers = np.where(places == _BEFORE, END, stream.numbers[places])
    numbers = np.where(is_spelled & (numbers >= FIRST_WORD), UNKNOWN, numbers).astype(np.int32)
    ngrams = np.zeros((*places.shape, COUNT), np.int32)
    is_unknown = numbers == UNKNOWN
    ngrams[is_unknown] = stream.ngrams[stream.spelled[places[is_unknown]]]
    return numbers, ngrams


def _batch(stream: Stream, piece: Windows, is_spelled: np.ndarray) -> Batch:
    numbers, ngrams = inputs_at(stream, piece.fed, is_spelled)
    targets = stream.numbers[piece.targets]
    return {"words": numbers, "ngrams": ngrams, "targets": targets, "starts": piece.starts}, targets


def _read(forms: tf.Tensor, words: Words) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    numbers = words.numbers(forms)
    return numbers, words.ngrams(forms), words.spelling_nats(forms, numbers)


def _with_joined_tokens(text: RawText) -> RawText:
    return replace(text, text="\n".join(map(join_tokens, text.text.split("\n"))))
