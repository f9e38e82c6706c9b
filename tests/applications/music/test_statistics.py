"""Each statistic is what counting by hand gives, note after note and pair after pair."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.music.statistics import MELODIC_INTERVALS, histogram_distance, ranges, statistics

ANY_NOTE = np.array([[21, 108]] * 4)


def count(*passages):
    passages = [np.array(notes) for notes in passages]
    return statistics(passages, ANY_NOTE[: passages[0].shape[1]])


@pytest.mark.parametrize(
    ("before", "after", "fifths", "octaves"),
    [
        ([67, 60], [69, 62], 100, 0),
        ([79, 60], [69, 50], 100, 0),
        ([67, 60], [81, 62], 100, 0),
        ([67, 60], [72, 53], 0, 0),
        ([67, 60], [69, 60], 0, 0),
        ([66, 60], [69, 62], 0, 0),
        ([67, 60], [68, 62], 0, 0),
        ([72, 60], [74, 62], 0, 100),
        ([60, 60], [62, 62], 0, 100),
        ([72, 60], [74, 50], 0, 0),
        ([67, 0], [69, 62], 0, 0),
        ([72, 67, 60, 48], [74, 69, 62, 50], 200, 300),
    ],
)
def test_parallels_are_pairs_of_voices_that_keep_a_fifth_or_octave_in_similar_motion(
    before, after, fifths, octaves
):
    counts = count([before, after])
    assert (counts.parallel_fifths, counts.parallel_octaves) == (fifths, octaves)


def test_parallels_are_counted_per_hundred_chord_changes_not_steps():
    held = [[67, 60]] * 4 + [[69, 62]] * 4 + [[72, 64]] * 8
    assert count(held).parallel_fifths == 50


def test_passages_do_not_go_on_into_each_other():
    counts = count([[67, 60]], [[69, 62]])
    assert counts.parallel_fifths == counts.changes == 0
    assert (counts.leaps == 0).all()
    assert counts.melodic_intervals.sum() == 0


def test_crossings_are_steps_with_a_lower_voice_above_a_higher_one():
    assert count([[67, 60], [60, 67], [60, 60], [0, 60]]).crossings == 1 / 4
    assert count([[72, 48, 50, 55], [72, 0, 0, 74], [72, 67, 64, 48]]).crossings == 2 / 3


def test_notes_outside_the_ranges_of_the_training_data_are_counted():
    training = [np.array([[72, 48, 0], [76, 50, 0]]), np.array([[70, 0, 0]])]
    voice_ranges = ranges(training)
    assert voice_ranges[:2].tolist() == [[70, 76], [48, 50]]
    assert statistics(training, voice_ranges).out_of_range == 0
    notes = np.array([[70, 47, 0], [77, 51, 0], [76, 0, 0], [75, 50, 40]])
    assert statistics([notes], voice_ranges).out_of_range == 4 / 8


def test_changes_notes_and_leaps():
    counts = count([[72, 60], [72, 60], [74, 0], [74, 55], [70, 57]])
    assert counts.changes == 3 / 4
    assert counts.notes_per_step == 9 / 5
    np.testing.assert_allclose(counts.leaps, [3, 2])


@pytest.mark.parametrize(
    ("chord", "is_dissonant"),
    [
        ([67, 64, 60], False),
        ([69, 65, 60], True),
        ([72, 67, 64], False),
        ([77, 72, 65], False),
        ([65, 60, 0], True),
        ([62, 60, 0], True),
        ([71, 60, 48], True),
        ([66, 60, 0], True),
        ([76, 60, 0], False),
        ([65, 62, 59], True),
    ],
)
def test_fourths_are_dissonant_above_the_lowest_note_only(chord, is_dissonant):
    assert count([chord]).dissonances == is_dissonant


def test_steps_of_one_note_are_neither_consonant_nor_dissonant():
    assert count([[60, 0], [62, 60], [0, 0], [64, 60]]).dissonances == 1 / 2


def test_histograms():
    counts = count([[72, 60], [72, 60], [74, 60], [74, 61], [84 + 20, 61], [0, 61]])
    assert counts.pitch_classes.tolist() == [5 / 11, 3 / 11, 2 / 11, 0, 0, 0, 0, 0, 1 / 11, 0, 0, 0]
    moves = dict(zip(MELODIC_INTERVALS, counts.melodic_intervals, strict=True))
    assert {move: share for move, share in moves.items() if share} == {2: 1 / 3, 12: 1 / 3, -12: 1 / 3}


def test_the_distance_of_histograms_is_the_share_that_has_to_move():
    one, other = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert histogram_distance(one, other) == histogram_distance(other, one) == 0.25
    assert histogram_distance(one, one) == 0
    assert histogram_distance(np.array([1.0, 0]), np.array([0, 1.0])) == 1


def test_silence_has_no_statistics():
    counts = count([[0, 0], [0, 0]])
    assert (counts.notes_per_step, counts.dissonances, counts.out_of_range, counts.changes) == (0, 0, 0, 0)
    assert (counts.leaps == 0).all()
    assert counts.pitch_classes.sum() == counts.melodic_intervals.sum() == 0
    assert ranges([np.zeros((2, 1), int)]).tolist() == [[109, 20]]


notes = st.lists(
    st.lists(st.one_of(st.just(0), st.integers(48, 72)), min_size=3, max_size=3), min_size=1, max_size=6
)


@given(st.lists(notes, min_size=1, max_size=3))
def test_any_passages_are_counted_as_by_hand(passages):
    """Pair after pair of steps, in plain Python."""
    steps = [step for passage in passages for step in passage]
    moves = [move for passage in passages for move in pairwise(passage)]
    changes = sum(before != after for before, after in moves)
    parallels = {0: 0, 7: 0}
    leaps = [[], [], []]
    for before, after in moves:
        for one, other in combinations(range(3), 2):
            four = (before[one], before[other], after[one], after[other])
            rises = after[one] - before[one], after[other] - before[other]
            if all(four) and (min(rises) > 0 or max(rises) < 0):
                sizes = {abs(four[0] - four[1]) % 12, abs(four[2] - four[3]) % 12}
                for interval in parallels:
                    parallels[interval] += sizes == {interval}
        for voice in range(3):
            if before[voice] and after[voice] and before[voice] != after[voice]:
                leaps[voice].append(abs(after[voice] - before[voice]))
    several = [sorted(note for note in step if note) for step in steps]
    several = [chord for chord in several if len(chord) > 1]
    dissonant = sum(
        any((high - low) % 12 in (1, 2, 6, 10, 11) for low, high in combinations(chord, 2))
        or any((high - chord[0]) % 12 == 5 for high in chord)
        for chord in several
    )
    crossed = sum(any(0 < one < other for one, other in combinations(step, 2)) for step in steps)
    counts = count(*passages)
    assert counts.parallel_fifths == pytest.approx(100 * parallels[7] / max(changes, 1))
    assert counts.parallel_octaves == pytest.approx(100 * parallels[0] / max(changes, 1))
    assert counts.changes == pytest.approx(changes / max(len(moves), 1))
    assert counts.crossings == pytest.approx(crossed / len(steps))
    assert counts.dissonances == pytest.approx(dissonant / max(len(several), 1))
    np.testing.assert_allclose(counts.leaps, [np.mean(sizes) if sizes else 0 for sizes in leaps])
