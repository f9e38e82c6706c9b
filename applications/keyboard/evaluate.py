"""Measures an exported keyboard on what a person wrote: how probable it was, and how many keys it would have saved.

python -m applications.keyboard.evaluate --model saved_models/keyboard --data notes.jsonl
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from applications.keyboard import APPLICATION
from applications.keyboard.data import evaluation_examples
from applications.keyboard.predict import Predictor
from applications.keyboard.records import (
    Record,
    nats_of_foreign,
    record_of,
    record_of_most_frequent,
    record_of_user,
)
from applications.keyboard.user_file import User, encoded
from common import cli
from common.checks import AtLeast, check_ranges
from common.evaluation.figures import BLUE, ORANGE, save_figure
from common.evaluation.script import announce, report, timed
from common.files import require_writable_folder
from common.text.entries import read_entries
from common.text.running import Part, RawText, RawTextSource

_MARKED = (1_000, 5_000, 20_000, 24_000, 100_000)
_TIMED_KEYS = 200
_WINDOW = 1_000


@dataclass(frozen=True)
class Options:
    """What to measure, on which text, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: RawTextSource = field(default_factory=RawTextSource)
    """Where the text comes from."""
    part: Part | None = None
    """Which part to measure on; unless given, the test part of the sample or a data set, or all of your files."""
    words: Annotated[int, AtLeast(1)] | None = None
    """How many words to measure on, from the beginning, as blanks set them apart; all unless given."""
    foreign: Path | None = None
    """File with a text by somebody else, on which to measure what the user's state costs there."""
    output: Path = Path("runs/keyboard/evaluation")
    """Folder for metrics.json and the picture."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel on the text of one user, read as one stream, and writes the report. Returns the metrics.

    The user's state is empty before the first word, and learns each word after it was expected.
    """
    text = beginning(evaluation_examples(options.source, options.part), options.words)
    foreign = options.foreign and read_entries(options.foreign, options.source.encoding)
    predictor = Predictor(options.model)
    announce(predictor.path, text)
    without, seconds = timed(lambda: record_of(predictor, text.text))
    (personal, user), seconds_with = timed(lambda: record_of_user(predictor, text.text))
    records = {"without_state": without, "with_state": personal}
    words = without.is_word
    metrics = {
        **{name: measure(record, len(text)) for name, record in records.items()},
        "most_frequent_words": suggestion_metrics(record_of_most_frequent(predictor, without)),
        "words_that_the_base_lacks": {
            name: metrics_of_lacked_words(record) for name, record in records.items()
        },
        **{f"{name}_after_words": by_words_typed(record) for name, record in records.items()},
        "foreign_text": foreign_metrics(predictor, foreign, user) if foreign else None,
        "words": len(words),
        "unknown_words": float((words & ~without.is_known).sum() / max(words.sum(), 1)),
        "state_bytes": len(encoded(user, predictor.base)),
        "milliseconds_per_key": {
            "without_state": time_per_key(predictor, text.text),
            "with_state": time_per_key(predictor, text.text, user),
        },
        "seconds": round(seconds + seconds_with, 1),
        "words_per_second": round(len(words) / seconds, 1),
        "words_per_second_with_state": round(len(words) / seconds_with, 1),
        "model": str(predictor.path),
        "data": text.name,
    }
    return report(metrics, APPLICATION.title, text, options.output, partial(draw, records))


def beginning(text: RawText, words: int | None) -> RawText:
    """The first words of a text, or all of it.

    >>> beginning(RawText("a letter", "See you\\nsoon, Zoe"), 3).text
    'See you\\nsoon,'
    """
    if words is None:
        return text
    ends = (match.end() for match in islice(re.finditer(r"\S+", text.text), words))
    return replace(text, text=text.text[: max(ends, default=0)])


def measure(record: Record, characters: int) -> dict[str, Any]:
    """The metrics of a text of so many characters.

    `bits_per_character` counts every word, an unknown one by its characters; `perplexity` is that of the words, all
    unknown ones being one: with a state only of tokenised text that has none. See `suggestion_metrics` for the others.
    """
    metrics = {"bits_per_character": bits_per_character(float(record.nats.sum()), characters)}
    if record.class_nats is not None and len(record.class_nats):
        metrics["perplexity"] = math.exp(float(record.class_nats.mean()))
    return {**metrics, **suggestion_metrics(record)}


def bits_per_character(nats: float, characters: int) -> float:
    """Of a text that costs so much."""
    return nats / math.log(2) / max(characters, 1)


