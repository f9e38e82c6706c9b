"""The sample: pieces without a fault in all modes and keys, no cantus firmus in two of them, the same every time."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest

from applications.music.counterpoint import judge, shares_of_broken_steps
from applications.music.modes import SCALES
from applications.music.piece import HIGHEST, LOWEST
from applications.music.sample import COUNTS, draw_path, exercises, sample

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def parts():
    return {part: exercises(part) for part in PARTS}


@pytest.fixture(scope="module")
def everything(parts):
    return [one for made in parts.values() for one in made]


def in_any_key(cantus):
    return tuple(np.diff(cantus).tolist())


def test_parts_hold_as_many_pieces_as_they_say():
    assert COUNTS == {"train": 2400, "validation": 80, "test": 80}
    for part in PARTS:
        pieces = sample(part)
        assert len(pieces) == len({piece.name for piece in pieces}) == COUNTS[part]
        for piece in pieces:
            assert piece.notes.dtype == np.int32
            assert piece.voices == 2
            assert 8 <= piece.steps <= 16
            assert piece.steps_per_quarter == 1
            assert LOWEST <= piece.notes.min() <= piece.notes.max() <= HIGHEST
            assert (piece.notes[:, 0] >= piece.notes[:, 1]).all()
            assert part in piece.name


def test_no_piece_breaks_a_rule_in_its_mode(everything):
    assert not any(any(judge(one.notes, one.mode)) for one in everything)


def test_no_piece_breaks_a_rule_where_the_mode_is_not_told():
    shares = shares_of_broken_steps(piece.notes for piece in sample("test"))
    assert set(shares.values()) == {0.0}
    cut = shares_of_broken_steps((piece.notes[:6] for piece in sample("test")), ends=False)
    assert set(cut.values()) == {0.0}


def test_no_cantus_firmus_stands_in_a_piece_before_whatever_the_key(parts):
    """Neither whole nor as a passage of a longer one; so none of test and validation stands in training."""
    earlier = []
    for part in PARTS:
        for one in parts[part]:
            rises = in_any_key(one.cantus)
            text = " ".join(map(str, rises))
            assert not any(f" {text} " in f" {before} " for before in earlier)
            earlier.append(text)


def test_all_modes_keys_sides_and_lengths_occur(parts):
    for made in parts.values():
        assert {one.mode.name for one in made} == set(SCALES)
        assert {one.mode.final for one in made} == set(range(12))
        assert {len(one.notes) for one in made} == set(range(8, 17))
        assert 0.35 < np.mean([one.counterpoint == "above" for one in made]) < 0.65


def test_cantus_firmi_are_sensible_melodies(everything):
    moves = Counter()
    for one in everything:
        cantus = one.cantus
        rises = np.diff(cantus)
        assert cantus[0] % 12 == cantus[-1] % 12 == one.mode.final
        assert cantus[0] == cantus[-1]
        assert rises[-1] in (-1, -2)
        assert 0 not in rises
        climaxes = np.flatnonzero(cantus == cantus.max())
        assert len(climaxes) == 1
        assert 0 < climaxes[0] < len(cantus) - 1
        assert 5 <= np.ptp(cantus) <= 16
        for leap, following in pairwise(rises):
            assert abs(leap) < 5 or (leap * following < 0 and abs(following) < 5)
        moves.update(np.abs(rises).tolist())
    assert (moves[1] + moves[2]) / moves.total() > 0.6
    assert moves[1] + moves[2] > moves[3] + moves[4] > moves[5] > moves[7] > moves[8] + moves[12]


def test_the_cantus_firmus_is_the_voice_that_the_counterpoint_is_not(everything):
    for one in everything:
        place = {"above": 1, "below": 0}[one.counterpoint]
        np.testing.assert_array_equal(one.cantus, one.notes[:, place])


def test_counterpoint_moves_against_the_melody_more_often_than_with_it(everything):
    motions = np.concatenate([np.sign(np.diff(one.notes, axis=0).prod(axis=1)) for one in everything])
    against, along = np.mean(motions < 0), np.mean(motions > 0)
    assert against > 0.5
    assert along < 0.4


def test_the_seventh_is_raised_at_the_cadence_where_the_mode_needs_it(everything):
    for one in everything:
        before_last = set((one.notes[-2] - one.mode.final).tolist())
        sevenths = {note % 12 for note in before_last} & {10, 11}
        assert sevenths == {10 if one.mode.name == "phrygian" else 11}


def test_pieces_are_the_same_each_time_they_are_made(parts):
    for again, one in zip(exercises.__wrapped__("validation"), parts["validation"], strict=True):
        np.testing.assert_array_equal(again.notes, one.notes)
        assert (again.mode, again.counterpoint) == (one.mode, one.counterpoint)


def test_paths_are_drawn_as_often_as_the_product_of_their_weights_says():
    rng = np.random.default_rng(0)
    shapes = rng.random((3, 3, 3)) * (rng.random((3, 3, 3)) < 0.6)
    steps = rng.random((3, 3, 3)) * (rng.random((3, 3, 3)) < 0.8)
    weights = {
        path: np.prod([steps[step, *move] for step, move in enumerate(pairwise(path))])
        * np.prod([shapes[path[place : place + 3]] for place in range(2)])
        for path in product(range(3), repeat=4)
    }
    draws = Counter(tuple(draw_path(shapes, steps, rng).tolist()) for _ in range(4_000))
    assert all(weights[path] > 0 for path in draws)
    total = sum(weights.values())
    for path, weight in weights.items():
        assert abs(draws[path] / 4_000 - weight / total) < 0.04


def test_there_is_no_path_where_every_one_has_a_weight_of_zero():
    rng = np.random.default_rng(0)
    assert draw_path(np.ones((2, 2, 2)), np.zeros((3, 2, 2)), rng) is None
    assert draw_path(np.zeros((2, 2, 2)), np.ones((3, 2, 2)), rng) is None
    assert draw_path(np.zeros((2, 2, 2)), np.ones((1, 2, 2)), rng) is not None
