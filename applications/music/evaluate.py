"""Measures an exported composer: how probable pieces are to it, how it harmonises their melodies, how what it composes
compares with them, and how much of that stands in its training music.

python -m applications.music.evaluate --model saved_models/music --data chorales.json.gz
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.music import APPLICATION
from applications.music.baseline import baseline_nats
from applications.music.config import NAME
from applications.music.copying import Run, longest_copies
from applications.music.counterpoint import shares_of_broken_steps
from applications.music.data import evaluation_examples
from applications.music.piano_roll import draw_histograms, draw_piano_roll
from applications.music.piece import SILENCE, Piece
from applications.music.piece_sources import PieceSource
from applications.music.pieces import Pieces
from applications.music.predict import Predictor, Sampling
from applications.music.statistics import (
    MELODIC_INTERVALS,
    Statistics,
    histogram_distance,
    ranges,
    statistics,
)
from applications.music.steps import changed
from common import cli
from common.checks import AtLeast, Between, check_ranges
from common.data.sources import SAMPLE
from common.errors import UserError
from common.evaluation.plots import plot_nats_by_position
from common.evaluation.report import numbers_to_draw
from common.evaluation.script import announce, facts_of, report, timed
from common.files import require_writable_folder
from common.predicting.predictor import find_model
from common.text.running import Part

_MIDDLE = MELODIC_INTERVALS.index(1)
_COUNTED = (
    *("parallel_fifths", "parallel_octaves", "crossings", "out_of_range", "changes", "notes_per_step"),
    "dissonances",
)


@dataclass(frozen=True)
class Options:
    """What to measure, on which pieces, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: PieceSource = field(default_factory=PieceSource)
    """Where the pieces come from."""
    part: Part | None = None
    """Which part to measure on; unless given, the test part of the data, or all of it if there is none."""
    compose: Annotated[int, AtLeast(0)] = 16
    """Pieces that are composed to be compared with those of the data, each as long as one of these; 0 for none."""
    temperature: Annotated[float, AtLeast(0)] = 1.0
    """Of their notes; 0 for the most probable ones."""
    top_p: Annotated[float, Between(0, 1)] = 1.0
    """Of their notes: the fewest most probable ones that have this share of the probability together; 1 for all."""
    seed: int = 0
    """Of the pieces that are composed."""
    baseline: bool = False
    """Also measure 6-grams of the notes of the data's training part, in all keys: a minute or more."""
    output: Path = Path("runs/music/evaluation")
    """Folder for metrics.json and the pictures."""
    pieces: tuple[int, ...] | None = None
    """Numbers of the pieces, from 1, that are drawn with the likelihood of each step; the first few unless given."""
    batch_size: Annotated[int, AtLeast(1)] = 16
    """Pieces that are computed at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    predictor = Predictor(find_model(NAME, options.model), options.batch_size)
    pieces = _on_known_grids(predictor, _examples(predictor, options, options.part))
    drawn = numbers_to_draw(options.pieces, len(pieces), "a piece", "--pieces")
    training = _training(predictor, options)
    announce(predictor.path, pieces)
    warm_up = partial(scores_of, predictor, pieces.pieces[:1])
    scores, seconds = timed(partial(scores_of, predictor, pieces.pieces, show_progress=True), warm_up=warm_up)
    composed = compose(predictor, pieces.pieces[: options.compose], options)
    counts = counted(composed, pieces.pieces) if composed else None
    metrics = {
        **measure(pieces.pieces, scores),
        **({"baseline_nats_per_step": baseline_nats(training, pieces.pieces)} if options.baseline else {}),
        **_broken_rules(composed, options.source),
        "harmonisation": harmonisation(predictor, pieces.pieces),
        "composed": {} if counts is None else compared(*counts),
        "copying": copying(composed, pieces.pieces, training),
        **facts_of(predictor.path, pieces, seconds, "pieces", options.batch_size),
    }
    tables = {
        "harmonisation": "Melodies harmonised, with the most probable notes: share of the data's own notes",
        "composed": "Composed music, and the data's",
        "copying": "Longest runs that stand in the data's training part, in any key",
    }
    drawn_of = partial(draw, pieces.pieces, scores, composed, counts, drawn)
    return report(metrics, APPLICATION.title, pieces, options.output, drawn_of, tables)


def _examples(predictor: Predictor, options: Options, part: Part | None) -> Pieces:
    return evaluation_examples(options.source, predictor.voices, predictor.grid(None), part)


def _on_known_grids(predictor: Predictor, pieces: Pieces) -> Pieces:
    """The pieces.

    Raises:
        UserError: one is on a grid that the model does not know.
    """
    grids = [kind.steps_per_quarter for kind in predictor.kinds]
    for piece in pieces.pieces:
        if piece.steps_per_quarter not in grids:
            known = " or ".join(map(str, grids))
            raise UserError(
                f"{piece.name}: {piece.steps_per_quarter} steps per quarter note; {predictor.path} was trained with "
                f"{known}"
            )
    return pieces


def _training(predictor: Predictor, options: Options) -> list[Piece]:
    """The training part of the data, in which copies are looked for; none where it has no such part.

    Raises:
        UserError: there is none, but n-grams are to be counted in it.
    """
    try:
        return list(_examples(predictor, options, "train").pieces)
    except UserError:
        if options.baseline:
            raise
        return []


def scores_of(predictor: Predictor, pieces: Sequence[Piece], show_progress: bool = False) -> list[np.ndarray]:
    """The log-likelihood of each step of each piece, nothing being told of it beforehand."""
    scores: list[np.ndarray] = [np.zeros(0, np.float32)] * len(pieces)
    for grid, indices in by_grid(pieces).items():
        sampling = Sampling(steps_per_quarter=grid)
        notes = [pieces[index].notes for index in indices]
        found = predictor.score(notes, sampling=sampling, show_progress=show_progress)
        for index, score in zip(indices, found, strict=True):
            scores[index] = score
    return scores


def by_grid(pieces: Sequence[Piece]) -> dict[int, list[int]]:
    """The indices of the pieces of each grid."""
    grids: dict[int, list[int]] = {}
    for index, piece in enumerate(pieces):
        grids.setdefault(piece.steps_per_quarter, []).append(index)
    return grids


def measure(pieces: Sequence[Piece], scores: Sequence[np.ndarray]) -> dict[str, Any]:
    """The metrics of the log-likelihoods of the steps of pieces."""
    changes = np.concatenate([changed(piece.notes) for piece in pieces])
    nats = -np.concatenate(list(scores)).astype(np.float64)
    notes = sum(int((piece.notes > SILENCE).sum()) for piece in pieces)
    quarters = sum(piece.steps / piece.steps_per_quarter for piece in pieces)
    return {
        "steps": len(nats),
        "nats_per_step": float(nats.mean()),
        "nats_per_changed_step": float(nats[changes].mean()) if changes.any() else None,
        "nats_per_held_step": float(nats[~changes].mean()) if not changes.all() else None,
        "share_of_changed_steps": float(changes.mean()),
        "nats_per_quarter": float(nats.sum() / quarters),
        "nats_per_note": float(nats.sum() / notes) if notes else None,
    }


def harmonisation(predictor: Predictor, pieces: Sequence[Piece]) -> dict[str, float]:
    """How often the lower voices have the data's own note where the highest one is given, {} of music in one voice."""
    rows = []
    for grid, indices in by_grid(pieces).items():
        sampling = Sampling(temperature=0.0, top_p=1.0, steps_per_quarter=grid)
        melodies = [pieces[index].notes[:, 0] for index in indices]
        answers = predictor.harmonize(melodies, sampling=sampling, show_progress=True)
        rows += [
            (answer["notes"], pieces[index].notes) for answer, index in zip(answers, indices, strict=True)
        ]
    written, own = (np.concatenate([row[side] for row in rows])[:, 1:] for side in (0, 1))
    counted, is_right = own > SILENCE, written == own
    if not counted.any():
        return {}
    by_voice = {
        f"voice_{voice + 2}": float(is_right[counted[:, voice], voice].mean())
        for voice in range(own.shape[1])
        if counted[:, voice].any()
    }
    return {**by_voice, "all_lower_voices": float(is_right[counted].mean())}


