"""The sample: counterpoint in two voices, note against note, that keeps every rule of `counterpoint`.

A melody, the cantus firmus, is drawn in one of the six church modes; above or below it a counterpoint is drawn from all
that keep the rules, the likelier the smoother it is and the more it moves against the melody. No cantus firmus stands
in two pieces, in whatever key.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from applications.music.counterpoint import broken
from applications.music.modes import LEADING_TONE, RAISING, SCALES, Mode
from applications.music.piece import Piece

COUNTS = {"train": 2400, "validation": 80, "test": 80}
SHORTEST, LONGEST = 8, 16
"""Notes of a cantus firmus."""

_SEEDS = {"train": 1, "validation": 2, "test": 3}
_KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# All is drawn on this final, a multiple of 12, and put into its key last.
_FINAL = 60
_LOWEST_FINAL = {"above": 48, "below": 60}
# In semitones from the final of the cantus firmus.
_RANGES = {"cantus": (-5, 12), "above": (-1, 16), "below": (-17, 4)}
_SMALLEST_RANGE, _LARGEST_RANGE = 5, 16

# Relative weights of what the rules allow.
_MOVES = {0: 0.15, 1: 1.0, 2: 1.0, 3: 0.3, 4: 0.3, 5: 0.12, 7: 0.08, 8: 0.02, 12: 0.02}
_MOTIONS = {"contrary": 1.0, "oblique": 0.4, "similar": 0.3}
_INTERVALS = {0: 0.3, 3: 1.0, 4: 1.0, 7: 0.4, 8: 1.0, 9: 1.0, 12: 0.3, 15: 0.8, 16: 0.8, 19: 0.1}
_FORTH_AND_BACK, _LEAPS_ONE_WAY = 0.3, 0.2

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Exercise:
    """A cantus firmus and the counterpoint to it.

    Attributes:
        notes: `[steps, 2]` MIDI numbers, the upper voice first.
        mode: that they are in.
        counterpoint: "above" the cantus firmus, or "below" it.
    """

    notes: _Ints
    mode: Mode
    counterpoint: str

    @property
    def cantus(self) -> _Ints:
        """The cantus firmus, `[steps]`."""
        return self.notes[:, 1 if self.counterpoint == "above" else 0]


def sample(part: str) -> list[Piece]:
    """The pieces of a part (train, validation or test): 2,400, 80 and 80 of them, of 8 to 16 steps in two voices.

    Made on the first call, within seconds, then kept.
    """
    return [
        Piece(
            f"sample ({part}) {number}: {one.mode.name} on {_KEYS[one.mode.final]}, counterpoint {one.counterpoint}",
            one.notes.astype(np.int32),
            steps_per_quarter=1,
        )
        for number, one in enumerate(exercises(part))
    ]


@cache
def exercises(part: str) -> tuple[Exercise, ...]:
    """The exercises that the pieces of a part are made of."""
    rng = np.random.default_rng(_SEEDS[part])
    runs = set().union(*(_runs(one.cantus) for before in _parts_before(part) for one in exercises(before)))
    made: list[Exercise] = []
    while len(made) < COUNTS[part]:
        one = _exercise(rng)
        if one is not None and tuple(np.diff(one.cantus)) not in runs:
            made.append(one)
            runs |= _runs(one.cantus)
    return tuple(made)


def _parts_before(part: str) -> list[str]:
    return list(COUNTS)[: list(COUNTS).index(part)]


def _runs(cantus: _Ints) -> set[tuple[int, ...]]:
    """All that stands in it and is long enough to be a cantus firmus, in semitones from note to note."""
    rises = tuple(np.diff(cantus))
    return {
        rises[start:end] for start in range(len(rises)) for end in range(start + SHORTEST - 1, len(rises) + 1)
    }


def _exercise(rng: np.random.Generator) -> Exercise | None:
    """An exercise, or None if what is drawn has no good shape or no counterpoint."""
    name = str(rng.choice(list(SCALES)))
    side = str(rng.choice(["above", "below"]))
    length = int(rng.integers(SHORTEST, LONGEST + 1))
    cantus = _cantus(name, length, rng)
    melody = None if cantus is None else _counterpoint(name, side, cantus, rng)
    if cantus is None or melody is None:
        return None
    final = _LOWEST_FINAL[side] + int(rng.integers(12))
    notes = np.column_stack([melody, cantus] if side == "above" else [cantus, melody]) + final - _FINAL
    return Exercise(notes, Mode(name, final % 12), side)


def _cantus(name: str, length: int, rng: np.random.Generator) -> _Ints | None:
    """A melody from final to final, the last step falling; None if what is drawn has no good shape."""
    notes = _notes(name, "cantus")
    moves = np.where(notes[:, None] == notes, 0.0, _move_weights(notes))
    steps = np.repeat(moves[None], length - 1, axis=0)
    is_final = notes == _FINAL
    steps[0, ~is_final] = 0
    steps[-1, :, ~is_final] = 0
    steps[-1, notes < _FINAL] = 0
    steps[-1, notes > _FINAL + 2] = 0
    places = draw_path(_shape_weights(name, "cantus"), steps, rng)
    melody = None if places is None else notes[places]
    return melody if melody is not None and _is_shapely(melody) and not _repeats_pair(melody) else None


def _is_shapely(melody: _Ints) -> bool:
    """Whether it has one climax inside, and is neither narrow nor wide."""
    climaxes = np.flatnonzero(melody == melody.max())
    is_inside = 0 < climaxes[0] < len(melody) - 1
    is_wide_enough = _SMALLEST_RANGE <= np.ptp(melody) <= _LARGEST_RANGE
    return bool(len(climaxes) == 1 and is_inside and is_wide_enough)


def _repeats_pair(melody: _Ints) -> bool:
    """Whether two notes stand twice on end."""
    is_as_before = melody[2:] == melody[:-2]
    return bool((is_as_before[1:] & is_as_before[:-1]).any())


def _counterpoint(name: str, side: str, cantus: _Ints, rng: np.random.Generator) -> _Ints | None:
    """A melody that keeps all rules against the cantus firmus; None if there is none, or it says two notes twice."""
    last = len(cantus) - 2
    steps = [
        _step_weights(name, side, here, there, step == 0, step == last)
        for step, (here, there) in enumerate(pairwise(cantus.tolist()))
    ]
    places = draw_path(_shape_weights(name, side), np.stack(steps), rng)
    melody = None if places is None else _notes(name, side)[places]
    return None if melody is None or _repeats_pair(melody) else melody


@cache
def _notes(name: str, voice: str) -> _Ints:
    """What a voice may sing in a mode on the common final, ascending; counterpoint may have the raised seventh."""
    low, high = _RANGES[voice]
    scale = set(SCALES[name]) | ({LEADING_TONE} if voice != "cantus" and name in RAISING else set())
    return np.array([_FINAL + semitones for semitones in range(low, high + 1) if semitones % 12 in scale])


@cache
def _step_weights(name: str, side: str, here: int, there: int, begins: bool, ends: bool) -> _Floats:
    """How likely each move of the counterpoint is while the cantus firmus moves from `here` to `there`.

    Returns:
        `[notes, notes]`, 0 where a rule would be broken.
    """
    notes = _notes(name, side)
    moves = np.empty((len(notes), len(notes), 2, 2), int)
    own, other = (0, 1) if side == "above" else (1, 0)
    moves[..., 0, own], moves[..., 1, own] = notes[:, None], notes
    moves[..., 0, other], moves[..., 1, other] = here, there
    is_legal = ~broken(moves, Mode(name, _FINAL % 12), begins=begins, ends=ends).any(axis=(-1, -2))
    motion = np.sign(notes - notes[:, None]) * np.sign(there - here)
    motions = np.select(
        [motion < 0, motion > 0], [_MOTIONS["contrary"], _MOTIONS["similar"]], _MOTIONS["oblique"]
    )
    intervals = np.array([_INTERVALS.get(int(size), 0.0) for size in np.abs(notes - there)])
    weights: _Floats = is_legal * _move_weights(notes) * motions * intervals
    return weights


def _move_weights(notes: _Ints) -> _Floats:
    """How likely a melody's moves are by their size, `[notes, notes]`."""
    rises = notes - notes[:, None]
    weights = np.vectorize(lambda size: _MOVES.get(int(size), 0.0), otypes=[float])(np.abs(rises))
    return np.where(rises == -8, 0.0, weights)


