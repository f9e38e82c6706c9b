"""Tokens per second of greedy generation in one in-graph loop: `RecurrentStack.stepper` beside stock Keras cells.

python -m benchmarks.recurrent.generation
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from benchmarks.stock import StackStep, lstm_step, write_loop
from benchmarks.timing import in_turn, ratio, seconds, spread, table
from common import cli
from common.checks import require_at_least
from common.decoding.samplers import greedy
from common.layers.stack import RecurrentStack

Generator: TypeAlias = Callable[[np.ndarray], tf.Tensor]

OURS, OURS_BFLOAT16, STOCK = "ours float32", "ours bfloat16", "Keras cells"


@dataclass(frozen=True)
class Options:
    """The network that generates, and how often it does."""

    units: int = 512
    """Hidden units of each LSTM layer."""
    layers: int = 2
    """LSTM layers, one upon another."""
    embedding_units: int = 256
    """Width of the token vectors."""
    vocabulary_size: int = 100
    """Tokens to choose from."""
    tokens: int = 200
    """Tokens that one call generates for each row of the batch."""
    batch_sizes: tuple[int, ...] = (1, 8)
    """Rows generated side by side."""
    rounds: int = 9
    """Calls timed of each contender and batch size, in turn."""

    def __post_init__(self) -> None:
        for name in ("units", "layers", "embedding_units", "vocabulary_size", "tokens", "rounds"):
            require_at_least(1, **{name: getattr(self, name)})
        for size in self.batch_sizes:
            require_at_least(1, batch_sizes=size)


def generators(options: Options) -> dict[str, Generator]:
    """One function per contender, all with the same random weights: first tokens `[batch]` -> `[batch, tokens]`."""
    # Token vectors this large keep the generated tokens from settling on one.
    embedding = keras.layers.Embedding(
        options.vocabulary_size, options.embedding_units, keras.initializers.RandomNormal(stddev=1.0)
    )
    head = keras.layers.Dense(options.vocabulary_size)
    stacks = {
        name: RecurrentStack("lstm", options.units, layers=options.layers, dtype=dtype)
        for name, dtype in ((OURS, "float32"), (OURS_BFLOAT16, "mixed_bfloat16"))
    }
    for stack in stacks.values():
        stack.build((None, None, options.embedding_units))
        stack.set_weights(stacks[OURS].get_weights())
    cells = [keras.layers.LSTMCell(options.units) for _ in range(options.layers)]
    for cell, layer in zip(cells, stacks[OURS].recurrent_layers, strict=True):
        cell.build((None, layer.cell.kernel.shape[0]))
        cell.set_weights(layer.get_weights())

    makers: dict[str, Callable[[], StackStep]] = {
        OURS: lambda: stacks[OURS].stepper(options.embedding_units),
        OURS_BFLOAT16: lambda: stacks[OURS_BFLOAT16].stepper(options.embedding_units),
        STOCK: lambda: lstm_step(cells),
    }
    return {name: _generator(embedding, make_step, head, options) for name, make_step in makers.items()}


def _generator(
    embedding: keras.layers.Layer,
    make_step: Callable[[], StackStep],
    head: keras.layers.Layer,
    options: Options,
) -> Generator:
    def generate(first: tf.Tensor) -> tf.Tensor:
        advance = make_step()

        def step(token: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
            outputs, after = advance(embedding(token), states)
            return head(outputs), after

        zeros = [tf.zeros([tf.shape(first)[0], options.units]) for _ in range(2 * options.layers)]
        return write_loop(step, greedy, first, zeros, options.tokens)

    traced: Generator = tf.function(generate, input_signature=[tf.TensorSpec([None], tf.int32)])
    return traced


def check_same_tokens(contenders: dict[str, Generator], first: np.ndarray) -> None:
    """Raises RuntimeError unless float32 generates the same tokens with our layers as with stock Keras cells."""
    ours, stock = (np.asarray(contenders[name](first)) for name in (OURS, STOCK))
    if not np.array_equal(ours, stock):
        raise RuntimeError(f"{np.mean(ours != stock):.1%} of the tokens differ between {OURS} and {STOCK}")


def speeds(
    contenders: dict[str, Generator], first: np.ndarray, tokens: int, rounds: int
) -> dict[str, list[float]]:
    """Tokens per second of each contender in each round, over all rows; the contenders take turns."""

    def speed(generate: Generator) -> float:
        return len(first) * tokens / seconds(lambda: np.asarray(generate(first)))

    return in_turn({name: partial(speed, generate) for name, generate in contenders.items()}, rounds)


def main(options: Options) -> None:
    """Measures greedy generation by a stack of LSTMs with random weights, ours beside stock Keras cells."""
    keras.utils.set_random_seed(1)
    contenders = generators(options)
    title = f"{options.tokens} tokens in one call, {options.layers} x {options.units} LSTM, Keras {keras.__version__}"
    shown = table(title, "batch", "", "tokens/s, median", "lowest", "highest", f"/ {STOCK}")
    for size in options.batch_sizes:
        first = np.arange(size, dtype=np.int32) % options.vocabulary_size
        check_same_tokens(contenders, first)
        speeds(contenders, first, options.tokens, rounds=1)
        measured = speeds(contenders, first, options.tokens, options.rounds)
        for name, values in measured.items():
            shown.add_row(str(size), name, *spread(values), f"{ratio(values, measured[STOCK]):.2f}")
    cli.console().print(shown)


if __name__ == "__main__":
    cli.run(main, Options)
