"""python -m benchmarks.text_generation: writes and trains with all contenders in turn, and prints two tables."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

from applications.text_generation.config import PRESETS, Config
from benchmarks.text_generation.networks import Network, comparable, exported_network, random_network
from benchmarks.text_generation.training import OURS, check_same_logits, trainers, training_speeds
from benchmarks.text_generation.writing import (
    SERVED,
    check_same_texts,
    first_characters,
    writers,
    writing_speeds,
)
from benchmarks.timing import ratio, spread, table
from common import cli
from common.checks import require_at_least

# The first step traces; the second one still allocates.
_UNTIMED_STEPS = 2


@dataclass(frozen=True)
class Options:
    """The network, and how much it writes and learns."""

    model: Path | None = None
    """Exported model that writes and whose configuration is trained: a folder of numbered versions, of which the
    highest is used, or one version. Unless given, a network with random weights is exported first."""
    preset: Literal["tiny", "sample", "base"] = "base"
    """Configuration of the network, where no --model tells it."""
    characters: int = 200
    """Characters that one call writes in each row."""
    predicted_characters: int = 20
    """Characters that are written by calls of `model.predict`, one by one."""
    batch_sizes: tuple[int, ...] = (1, 8)
    """Rows written side by side."""
    rounds: int = 9
    """Texts timed of each contender and batch size, in turn."""
    training_steps: int = 3
    """Steps of training in each round."""
    training_rounds: int = 5
    """Rounds of training, in which all contenders take their turn."""

    def __post_init__(self) -> None:
        for name in ("characters", "predicted_characters", "rounds", "training_steps", "training_rounds"):
            require_at_least(1, **{name: getattr(self, name)})
        for size in self.batch_sizes:
            require_at_least(1, batch_sizes=size)


def main(options: Options) -> None:
    """Measures characters per second of writing and of training, ours beside stock Keras."""
    keras.utils.set_random_seed(1)
    exported = exported_network(options.model) if options.model else None
    with nullcontext(exported) if exported else random_network(PRESETS[options.preset]) as network:
        report_writing(network, options)
    report_training(comparable(network.config), network.characters.size, options)


def report_writing(network: Network, options: Options) -> None:
    """Prints a line for each batch size and contender."""
    contenders = writers(network, options.characters, options.predicted_characters)
    shown = table(
        f"Characters per second, writing {options.characters} in each row, Keras {keras.__version__}",
        *("batch", "", "median", "lowest", "highest", "ours / this"),
    )
    for size in options.batch_sizes:
        prefixes = first_characters(network.characters.vocabulary, size)
        check_same_texts(contenders, prefixes)
        measured = writing_speeds(contenders, prefixes, options.rounds)
        for name, values in measured.items():
            shown.add_row(str(size), name, *spread(values), f"{ratio(measured[SERVED], values):.2f}")
    cli.console().print(shown)


def report_training(config: Config, characters: int, options: Options) -> None:
    """Prints a line for each precision and contender."""
    check_same_logits(config, characters)
    contenders = trainers(config, characters)
    training_speeds(contenders, config, _UNTIMED_STEPS, rounds=1)
    measured = training_speeds(contenders, config, options.training_steps, options.training_rounds)
    shown = table(
        f"Characters per second, training on {config.training.batch_size} rows of {config.window}",
        *("precision", "", "median", "lowest", "highest", "ours / this"),
    )
    for (precision, name), values in measured.items():
        faster = ratio(measured[precision, OURS], values)
        shown.add_row(precision, name, *spread(values), f"{faster:.2f}")
    cli.console().print(shown)


if __name__ == "__main__":
    cli.run(main, Options)
