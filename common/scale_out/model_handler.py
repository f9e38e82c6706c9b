"""Beam's door to the project's models: a handler that answers rows of texts as the scripts `predict` do."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from common.application import Predictor
from common.predicting.scoring import answers_or_reasons
from common.predicting.script import Shown, TextAnswers
from common.predicting.texts import GivenText
from common.scale_out.text_application import WINDOW, TextApplication


@dataclass(frozen=True)
class Opened:
    """A model in a worker."""

    predictor: Predictor
    answers: TextAnswers


class TextHandler(ModelHandler[GivenText, PredictionResult, Opened]):
    """Answers `GivenText`s by an application's own `predict`, through TensorFlow's C++ loader.

    Beam's handler of TensorFlow models loads with Keras, which refuses SavedModels. This one imports neither. A result
    holds the row that it answers, with its place and what stands beside it; its inference is a
    `common.predicting.script.Shown`, or a text that says why the model refused the row, whose neighbours are answered.
    `KeyedModelHandler` around it takes pairs of any key and a row.

    Args:
        application: that answers.
        others: the columns that the input has beside the texts, where a table of answers is to have all of them.
        window: rows that are sorted by length together, from which the model's batches are cut.

    Example:
        >>> import apache_beam as beam
        >>> from apache_beam.ml.inference.base import RunInference
        >>> handler = TextHandler(TextApplication.of("sentiment_analysis", []))
        >>> opened = handler.load_model()
        >>> row = GivenText("well made", 1, "reviews.csv, row 1", {"id": "7"})
        >>> (result,) = handler.run_inference([row], opened)
        >>> result.example.others["id"], result.inference.record["label"]
        ('7', 'positive')
    """

    def __init__(
        self, application: TextApplication, others: Sequence[str] = (), window: int = WINDOW
    ) -> None:
        super().__init__(min_batch_size=window, max_batch_size=window)
        self._application, self._others = application, list(others)

    def load_model(self) -> Opened:
        """Loads the model; once in each process, whose threads share it."""
        return Opened(*self._application.opened())

    def run_inference(
        self, batch: Sequence[GivenText], model: Opened, inference_args: dict[str, Any] | None = None
    ) -> Iterator[PredictionResult]:
        """Answers rows; those of like length are computed together."""
        answer = partial(_answered, model.answers, self._others)
        answers = answers_or_reasons(answer, batch, self._application.batch_size)
        return map(PredictionResult, batch, answers)

    def get_num_bytes(self, batch: Sequence[GivenText]) -> int:
        """For a metric of Beam's: letters, because to serialise each row for it costs more than to pass it on."""
        return sum(len(row.text) for row in batch)

    def share_model_across_processes(self) -> bool:
        """Never: what the loader holds are pointers of C."""
        return False


def _answered(answers: TextAnswers, others: Sequence[str], texts: Sequence[GivenText]) -> Iterable[Shown]:
    return answers.beside(texts, others)
