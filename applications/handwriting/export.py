"""Turns a training run into a SavedModel: a pen's strokes in, what is written out.

python -m applications.handwriting.export --run runs/handwriting/base
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from applications.handwriting.config import INHERITANCE, NAME, SYMBOLS, Config
from applications.handwriting.ink import Ink, parse_text, points_of, text_of
from applications.handwriting.ink_text import MOST_POINTS, Drawings, check_points, decode_ink, drawn_on
from applications.handwriting.letters import Letters, letters_of
from applications.handwriting.limits import LIMITS, PICTURE_LIMITS
from applications.handwriting.model import build, frames_of, steps_per_frame
from applications.handwriting.picture_export import (
    PICTURE_TASK,
    PICTURE_VALIDATION,
    picture_signatures,
)
from applications.handwriting.predict import DESCRIPTION_FILE
from applications.handwriting.preprocessing import FEATURES, MOST_STEPS, steps_of
from common import cli
from common.data.batching import pad
from common.errors import ROW_ERROR
from common.export.label_answers import Tensors, n_best_answer, text_answer
from common.export.label_search import Labels, Search, SearchOptions, make_search
from common.export.saved_model import Signature
from common.export.script import card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_error
from common.text.symbols import Symbols
from common.training.run_folder import FinishedRun, load_finished

TASK = "A pen's strokes in; what is written, with the place and the confidence of each letter, out."
VALIDATION = (
    "validation character error rate",
    "validation_character_error_rate",
    "held-out ink, of other writers where they are known, read greedily; it chose the epoch",
)
ALSO_VALIDATED = (("validation word error rate", "validation_word_error_rate", "the same ink"),)
_DRAWN = [tf.TensorSpec([None, None, 3], tf.float32), tf.TensorSpec([None], tf.int32)]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32."""

    run: FinishedRun[Config]
    model: keras.Model
    symbols: Symbols


class Found(NamedTuple):
    """What a search read.

    Attributes:
        labels: the symbols with their frames.
        frames: `[batch]`, how many each row has.
        of_points: see `preprocessing.Steps`.
        error: strings `[batch]`.
    """

    labels: Labels
    frames: tf.Tensor
    of_points: tf.Tensor
    error: tf.Tensor


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    symbols = Symbols(SYMBOLS, tuple(run.preprocessing["written_symbols"]))
    model = build(run.config, symbols.count)
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, symbols)


def signatures(trained: Trained, search: Search) -> list[Signature]:
    """What is served, for any batch size; a row that cannot be answered has its reason in the output `error`. A model
    that reads pictures has the signatures of `picture_signatures` instead.

    - `serving_default`: `strokes` strings `[batch]`, "x,y x,y;x,y", numbers of any scale with y growing downward,
      strokes between semicolons -> `text` strings `[batch]` and `confidence` `[batch]`, the mean of its words' (1 where
      there are none).
    - `points`: the same of `points` float32 `[batch, points, 3]`, x, y and a number that changes from stroke to
      stroke, and `lengths` int32 `[batch]`, how many points of each row are real.
    - `letters`: `strokes` -> `letters` strings, `first_point` and `last_point` int32, the points of the ink that each
      is written with, and `confidence`, `[batch, letters]` each, right-padded with "" and 0, and their `count`
      `[batch]`.
    - `step`: `strokes` that were written since the step before, `[batch]`, and the state `state_ink` after that,
      strings `[batch]`, "" at first -> `text` and `confidence` of all the ink so far, "" and 1 while it has no shape
      yet, and the state after the step.
    - `n_best` (unless the beam width is 1): `strokes`, `lm_weight` and `length_bonus` `[batch]` -> `texts` and `scores`
      `[batch, beam width]`, the best first; the lowest float32 stands for the score of none.
    """
    outcome = trained.run.outcome
    if trained.run.config.render:
        return picture_signatures(
            trained.model, trained.run.config, search, outcome["temperature"], _examples()
        )
    read = _reader(trained)

    @tf.function(input_signature=_DRAWN, autograph=False)
    def found(points: tf.Tensor, lengths: tf.Tensor) -> Found:
        logits, frames, of_points, error = read(points, lengths)
        labels = search.best(logits, frames)
        return Found(labels, frames, of_points, first_error(error, labels.error))

    def answer(drawings: Drawings) -> Tensors:
        labels, _, _, error = found(drawings.points, drawings.lengths)
        error = first_error(drawings.error, error)
        return text_answer(trained.symbols, labels, outcome["temperature"], error)

    def serve(strokes: tf.Tensor) -> Tensors:
        return answer(decode_ink(strokes))

    def points(points: tf.Tensor, lengths: tf.Tensor) -> Tensors:
        return answer(check_points(points, lengths))

    def letters(strokes: tf.Tensor) -> Tensors:
        drawings = decode_ink(strokes)
        labels, frames, of_points, error = found(drawings.points, drawings.lengths)
        located: Letters = letters_of(
            trained.symbols,
            labels,
            frames,
            of_points / steps_per_frame(trained.run.config),
            drawings.points[:, :, 2],
            drawings.lengths,
            outcome["letter_temperature"],
            # Runs of before have none.
            outcome.get("letter_delay", 0),
        )
        return {**located._asdict(), ROW_ERROR: first_error(drawings.error, error)}

    def step(strokes: tf.Tensor, state_ink: tf.Tensor) -> Tensors:
        drawings, ink = drawn_on(state_ink, strokes)
        return {**answer(drawings), "state_ink": ink}

    def n_best(strokes: tf.Tensor, lm_weight: tf.Tensor, length_bonus: tf.Tensor) -> Tensors:
        drawings = decode_ink(strokes)
        logits, frames, _, error = read(drawings.points, drawings.lengths)
        error = first_error(drawings.error, error)
        return n_best_answer(search, logits, frames, lm_weight, length_bonus, error)

    inks = _examples()
    lines = {"strokes": [text_of(ink) for ink in inks]}
    drawn = [points_of(ink) for ink in inks]
    arrays = {"points": pad(drawn), "lengths": [len(one) for one in drawn]}
    strokes = {"strokes": tf.TensorSpec([None], tf.string)}
    given = dict(zip(("points", "lengths"), _DRAWN, strict=True))
    served = [
        Signature("serving_default", serve, strokes, lines),
        Signature("points", points, given, arrays),
        Signature("letters", letters, strokes, lines),
        Signature(
            "step",
            step,
            {**strokes, "state_ink": tf.TensorSpec([None], tf.string)},
            {**lines, "state_ink": ["", *lines["strokes"][:-1]]},
        ),
    ]
    if search.options.beam_width > 1:
        weights = {name: tf.TensorSpec([None], tf.float32) for name in ("lm_weight", "length_bonus")}
        examples = {**lines, "lm_weight": [0.3, 0.0, 1.0], "length_bonus": [0.0, 0.5, 0.0]}
        served.append(Signature("n_best", n_best, {**strokes, **weights}, examples))
    return served


