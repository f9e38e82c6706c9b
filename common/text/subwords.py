"""Subwords of a unigram language model (Kudo 2018, arXiv:1804.10959): text to ids and back, in graph.

The sentencepiece library learns the subwords; stock TensorFlow operations apply and undo them. The same layer prepares
the training batches and is traced into the exported graph. Subwords keep case, punctuation and spaces, so joining them
gives the text back as a person writes it.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.errors import UserError
from common.keras_package import PACKAGE
from common.text.normalization import normalize

PADDING, UNKNOWN, START, END, FIRST_PIECE = 0, 1, 2, 3, 4
SPACE = "▁"
UNKNOWN_CHARACTER = "\ufffd"

_UNKNOWN_PENALTY = 10.0
_LONGEST_PIECE = 16
_CODE_POINT_BITS = 21
_NORMALIZED_AT_ONCE = 4096
_TEXTS_AT_MOST = 1_000_000


@dataclass(frozen=True)
class Subwords:
    """A unigram language model: its pieces, where "▁" stands for a space, and the logarithms of their probabilities."""

    pieces: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many ids there are: padding, unknown, start, end, then the pieces in their order."""
        return FIRST_PIECE + len(self.pieces)

    def unknown_characters(self, texts: Sequence[str]) -> tuple[int, int]:
        """How many characters of the texts no piece holds, and how many there are, but for spaces."""
        known = {character for piece in self.pieces for character in piece}
        characters = [
            character for text in _normalized(texts) for character in text if not character.isspace()
        ]
        return sum(character not in known for character in characters), len(characters)

    def to_json(self) -> dict[str, list[Any]]:
        return {"pieces": list(self.pieces), "log_probabilities": list(self.log_probabilities)}

    @classmethod
    def from_json(cls, values: Mapping[str, Sequence[Any]]) -> "Subwords":
        return cls(tuple(values["pieces"]), tuple(values["log_probabilities"]))


