"""What may stand after a prefix, and how probable it is: language models that a search asks for many at once."""

import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np
import tensorflow as tf

from common.decoding.loaded_table import LoadedTable
from common.decoding.witten_bell import Ngrams

_START = 1


class LanguageModel(Protocol):
    """A language model over symbol numbers, of which 0 (CTC's blank) never is part of a label.

    Its methods are pure functions in the graph, over a state for each prefix: a tensor `[batch, width, ...]`.
    """

    def start(self, batch: tf.Tensor) -> tf.Tensor:
        """The state of the empty prefix for `batch` rows: `[batch, ...]`."""
        ...

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """The log-probabilities `[batch, width, symbols]` of the next symbol, the label's end standing at place 0.

        Minus infinity forbids it, whatever weight the model has.
        """
        ...

    def advance(self, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
        """The states after one more symbol of each prefix, `[batch, width]` int32. After symbol 0, any state does."""
        ...


class SymbolNgrams:
    """Symbol n-grams as tables: one gather gives the log-probabilities of all next symbols, another the next state.

    The tables, `[contexts, symbols]` each, are made when an exported model is loaded; what they are made from is a
    twentieth of them.

    Args:
        ngrams: as `common.decoding.witten_bell` estimates them.

    Attributes:
        resources: what an export must have.

    Example:
        >>> from common.decoding.witten_bell import witten_bell
        >>> model = SymbolNgrams(witten_bell([[1, 2, 1, 2]], symbols=3, order=2))
        >>> states = model.advance(model.start(1)[:, None], tf.constant([[1]]))
        >>> tf.exp(model.log_probabilities(states)).numpy().astype(float).round(2).tolist()
        [[[0.08, 0.12, 0.79]]]
    """

    def __init__(self, ngrams: Ngrams) -> None:
        self._symbols, self._start = ngrams.symbols, ngrams.start
        arrays = {name: array for name, array in ngrams._asdict().items() if isinstance(array, np.ndarray)}
        content = zlib.crc32(b"".join(array.tobytes() for array in arrays.values()))
        kept = ngrams._replace(**{name: _constant(array) for name, array in arrays.items()})
        self._probabilities = LoadedTable(partial(_log_probabilities, kept), f"ngrams_{content:08x}")
        self._after = LoadedTable(partial(_after, kept), f"contexts_{content:08x}")
        self.resources = (self._probabilities, self._after)

    def start(self, batch: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return tf.fill([batch], self._start)

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return self._probabilities(states)

    def advance(self, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return self._after(states * self._symbols + symbols)


def _log_probabilities(ngrams: Ngrams) -> tf.Tensor:
    """`[contexts, symbols]` float32."""
    shares = _scattered(ngrams, ngrams.places, ngrams.shares)
    table = tf.fill([1, ngrams.symbols], 1 / ngrams.symbols)
    for first, last in _levels(ngrams.contexts):
        shorter = tf.gather(table, ngrams.shorter[first:last])
        longer = shorter * ngrams.factors[first:last, None] + shares[first:last]
        table = tf.concat([table, longer], axis=0) if first else longer
    return tf.math.log(table)


def _after(ngrams: Ngrams) -> tf.Tensor:
    """`[contexts * symbols]` int32: the context after each context and symbol."""
    further = _scattered(ngrams, ngrams.steps, ngrams.targets)
    table = tf.zeros([1, ngrams.symbols], tf.int32)
    for first, last in _levels(ngrams.contexts):
        shorter = tf.gather(table, ngrams.shorter[first:last])
        longer = tf.where(further[first:last] > 0, further[first:last], shorter)
        table = tf.concat([table, longer], axis=0) if first else longer
    return tf.reshape(table, [-1])


def _scattered(ngrams: Ngrams, places: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    size = len(ngrams.contexts) * ngrams.symbols
    return tf.reshape(tf.scatter_nd(places[:, None], values, [size]), [-1, ngrams.symbols])


def _levels(contexts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Where the contexts of each length begin and end: each is made from one that is shorter by a symbol."""
    lengths = [len(context) for context in contexts]
    edges = [0, *(index for index in range(1, len(lengths)) if lengths[index] > lengths[index - 1])]
    return list(pairwise([*edges, len(lengths)]))


class Lexicon:
    """Lets only sequences of given words through: a trie as a table `[nodes, symbols]`.

    Between two words stands the separator, once; the label ends after a word, or is empty. What is let through has the
    log-probability 0.

    Args:
        words: the symbol numbers, from 1, of each word.
        symbols: how many symbols there are, the blank among them.
        separator: the symbol between words, such as the space's; without it a label is one word.

    Raises:
        ValueError: a word is empty, or holds the separator or a number that is no symbol's.

    Example:
        >>> model = Lexicon([[1, 2], [1, 3]], symbols=5, separator=4)
        >>> states = model.advance(model.start(1)[:, None], tf.constant([[1]]))
        >>> model.log_probabilities(states).numpy().tolist()  # 1 goes on with 2 or 3
        [[[-inf, -inf, 0.0, 0.0, -inf]]]
    """

    def __init__(self, words: Iterable[Sequence[int]], symbols: int, separator: int | None = None) -> None:
        self._symbols, self._table = symbols, _constant(_trie(words, symbols, separator))

    def start(self, batch: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return tf.fill([batch], _START)

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return tf.where(tf.gather(self._table, states) > 0, 0.0, -np.inf)

    def advance(self, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return tf.gather(tf.reshape(self._table, [-1]), states * self._symbols + symbols)


def _constant(table: np.ndarray) -> tf.Tensor:
    """The table outside of any graph, so that a SavedModel holds it once, whatever uses it."""
    with tf.init_scope():
        return tf.constant(table)


def _trie(words: Iterable[Sequence[int]], symbols: int, separator: int | None) -> np.ndarray:
    """The node after each node and symbol `[nodes, symbols]` int32, 0 where there is none.

    Node 0 is a dead end, node 1 stands before the first word, node 2 before each other. At place 0 a node has 1 if the
    label may end there.
    """
    next_word = _START + 1
    ends: set[int] = set()
    children: list[dict[int, int]] = [{}, {}, {}]
    for word in words:
        numbers = [int(number) for number in word]
        if not numbers or any(not 0 < number < symbols or number == separator for number in numbers):
            besides = "" if separator is None else f", without the separator {separator}"
            raise ValueError(f"word {numbers}: expected numbers from 1 to {symbols - 1}{besides}")
        node = next_word
        for number in numbers:
            if number not in children[node]:
                children.append({})
                children[node][number] = len(children) - 1
            node = children[node][number]
        ends.add(node)
    # The first word is any word, but only where none has begun may the label be empty.
    children[_START] = children[next_word]
    table = np.zeros([len(children), symbols], np.int32)
    for node, after in enumerate(children):
        table[node, list(after.keys())] = list(after.values())
    table[[_START, *ends], 0] = 1
    if separator is not None:
        table[list(ends), separator] = next_word
    return table
