"""Answers from the exported SavedModel: the translation of each text. Imports no Keras and no TensorFlow.

python -m applications.translation.predict "A man in a blue shirt is standing on a ladder cleaning a window."
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
import tyro
from rich.progress import track

from common import cli
from common.checks import require_at_least
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.inference.runner import SavedModelRunner, latest_version
from common.model_folders import model_folder
from common.predicting.answer_files import require_answer_file, write_answers
from common.predicting.texts import (
    argument_texts,
    checked_texts,
    chunks,
    given_texts,
    place_of,
    require_one_source,
)

LANGUAGES_FILE = Path("assets.extra") / "languages.json"

_COLUMNS = ("text", "translation", "score", "truncated")

Answer: TypeAlias = dict[str, Any]


class Predictor:
    """Translates texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.

    Attributes:
        languages: what `source` and `target` were called in training: languages, columns or files.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        self.path = latest_version(model or model_folder("translation"))
        self.batch_size = batch_size
        self._runner = SavedModelRunner(self.path)
        self.languages: dict[str, str] = read_extra(self.path, LANGUAGES_FILE, "translation")

    @overload
    def __call__(self, texts: str, show_progress: bool = False) -> Answer: ...

    @overload
    def __call__(self, texts: Sequence[str], show_progress: bool = False) -> list[Answer]: ...

    def __call__(self, texts: str | Sequence[str], show_progress: bool = False) -> Answer | list[Answer]:
        """`{"translation", "score", "truncated"}` for one text, a list of them for a list.

        The score is the translation's log-probability over a penalty for its length; a truncated text was too long, and
        what is translated is its beginning.

        Raises:
            UserError: naming what is no text.
        """
        if isinstance(texts, str):
            return self([texts])[0]
        rows = self._ask("serving_default", {"text": texts}, show_progress)
        return [_answer(row["translation"], row["score"], row["truncated"]) for row in rows]

    @overload
    def n_best(self, texts: str, show_progress: bool = False) -> list[Answer]: ...

    @overload
    def n_best(self, texts: Sequence[str], show_progress: bool = False) -> list[list[Answer]]: ...

    def n_best(
        self, texts: str | Sequence[str], show_progress: bool = False
    ) -> list[Answer] | list[list[Answer]]:
        """The search's different translations of one text, the best first, each as of `__call__`; a list of them for a
        list."""
        if isinstance(texts, str):
            return self.n_best([texts])[0]
        return [_hypotheses(row) for row in self._ask("n_best", {"text": texts}, show_progress)]

    @overload
    def align(self, texts: str) -> Answer: ...

    @overload
    def align(self, texts: Sequence[str]) -> list[Answer]: ...

    def align(self, texts: str | Sequence[str]) -> Answer | list[Answer]:
        """`{"translation", "source_tokens", "target_tokens", "attention"}` for one text, a list of them for a list.

        `attention` `[target tokens, source tokens]` tells what the model looked at as it wrote each token.
        """
        if isinstance(texts, str):
            return self.align([texts])[0]
        return [_aligned(row) for row in self._ask("align", {"text": texts})]

    def log_likelihoods(
        self, texts: Sequence[str], translations: Sequence[str], show_progress: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """How probable given translations are: log-probabilities in nats `[texts]`, and tokens they have, the end one
        of them."""
        rows = self._ask("score", {"text": texts, "translation": translations}, show_progress)
        return np.array([row["log_likelihood"] for row in rows]), np.array([row["tokens"] for row in rows])

    def _ask(
        self, signature: str, inputs: Mapping[str, Sequence[str]], show_progress: bool = False
    ) -> list[dict[str, Any]]:
        """Each row's outputs; texts of like length are read together."""
        inputs = {name: checked_texts(values, f"{name}s") for name, values in inputs.items()}
        texts = inputs["text"]
        answers: list[dict[str, Any]] = [{}] * len(texts)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        batches = list(chunks(order, self.batch_size))
        console = cli.console(stderr=True)
        is_hidden = not (show_progress and console.is_terminal)
        title = "scoring" if signature == "score" else "translating"
        for rows in track(batches, title, console=console, transient=True, disable=is_hidden):
            asked = {name: [values[row] for row in rows] for name, values in inputs.items()}
            outputs = self._runner.answer(signature, **asked)
            for place, row in enumerate(rows):
                answers[row] = {name: values[place] for name, values in outputs.items()}
        return answers


def _answer(translation: bytes, score: float, truncated: bool) -> Answer:
    return {"translation": _decoded(translation), "score": float(score), "truncated": bool(truncated)}


def _hypotheses(row: Mapping[str, Any]) -> list[Answer]:
    lowest = np.finfo(np.float32).min
    # One text can be written in several subwords; the first of equal ones has the highest score.
    scores: dict[bytes, float] = {}
    for translation, score in zip(row["translations"], row["scores"], strict=True):
        if score > lowest:
            scores.setdefault(translation, score)
    return [_answer(translation, score, row["truncated"]) for translation, score in scores.items()]


def _aligned(row: Mapping[str, Any]) -> Answer:
    source, target = (
        [_decoded(token) for token in row[side] if token] for side in ("source_tokens", "target_tokens")
    )
    return {
        "translation": _decoded(row["translation"]),
        "source_tokens": source,
        "target_tokens": target,
        "attention": row["attention"][: len(target), : len(source)],
    }


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


@dataclass(frozen=True)
class Options:
    """Texts come from the arguments, from --input, or else from standard input, one per line."""

    texts: tyro.conf.Positional[tuple[str, ...]] = ()
    """Texts to translate; put -- before one that begins with a dash."""
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
    n_best: bool = False
    """Show the search's different translations, with the text's number and the score; there may be fewer than the
    search followed at once."""
    attention: Path | None = None
    """Draw what the model looked at while it translated a single text, as a PNG."""
    batch_size: int = 32
    """Texts that are read at once."""


def main(options: Options) -> None:
    """Translates texts with an exported model."""
    _check(options)
    predictor = Predictor(options.model, options.batch_size)
    if options.attention is not None:
        _draw_attention(predictor, argument_texts(options.texts)[0], options.attention)
    given = given_texts(options.texts, options.input, options.text_column)
    if options.output is not None:
        _write(predictor, list(given), options)
        return
    is_typed = not options.texts and not options.input and sys.stdin.isatty()
    if is_typed:
        cli.console(stderr=True).print("a text per line; Ctrl-D ends", style="dim")
    first = 1
    for chunk in chunks(given, 1 if is_typed else options.batch_size):
        for number, hypotheses in enumerate(_found(predictor, chunk, options, first), start=first):
            print(*_lines(number, hypotheses, options), sep="\n", flush=True)
        first += len(chunk)


def _check(options: Options) -> None:
    require_one_source(options.texts, options.input)
    require_answer_file(options.output)
    if options.attention is not None and len(options.texts) != 1:
        raise FlagError(f"--attention {options.attention}: expected a single text, as an argument")
    if options.attention is not None and options.attention.suffix.lower() != ".png":
        raise FlagError(f"--attention {options.attention}: expected a name that ends in .png")
    require_at_least(1, batch_size=options.batch_size)


def _found(
    predictor: Predictor, texts: Sequence[str], options: Options, first: int = 1, show_progress: bool = False
) -> list[list[Answer]]:
    """The hypotheses to show of each text; of a truncated one a line goes to standard error."""
    found = (
        predictor.n_best(texts, show_progress)
        if options.n_best
        else [[answer] for answer in predictor(texts, show_progress)]
    )
    for number, (best, *_) in enumerate(found, start=first):
        if best["truncated"]:
            where = place_of(number, options.texts, options.input)
            warning = f"warning: {where}: too long for this model; its end is left out"
            print(warning, file=sys.stderr, flush=True)
    return found


def _lines(number: int, hypotheses: Sequence[Answer], options: Options) -> list[str]:
    if not options.n_best:
        return [hypotheses[0]["translation"]]
    return [f"{number}\t{one['score']:.4f}\t{one['translation']}" for one in hypotheses]


def _write(predictor: Predictor, texts: Sequence[str], options: Options) -> None:
    assert options.output is not None
    found = _found(predictor, texts, options, show_progress=True)
    records = [
        {"text": text, **hypotheses[0]} | ({"n_best": hypotheses} if options.n_best else {})
        for text, hypotheses in zip(texts, found, strict=True)
    ]
    lines = [line for number, one in enumerate(found, start=1) for line in _lines(number, one, options)]
    rows = [
        {"text": text, **one} for text, hypotheses in zip(texts, found, strict=True) for one in hypotheses
    ]
    write_answers(options.output, records, _COLUMNS, lines, rows)


def _draw_attention(predictor: Predictor, text: str, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.plots import plot_attention

    found = predictor.align(text)
    plot_attention(found["attention"], found["source_tokens"], found["target_tokens"], path)


if __name__ == "__main__":
    cli.run(main, Options)