def learn_subwords(texts: Sequence[str], size: int, character_coverage: float = 1.0) -> Subwords:
    """Learns the pieces by which the texts are most probable; equal texts in equal order give equal pieces.

    Each digit is a piece of its own, and no piece goes beyond a word. From more than a million texts, a million at
    equal distances are read.

    Args:
        texts: of all languages that are to share the pieces.
        size: how many pieces to learn; fewer where the texts do not hold as many.
        character_coverage: share of all the texts' characters that pieces can spell; the rarest kinds of the rest are
            unknown. Below 1 for scripts of thousands of characters (0.9995).

    Raises:
        UserError: no text holds a character, or `size` is too small to spell the texts.
    """
    import sentencepiece

    stride = -(-len(texts) // _TEXTS_AT_MOST)
    lines = [line for line in _normalized(texts[:: max(stride, 1)]) if line]
    if not lines:
        raise UserError("subwords: expected texts to learn them from; all of them are empty")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=size + 1,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            max_sentencepiece_length=_LONGEST_PIECE,
            max_sentence_length=2**30,
            normalization_rule_name="identity",
            split_digits=True,
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        if "smaller than required_chars" not in str(error):
            raise
        characters = len(set().union(*lines, SPACE) - {" "})
        raise UserError(
            f"{size} subwords cannot spell these texts, which hold {characters:,} different characters; expected at "
            "least as many subwords as characters"
        ) from None
    learnt = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = [index for index in range(learnt.get_piece_size()) if not learnt.is_unknown(index)]
    return Subwords(tuple(map(learnt.id_to_piece, ids)), tuple(map(learnt.get_score, ids)))


def _normalized(texts: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for start in range(0, len(texts), _NORMALIZED_AT_ONCE):
        chunk = normalize(tf.constant(texts[start : start + _NORMALIZED_AT_ONCE], tf.string))
        lines += [line.decode("utf-8") for line in chunk.numpy()]
    return lines


@keras.saving.register_keras_serializable(PACKAGE)
class SubwordText(keras.layers.Layer):
    """Turns strings `[batch]` into the ids of their most probable pieces `[batch, time]`, and back.

    Each row is a text's pieces, `END`, and padding with 0 on the right, so that it holds at least one real step. A run
    of characters that no piece holds becomes one `UNKNOWN`, which `detokenize` leaves out: no text holds a mark for it.

    Among all segmentations of a text the Viterbi algorithm finds one of highest probability, the product of its
    pieces' probabilities. With `sharpness` one is drawn instead, with probabilities proportional to that product to
    the power of `sharpness` (subword regularisation, Kudo 2018, section 3.2, from all segmentations): for training,
    where the model then meets the same text in other pieces in each epoch. Near 0 all are equally probable.

    Args:
        pieces: of the model, as in `Subwords`.
        log_probabilities: of the pieces.
        max_tokens: longer texts lose the pieces after it, and what lies beyond 16 times as many characters is not read.

    Example:
        >>> layer = SubwordText(["▁", "a", "c", "t", "▁cat"], [-3.0, -3.0, -3.0, -3.0, -4.0], max_tokens=8)
        >>> ids = layer(tf.constant(["cat act"]))
        >>> ids.numpy().tolist(), layer.detokenize(ids).numpy().tolist()
        ([[8, 4, 5, 6, 7, 3]], [b'cat act'])
    """

    def __init__(
        self, pieces: Sequence[str], log_probabilities: Sequence[float], max_tokens: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.subwords = Subwords(tuple(pieces), tuple(log_probabilities))
        self.max_tokens = max_tokens
        self.longest = max(map(len, pieces))
        self.trie = _Trie.of(self.subwords)
        self.unknown_score = min(log_probabilities) - _UNKNOWN_PENALTY
        spelt = "".join(f"\\x{{{ord(piece):X}}}" for piece in pieces if len(piece) == 1)
        self.unknown_characters = f"[^ {spelt}]+"

    def call(self, text: tf.Tensor, sharpness: float | None = None, seed: Any = (0, 0)) -> tf.Tensor:
        """
        Args:
            text: strings `[batch]`.
            sharpness: draws a segmentation where given; otherwise the most probable one is taken.
            seed: two integers that fix what is drawn.

        Returns:
            Ids `[batch, time]`, int32.
        """
        # Hundreds of tiny steps, which a GPU would only slow down.
        with tf.device("/CPU:0"):
            characters = self._characters(text)
            pieces, scores = self._candidates(characters)
            lengths = _segment(scores, sharpness, seed)
            chosen = tf.gather(pieces, lengths - 1, axis=2, batch_dims=2)
            return _with_end(_walk(chosen, lengths, self.max_tokens))

    def detokenize(self, ids: tf.Tensor, spelling: tf.Tensor | None = None) -> tf.Tensor:
        """The text of the pieces before the first `END` of each row: ids `[batch, time]` -> strings `[batch]`.

        `spelling` is that of the ids, where it is known.
        """
        with tf.device("/CPU:0"):
            ended = tf.cumsum(tf.cast(ids == END, tf.int32), axis=1) > 0
            pieces = tf.where(ended, "", self.spelling(ids) if spelling is None else spelling)
            text = tf.strings.reduce_join(pieces, axis=1)
            return tf.strings.strip(tf.strings.regex_replace(text, f"{SPACE}+", " "))

    def spelling(self, ids: tf.Tensor) -> tf.Tensor:
        """The piece of each id, with "▁" for a space, and "" for the ids that are no pieces; shape and all."""
        with tf.device("/CPU:0"):
            return tf.gather(tf.constant([""] * FIRST_PIECE + list(self.subwords.pieces)), ids)

    def _characters(self, text: tf.Tensor) -> tf.Tensor:
        """Code points `[batch, time]` of the text, each word after a "▁", and one 0 or more at each row's end."""
        text = tf.strings.regex_replace(normalize(text), self.unknown_characters, UNKNOWN_CHARACTER)
        text = tf.strings.substr(text, 0, self.max_tokens * self.longest, unit="UTF8_CHAR")
        text = tf.strings.regex_replace(text, "(?:^| )([^ ])", SPACE + r"\1")
        return tf.pad(tf.strings.unicode_decode(text, "UTF-8").to_tensor(0), [[0, 0], [0, 1]])

    def _candidates(self, characters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The piece of each length that begins at each character, and its log-probability: `[batch, time, lengths]`.

        Where there is none, the log-probability is minus infinity. At padding a piece of length 1 and id 0 is certain.
        """
        shape, above, last_character = tf.shape(characters), *np.divmod(self.trie.keys, 2**_CODE_POINT_BITS)
        keys = _constant(above) * 2**_CODE_POINT_BITS + _constant(last_character)
        padded = tf.pad(tf.cast(characters, tf.int64), [[0, 0], [0, self.longest - 1]])
        windows = tf.gather(padded, tf.range(shape[1])[:, None] + tf.range(self.longest), axis=1)
        following = tf.unstack(tf.reshape(windows, [-1, self.longest]), axis=1)
        shift, last, nowhere = (
            tf.constant(value, tf.int64)
            for value in (2**_CODE_POINT_BITS, len(self.trie.keys) - 1, self.trie.nowhere)
        )
        node, nodes = tf.zeros_like(following[0]), []
        for character in following:
            key = node * shift + character
            # What `tf.searchsorted` does, in a tenth of the nodes.
            index = tf.raw_ops.LowerBound(sorted_inputs=keys[None], values=key[None], out_type=tf.int64)
            index = tf.reshape(index, [-1])
            node = tf.where(tf.gather(keys, tf.minimum(index, last)) == key, index + 1, nowhere)
            nodes.append(node)
        nodes = tf.reshape(tf.stack(nodes, axis=1), [shape[0], shape[1], self.longest])
        pieces = tf.gather(tf.cast(_constant(self.trie.pieces), tf.int32), nodes)
        no_pieces = np.full(FIRST_PIECE, -np.inf)
        log_probabilities = np.concatenate([no_pieces, self.subwords.log_probabilities]).astype(np.float32)
        scores = tf.gather(tf.constant(log_probabilities), pieces)
        alone, is_padding = pieces[..., 0], characters == 0
        filled = tf.where(is_padding, 0.0, tf.maximum(scores[..., 0], self.unknown_score))
        alone = tf.where(is_padding, PADDING, tf.maximum(alone, UNKNOWN))
        return (
            tf.concat([alone[..., None], pieces[..., 1:]], axis=2),
            tf.concat([filled[..., None], scores[..., 1:]], axis=2),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.subwords.to_json(), "max_tokens": self.max_tokens}


@dataclass(frozen=True)
class _Trie:
    """All beginnings of the pieces, numbered from 1 by their length, then in order of their code points.

    The key of a beginning is the number of the beginning one character shorter (0 for the empty one) and the code point
    of its last character. Numbered like this the keys ascend, so that the place of a key tells the number.

    Attributes:
        keys: of all beginnings, in their order; int64.
        pieces: the id of each beginning that is a piece, 0 of the others; from number 0, and one after the last.
    """

    keys: np.ndarray
    pieces: np.ndarray

    @property
    def nowhere(self) -> int:
        """A number that is no beginning's, and whose keys are no beginning's either."""
        return len(self.keys) + 1

    @classmethod
    def of(cls, subwords: Subwords) -> "_Trie":
        beginnings = {piece[:length] for piece in subwords.pieces for length in range(1, len(piece) + 1)}
        ordered = sorted(beginnings, key=lambda beginning: (len(beginning), beginning))
        number = {beginning: index for index, beginning in enumerate(("", *ordered))}
        keys = [(number[text[:-1]] << _CODE_POINT_BITS) + ord(text[-1]) for text in ordered]
        pieces = np.zeros(len(keys) + 2, np.int32)
        for index, piece in enumerate(subwords.pieces):
            pieces[number[piece]] = FIRST_PIECE + index
        return cls(np.array(keys, np.int64), pieces)


def _constant(values: np.ndarray) -> tf.Tensor:
    """Integers from 0 on as int64, kept in the graph in the narrowest type that holds them."""
    return tf.cast(tf.constant(values.astype(np.min_scalar_type(values.max()))), tf.int64)


def _segment(scores: tf.Tensor, sharpness: float | None, seed: Any) -> tf.Tensor:
    """How many characters the piece beginning at each position takes: `[batch, time, lengths]` -> `[batch, time]`.

    From right to left, each position chooses among its pieces by their scores and those of what follows them. The
    score of what follows is that of the best segmentation, or, in drawing, of all of them together; adding Gumbel noise
    to the choices draws each with its probability.
    """
    by_time = tf.transpose(scores, [1, 0, 2])
    if sharpness is None:
        noise, combine = tf.zeros_like(by_time), tf.reduce_max
    else:
        by_time *= sharpness
        uniform = tf.random.stateless_uniform(tf.shape(by_time), tf.cast(seed, tf.int32), minval=1e-30)
        noise, combine = -tf.math.log(-tf.math.log(uniform)), tf.reduce_logsumexp

    def choose(time: tf.Tensor, following: tf.Tensor, lengths: tf.TensorArray) -> tuple[Any, ...]:
        candidates = by_time[time] + following
        lengths = lengths.write(time, 1 + tf.argmax(candidates + noise[time], axis=1, output_type=tf.int32))
        following = tf.concat([combine(candidates, axis=1, keepdims=True), following[:, :-1]], axis=1)
        return time - 1, following, lengths

    last = tf.shape(by_time)[0] - 1
    _, _, lengths = tf.while_loop(
        lambda time, *_: time >= 0,
        choose,
        (last, tf.zeros_like(by_time[0]), tf.TensorArray(tf.int32, last + 1, element_shape=[None])),
    )
    return tf.transpose(lengths.stack())


def _walk(pieces: tf.Tensor, lengths: tf.Tensor, max_tokens: int) -> tf.Tensor:
    """The ids of the pieces one after another `[batch, steps]`, from the piece and the length at each position."""
    last = tf.shape(pieces)[1] - 1

    def at(values: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, position, batch_dims=1)

    def go_on(step: tf.Tensor, position: tf.Tensor, ids: tf.TensorArray) -> tf.Tensor:
        return (step == 0) | (step < max_tokens) & tf.reduce_any(at(pieces, position) != PADDING)

    def take(step: tf.Tensor, position: tf.Tensor, ids: tf.TensorArray) -> tuple[Any, ...]:
        ids = ids.write(step, at(pieces, position))
        return step + 1, tf.minimum(position + at(lengths, position), last), ids

    start = tf.zeros(tf.shape(pieces)[:1], tf.int32)
    ids = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[None])
    return tf.transpose(tf.while_loop(go_on, take, (0, start, ids))[2].stack())


def _with_end(ids: tf.Tensor) -> tf.Tensor:
    """`END` after the last id of each row, and no more columns than are needed."""
    counts = tf.math.count_nonzero(ids, axis=1, keepdims=True, dtype=tf.int32)
    ids = tf.pad(ids, [[0, 0], [0, 1]])
    width = 1 + tf.reduce_max(tf.concat([counts, [[0]]], axis=0))
    return tf.where(tf.range(tf.shape(ids)[1]) == counts, END, ids)[:, :width]
