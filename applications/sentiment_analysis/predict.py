"""Answers from the exported SavedModel: the label of each text and its probability. Imports no Keras and no TensorFlow.

python -m applications.sentiment_analysis.predict "not bad at all, I loved it"
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import tyro
from rich.progress import track
from rich.text import Text

from common import cli
from common.checks import require_at_least
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.inference.runner import SavedModelRunner, latest_version
from common.model_folders import model_folder
from common.predicting.answer_files import require_answer_file, write_answers
from common.predicting.texts import checked_texts, chunks, given_texts, place_of, require_one_source

LABELS_FILE = Path("assets.extra") / "labels.json"

_COLUMNS = ("text", "label", "probability")

Answer = dict[str, Any]


class Predictor:
    """Labels texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        self.path = latest_version(model or model_folder("sentiment_analysis"))
        self.batch_size = batch_size
        self._runner = SavedModelRunner(self.path)
        described = read_extra(self.path, LABELS_FILE, "sentiment_analysis")
        self.labels: list[str] = described["labels"]
        self.label_map: dict[str, str] = described["label_map"]

    @overload
    def __call__(self, texts: str, explain: bool = False) -> Answer: ...

    @overload
    def __call__(self, texts: Sequence[str], explain: bool = False) -> list[Answer]: ...

    def __call__(self, texts: str | Sequence[str], explain: bool = False) -> Answer | list[Answer]:
        """`{"label", "probability", "probabilities"}` for one text, a list of them for a list.

        With `explain` also `"tokens"`, pairs of a token and what it adds to the score (logit) of the label.

        Raises:
            UserError: naming what is no text.
        """
        if isinstance(texts, str):
            return self([texts], explain)[0]
        texts = checked_texts(texts)
        return self._explain(texts) if explain else [self._answer(row) for row in self.probabilities(texts)]

    def probabilities(self, texts: Sequence[str], show_progress: bool = False) -> np.ndarray:
        """Calibrated probabilities `[texts, classes]`, texts of like length computed together."""
        probabilities = np.zeros((len(texts), len(self.labels)), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        batches = list(chunks(order, self.batch_size))
        console = cli.console(stderr=True)
        is_hidden = not (show_progress and console.is_terminal)
        for rows in track(batches, "classifying", console=console, transient=True, disable=is_hidden):
            outputs = self._runner.answer("serving_default", text=[texts[row] for row in rows])
            probabilities[rows] = outputs["probabilities"]
        return probabilities

    def _explain(self, texts: Sequence[str]) -> list[Answer]:
        answers = []
        for chunk in chunks(texts, self.batch_size):
            outputs = self._runner.answer("explain", text=chunk)
            for row, probabilities in enumerate(outputs["probabilities"]):
                real = outputs["mask"][row]
                tokens = [token.decode("utf-8", "replace") for token in outputs["tokens"][row][real]]
                contributions = outputs["contributions"][row][real].tolist()
                answers.append(
                    self._answer(probabilities) | {"tokens": list(zip(tokens, contributions, strict=True))}
                )
        return answers

    def _answer(self, probabilities: np.ndarray) -> Answer:
        best = int(np.argmax(probabilities))
        named = dict(zip(self.labels, map(float, probabilities), strict=True))
        return {"label": self.labels[best], "probability": float(probabilities[best]), "probabilities": named}


@dataclass(frozen=True)
class Options:
    """Texts come from the arguments, from --input, or else from standard input, one per line."""

    texts: tyro.conf.Positional[tuple[str, ...]] = ()
    """Texts to label; put -- before one that begins with a dash."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    input: Path | None = None
    """Text file with a text in each line, or CSV or TSV file with a column of texts (.gz too)."""
    text_column: str = "text"
    """Column of a CSV or TSV --input that holds the text."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    explain: bool = False
    """Colour each word by what it adds: green towards the label, red against it; numbers where there is no terminal."""
    batch_size: int = 32
    """Texts that are read at once."""


def main(options: Options) -> None:
    """Labels texts with an exported model."""
    require_one_source(options.texts, options.input)
    require_answer_file(options.output)
    if options.output is not None and options.explain:
        raise FlagError("--explain: colours words in the terminal; leave out --output")
    require_at_least(1, batch_size=options.batch_size)
    predictor = Predictor(options.model, options.batch_size)
    given = given_texts(options.texts, options.input, options.text_column)
    if options.output is not None:
        _write(predictor, list(given), options)
        return
    console = cli.console()
    is_typed = not options.texts and not options.input and sys.stdin.isatty()
    if is_typed:
        cli.console(stderr=True).print("a text per line; Ctrl-D ends", style="dim")
    first = 1
    for chunk in chunks(given, 1 if is_typed else options.batch_size):
        _warn_of_empty(chunk, options, first)
        for text, answer in zip(chunk, predictor(chunk, options.explain), strict=True):
            if options.explain and console.is_terminal:
                console.print(Text(_beginning(answer)) + _coloured(answer))
            else:
                print(_explained(answer) if options.explain else _line(text, answer), flush=True)
        first += len(chunk)


def _write(predictor: Predictor, texts: Sequence[str], options: Options) -> None:
    assert options.output is not None
    _warn_of_empty(texts, options)
    probabilities = predictor.probabilities(texts, show_progress=True)
    records: list[Answer] = [
        {
            "text": text,
            "label": predictor.labels[int(np.argmax(row))],
            "probability": round(float(row.max()), 6),
        }
        for text, row in zip(texts, probabilities, strict=True)
    ]
    write_answers(options.output, records, _COLUMNS, (_line(record["text"], record) for record in records))


def _warn_of_empty(texts: Sequence[str], options: Options, first: int = 1) -> None:
    """A line to standard error for each text without a word, whose label says nothing."""
    for number, text in enumerate(texts, start=first):
        if not text.strip():
            where = place_of(number, options.texts, options.input)
            print(f"warning: {where}: no text; its label means nothing", file=sys.stderr, flush=True)


def _beginning(answer: Answer) -> str:
    return f"{answer['label']}\t{answer['probability']:.4f}\t"


def _line(text: str, answer: Answer) -> str:
    return _beginning(answer) + _shortened(text)


def _explained(answer: Answer) -> str:
    return _beginning(answer) + " ".join(f"{token}({value:+.2f})" for token, value in answer["tokens"])


def _shortened(text: str, length: int = 200) -> str:
    """The beginning of a text on one line, without characters that would steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:length])


def _coloured(answer: Answer) -> Text:
    largest = max((abs(value) for _, value in answer["tokens"]), default=0.0) or 1.0
    shown = Text()
    for token, value in answer["tokens"]:
        strength = abs(value) / largest
        colour = "green" if value > 0 else "red"
        shown.append(token, style=f"bold {colour}" if strength > 0.5 else colour if strength > 0.1 else "dim")
        shown.append(" ")
    return shown


if __name__ == "__main__":
    cli.run(main, Options)
