"""Is the data pipeline ever the bottleneck? Batches per second of the pipeline beside steps per second of the training.

python -m benchmarks.sentiment_analysis
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from rich.table import Table

from applications.sentiment_analysis.config import PRESETS
from applications.sentiment_analysis.model import build
from applications.sentiment_analysis.train import smoothed_cross_entropy
from common import cli
from common.data.batching import Sequences, training_batches
from common.training.optimizer import make_optimizer
from common.training.options import Precision


@dataclass(frozen=True)
class Options:
    """Sizes of the measurement."""

    texts: int = 4_000
    """Random texts, their lengths drawn like those of IMDb reviews (mean 270 tokens)."""
    rounds: int = 5
    """Rounds in which both are measured, in turn."""
    steps: int = 20
    """Batches per round."""
    precision: Precision = "mixed_bfloat16"
    """Of the training."""


def random_texts(count: int, seed: int = 0) -> Sequences:
    """Features of random tokens; lengths are log-normal with a mean of about 270."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(5.4, 0.65, count), 10, 2_000).astype(int)
    features = [rng.integers(2, 16_000, (length, 5), dtype=np.int32) for length in lengths]
    return Sequences(features, rng.integers(0, 2, count, dtype=np.int32))


def seconds(action: Callable[[Any], object], batches: Iterator[Any], steps: int) -> float:
    """Seconds per batch."""
    started = time.perf_counter()
    for _ in range(steps):
        action(next(batches))
    return (time.perf_counter() - started) / steps


def main(options: Options) -> None:
    """Measures the pipeline alone and the training step, in turn, and prints the median milliseconds per batch."""
    config = replace(PRESETS["base"], training=replace(PRESETS["base"].training, precision=options.precision))
    sequences = random_texts(options.texts)
    model = build(config, 20_000, 2, options.precision)
    optimizer = make_optimizer(config.training, 1_000)
    model.compile(optimizer, smoothed_cross_entropy(config.label_smoothing), jit_compile=False)
    dataset, _ = training_batches(
        sequences, config.training.batch_size, epochs=range(1_000), seed=1, max_length=config.training_tokens
    )
    batches = iter(dataset)
    model.train_on_batch(*next(batches))
    actions: dict[str, Callable[[Any], object]] = {
        "pipeline": lambda batch: None,
        "training step": lambda batch: model.train_on_batch(*batch),
    }
    timings: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(options.rounds):
        for name, action in actions.items():
            timings[name].append(1_000 * seconds(action, batches, options.steps))
    table = Table(title=f"Batches of {config.training.batch_size} texts, Keras {keras.__version__}")
    for heading in ("", "ms per batch, median", "lowest", "highest"):
        table.add_column(heading)
    for name, values in timings.items():
        table.add_row(
            name, *(f"{value:.1f}" for value in (statistics.median(values), min(values), max(values)))
        )
    cli.console().print(table)
    share = statistics.median(timings["pipeline"]) / statistics.median(timings["training step"])
    cli.console().print(f"the pipeline takes {share:.1%} of a training step's time, and runs beside it")


if __name__ == "__main__":
    cli.run(main, Options)