def compose(predictor: Predictor, pieces: Sequence[Piece], options: Options) -> list[Piece]:
    """Pieces composed from nothing, each as long as one of the given ones and on its grid."""
    composed = []
    for number, piece in enumerate(pieces):
        sampling = Sampling(options.temperature, options.top_p, steps_per_quarter=piece.steps_per_quarter)
        answer = predictor(steps=piece.steps, seed=options.seed + number, sampling=sampling)
        composed.append(Piece(f"composed {number + 1}", answer["notes"], piece.steps_per_quarter))
    return composed


def counted(composed: Sequence[Piece], pieces: Sequence[Piece]) -> tuple[Statistics, Statistics]:
    """Statistics of composed music and of the data, whose voices' ranges count."""
    within = ranges([piece.notes for piece in pieces])
    ours, own = (statistics([piece.notes for piece in side], within) for side in (composed, pieces))
    return ours, own


def compared(ours: Statistics, own: Statistics) -> dict[str, Any]:
    """Statistics of composed music beside those of the data, by name."""
    distances = {
        f"{name}_distance": histogram_distance(getattr(ours, name), getattr(own, name))
        for name in ("pitch_classes", "melodic_intervals")
    }
    rows = {name: {"composed": getattr(ours, name), "data": getattr(own, name)} for name in _COUNTED}
    leaps = {
        f"leaps_of_voice_{voice + 1}": {"composed": float(one), "data": float(other)}
        for voice, (one, other) in enumerate(zip(ours.leaps, own.leaps, strict=True))
    }
    return {**rows, **leaps, **distances}


