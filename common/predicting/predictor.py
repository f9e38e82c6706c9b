"""What predictors share: finding the model, one example or many, batches of like length, and how far the work is.

Nothing here imports TensorFlow's Python package.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.progress import track

from common import cli
from common.inference.runner import SavedModelRunner, latest_version
from common.model_folders import model_folder
from common.predicting.texts import chunks

Item = TypeVar("Item")
Answer = dict[str, Any]


def find_model(application: str, model: Path | None) -> Path:
    """The version that answers: of the folder given, or of what `common.model_folders` finds.

    Raises:
        UserError: there is none.
    """
    return latest_version(model or model_folder(application))


def progress(items: Sequence[Item], title: str, is_shown: bool = True) -> Iterable[Item]:
    """The items, with a bar on standard error of how many are done, if that is a terminal."""
    console = cli.console(stderr=True)
    is_hidden = not (is_shown and console.is_terminal)
    return track(items, title, console=console, transient=True, disable=is_hidden)


def rows_of(outputs: Mapping[str, np.ndarray], count: int) -> list[Answer]:
    """Each row's outputs of a batch of `count`."""
    return [{name: values[row] for name, values in outputs.items()} for row in range(count)]


def answer_rows(
    runner: SavedModelRunner,
    signature: str,
    inputs: Mapping[str, Sequence[Any]],
    batch_size: int,
    title: str = "",
    show_progress: bool = False,
) -> list[Answer]:
    """Each row's outputs, rows of like length computed together.

    Args:
        runner: of the model.
        signature: that is asked.
        inputs: by name, a value for each row; the first input's length decides what is computed together.
        batch_size: rows that are computed at once.
        title: of the bar.
        show_progress: whether to show one.

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


def one_or_many(
    examples: Any, is_one: Callable[[Any], bool], answer: Callable[[Sequence[Any]], Sequence[Any]]
) -> Any:
    """The answer of one example, or the list of those of many."""
    return answer([examples])[0] if is_one(examples) else list(answer(examples))


def classified(probabilities: np.ndarray, labels: Sequence[str]) -> Answer:
    """`{"label", "probability", "probabilities"}` of the probabilities `[classes]`."""
    best = int(np.argmax(probabilities))
    named = dict(zip(labels, map(float, probabilities), strict=True))
    return {"label": labels[best], "probability": float(probabilities[best]), "probabilities": named}


def decoded(text: bytes) -> str:
    """A string of a model as text."""
    return text.decode("utf-8", "replace")
