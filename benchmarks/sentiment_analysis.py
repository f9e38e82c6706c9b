"""How fast is a training step, and is the data pipeline ever the bottleneck? The pipeline alone, the training step, and
the training step of the same classifier with stock Keras's recurrent layers, in turn.

python -m benchmarks.sentiment_analysis
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np

from applications.sentiment_analysis.config import PRESETS, Config
from applications.sentiment_analysis.model import build
from benchmarks.stock import check_same_logits, with_stock_recurrence
from benchmarks.timing import in_turn, ratio, seconds_per_batch, spread, table
from common import cli
from common.data.batching import Sequences, pad, training_batches
from common.training.losses import smoothed_cross_entropy
from common.training.optimizer import make_optimizer
from common.training.options import Precision

PIPELINE, OURS, STOCK = "pipeline", "training step", "training step, stock Keras layers"
# The first step traces one shape, the second all shapes.
_UNTIMED_STEPS = 3


@dataclass(frozen=True)
class Options:
    """Sizes of the measurement."""

    texts: int = 4_096
    """Random texts, their lengths drawn like those of IMDb reviews (mean 270 tokens). A multiple of the batch size: a
    smaller last batch would be traced anew while time is taken."""
    rounds: int = 5
    """Rounds in which all are measured, in turn."""
    steps: int = 10
    """Batches per round."""
    precision: Precision = "mixed_bfloat16"
    """Of the training."""


def random_texts(count: int, seed: int = 0) -> Sequences:
    """Features of random tokens; lengths are log-normal with a mean of about 270."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(5.4, 0.65, count), 10, 2_000).astype(int)
    features = [rng.integers(2, 16_000, (length, 5), dtype=np.int32) for length in lengths]
    return Sequences(features, rng.integers(0, 2, count, dtype=np.int32))


def main(options: Options) -> None:
    """Measures the pipeline alone and the training step, with our and with stock recurrent layers, in turn, and prints
    the median milliseconds per batch."""
    config = replace(PRESETS["base"], training=replace(PRESETS["base"].training, precision=options.precision))
    sequences = random_texts(options.texts)
    exact = build(config, 20_000, 2)
    check_same_logits(exact, with_stock_recurrence(exact), pad(sequences.features[:8]))
    ours = build(config, 20_000, 2, options.precision)
    models = {OURS: ours, STOCK: with_stock_recurrence(ours)}
    actions: dict[str, Callable[[Any], object]] = {PIPELINE: lambda batch: None}
    for name, model in models.items():
        optimizer = make_optimizer(config.training, 1_000)
        model.compile(optimizer, smoothed_cross_entropy(config.label_smoothing), jit_compile=False)
        actions[name] = partial(_train_on, model)
    # Each has a pipeline of its own, so that all read the same batches.
    batches = {name: _batches(sequences, config) for name in actions}

    def milliseconds(name: str, steps: int) -> float:
        return 1_000 * seconds_per_batch(actions[name], batches[name], steps)

    for name in actions:
        milliseconds(name, _UNTIMED_STEPS)
    timings = in_turn({name: partial(milliseconds, name, options.steps) for name in actions}, options.rounds)
    title = f"Batches of {config.training.batch_size} texts, Keras {keras.__version__}"
    shown = table(title, "", "ms per batch, median", "lowest", "highest")
    for name, values in timings.items():
        shown.add_row(name, *spread(values, digits=1))
    cli.console().print(shown)
    share = ratio(timings[PIPELINE], timings[OURS])
    cli.console().print(f"the pipeline takes {share:.1%} of a training step's time, and runs beside it")
    slower = ratio(timings[STOCK], timings[OURS])
    cli.console().print(
        f"{options.precision}: a training step with stock layers takes {slower:.2f} times as long"
    )


def _train_on(model: keras.Model, batch: Any) -> object:
    return model.train_on_batch(*batch)


def _batches(sequences: Sequences, config: Config) -> Iterator[Any]:
    dataset, _ = training_batches(
        sequences, config.training.batch_size, epochs=range(1_000), seed=1, max_length=config.training_tokens
    )
    return iter(dataset)


if __name__ == "__main__":
    cli.run(main, Options)