def suggestion_metrics(record: Record) -> dict[str, float | None]:
    """The metrics of the suggestions, over words of letters alone, known to the base or not.

    `top_k_accuracy` is the share that is among the first k suggestions before its first letter, `keystroke_savings` the
    share of all keys that three suggestions save.
    """
    return _accuracies_and_savings(record, record.is_word)


def metrics_of_lacked_words(record: Record) -> dict[str, float | None]:
    """The same of the words that the base lacks, and the share of those typed twice before that two letters show."""
    lacked = record.is_word & ~record.is_known
    again = lacked & (record.typed_before >= 2) & (record.letters > 3)
    return {
        **_accuracies_and_savings(record, lacked),
        "after_two_letters_if_typed_twice": _share(record.keys[again] <= 3),
    }


def _accuracies_and_savings(record: Record, words: np.ndarray) -> dict[str, float | None]:
    return {
        **{f"top_{count}_accuracy": _accuracy(record.ranks[words], count) for count in (1, 3, 5)},
        "keystroke_savings": _savings(record.keys[words], record.letters[words]),
    }


def foreign_metrics(predictor: Predictor, text: RawText, user: User) -> dict[str, Any]:
    """What a user's state costs on a text of another's: bits per character, and the loss against the base alone.

    `frozen` is a state that does not learn the text, `learning` one that does, word by word.
    """
    without = bits_per_character(-predictor.score(text.text, show_progress=True), len(text))
    metrics: dict[str, Any] = {"data": text.name, "bits_per_character_without_state": without}
    for name, learns in (("frozen", False), ("learning", True)):
        nats = nats_of_foreign(predictor, text.text, user, learns=learns)
        personal = bits_per_character(nats, len(text))
        metrics |= {f"bits_per_character_{name}": personal, f"loss_{name}": personal / without - 1}
    return metrics


def by_words_typed(record: Record) -> dict[str, dict[str, float | None]]:
    """The accuracy and the savings over the first 1,000 words, 5,000 and so on, as far as there are so many."""
    ranks, keys, letters = (one[record.is_word] for one in (record.ranks, record.keys, record.letters))
    return {
        f"{count:,}": {
            "top_3_accuracy": _accuracy(ranks[:count], 3),
            "keystroke_savings": _savings(keys[:count], letters[:count]),
        }
        for count in _MARKED
        if count <= len(ranks)
    }


def time_per_key(predictor: Predictor, text: str, user: User | None = None) -> dict[str, float]:
    """Milliseconds from a key to its suggestions, at places all over a text."""
    places = np.linspace(1, len(text), min(_TIMED_KEYS, len(text)), dtype=int)
    suggest = partial(predictor.suggest, user=user)
    suggest(text[:1])
    seconds = [timed(partial(suggest, text[:place]))[1] for place in places]
    return {
        name: float(np.percentile(seconds, percentile) * 1000)
        for name, percentile in (("median", 50), ("percentile_99", 99))
    }


def draw(records: Mapping[str, Record], folder: Path) -> None:
    """How the accuracy and the savings go on as more is typed, with a state and without."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    for (state, record), dashes in zip(records.items(), ("--", "-"), strict=True):
        words = record.is_word
        hits = (record.ranks[words] >= 0) & (record.ranks[words] < 3)
        typed = np.arange(1, words.sum() + 1)
        saved, letters = record.letters[words] - record.keys[words], record.letters[words]
        for values, of, name, colour in (
            (hits, np.ones(len(hits)), "among the first three", ORANGE),
            (saved, letters, "keys saved", BLUE),
        ):
            label = f"{name}, {state.replace('_', ' ')}"
            axes.plot(typed, _running(values, of), color=colour, linestyle=dashes, label=label)
    axes.set(xlabel="words typed", ylabel=f"share over the last {_WINDOW:,} words", ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, folder / "by_words_typed.png")


def _running(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The share of sums over the last `_WINDOW` places."""
    sums = [np.concatenate([[0], np.cumsum(one, dtype=np.float64)]) for one in (values, of)]
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - _WINDOW, 0)
    above, below = (one[last] - one[first] for one in sums)
    share: np.ndarray = above / np.maximum(below, 1)
    return share


def _accuracy(ranks: np.ndarray, count: int) -> float | None:
    return float(((ranks >= 0) & (ranks < count)).mean()) if len(ranks) else None


def _share(holds: np.ndarray) -> float | None:
    return float(holds.mean()) if len(holds) else None


def _savings(keys: np.ndarray, letters: np.ndarray) -> float | None:
    return 1 - float(keys.sum() / letters.sum()) if len(keys) else None


def main(options: Options) -> None:
    """Measures an exported keyboard on a text: bits per character, accuracy of the suggestions, keystrokes saved."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
