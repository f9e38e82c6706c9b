"""Where pairs of texts come from, and how they become batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from applications.translation.config import Config
from applications.translation.sample import sample
from common.data.batching import generated, pad, plan_token_batches, teacher_forced
from common.text.parallel import Pairs, PairSource, load_evaluation, load_training
from common.text.subwords import END, START, UNKNOWN, Subwords, SubwordText

_ENCODED_AT_ONCE = 512
_IDS = tf.TensorSpec([None, None], tf.int32)
_PAIRS = ({"source": _IDS, "target": _IDS}, _IDS)

_Reader = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids, each an int32 array `[time]` that ends with `END`."""

    sources: Sequence[np.ndarray]
    targets: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of the longer side of each pair."""
        sides = zip(self.sources, self.targets, strict=True)
        return np.array([max(len(source), len(target)) for source, target in sides], np.int64)

    def select(self, indices: Sequence[int] | np.ndarray) -> "EncodedPairs":
        """The pairs of the given indices, in their order."""
        return EncodedPairs(*([side[index] for index in indices] for side in (self.sources, self.targets)))


def training_examples(config: Config) -> tuple[Pairs, Pairs]:
    """Training and validation pairs."""
    return load_training(
        config.source, _sample_of(config.source), config.validation, config.validation_fraction
    )


def evaluation_examples(source: PairSource) -> Pairs:
    """The pairs that `evaluate` measures on."""
    return load_evaluation(source, _sample_of(source))


def _sample_of(source: PairSource) -> Callable[[str], Pairs]:
    return partial(sample, source=source.source, target=source.target, pairs=source.pairs)


def subword_text(subwords: Subwords, max_tokens: int) -> SubwordText:
    """The text front end for learnt subwords."""
    return SubwordText(subwords.pieces, subwords.log_probabilities, max_tokens, name="subword_text")


def encode(
    pairs: Pairs,
    source: SubwordText,
    target: SubwordText,
    sharpness: float | None = None,
    seed: tuple[int, int] = (0, 0),
) -> EncodedPairs:
    """Reads all texts once through the front ends, which may be one.

    A target's unknown characters are left out, so that no model learns to write them. `sharpness` draws segmentations,
    as `SubwordText` has it, with the given seed.
    """
    read = _reader(source, sharpness)
    return _encode(pairs, read, read if target is source else _reader(target, sharpness), seed)


def encode_within(
    pairs: Pairs, source: Subwords, target: Subwords, max_tokens: int
) -> tuple[Pairs, EncodedPairs]:
    """The pairs of at most `max_tokens` subwords on either side, and their ids; longer ones are left out and counted.

    Raises:
        UserError: none remains.
    """
    longer = max_tokens + 1
    read = subword_text(source, longer)
    encoded = encode(pairs, read, read if target is source else subword_text(target, longer))
    reason = f"longer than {max_tokens} subwords"
    reasons = [reason if length > longer else "" for length in encoded.lengths]
    return pairs.leave_out(reasons), encoded.select([index for index, why in enumerate(reasons) if not why])


def redrawn(
    pairs: Pairs, source: Subwords, target: Subwords, max_tokens: int, sharpness: float, seed: int
) -> Callable[[int], EncodedPairs]:
    """From an epoch to the ids of the pairs in segmentations drawn for that epoch, as `token_batches` takes it.

    Of pairs that `encode_within` has kept for the same `max_tokens`, nothing is cut, however finely they are segmented.
    """
    roomy = max_tokens * max(len(piece) for piece in (*source.pieces, *target.pieces))
    read = _reader(subword_text(source, roomy), sharpness)
    written = read if target is source else _reader(subword_text(target, roomy), sharpness)
    return lambda epoch: _encode(pairs, read, written, (seed, epoch))


def token_batches(
    pairs: EncodedPairs,
    tokens_per_batch: int,
    *,
    epochs: range,
    seed: int,
    redraw: Callable[[int], EncodedPairs] | None = None,
) -> tuple[tf.data.Dataset, int]:
    """Shuffled batches: {"source": `[batch, source time]`, "target": `[batch, time]`}, labels `[batch, time]`.

    `target` is what teacher forcing feeds the decoder: `START`, then the labels but for the last. A batch holds about
    `tokens_per_batch` steps of its longer side, pairs of like length together. The order depends on (seed, epoch)
    alone: a run that resumes at an epoch sees what an uninterrupted one would have seen.

    Args:
        pairs: the ids; their lengths plan the batches.
        tokens_per_batch: steps of the longer side in a batch, padding included.
        epochs: which follow one another.
        seed: of the order.
        redraw: from an epoch to other ids of the same pairs, such as drawn segmentations.

    Returns:
        The data set, and its number of batches per epoch.
    """
    lengths = pairs.lengths

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for epoch in epochs:
            shown = pairs if redraw is None else redraw(epoch)
            for batch in plan_token_batches(lengths, tokens_per_batch, np.random.default_rng((seed, epoch))):
                yield _fed(shown.select(batch))

    return generated(generate, _PAIRS), len(plan_token_batches(lengths, tokens_per_batch, None))


def validation_batches(pairs: EncodedPairs, tokens_per_batch: int) -> tuple[tf.data.Dataset, np.ndarray]:
    """All pairs, in ascending length.

    Returns:
        The data set, batches as of `token_batches`, and the index of the pair behind each of its rows.
    """
    plan = plan_token_batches(pairs.lengths, tokens_per_batch, None)

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for batch in plan:
            yield _fed(pairs.select(batch))

    return generated(generate, _PAIRS, len(plan)), np.concatenate(plan)


def _reader(layer: SubwordText, sharpness: float | None) -> _Reader:
    def read(text: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return layer(text, sharpness=sharpness, seed=seed)

    specs = [tf.TensorSpec([None], tf.string), tf.TensorSpec([2], tf.int32)]
    graph: _Reader = tf.function(read, input_signature=specs)
    return graph


def _encode(pairs: Pairs, source: _Reader, target: _Reader, seed: tuple[int, int]) -> EncodedPairs:
    sources, targets = (
        _encode_texts(texts, read, np.random.default_rng((*seed, side)))
        for side, (texts, read) in enumerate(((pairs.sources, source), (pairs.targets, target)))
    )
    return EncodedPairs(sources, [row[row != UNKNOWN] for row in targets])


def _encode_texts(texts: Sequence[str], read: _Reader, seeds: np.random.Generator) -> list[np.ndarray]:
    # Texts of like length stand together, so that little is padded.
    order = np.argsort([len(text) for text in texts], kind="stable")
    encoded: list[np.ndarray] = [np.empty(0, np.int32)] * len(texts)
    for start in range(0, len(texts), _ENCODED_AT_ONCE):
        indices = order[start : start + _ENCODED_AT_ONCE]
        drawn = seeds.integers(2**31, size=2, dtype=np.int32)
        batch = read(tf.constant([texts[index] for index in indices]), drawn).numpy()
        for index, row in zip(indices, batch, strict=True):
            encoded[index] = row[: 1 + np.argmax(row == END)]
    return encoded


def _fed(pairs: EncodedPairs) -> tuple[dict[str, np.ndarray], np.ndarray]:
    target, labels = teacher_forced(pairs.targets, START, END)
    return {"source": pad(pairs.sources), "target": target}, labels
