"""Measures an exported keyboard on what a person wrote: how probable it was, and how many keys it would have saved.

python -m applications.keyboard.evaluate --model saved_models/keyboard --data notes.jsonl
"""

import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from applications.keyboard import APPLICATION
from applications.keyboard.data import evaluation_examples
from applications.keyboard.keystrokes import Candidates
from applications.keyboard.predict import Predictor
from common import cli
from common.evaluation.figures import BLUE, ORANGE, save_figure
from common.evaluation.script import announce, report, timed
from common.text.running import Part, RawTextSource

_UNKNOWN = 0
_MARKED = (1_000, 5_000, 20_000, 100_000)
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
    output: Path = Path("runs/keyboard/evaluation")
    """Folder for metrics.json and the picture."""


@dataclass(frozen=True)
class Record:
    """What came of each word of a text, in their order.

    Attributes:
        word_nats: what each cost, all unknown words being one and all numbers another `[words]`.
        spelling_nats: what the characters of unknown words and numbers cost besides `[words]`.
        is_word: whether each is of letters, and so one that a keyboard suggests `[words]`.
        is_known: whether the vocabulary has it `[words]`.
        ranks: the place of each among all suggestions before its first letter, -1 for never `[words]`.
        keys: it takes to write each with its blank `[words]`.
        letters: of each and its blank `[words]`.
        characters: of the whole text.
    """

    word_nats: np.ndarray
    spelling_nats: np.ndarray
    is_word: np.ndarray
    is_known: np.ndarray
    ranks: np.ndarray
    keys: np.ndarray
    letters: np.ndarray
    characters: int


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel on the text read as one stream, and writes the report. Returns the metrics."""
    text = evaluation_examples(options.source, options.part)
    predictor = Predictor(options.model)
    announce(predictor.path, text)
    record, seconds = timed(lambda: record_of(predictor, text.text))
    metrics = {
        "without_state": measure(record),
        "without_state_after_words": by_words_typed(record),
        "words": len(record.is_word),
        "unknown_words": float((record.is_word & ~record.is_known).sum() / max(record.is_word.sum(), 1)),
        "milliseconds_per_key": time_per_key(predictor, text.text),
        "seconds": round(seconds, 1),
        "words_per_second": round(len(record.is_word) / seconds, 1),
        "model": str(predictor.path),
        "data": text.name,
    }
    return report(metrics, APPLICATION.title, text, options.output, partial(draw, record))


def record_of(predictor: Predictor, text: str) -> Record:
    """What the model makes of each word of a text, and how it would have been typed."""
    described = predictor.described
    candidates = Candidates(
        ["", "", "", *described["words"]], described["is_suggested"], described["without_accents"]
    )
    columns: list[np.ndarray] = []
    for reading in predictor.read(text, show_progress=True):
        typed = [
            candidates.typed(scores, int(number) if number else None, spelling)
            for scores, number, spelling in zip(
                reading.logits, reading.numbers, reading.spellings, strict=True
            )
        ]
        ways = np.array(typed, np.int64).reshape(-1, 3)
        known = reading.numbers != _UNKNOWN
        columns.append(
            np.column_stack((reading.word_nats, reading.spelling_nats, reading.is_word, known, ways))
        )
    table = np.concatenate(columns or [np.zeros((0, 7))])
    return Record(
        table[:, 0],
        table[:, 1],
        table[:, 2] > 0,
        table[:, 3] > 0,
        table[:, 4].astype(int),
        table[:, 5].astype(int),
        table[:, 6].astype(int),
        len(text),
    )


def measure(record: Record) -> dict[str, Any]:
    """The metrics of a text.

    `bits_per_character` counts every word, an unknown one by its characters; `perplexity` is that of the words, all
    unknown ones being one. The others are over words of letters alone, known or not: the share that is among the first
    so many suggestions before its first letter, and the share of its keys that three suggestions save.
    """
    words = record.is_word
    nats = float(record.word_nats.sum() + record.spelling_nats.sum())
    return {
        "bits_per_character": nats / math.log(2) / max(record.characters, 1),
        "perplexity": math.exp(float(record.word_nats.mean())) if len(record.word_nats) else None,
        **{f"top_{count}_accuracy": _accuracy(record.ranks[words], count) for count in (1, 3, 5)},
        "keystroke_savings": _savings(record.keys[words], record.letters[words]),
    }


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


def time_per_key(predictor: Predictor, text: str) -> dict[str, float]:
    """Milliseconds from a key to its suggestions, at places all over a text."""
    places = np.linspace(1, len(text), min(_TIMED_KEYS, len(text)), dtype=int)
    predictor.suggest(text[:1])
    seconds = [timed(partial(predictor.suggest, text[:place]))[1] for place in places]
    return {
        name: float(np.percentile(seconds, percentile) * 1000)
        for name, percentile in (("median", 50), ("percentile_99", 99))
    }


def draw(record: Record, folder: Path) -> None:
    """How the accuracy and the savings go on as more is typed."""
    words = record.is_word
    hits = (record.ranks[words] >= 0) & (record.ranks[words] < 3)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    typed = np.arange(1, words.sum() + 1)
    for values, of, name, colour, dashes in (
        (hits, np.ones(len(hits)), "among the first three", ORANGE, "--"),
        (record.letters[words] - record.keys[words], record.letters[words], "keys saved", BLUE, "-"),
    ):
        axes.plot(typed, _running(values, of), color=colour, linestyle=dashes, label=name)
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


def _savings(keys: np.ndarray, letters: np.ndarray) -> float | None:
    return 1 - float(keys.sum() / letters.sum()) if len(keys) else None


def main(options: Options) -> None:
    """Measures an exported keyboard on a text: bits per character, accuracy of the suggestions, keystrokes saved."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
