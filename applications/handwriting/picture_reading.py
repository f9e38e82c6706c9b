"""How a model that reads pictures is asked, from Python and by the script. Imports no Keras and no TensorFlow."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from common.errors import UserError
from common.inference.runner import SavedModelRunner
from common.predicting.examples import Column
from common.predicting.hypotheses import existing_hypotheses
from common.predicting.images import ImageFile, ask_of_images, outcomes_of_images
from common.predicting.input_files import GivenFiles, printable
from common.predicting.predictor import Answer, decoded, rows_of
from common.predicting.script import Shown
from common.predicting.texts import chunks


def read_pictures(
    runner: SavedModelRunner, pictures: Any, column: Column, batch_size: int, show_progress: bool | None
) -> Any:
    """`{"text", "confidence"}` of one picture, a list of them for several: see `ask_of_images`."""
    ask = partial(_ask, runner, "serving_default", {})
    rows = ask_of_images(ask, pictures, column, batch_size, "reading", show_progress, name="picture")
    return [_text(row) for row in rows] if isinstance(rows, list) else _text(rows)


def rank_pictures(
    runner: SavedModelRunner, pictures: Any, column: Column, batch_size: int, weights: Mapping[str, float]
) -> Any:
    """The best readings of one picture with their scores, `[(text, score)]`; a list of such lists for several."""
    ask = partial(_ask, runner, "n_best", weights)
    rows = ask_of_images(ask, pictures, column, batch_size, "reading", False, name="picture")
    return [ranked(row) for row in rows] if isinstance(rows, list) else ranked(rows)


def ranked(row: Answer) -> list[tuple[str, float]]:
    """The readings of a row of `n_best` with their scores, the best first."""
    return [(decoded(text), score) for text, score in existing_hypotheses(row["texts"], row["scores"])]


def shown_pictures(runner: SavedModelRunner, given: GivenFiles[bytes], batch_size: int) -> Iterator[Shown]:
    """What is written in each picture that a script was given; what cannot be read is complained of."""
    ask = partial(_ask, runner, "serving_default", {})
    for chunk in chunks((ImageFile(*one) for one in given.contents()), batch_size):
        for file, outcome in zip(chunk, outcomes_of_images(ask, chunk), strict=True):
            if isinstance(outcome, UserError):
                given.complain(outcome)
                continue
            answer = _text(outcome)
            record = {"picture": file.name, **answer, "confidence": round(answer["confidence"], 4)}
            line = answer["text"] if given.is_single else f"{printable(file.name)}\t{answer['text']}"
            yield Shown(record, [line])


def _ask(
    runner: SavedModelRunner, signature: str, weights: Mapping[str, float], contents: Sequence[bytes]
) -> list[Answer]:
    count = len(contents)
    given = {name: np.full(count, value, np.float32) for name, value in weights.items()}
    return rows_of(runner.run(signature, image_bytes=contents, **given), count)


def _text(row: Answer) -> Answer:
    return {"text": decoded(row["text"]), "confidence": float(row["confidence"])}
