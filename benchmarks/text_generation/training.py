"""Characters per second of training: the application's model beside the same network in Keras's layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any, TypeAlias

import keras
import numpy as np

from applications.text_generation.config import Config
from applications.text_generation.data import training_batches
from applications.text_generation.model import build
from benchmarks.text_generation.networks import stock_stream
from benchmarks.timing import in_turn, seconds
from common.training.optimizer import make_optimizer
from common.training.options import Precision

Trainer: TypeAlias = Callable[[], Any]
"""Trains on the next batch and returns the loss."""
Contender: TypeAlias = tuple[Precision, str]
"""Precision and layers."""

OURS, STOCK = "ours", "Keras layers"
_PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")
_TOLERANCE = 1e-4


def check_same_logits(config: Config, characters: int) -> None:
    """Raises RuntimeError if logits in our layers and in Keras's differ by more than 1e-4, in training without dropout,
    in float32, over two batches of a stream."""
    small = replace(config, window=16, training=replace(config.training, batch_size=4))
    exact = replace(small, input_dropout=0.0, dropout=0.0, recurrent_dropout=0.0, output_dropout=0.0)
    ours = build(exact, characters)
    stock = stock_stream(ours, exact)
    for inputs, _ in random_batches(exact, characters)[:2]:
        difference = ours(inputs, training=True) - stock(inputs["characters"], training=True)
        largest = np.abs(np.asarray(difference)).max()
        if not largest <= _TOLERANCE:
            raise RuntimeError(f"logits in Keras's layers differ by {largest:.1e}, more than {_TOLERANCE:g}")


def trainers(config: Config, characters: int) -> dict[Contender, Trainer]:
    """One function per contender; those of one precision begin with the same weights and read the same batches.

    Args:
        config: sizes, dropout and optimiser, `comparable`.
        characters: how many numbers of characters there are.
    """
    batches = random_batches(config, characters)
    numbers = [(inputs["characters"], targets) for inputs, targets in batches]
    made: dict[Contender, Trainer] = {}
    for precision in _PRECISIONS:
        ours = build(config, characters, precision)
        made[precision, STOCK] = _trainer(stock_stream(ours, config, precision), config, numbers)
        made[precision, OURS] = _trainer(ours, config, batches)
    return made


def _trainer(model: keras.Model, config: Config, batches: Sequence[Any]) -> Trainer:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(make_optimizer(config.training, 1_000), loss, jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    model.optimizer.build(model.trainable_variables)
    stream = cycle(batches)
    return lambda: model.train_on_batch(*next(stream))


def random_batches(config: Config, characters: int) -> list[Any]:
    """An epoch of a stream of random characters, as `training_batches` gives it."""
    rows = config.training.batch_size
    stream = np.random.default_rng(0).integers(1, characters, 50 * rows * config.window, dtype=np.int32)
    epoch = training_batches(stream, rows, config.window, epochs=range(1), seed=1)
    return list(epoch.as_numpy_iterator())


def training_speeds(
    contenders: Mapping[Contender, Trainer], config: Config, steps: int, rounds: int
) -> dict[Contender, list[float]]:
    """Characters per second of each contender in each round; the contenders take turns."""
    characters = steps * config.training.batch_size * config.window

    def speed(train: Trainer) -> float:
        return characters / seconds(lambda: [train() for _ in range(steps)])

    return in_turn({name: partial(speed, train) for name, train in contenders.items()}, rounds)
