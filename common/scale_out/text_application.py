"""An application whose rows are texts, as workers have it: by its name, with the flags of its script `predict`."""

import importlib
import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from common import cli
from common.application import Predictor
from common.errors import FlagError
from common.predicting.script import Shown, TextAnswers
from common.predicting.texts import GivenText

WINDOW = 2048
"""Rows that are sorted by length together: with many, those computed together hardly differ, and little is padding."""
PLACE = "place"
"""The column that tells where a text stands."""


@dataclass(frozen=True)
class TextApplication:
    """What answers rows of texts; can be sent to other processes, which load the model.

    Attributes:
        name: of the application.
        options: the flags of its `predict`.

    Example:
        >>> from common.predicting.texts import GivenText
        >>> predictor, answers = TextApplication.of("sentiment_analysis", []).opened()
        >>> with predictor:
        ...     [shown.record["label"] for shown in answers.answer([GivenText("well made", 1, "here")], False)]
        ['positive']
    """

    name: str
    options: Any

    @classmethod
    def of(cls, name: str, arguments: Sequence[str]) -> "TextApplication":
        """The application of a name, with arguments of its `predict` that shape answers, or name the model.

        Raises:
            FlagError: there is none of that name, or it does not answer texts, or an argument does not go with files.
        """
        answer = Path(tempfile.gettempdir()) / "answers.jsonl"
        # So it checks its own flags as it does where it answers a file.
        files = ["--input", "texts.txt", "--output", str(answer)]
        return cls(name, cli.parsed(_predict(name).Options, [*arguments, *files]))

    @property
    def batch_size(self) -> int:
        """Texts that the model computes together."""
        return int(self.options.given.batch_size)

    def opened(self) -> tuple[Predictor, TextAnswers]:
        """The predictor, whose model is loaded, and how it answers texts.

        Raises:
            UserError: there is no such model.
        """
        predict, given = _predict(self.name), self.options.given
        predictor: Predictor = predict.Predictor(given.model, given.batch_size)
        return predictor, _placed(predict.text_answers(predictor, self.options))


def _placed(answers: TextAnswers) -> TextAnswers:
    """The answers, each with where its text stands: among many files and without an order nothing else tells."""

    def answer(given: Sequence[GivenText], show_progress: bool) -> Iterator[Shown]:
        for one, shown in zip(given, answers.answer(given, show_progress), strict=True):
            place = {PLACE: one.place}
            rows = [{**row, **place} for row in shown.rows]
            yield replace(shown, record={**shown.record, **place}, rows=rows)

    return TextAnswers([*answers.columns, PLACE], answer)


def _predict(name: str) -> ModuleType:
    """An application's `predict`, found by its name alone: nothing in `common` needs an application."""
    expected = "expected an application that answers texts, such as sentiment_analysis or translation"
    is_name = name.isidentifier() and importlib.util.find_spec(f"applications.{name}") is not None
    if not is_name or importlib.util.find_spec(f"applications.{name}.predict") is None:
        raise FlagError(f"--application {name}: no application of that name; {expected}")
    module = importlib.import_module(f"applications.{name}.predict")
    if not hasattr(module, "text_answers"):
        raise FlagError(f"--application {name}: its rows are no texts; {expected}")
    return module
