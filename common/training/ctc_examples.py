"""Examples whose texts are learnt with CTC: which of them can be learnt, and their rows of targets."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import tensorflow as tf

from common.data import sources
from common.data.batching import pad
from common.errors import UserError
from common.text.symbols import Symbols
from common.training.ctc import ctc_loss, frames_needed

FRAMES, LENGTH, LABELS = 0, 1, 2
"""Places in a row of targets: how many frames are real, how many symbols the label has, and where those begin."""


class Spelled(sources.Examples, Protocol):
    """Examples with a text each."""

    @property
    def texts(self) -> Sequence[str]:
        """What each of them says."""

    @property
    def origins(self) -> Sequence[str]:
        """Where each came from."""


E = TypeVar("E", bound=Spelled)


def require_known(examples: Spelled, symbols: Symbols, text: str) -> None:
    """Refuses texts with symbols that the model lacks.

    Args:
        examples: to be refused.
        symbols: of the model.
        text: what one of the texts is called, such as "transcript".

    Raises:
        UserError: naming the first such example and symbol.
    """
    for one, origin in zip(examples.texts, examples.origins, strict=True):
        if lacking := symbols.lacks(one):
            shown = ", ".join(map(repr, lacking[:5]))
            raise UserError(
                f"{examples.name}, {origin}: the {text} {one!r} has {shown}, which no training {text} has; "
                f"expected their {symbols.kind} only, or such examples in training too"
            )


def of_known_symbols(examples: E, symbols: Symbols, noun: str) -> E:
    """Those that a model of these symbols can write; the others are counted.

    Args:
        examples: to choose from.
        symbols: of the model.
        noun: what one of them is called.

    Raises:
        UserError: none remains.
    """
    reasons = ["symbols that training lacks" if symbols.lacks(text) else "" for text in examples.texts]
    return sources.leave_out(examples, reasons, noun)


def alignable(examples: E, symbols: Symbols, frames: Sequence[int] | np.ndarray, noun: str) -> E:
    """Those whose labels fit into their frames; the others are counted.

    Args:
        examples: to choose from.
        symbols: that their texts are written in.
        frames: how many each of them has.
        noun: what one of them is called.

    Raises:
        UserError: none remains.
    """
    reasons = [
        "" if fits(symbols.encode(text), count) else "more symbols than frames"
        for text, count in zip(examples.texts, frames, strict=True)
    ]
    return sources.leave_out(examples, reasons, noun)


def fits(label: np.ndarray, frames: int) -> bool:
    """Whether a label has an alignment with so many frames."""
    return frames_needed(label) <= frames


def targets_of(labels: Sequence[np.ndarray], frames: Sequence[int] | np.ndarray) -> np.ndarray:
    """Rows of targets `[batch, 2 + labels]` int32: the frames that are real, the length of the label, and the label,
    right-padded with 0.

    >>> targets_of([np.array([4, 2], np.int32), np.array([3], np.int32)], [9, 7]).tolist()
    [[9, 2, 4, 2], [7, 1, 3, 0]]
    """
    lengths = np.array([len(label) for label in labels], np.int32)
    return np.concatenate([np.asarray(frames, np.int32)[:, None], lengths[:, None], pad(labels)], axis=1)


def loss_per_symbol(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """CTC's loss of each row, over the length of its label: targets as of `targets_of` -> `[batch]`.

    A row whose label has no alignment, as examples that are changed at random may become, counts 0 and teaches nothing.
    """
    lengths = targets[:, LENGTH]
    losses = ctc_loss(logits, targets[:, LABELS:], targets[:, FRAMES], lengths)
    return tf.where(tf.math.is_inf(losses), 0.0, losses / tf.cast(tf.maximum(lengths, 1), tf.float32))
