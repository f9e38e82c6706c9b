"""Answers from the exported SavedModel: the translation of each text. Imports no Keras and no TensorFlow.

python -m applications.translation.predict "A man in a blue shirt is standing on a ladder cleaning a window."
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from common import cli
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.predicting.answer_files import require_picture
from common.predicting.examples import Column, texts_of
from common.predicting.hypotheses import existing_hypotheses
from common.predicting.predictor import Answer, LoadedModel, answer_rows, decoded
from common.predicting.script import Shown, TextAnswers, TextFlags, answer_texts
from common.predicting.shards import settings_of
from common.predicting.texts import GivenText, argument_texts

LANGUAGES_FILE = Path("assets.extra") / "languages.json"

_COLUMNS = ("text", "translation", "score", "truncated")


class Predictor(LoadedModel):
    """Translates texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.

    Attributes:
        languages: what `source` and `target` were called in training: languages, columns or files.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("translation", model, batch_size)
        self.languages: dict[str, str] = read_extra(self.path, LANGUAGES_FILE, "translation")

    @overload
    def __call__(self, texts: str, *, show_progress: bool | None = None) -> Answer: ...

    @overload
    def __call__(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> list[Answer]: ...

    def __call__(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> Answer | list[Answer]:
        """`{"translation", "score", "truncated"}` for one text, a list of them for several.

        The score is the translation's log-probability over a penalty for its length; a truncated text was too long, and
        what is translated is its beginning.

        Args:
            texts: a text; or a list, a series or an array of them, or a data frame.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no text.
        """
        rows = self._ask("serving_default", {"text": texts_of(texts, column)}, show_progress)
        answers = [_answer(row["translation"], row["score"], row["truncated"]) for row in rows]
        return answers[0] if isinstance(texts, str) else answers

    @overload
    def n_best(self, texts: str, *, show_progress: bool | None = None) -> list[Answer]: ...

    @overload
    def n_best(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> list[list[Answer]]: ...

    def n_best(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> list[Answer] | list[list[Answer]]:
        """The search's different translations of one text, the best first, each as of `__call__`; a list of them for
        several."""
        rows = self._ask("n_best", {"text": texts_of(texts, column)}, show_progress)
        answers = [_hypotheses(row) for row in rows]
        return answers[0] if isinstance(texts, str) else answers

    @overload
    def align(self, texts: str, *, show_progress: bool | None = None) -> Answer: ...

    @overload
    def align(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> list[Answer]: ...

    def align(
        self, texts: Any, *, column: Column = None, show_progress: bool | None = None
    ) -> Answer | list[Answer]:
        """`{"translation", "source_tokens", "target_tokens", "attention"}` for one text, a list of them for several.

        `attention` `[target tokens, source tokens]` tells what the model looked at as it wrote each token.
        """
        answers = [
            _aligned(row) for row in self._ask("align", {"text": texts_of(texts, column)}, show_progress)
        ]
        return answers[0] if isinstance(texts, str) else answers

    def log_likelihoods(
        self, texts: Sequence[str], translations: Sequence[str], *, show_progress: bool | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """How probable given translations are: log-probabilities in nats `[texts]`, and tokens they have, the end one
        of them."""
        inputs = {"text": texts_of(texts), "translation": texts_of(translations, name="translations")}
        rows = self._ask("score", inputs, show_progress)
        return np.array([row["log_likelihood"] for row in rows]), np.array([row["tokens"] for row in rows])

    def _ask(
        self, signature: str, inputs: Mapping[str, Sequence[str]], show_progress: bool | None = None
    ) -> list[Answer]:
        title = "scoring" if signature == "score" else "translating"
        return answer_rows(self._runner, signature, inputs, self.batch_size, title, show_progress)


def _answer(translation: bytes, score: float, truncated: bool) -> Answer:
    return {"translation": decoded(translation), "score": float(score), "truncated": bool(truncated)}


def _hypotheses(row: Mapping[str, Any]) -> list[Answer]:
    # One text can be written in several subwords; the first of equal ones has the highest score.
    scores: dict[bytes, float] = {}
    for translation, score in existing_hypotheses(row["translations"], row["scores"]):
        scores.setdefault(translation, score)
    return [_answer(translation, score, row["truncated"]) for translation, score in scores.items()]


def _aligned(row: Mapping[str, Any]) -> Answer:
    source, target = (
        [decoded(token) for token in row[side] if token] for side in ("source_tokens", "target_tokens")
    )
    return {
        "translation": decoded(row["translation"]),
        "source_tokens": source,
        "target_tokens": target,
        "attention": row["attention"][: len(target), : len(source)],
    }


@dataclass(frozen=True)
class Options:
    """Which texts are translated, and what is shown of their translations."""

    given: TextFlags = field(default_factory=TextFlags)
    """The texts, the model, and where the answers go."""
    n_best: bool = False
    """Show the search's different translations, with the text's number and the score; there may be fewer than the
    search followed at once."""
    attention: Path | None = None
    """Draw what the model looked at while it translated a single text, as a PNG."""

    def __post_init__(self) -> None:
        require_picture(self.attention, "--attention")
        if self.attention is not None and len(self.given.texts) != 1:
            raise FlagError(f"--attention {self.attention}: expected a single text, as an argument")


def main(options: Options) -> None:
    """Translates texts with an exported model."""
    predictor = Predictor(options.given.model, options.given.batch_size)
    if options.attention is not None:
        _draw_attention(predictor, argument_texts(options.given.texts)[0], options.attention)
    answer_texts(options.given, *text_answers(predictor, options), settings_of(options, predictor.path))


def text_answers(predictor: Predictor, options: Options) -> TextAnswers:
    """How texts are answered, by this script and by others that have rows of texts."""

    def answer(given: Sequence[GivenText], show_progress: bool) -> Iterator[Shown]:
        texts = [one.text for one in given]
        candidates = (
            predictor.n_best(texts, show_progress=show_progress)
            if options.n_best
            else [[answer] for answer in predictor(texts, show_progress=show_progress)]
        )
        for one, hypotheses in zip(given, candidates, strict=True):
            n_best = {"n_best": hypotheses} if options.n_best else {}
            record, rows = (
                {"text": one.text, **hypotheses[0], **n_best},
                [{"text": one.text, **hypothesis} for hypothesis in hypotheses],
            )
            is_cut = hypotheses[0]["truncated"]
            warning = f"{one.place}: too long for this model; its end is left out" if is_cut else ""
            yield Shown(record, _lines(one.number, hypotheses, options), rows, warning)

    return TextAnswers(_COLUMNS, answer)


def _lines(number: int, hypotheses: Sequence[Answer], options: Options) -> list[str]:
    if not options.n_best:
        return [hypotheses[0]["translation"]]
    return [f"{number}\t{one['score']:.4f}\t{one['translation']}" for one in hypotheses]


def _draw_attention(predictor: Predictor, text: str, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.plots import plot_attention

    alignment = predictor.align(text)
    plot_attention(alignment["attention"], alignment["source_tokens"], alignment["target_tokens"], path)


if __name__ == "__main__":
    cli.run(main, Options)
