"""Answers from the exported SavedModel: the label of each text and its probability. Imports no Keras and no TensorFlow.

python -m applications.sentiment_analysis.predict "not bad at all, I loved it"
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from rich.text import Text

from common import cli
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.predicting.answer_files import probability_columns
from common.predicting.contributions import coloured, numbered
from common.predicting.examples import Column, texts_of
from common.predicting.input_files import printable
from common.predicting.predictor import (
    Answer,
    LoadedModel,
    answer_rows,
    classified,
    decoded,
    require_top_k,
)
from common.predicting.script import Shown, TextAnswers, TextFlags, answer_texts
from common.predicting.shards import settings_of
from common.predicting.texts import GivenText

LABELS_FILE = Path("assets.extra") / "labels.json"

_COLUMNS = ("text", "label", "probability")
_WARNING = "warning"
_NO_TEXT = "no text; its label means nothing"
_SHOWN_LENGTH = 200


class Predictor(LoadedModel):
    """Labels texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("sentiment_analysis", model, batch_size)
        described = read_extra(self.path, LABELS_FILE, "sentiment_analysis")
        self.labels: list[str] = described["labels"]
        self.label_map: dict[str, str] = described["label_map"]

    @overload
    def __call__(
        self,
        texts: str,
        *,
        explain: bool = False,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> Answer: ...

    @overload
    def __call__(
        self,
        texts: Any,
        *,
        explain: bool = False,
        column: Column = None,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> list[Answer]: ...

    def __call__(
        self,
        texts: Any,
        *,
        explain: bool = False,
        column: Column = None,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> Answer | list[Answer]:
        """`{"label", "probability", "probabilities"}` for one text, a list of them for several.

        Args:
            texts: a text; or a list, a series or an array of them, or a data frame.
            explain: answers also have `"tokens"`, pairs of a token and what it adds to the score (logit) of the label.
            column: of a data frame.
            top_k: how many classes `"probabilities"` has, the most probable first; unless given all, in their order.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no text.
        """
        require_top_k(top_k)
        signature = "explain" if explain else "serving_default"
        rows = self._ask(signature, texts_of(texts, column), show_progress)
        answers = [classified(row["probabilities"], self.labels, top_k) | _tokens(row) for row in rows]
        return answers[0] if isinstance(texts, str) else answers

    def probabilities(self, texts: Sequence[str], *, show_progress: bool | None = None) -> np.ndarray:
        """Calibrated probabilities `[texts, classes]`, texts of like length computed together."""
        rows = self._ask("serving_default", texts, show_progress)
        return np.array([row["probabilities"] for row in rows], np.float32).reshape(-1, len(self.labels))

    def _ask(self, signature: str, texts: Sequence[str], show_progress: bool | None = None) -> list[Answer]:
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
    """Which texts are labelled, and how their labels are shown."""

    given: TextFlags = field(default_factory=TextFlags)
    """The texts, the model, and where the answers go."""
    explain: bool = False
    """Colour each word by what it adds: green towards the label, red against it; numbers where there is no terminal."""

    def __post_init__(self) -> None:
        if self.given.output is not None and self.explain:
            raise FlagError("--explain: colours words in the terminal; leave out --output")


def main(options: Options) -> None:
    """Labels texts with an exported model."""
    predictor = Predictor(options.given.model, options.given.batch_size)
    answer_texts(options.given, *text_answers(predictor, options), settings_of(options, predictor.path))


def text_answers(predictor: Predictor, options: Options) -> TextAnswers:
    """How texts are answered, by this script and by others that have rows of texts."""
    is_coloured = cli.console().is_terminal

    def answer(given: Sequence[GivenText], show_progress: bool) -> Iterator[Shown]:
        texts = [one.text for one in given]
        if options.explain:
            for one, answer in zip(given, predictor(texts, explain=True), strict=True):
                start, tokens = _beginning(answer), answer["tokens"]
                line = Text(start) + coloured(tokens) if is_coloured else start + numbered(tokens)
                yield Shown(answer, [line], warning=_warning(one))
            return
        probabilities = predictor.probabilities(texts, show_progress=show_progress)
        for one, row in zip(given, probabilities, strict=True):
            text, answer, warning = one.text, classified(row, predictor.labels), _warning(one)
            rounded = {label: round(value, 6) for label, value in answer["probabilities"].items()}
            record = {
                "text": text,
                **answer,
                "probability": rounded[answer["label"]],
                "probabilities": rounded,
            }
            if warning:
                record[_WARNING] = _NO_TEXT
            line = _beginning(answer) + printable(text[:_SHOWN_LENGTH])
            yield Shown(record, [line], warning=warning)

    return TextAnswers([*_COLUMNS, *probability_columns(predictor.labels), _WARNING], answer)


def _warning(given: GivenText) -> str:
    return "" if given.text.strip() else f"{given.place}: {_NO_TEXT}"


def _beginning(answer: Answer) -> str:
    return f"{answer['label']}\t{answer['probability']:.4f}\t"


if __name__ == "__main__":
    cli.run(main, Options)