def copying(
    composed: Sequence[Piece], pieces: Sequence[Piece], training: Sequence[Piece]
) -> dict[str, dict[str, float]]:
    """How long the longest runs are that stand in training pieces, of composed music and of the data's."""
    if not training:
        return {}
    notes = [piece.notes for piece in training]
    rows = {}
    for name, side in (("composed", composed), ("data", pieces)):
        copies = longest_copies([piece.notes for piece in side], notes)
        if copies:
            rows[name] = {
                **_lengths([copy.by_steps for copy in copies], "steps"),
                **_lengths([copy.by_changes for copy in copies], "changes"),
            }
    return rows


def _lengths(runs: Sequence[Run], unit: str) -> dict[str, float]:
    lengths = [getattr(run, unit) for run in runs]
    return {f"longest_{unit}": float(max(lengths)), f"median_{unit}": float(np.median(lengths))}


def _broken_rules(composed: Sequence[Piece], source: PieceSource) -> dict[str, Any]:
    """How many steps of composed counterpoint break a rule of its own; {} of other music."""
    if source.data != SAMPLE or not composed:
        return {}
    return {"broken_rules": shares_of_broken_steps([piece.notes[:, :2] for piece in composed])}


def draw(
    pieces: Sequence[Piece],
    scores: Sequence[np.ndarray],
    composed: Sequence[Piece],
    counts: tuple[Statistics, Statistics] | None,
    numbers: Sequence[int],
    folder: Path,
) -> None:
    """Pieces and a composed one as piano rolls, how probable each step is, and the notes and intervals of both."""
    for number in numbers:
        path = folder / f"piece_{number}.png"
        draw_piano_roll(pieces[number - 1], path, log_likelihood=scores[number - 1])
    plot_nats_by_position(np.concatenate(list(scores)), folder / "nats_by_position.png")
    if counts is None:
        return
    draw_piano_roll(composed[0], folder / "composed.png")
    draw_histograms(
        [one.pitch_classes for one in counts],
        # No melody moves by nothing.
        [np.insert(one.melodic_intervals, _MIDDLE, 0) for one in counts],
        folder / "notes_and_intervals.png",
        names=("composed", "data"),
    )


def main(options: Options) -> None:
    """Measures an exported composer: nats per step, harmonisation, and what it composes beside the data."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
