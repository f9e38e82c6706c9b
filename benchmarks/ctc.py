"""Beam search over the frames of CTC: `prefix_beam_search` beside TensorFlow's own decoder.

python -m benchmarks.ctc
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from benchmarks.timing import in_turn, ratio, seconds, spread, table
from common import cli
from common.checks import require_at_least
from common.decoding.ctc import prefix_beam_search

Decoder: TypeAlias = Callable[[], tuple[np.ndarray, np.ndarray]]
"""Gives the best labels `[batch, labels]`, padded with 0, and their log-probabilities `[batch]`."""

OURS, STOCK = "ours", "tf.nn"
_LEAST_SAME = 0.9
"""The share of rows in which both must find the same label."""


@dataclass(frozen=True)
class Options:
    """What is decoded, and how often."""

    beam_width: int = 10
    """Prefixes of a row that live at once."""
    batch_size: int = 32
    """Rows decoded side by side."""
    frames: int = 200
    """Frames of each row."""
    symbols: int = 29
    """Symbols, the blank among them."""
    rounds: int = 9
    """Calls timed of each contender, in turn."""

    def __post_init__(self) -> None:
        for name in ("beam_width", "batch_size", "frames", "rounds"):
            require_at_least(1, **{name: getattr(self, name)})
        require_at_least(2, symbols=self.symbols)


def random_logits(options: Options) -> np.ndarray:
    """Logits `[batch, time, symbols]` in which no frame is sure of its symbol, so that none can be skipped."""
    shape = (options.batch_size, options.frames, options.symbols)
    return np.random.default_rng(1).normal(scale=2.0, size=shape).astype(np.float32)


def decoders(logits: np.ndarray, beam_width: int) -> dict[str, Decoder]:
    """One decoder per contender."""
    batch, time, symbols = logits.shape
    frames = np.full([batch], time, np.int32)
    # TensorFlow's decoder has the time first and the blank last.
    rolled = np.roll(logits, -1, axis=-1).transpose(1, 0, 2).copy()

    @tf.function(input_signature=[tf.TensorSpec([None, None, symbols]), tf.TensorSpec([None], tf.int32)])
    def search(logits: tf.Tensor, frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        best = prefix_beam_search(logits, frames, beam_width=beam_width, hypotheses=1)
        return best.labels[:, 0], best.log_probabilities[:, 0]

    def ours() -> tuple[np.ndarray, np.ndarray]:
        labels, log_probabilities = search(logits, frames)
        return labels.numpy(), log_probabilities.numpy()

    def stock() -> tuple[np.ndarray, np.ndarray]:
        (labels,), log_probabilities = tf.nn.ctc_beam_search_decoder(rolled, frames, beam_width, top_paths=1)
        return tf.sparse.to_dense(labels, -1).numpy() + 1, log_probabilities.numpy()[:, 0]

    return {OURS: ours, STOCK: stock}


def check_same_labels(contenders: dict[str, Decoder]) -> None:
    """Raises RuntimeError unless the contenders find the same labels in nearly all rows, with the same probabilities.

    Each drops prefixes in its own order, so that now and then one row in a batch differs.
    """
    (ours, log_probabilities), (stock, stock_log_probabilities) = (
        contenders[name]() for name in (OURS, STOCK)
    )
    longest = max(ours.shape[1], stock.shape[1])
    ours, stock = (np.pad(labels, [(0, 0), (0, longest - labels.shape[1])]) for labels in (ours, stock))
    is_same = (ours == stock).all(axis=1)
    if is_same.mean() < _LEAST_SAME:
        raise RuntimeError(
            f"the contenders find different labels in {np.sum(~is_same)} of {len(is_same)} rows"
        )
    if not np.allclose(log_probabilities[is_same], stock_log_probabilities[is_same], rtol=1e-4):
        raise RuntimeError("the contenders give the same labels different probabilities")


def main(options: Options) -> None:
    """Measures beam search over random frames, ours beside TensorFlow's."""
    contenders = decoders(random_logits(options), options.beam_width)
    check_same_labels(contenders)
    measured = in_turn(
        {name: partial(seconds, decode) for name, decode in contenders.items()}, options.rounds
    )
    title = (
        f"Batches of {options.batch_size}, {options.frames} frames, {options.symbols} symbols, "
        f"a beam of {options.beam_width}"
    )
    shown = table(title, "", "ms, median", "lowest", "highest", f"{STOCK} / it")
    for name, values in measured.items():
        milliseconds = [1_000 * value for value in values]
        shown.add_row(name, *spread(milliseconds), f"{ratio(measured[STOCK], values):.2f}")
    cli.console().print(shown)


if __name__ == "__main__":
    cli.run(main, Options)
