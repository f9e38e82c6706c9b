"""The score of the Numenta Anomaly Benchmark: early alarms in labelled windows earn, false ones cost.

Lavin and Ahmad 2015. Each window counts once, by its best-placed alarm; every row with an alarm outside windows costs,
the more, the further it lies behind the last window. One threshold serves the whole corpus.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PROBATION_SHARE, PROBATION_ROWS = 0.15, 750
"""So much of a file, and so many of its first rows at most, are not scored: a detector learns from them."""
FARTHEST = 3.0
"""Windows' widths behind a window from which on an alarm costs its full weight."""


@dataclass(frozen=True)
class Profile:
    """What a user of alarms cares for."""

    true_positive: float
    """What the earliest alarm possible in a window earns."""
    false_positive: float
    """What an alarm far from all windows costs."""
    false_negative: float
    """What a window without alarm costs."""


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "low_fp": Profile(1.0, 0.22, 1.0),
    "low_fn": Profile(1.0, 0.11, 2.0),
}
"""The benchmark's three, by name."""


@dataclass(frozen=True, eq=False)
class ScoredFile:
    """A detector's answer about one file, and the truth.

    A detector that says an alarm once scores 0 in the rows in which it is silent.
    """

    name: str
    scores: Floats
    """`[rows]`, finite; an alarm stands where the score is at least the threshold."""
    windows: Integers
    """`[windows, 2]`: first and last row of each, in the order of time and apart from each other."""

    def __post_init__(self) -> None:
        scores, windows = (
            np.asarray(self.scores, np.float64),
            np.asarray(self.windows, np.int64).reshape(-1, 2),
        )
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "windows", windows)
        if scores.ndim != 1 or not np.isfinite(scores).all():
            raise ValueError(f"{self.name}: scores of shape {scores.shape}; expected finite ones [rows]")
        edges = np.concatenate([[-1], windows.ravel(), [len(scores)]])
        # Its last row may be a window's first, but no two windows share a row.
        least = 1 - np.arange(len(edges) - 1) % 2
        if (np.diff(edges) < least).any():
            raise ValueError(
                f"{self.name}: windows {windows.tolist()} of {len(scores)} rows; "
                "expected first and last rows in order, apart and inside"
            )


@dataclass(frozen=True)
class NabScore:
    """How good alarms are to a profile."""

    score: float
    """100 for an alarm in the first row of each window and nowhere else, 0 for no alarm; below 0 for worse."""
    threshold: float
    """Rows whose score is at least this have an alarm; infinite where no alarm is best."""
    windows: int
    """Labelled windows that are scored: those that end after their file's probation."""
    hits: int
    """Windows with an alarm."""
    false_rows: int
    """Rows with an alarm outside windows."""


def nab_scores(files: Iterable[ScoredFile], threshold: float) -> dict[str, NabScore]:
    """The score of alarms at one threshold for all files, in each profile.

    Args:
        files: the corpus.
        threshold: a row has an alarm where its score is at least this.

    Raises:
        ValueError: no window lies behind the probation, so that the score is not defined.

    Example:
        >>> scores = np.zeros(100)
        >>> scores[40] = 1
        >>> nab_scores([ScoredFile("pump", scores, [[40, 49]])], 0.5)["standard"].score
        100.0
    """
    parts = [_earned(file) for file in files]
    return {name: _score(parts, threshold, profile) for name, profile in PROFILES.items()}


def tuned_nab_scores(files: Iterable[ScoredFile]) -> dict[str, NabScore]:
    """The score in each profile at the threshold that is best for it, as the benchmark's board has it.

    Every distinct score is tried. The labels choose the threshold, so that what comes out is no forecast of what a
    user gets. Of equally good thresholds the highest is taken.

    Args:
        files: the corpus; one threshold serves all files.

    Raises:
        ValueError: no window lies behind the probation, so that the score is not defined.

    Example:
        >>> scores = np.linspace(0, 1, 100)
        >>> best = tuned_nab_scores([ScoredFile("pump", scores, [[90, 99]])])["standard"]
        >>> best.score, round(best.threshold, 3), best.hits, best.false_rows
        (100.0, 0.909, 1, 0)
    """
    parts = [_earned(file) for file in files]
    thresholds, tallies = _sweep(parts)
    return {
        name: _score(parts, thresholds[np.argmax((tallies * _weights(profile)).sum(axis=1))], profile)
        for name, profile in PROFILES.items()
    }


def best_nab_scores(
    detect: Callable[[float], Iterable[ScoredFile]], thresholds: Iterable[float]
) -> dict[str, NabScore]:
    """The score in each profile at the best of some thresholds, of a detector whose silence hangs on its alarms.

    Such a detector, which after an alarm says nothing for a while, has no scores of its own that one could sort: it
    must be asked at each threshold.

    Args:
        detect: alarms of the corpus at a threshold: scores of at least the threshold where an alarm is, and below it
            elsewhere.
        thresholds: those to try; of equally good ones the first is taken.

    Raises:
        ValueError: no threshold, or no window behind the probation.
    """
    best: dict[str, NabScore] = {}
    for threshold in thresholds:
        for name, score in nab_scores(detect(threshold), threshold).items():
            if name not in best or score.score > best[name].score:
                best[name] = score
    if not best:
        raise ValueError("no thresholds; expected at least 1")
    return best


