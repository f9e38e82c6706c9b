"""The symbols that frames of speech or ink stand for, characters or whole words, and how texts are written in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import tensorflow as tf

from common.errors import UserError

SymbolKind = Literal["characters", "words"]


@dataclass(frozen=True)
class Symbols:
    """An alphabet, in which symbol k + 1 is the k-th of `names`; 0 is CTC's blank.

    >>> alphabet = Symbols("characters", (" ", "a", "b"))
    >>> alphabet.encode("ab a").tolist(), alphabet.decode([2, 3])
    ([2, 3, 1, 2], 'ab')

    Attributes:
        kind: whether the names are characters or words.
        names: without the blank.
    """

    kind: SymbolKind
    names: tuple[str, ...]

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.names, 1)}

    @property
    def count(self) -> int:
        """How many there are, the blank among them."""
        return len(self.names) + 1

    @property
    def separator(self) -> str:
        """What stands between two symbols of a text."""
        return "" if self.kind == "characters" else " "

    @property
    def blank(self) -> int | None:
        """The symbol of the blank between words, where it is one."""
        return self.names.index(" ") + 1 if " " in self.names else None

    def encode(self, text: str) -> np.ndarray:
        """The symbol numbers `[symbols]` int32 of a text.

        Raises:
            KeyError: a symbol of the text is not among them.
        """
        return np.array([self._numbers[symbol] for symbol in self.split(text)], np.int32)

    def split(self, text: str) -> Sequence[str]:
        """The symbols that a text has, known or not."""
        return text if self.kind == "characters" else text.split()

    def lacks(self, text: str) -> list[str]:
        """Those symbols of a text that are not among them, each once."""
        return sorted(set(self.split(text)) - self._numbers.keys())

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of symbol numbers, of which 0 is passed over."""
        return self.separator.join(self.names[number - 1] for number in numbers if number)

    def spelled(self, labels: tf.Tensor) -> tf.Tensor:
        """The name of each symbol number, strings of the same shape, "" of 0; in the graph."""
        return tf.gather(tf.constant(["", *self.names]), labels)

    def texts(self, labels: tf.Tensor) -> tf.Tensor:
        """The texts, strings `[...]`, of symbol numbers `[..., symbols]` right-padded with 0; in the graph."""
        pieces = self.spelled(labels)
        if self.kind == "words":
            # A blank of its own stands before each word but the first, so that padding adds none.
            pieces = tf.where(labels > 0, tf.constant(" ") + pieces, "")
            return tf.strings.strip(tf.strings.reduce_join(pieces, axis=-1))
        return tf.strings.reduce_join(pieces, axis=-1)


def choose_symbols(texts: Iterable[str], kind: SymbolKind, known: Sequence[str] = ()) -> Symbols:
    """All symbols of the texts: those that are known first, as they are, then the others, sorted.

    Raises:
        UserError: there is none.
    """
    split = Symbols(kind, ()).split
    symbols = {symbol for text in texts for symbol in split(text)}
    if not symbols:
        raise UserError("the texts of all training examples are empty; expected what each of them says")
    return Symbols(kind, (*known, *sorted(symbols - set(known))))
