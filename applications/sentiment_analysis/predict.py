"""Answers from the exported SavedModel: the label of each text and its probability. Imports no Keras and no TensorFlow.

python -m applications.sentiment_analysis.predict "not bad at all, I loved it"
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, overload

import numpy as np
import tyro
from rich.text import Text

from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.inference.runner import SavedModelRunner
from common.predicting.answer_files import require_answer_file
from common.predicting.predictor import Answer, answer_rows, classified, decoded, find_model
from common.predicting.script import Shown, answer_texts, warn_of
from common.predicting.texts import checked_texts, require_one_source

LABELS_FILE = Path("assets.extra") / "labels.json"

_COLUMNS = ("text", "label", "probability")
_SHOWN_LENGTH = 200


class Predictor:
    """Labels texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        self.path = find_model("sentiment_analysis", model)
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
        rows = self._ask("explain" if explain else "serving_default", checked_texts(texts))
        return [classified(row["probabilities"], self.labels) | _tokens(row) for row in rows]

    def probabilities(self, texts: Sequence[str], show_progress: bool = False) -> np.ndarray:
        """Calibrated probabilities `[texts, classes]`, texts of like length computed together."""
        rows = self._ask("serving_default", texts, show_progress)
        return np.array([row["probabilities"] for row in rows], np.float32).reshape(-1, len(self.labels))

    def _ask(self, signature: str, texts: Sequence[str], show_progress: bool = False) -> list[Answer]:
        inputs = {"text": texts}
        return answer_rows(self._runner, signature, inputs, self.batch_size, "classifying", show_progress)


def _tokens(row: Answer) -> Answer:
    """What each token adds, if the row tells it."""
    if "tokens" not in row:
        return {}
    real = row["mask"]
    tokens, contributions = map(decoded, row["tokens"][real]), row["contributions"][real].tolist()
    return {"tokens": list(zip(tokens, contributions, strict=True))}


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
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Texts that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_one_source(self.texts, self.input)
        require_answer_file(self.output)
        if self.output is not None and self.explain:
            raise FlagError("--explain: colours words in the terminal; leave out --output")


def main(options: Options) -> None:
    """Labels texts with an exported model."""
    predictor = Predictor(options.model, options.batch_size)
    is_coloured = cli.console().is_terminal

    def answer(texts: Sequence[str], first: int, show_progress: bool) -> Iterator[Shown]:
        warn_of(options, first, (not text.strip() for text in texts), "no text; its label means nothing")
        if options.explain:
            for answer in predictor(texts, explain=True):
                yield Shown(answer, [_coloured(answer) if is_coloured else _explained(answer)])
            return
        for text, row in zip(texts, predictor.probabilities(texts, show_progress), strict=True):
            answer = classified(row, predictor.labels)
            record = {"text": text, "label": answer["label"], "probability": round(answer["probability"], 6)}
            yield Shown(record, [_beginning(answer) + _shortened(text)])

    answer_texts(options, _COLUMNS, answer)


def _beginning(answer: Answer) -> str:
    return f"{answer['label']}\t{answer['probability']:.4f}\t"


def _explained(answer: Answer) -> str:
    return _beginning(answer) + " ".join(f"{token}({value:+.2f})" for token, value in answer["tokens"])


def _shortened(text: str) -> str:
    """The beginning of a text on one line, without characters that would steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:_SHOWN_LENGTH])


def _coloured(answer: Answer) -> Text:
    largest = max((abs(value) for _, value in answer["tokens"]), default=0.0) or 1.0
    shown = Text(_beginning(answer))
    for token, value in answer["tokens"]:
        strength = abs(value) / largest
        colour = "green" if value > 0 else "red"
        style = f"bold {colour}" if strength > 0.5 else colour if strength > 0.1 else "dim"
        shown.append(token, style=style).append(" ")
    return shown


if __name__ == "__main__":
    cli.run(main, Options)