def raw_score(file: ScoredFile, threshold: float, profile: Profile) -> float:
    """What the alarms in one file earn and cost, as the benchmark's tables of files have it; not normalised.

    Args:
        file: the detector's answer and the truth.
        threshold: a row has an alarm where its score is at least this.
        profile: weights.

    Example:
        >>> raw_score(ScoredFile("pump", np.zeros(100), [[40, 49], [70, 79]]), 0.5, PROFILES["low_fn"])
        -4.0
    """
    part = _earned(file)
    return float(_at(part, threshold) @ _weights(profile) - profile.false_negative * part.windows)


def probation(rows: int) -> int:
    """The first rows of a file of so many that are not scored."""
    return int(min(PROBATION_SHARE * rows, PROBATION_ROWS))


class _Earned(NamedTuple):
    """What an alarm in each scored row of a file is worth before weights; `[rows]`."""

    scores: Floats
    worth: Floats
    """Above 0 in windows, where the best counts; below 0 elsewhere."""
    window: Integers
    """Index of the row's window; -1 outside."""
    windows: int


def _earned(file: ScoredFile) -> _Earned:
    rows = np.arange(len(file.scores))
    previous = np.searchsorted(file.windows[:, 0], rows, side="right") - 1
    inside = previous >= 0
    inside[inside] = rows[inside] <= file.windows[previous[inside], 1]
    worth = np.where(inside, _gain(rows, file.windows, previous), _cost(rows, file.windows, previous))
    scored = slice(probation(len(rows)), None)
    window = np.where(inside, previous, -1)[scored]
    windows = len(np.unique(window[window >= 0]))
    return _Earned(file.scores[scored], worth[scored], window, windows)


def _sigmoid(position: Floats) -> Floats:
    """The benchmark's: from .99 at -1, the left edge of a window, over 0 at its end to -1 far behind it."""
    return np.where(position >= FARTHEST, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, FARTHEST))) - 1)


def _gain(rows: Integers, windows: Integers, previous: Integers) -> Floats:
    if not len(windows):
        return np.zeros(len(rows))
    first, last = windows[previous].T
    position = np.clip((rows - last - 1) / (last - first + 1), -1, 0)
    return _sigmoid(position) / _sigmoid(np.array(-1.0))


def _cost(rows: Integers, windows: Integers, previous: Integers) -> Floats:
    distance = np.full(len(rows), FARTHEST)
    follows = previous >= 0
    first, last = windows[previous[follows]].T
    # A window of one row has no width by the benchmark's measure, so whatever follows lies far behind it.
    distance[follows] = np.where(last > first, (rows[follows] - last) / np.maximum(last - first, 1), FARTHEST)
    return _sigmoid(np.maximum(distance, 0))


def _at(part: _Earned, threshold: float) -> Floats:
    """What alarms at a threshold come to before weights: earned in windows, cost outside, windows hit, rows outside."""
    alarm = part.scores >= threshold
    inside = alarm & (part.window >= 0)
    best = np.zeros(int(part.window.max(initial=-1)) + 1)
    np.maximum.at(best, part.window[inside], part.worth[inside])
    outside = alarm & (part.window < 0)
    return np.array([best.sum(), part.worth[outside].sum(), (best > 0).sum(), outside.sum()])


def _sweep(parts: Sequence[_Earned]) -> tuple[Floats, Floats]:
    """All thresholds, from infinity down, and what alarms at each come to, `[thresholds, 4]` as `_at` says."""
    scores = np.concatenate([part.scores for part in parts])
    steps = np.concatenate([_steps(part) for part in parts])
    order = np.argsort(-scores, kind="stable")
    scores, tallies = scores[order], np.cumsum(steps[order], axis=0)
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    return np.append(np.inf, scores[ends]), np.concatenate([np.zeros((1, 4)), tallies[ends]])


def _steps(part: _Earned) -> Floats:
    """What each row adds to what `_at` says when its alarm comes after those of the file's rows that score higher."""
    steps = np.zeros((len(part.scores), 4))
    outside = part.window < 0
    steps[outside, 1], steps[outside, 3] = part.worth[outside], 1
    for window in np.unique(part.window[~outside]):
        rows = np.flatnonzero(part.window == window)
        rows = rows[np.argsort(-part.scores[rows], kind="stable")]
        steps[rows, 0] = np.diff(np.maximum.accumulate(part.worth[rows]), prepend=0)
        steps[rows[0], 2] = 1
    return steps


def _weights(profile: Profile) -> Floats:
    """Of what `_at` says, so that the sum is how much better alarms are than none."""
    return np.array([profile.true_positive, profile.false_positive, profile.false_negative, 0])


def _score(parts: Sequence[_Earned], threshold: float, profile: Profile) -> NabScore:
    windows = sum(part.windows for part in parts)
    if not windows:
        raise ValueError("no labelled window behind the probation; expected at least 1")
    tally = sum((_at(part, threshold) for part in parts), start=np.zeros(4))
    best = windows * (profile.true_positive + profile.false_negative)
    score = 100 * float(tally @ _weights(profile)) / best
    return NabScore(score, float(threshold), windows, int(tally[2]), int(tally[3]))