def _reader(trained: Trained) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]:
    """From points and how many of each row are real, to the logits, how many frames of each are, where the points lie
    on the path, and what is wrong with the path; traced once, so that the graph holds the model once."""

    def read(points: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows = tf.shape(points)[0]
        # TensorFlow's convolutions fail on no row at all.
        is_empty = tf.cast(rows == 0, tf.int32)
        some = tf.pad(points, [[0, is_empty], [0, tf.cast(tf.shape(points)[1] == 0, tf.int32)], [0, 0]])
        steps = steps_of(some, tf.pad(lengths, [[0, is_empty]]))
        logits = trained.model(
            (tf.ensure_shape(steps.features, [None, None, FEATURES]), steps.count), training=False
        )
        too_long = (
            f"expected ink of at most {MOST_STEPS} steps, some 150 letters, got more (cut it at blanks)"
        )
        error = tf.where(steps.is_cut, too_long, "")
        return (
            logits[:rows],
            frames_of(trained.run.config, steps.count)[:rows],
            steps.of_points[:rows],
            error[:rows],
        )

    graph: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]] = tf.function(
        read, input_signature=_DRAWN, autograph=False
    )
    return graph


def single_spaced(text: str) -> str:
    """A text with one blank between words and none around them."""
    return " ".join(text.split())


def _examples() -> Sequence[Ink]:
    """Three drawings to prove the export on and to warm a server up with: a wave, a cross, and a stroke with a dot."""
    along = np.linspace(0, 6 * np.pi, 120, dtype=np.float32)
    wave = np.column_stack([10 * along, 20 * np.sin(along)])
    cross, dotted = "0,0 30,40;30,0 0,40", "0,12 1,40 4,42;1,2"
    return [Ink([wave.astype(np.float32)]), parse_text(cross), parse_text(dotted)]


def description(trained: Trained, options: SearchOptions) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    return {
        "symbols": list(trained.symbols.names),
        "kind": "picture" if trained.run.config.render else "ink",
        "most_points": MOST_POINTS,
        "has_language_model": options.language_model is not None,
        "lm_weight": options.lm_weight,
        "length_bonus": options.length_bonus,
    }


def export(options: SearchOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options.export, NAME, has_core=False)
    trained = load_run(options.export.run)
    reads_pictures = trained.run.config.render
    card = card_of(
        NAME,
        trained,
        options.export,
        task=PICTURE_TASK if reads_pictures else TASK,
        limits=PICTURE_LIMITS if reads_pictures else LIMITS,
        validation=(*VALIDATION[:2], PICTURE_VALIDATION) if reads_pictures else VALIDATION,
        also_validated=ALSO_VALIDATED,
        vocabulary=trained.symbols.names,
        data=trained.run.config.source.data,
    )
    search = make_search(trained.symbols, options, single_spaced)
    return publish(
        card,
        trained,
        partial(signatures, trained, search),
        options.export,
        {DESCRIPTION_FILE.name: description(trained, options)},
        resources=search.resources,
        tolerance=1e-4,
    )


def main(options: SearchOptions) -> None:
    """Exports a reader of handwriting as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, SearchOptions)
