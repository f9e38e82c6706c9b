"""What predictors share: finding the model, one example or many, batches of like length, and how far the work is.

Nothing here imports TensorFlow's Python package.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from common.checks import require_at_least, require_integer
from common.inference.runner import SavedModelRunner, latest_version
from common.model_folders import model_folder
from common.predicting.progress import progress
from common.predicting.texts import chunks

Answer = dict[str, Any]


class LoadedModel:
    """What the predictors of all applications do with their model: find, load and close it, and be pickled.

    A pickle holds the model's path, not the model: the process that it comes to loads the model when it is first asked.
    The end of a `with` block closes it.

    Args:
        application: whose model it is.
        model: a folder of numbered versions, of which the highest is used, or one version; None for what
            `common.model_folders` finds.
        batch_size: examples that are computed together.

    Example:
        >>> with LoadedModel("sentiment_analysis", None, batch_size=32) as loaded:
        ...     loaded.path.name
        '1'
    """

    def __init__(self, application: str, model: Path | None, batch_size: int) -> None:
        self.path = find_model(application, model)
        self.batch_size = batch_size
        self._runner = SavedModelRunner(self.path)

    @cached_property
    def _runner(self) -> SavedModelRunner:
        return SavedModelRunner(self.path)

    def close(self) -> None:
        """Frees the model once the calls under way have ended. It answers no more; closing twice does nothing."""
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        state = {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(type(self), name, None), cached_property)
        }
        return {**state, "path": self.path.absolute()}


def find_model(application: str, model: Path | None) -> Path:
    """The version that answers: of the folder given, or of what `common.model_folders` finds.

    Raises:
        UserError: there is none.
    """
    return latest_version(Path(os.path.expanduser(model)) if model else model_folder(application))


def rows_of(outputs: Mapping[str, np.ndarray], count: int) -> list[Answer]:
    """Each row's outputs of a batch of `count`."""
    return [{name: values[row] for name, values in outputs.items()} for row in range(count)]


def answer_rows(
    runner: SavedModelRunner,
    signature: str,
    inputs: Mapping[str, Sequence[Any]],
    batch_size: int,
    title: str = "",
    show_progress: bool | None = None,
) -> list[Answer]:
    """Each row's outputs, rows of like length computed together.

    Args:
        runner: of the model.
        signature: that is asked.
        inputs: by name, a value for each row; the first input's length decides what is computed together.
        batch_size: rows that are computed at once.
        title: of the bar.
        show_progress: see `progress`.

    Raises:
        RefusedRowsError: the model refused a row.
    """
    leading = next(iter(inputs.values()))
    answers: list[Answer] = [{}] * len(leading)
    order = sorted(range(len(leading)), key=lambda row: len(leading[row]))
    for rows in progress(list(chunks(order, batch_size)), title, show_progress):
        asked = {name: [values[row] for row in rows] for name, values in inputs.items()}
        outputs = runner.answer(signature, **asked)
        for row, answer in zip(rows, rows_of(outputs, len(rows)), strict=True):
            answers[row] = answer
    return answers


def require_top_k(top_k: int | None) -> None:
    """Raises FlagError if it is neither None nor a whole number of at least 1."""
    if top_k is not None:
        require_integer(top_k=top_k)
        require_at_least(1, top_k=top_k)


def classified(probabilities: np.ndarray, labels: Sequence[str], top_k: int | None = None) -> Answer:
    """`{"label", "probability", "probabilities"}` of the probabilities `[classes]`.

    `"probabilities"` has all classes in their order, or the `top_k` most probable of them, the most probable first.

    >>> classified(np.array([0.25, 0.125, 0.625]), ("bad", "fair", "good"), top_k=2)
    {'label': 'good', 'probability': 0.625, 'probabilities': {'good': 0.625, 'bad': 0.25}}
    """
    best = int(np.argmax(probabilities))
    named = dict(zip(labels, map(float, probabilities), strict=True))
    if top_k is not None:
        named = dict(sorted(named.items(), key=lambda one: -one[1])[:top_k])
    return {"label": labels[best], "probability": float(probabilities[best]), "probabilities": named}


def decoded(text: bytes) -> str:
    """A string of a model as text."""
    return text.decode("utf-8", "replace")