@cache
def _shape_weights(name: str, voice: str) -> _Floats:
    """How likely three notes are in a row beyond how likely the moves are, `[notes, notes, notes]`.

    After a fourth or more a melody turns back, by a third at most; it holds no note for three steps.
    """
    notes = _notes(name, voice)
    first = (notes - notes[:, None])[:, :, None]
    second = (notes - notes[:, None])[None]
    is_one_way = first * second > 0
    is_leap = np.abs(first) > 4
    is_recovered = (first * second < 0) & (np.abs(second) <= 4)
    weights = np.where(is_one_way & (np.abs(first) > 2) & (np.abs(second) > 2), _LEAPS_ONE_WAY, 1.0)
    weights[(first + second == 0) & (first != 0)] *= _FORTH_AND_BACK
    weights[(is_leap & ~is_recovered) | ((first == 0) & (second == 0))] = 0
    return weights


def draw_path(shapes: _Floats, steps: _Floats, rng: np.random.Generator) -> _Ints | None:
    """A path drawn with a probability in proportion to the product of its weights, by forward sampling after a backward
    pass over all paths.

    Args:
        shapes: weights of three places in a row, `[places, places, places]`.
        steps: weights of each move, `[steps, places, places]`.
        rng: what it is drawn by.

    Returns:
        Places, `[steps + 1]`; None if no path has a weight above 0.
    """
    ahead = [steps[-1]]
    for step in steps[-2::-1]:
        weights = step * np.einsum("abc,bc->ab", shapes, ahead[-1])
        ahead.append(weights / max(weights.max(), 1e-300))
    ahead.reverse()
    if not ahead[0].any():
        return None
    path = list(divmod(_draw(ahead[0].ravel(), rng), len(shapes)))
    for weights in ahead[1:]:
        path.append(_draw(shapes[path[-2], path[-1]] * weights[path[-1]], rng))
    return np.array(path)


def _draw(weights: _Floats, rng: np.random.Generator) -> int:
    sums = np.cumsum(weights)
    return int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
