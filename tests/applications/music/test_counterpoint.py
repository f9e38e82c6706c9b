"""The judge finds what a reader with the rules in hand finds: in Fux's own examples, rule by rule, and in any notes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.music.counterpoint import (
    RULES,
    Rule,
    best_mode,
    broken,
    judge,
    shares_of_broken_steps,
)
from applications.music.modes import MODES, SCALES, Mode

C_MAJOR, D_DORIAN, E_PHRYGIAN = Mode("ionian", 0), Mode("dorian", 2), Mode("phrygian", 4)
F_LYDIAN, A_AEOLIAN = Mode("lydian", 5), Mode("aeolian", 9)

DORIAN_CANTUS = "D4 F4 E4 D4 G4 F4 A4 G4 F4 E4 D4"
PHRYGIAN_CANTUS = "E4 C4 D4 C4 A3 A4 G4 E4 F4 E4"
# The first exercises of Gradus ad Parnassum (1725) as the master leaves them.
FUX = {
    "dorian above": ("A4 A4 G4 A4 B4 C5 C5 B4 D5 C#5 D5", DORIAN_CANTUS, D_DORIAN),
    "dorian below": (DORIAN_CANTUS, "D3 D3 A3 F3 E3 D3 F3 C4 D4 C#4 D4", D_DORIAN),
    "phrygian above": ("B4 C5 F4 G4 A4 C5 B4 E5 D5 E5", PHRYGIAN_CANTUS, E_PHRYGIAN),
    "phrygian below": (PHRYGIAN_CANTUS, "E3 A3 D3 E3 F3 F3 C4 C4 D4 E4", E_PHRYGIAN),
    "lydian above": (
        "F4 E4 C4 F4 F4 G4 A4 G4 C4 F4 E4 F4",
        "F3 G3 A3 F3 D3 E3 F3 C4 A3 F3 G3 F3",
        F_LYDIAN,
    ),
}


def voices(upper, lower):
    return np.column_stack([[midi(name) for name in voice.split()] for voice in (upper, lower)])


def midi(name):
    letters = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    return 12 * (int(name[-1]) + 1) + letters[name[0]] + name.count("#")


def only(steps, **broken_rules):
    """What `judge` says if these steps break these rules, and nothing else is broken."""
    return [
        tuple(rule for rule in RULES if step in broken_rules.get(rule.value, ())) for step in range(steps)
    ]


@pytest.mark.parametrize("example", FUX)
def test_fuxs_own_exercises_break_no_rule(example):
    upper, lower, mode = FUX[example]
    notes = voices(upper, lower)
    assert judge(notes, mode) == only(len(notes))
    assert best_mode(notes) == mode
    assert judge(notes) == only(len(notes))


def test_what_fux_corrects_is_broken():
    begins_on_the_fifth_below = voices(DORIAN_CANTUS, "G3 D3 A3 F3 E3 D3 F3 C4 D4 C#4 D4")
    assert judge(begins_on_the_fifth_below, D_DORIAN) == only(11, beginning=[0])
    leaps_by_a_tritone = voices(PHRYGIAN_CANTUS, "E3 A3 D3 E3 F3 F3 B3 C4 D4 E4")
    assert judge(leaps_by_a_tritone, E_PHRYGIAN) == only(10, melodic_dissonance=[6])


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([[64, 60], [65, 0], [64, 60]], {"two_voices": [1]}),
        ([[64, 60], [0, 0]], {"two_voices": [1]}),
        ([[64, 60, 0], [67, 64, 60]], {"two_voices": [1]}),
        ([[64, 60], [62, 65]], {"crossing": [1]}),
        ([[76, 60], [81, 60]], {"distance": [1]}),
        ([[76, 60], [79, 60]], {}),
        ([[64, 60], [65, 60]], {"dissonance": [1]}),
        ([[64, 60], [62, 60]], {"dissonance": [1]}),
        ([[69, 60], [71, 60]], {"dissonance": [1]}),
        ([[67, 59], [65, 59]], {"dissonance": [1]}),
        ([[76, 60], [77, 60]], {"dissonance": [1]}),
        ([[64, 60], [62, 62]], {"unison": [1]}),
        ([[67, 60], [69, 62]], {"parallel_fifths": [1]}),
        ([[79, 60], [72, 65]], {}),
        ([[67, 60], [67, 60]], {}),
        ([[72, 60], [74, 62]], {"parallel_octaves": [1]}),
        ([[60, 60], [62, 62]], {"unison": [0, 1], "parallel_octaves": [1]}),
        ([[64, 60], [69, 62]], {"direct_fifths": [1]}),
        ([[71, 67], [72, 65]], {}),
        ([[69, 60], [74, 62]], {"direct_octaves": [1]}),
        ([[67, 60], [76, 60]], {"leap": [1]}),
        ([[72, 60], [64, 60]], {"leap": [1]}),
        ([[64, 60], [72, 60]], {}),
        ([[64, 60], [76, 60]], {}),
        ([[76, 60], [64, 60]], {}),
        ([[64, 60], [79, 60]], {"leap": [1]}),
        ([[65, 62], [71, 62]], {"melodic_dissonance": [1]}),
        ([[64, 61], [70, 61]], {"melodic_dissonance": [1], "mode": [0, 1]}),
        ([[69, 60], [79, 60]], {"melodic_dissonance": [1]}),
        ([[64, 60], [64, 57], [64, 60]], {"repetition": [2]}),
        ([[64, 60], [64, 57], [65, 57]], {}),
        ([[64, 60], [63, 60]], {"mode": [1]}),
    ],
)
def test_each_rule_is_found_broken_where_it_is_and_nowhere_else(notes, expected):
    assert judge(notes, C_MAJOR, begins=False, ends=False) == only(len(notes), **expected)


@pytest.mark.parametrize("semitones", [1, 2, 5, 6, 10, 11])
def test_dissonances_are_seconds_fourths_tritones_and_sevenths(semitones):
    for octaves in (0, 12):
        notes = [[60 + semitones + octaves, 60]]
        dissonant = [Rule.DISSONANCE in judge(notes, mode, begins=False, ends=False)[0] for mode in MODES]
        assert all(dissonant)


def test_augmented_and_diminished_intervals_sound_like_consonances_and_are_none():
    augmented_second, diminished_fourth = [[65, 62], [68, 64]], [[60, 57], [60, 56]]
    cut = {"begins": False, "ends": False}
    assert judge(augmented_second, A_AEOLIAN, **cut) == only(2, melodic_dissonance=[1])
    assert judge(diminished_fourth, A_AEOLIAN, **cut) == only(2, dissonance=[1])
    assert judge([[60, 57], [60, 56]], Mode("ionian", 8), **cut) == only(2, mode=[0])


def test_the_raised_seventh_stands_before_the_last_step_only():
    notes = [[74, 65], [73, 64], [74, 62]]
    assert judge(notes, D_DORIAN, begins=False) == only(3)
    assert judge(notes, D_DORIAN, begins=False, ends=False) == only(3, mode=[1])
    assert judge(notes[:2], D_DORIAN, begins=False, ends=False) == only(2)
    assert judge([[74, 62], *notes], D_DORIAN) == only(4)
    assert judge([[73, 64], *notes], D_DORIAN, begins=False) == only(4, mode=[0])


@pytest.mark.parametrize(
    ("notes", "is_well"),
    [
        ([[72, 60], [74, 59]], True),
        ([[67, 60], [69, 60]], True),
        ([[60, 60], [64, 60]], True),
        ([[79, 60], [76, 60]], True),
        ([[64, 60], [65, 62]], False),
        ([[69, 60], [67, 60]], False),
        ([[74, 67], [72, 69]], False),
    ],
)
def test_a_piece_begins_with_a_perfect_consonance_on_the_final(notes, is_well):
    is_broken = Rule.BEGINNING in judge(notes, C_MAJOR, ends=False)[0]
    assert is_broken != is_well
    assert not any(Rule.BEGINNING in rules for rules in judge(notes, C_MAJOR, begins=False, ends=False))


@pytest.mark.parametrize(
    ("mode", "notes", "is_well"),
    [
        (D_DORIAN, [[73, 64], [74, 62]], True),
        (D_DORIAN, [[64, 61], [62, 62]], True),
        (D_DORIAN, [[76, 61], [74, 62]], True),
        (D_DORIAN, [[72, 64], [74, 62]], False),
        (E_PHRYGIAN, [[74, 65], [76, 64]], True),
        (E_PHRYGIAN, [[75, 65], [76, 64]], False),
        (D_DORIAN, [[72, 65], [74, 62]], False),
        (D_DORIAN, [[64, 61], [69, 62]], False),
        (D_DORIAN, [[64, 60], [62, 57]], False),
        (C_MAJOR, [[71, 62], [72, 60]], True),
        (C_MAJOR, [[64, 65], [62, 67]], False),
        (C_MAJOR, [[76, 67], [77, 65]], False),
        (D_DORIAN, [[72, 61], [74, 62]], False),
        (C_MAJOR, [[72, 60]], False),
    ],
)
def test_a_piece_ends_by_contrary_steps_on_the_final(mode, notes, is_well):
    *_, last = judge(notes, mode, begins=False)
    assert (Rule.CADENCE in last) != is_well
    assert not any(Rule.CADENCE in rules for rules in judge(notes, mode, begins=False, ends=False))


@pytest.mark.parametrize("name", SCALES)
def test_cadences_have_the_raised_seventh_but_for_phrygian_with_its_low_second(name):
    mode = Mode(name, 9)
    second = 57 + SCALES[name][1]
    (*_, with_raised), (*_, with_natural) = (
        judge([[69, 57], [seventh, second], [69, 57]], mode) for seventh in (68, 67)
    )
    assert (Rule.CADENCE in with_raised, Rule.CADENCE in with_natural) == (
        name == "phrygian",
        name != "phrygian",
    )


@pytest.mark.parametrize("name", SCALES)
def test_before_the_last_step_the_raised_seventh_is_of_the_mode_but_for_phrygian(name):
    raised, natural = (
        judge([[seventh, 57], [69, 57]], Mode(name, 9), begins=False)[0] for seventh in (68, 67)
    )
    assert (Rule.MODE in raised) == (name == "phrygian")
    assert (Rule.MODE in natural) == (name in ("lydian", "ionian"))


def test_unisons_are_free_at_the_ends_of_a_whole_piece():
    notes = [[62, 62], [64, 61], [62, 62]]
    assert judge(notes, D_DORIAN) == only(3)
    assert judge(notes, D_DORIAN, begins=False) == only(3, unison=[0])
    assert judge(notes, D_DORIAN, ends=False) == only(3, unison=[2], mode=[1])


def test_the_mode_is_the_one_that_fits_in_whatever_key():
    for upper, lower, mode in FUX.values():
        for semitones in (-5, 1, 6):
            notes = voices(upper, lower) + semitones
            assert best_mode(notes).final == (mode.final + semitones) % 12
            assert not any(judge(notes))


def test_a_mode_not_told_is_that_with_the_fewest_broken_steps():
    rng = np.random.default_rng(0)
    for _ in range(5):
        notes = rng.integers(55, 75, (6, 2))
        counts = [sum(map(bool, judge(notes, mode))) for mode in MODES]
        assert sum(map(bool, judge(notes))) == min(counts)


def test_of_two_modes_the_one_with_fewer_broken_steps_fits_not_with_fewer_broken_rules():
    notes = [[71, 71], [74, 62], [71, 65], [67, 65]]
    broken_rules = {mode: judge(notes, mode) for mode in (Mode("dorian", 11), D_DORIAN)}
    assert [sum(map(len, rules)) for rules in broken_rules.values()] == [6, 5]
    assert [sum(map(bool, rules)) for rules in broken_rules.values()] == [3, 4]
    assert best_mode(notes) == Mode("dorian", 11)


def test_shares_are_of_all_steps():
    passages = [[[64, 60], [65, 60], [67, 64]], [[67, 60], [69, 62]]]
    shares = shares_of_broken_steps(passages, begins=False, ends=False)
    assert set(shares) == {"any", *(rule.value for rule in RULES)}
    assert shares["any"] == 2 / 5
    assert shares["dissonance"] == shares["parallel_fifths"] == 1 / 5
    assert sum(shares.values()) == 4 / 5
    assert set(shares_of_broken_steps([]).values()) == {0.0}


def test_many_passages_are_judged_at_once_as_one_by_one():
    notes = np.random.default_rng(0).integers(50, 75, (3, 4, 6, 2))
    together = broken(notes, D_DORIAN)
    assert together.shape == (3, 4, 6, len(RULES))
    for place in np.ndindex(3, 4):
        np.testing.assert_array_equal(together[place], broken(notes[place], D_DORIAN))


def test_no_steps_break_nothing():
    assert judge(np.zeros((0, 2))) == []


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_notes_of_fewer_than_two_voices_are_refused(shape):
    with pytest.raises(ValueError, match="two voices or more"):
        judge(np.zeros(shape))


@pytest.mark.parametrize(("name", "final"), [("locrian", 0), ("dorian", 12), ("dorian", -1)])
def test_no_other_modes_and_finals_are_known(name, final):
    with pytest.raises(ValueError, match="expected"):
        Mode(name, final)


# A reader's way through the same rules: one pair of notes after another, each interval by its letters and semitones.
PATTERNS = {
    "dorian": "W H W W W H W",
    "phrygian": "H W W W H W W",
    "lydian": "W W W H W W H",
    "mixolydian": "W W H W W H W",
    "aeolian": "W H W W H W W",
    "ionian": "W W H W W W H",
}
CONSONANT = {(0, 0), (2, 3), (2, 4), (4, 7), (5, 8), (5, 9)}
SUNG = {(0, 0), (1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 7), (7, 12)}


def letter(note, mode):
    """How many letters the note is above the final nearest to MIDI number 0; None if it is not of the mode."""
    if mode.name in ("dorian", "mixolydian", "aeolian") and (note - mode.final) % 12 == 11:
        return (note - mode.final - 11) // 12 * 7 + 6
    place, count = mode.final - 12, -7
    while place < note:
        place += {"W": 2, "H": 1}[PATTERNS[mode.name].split()[count % 7]]
        count += 1
    return count if place == note else None


def interval(low, high, mode):
    """Letters and semitones between two notes; the letters are None if the mode lacks one of them."""
    letters = [letter(note, mode) for note in (low, high)]
    return None if None in letters else letters[1] - letters[0], high - low


def is_consonant(low, high, mode):
    letters, semitones = interval(low, high, mode)
    pairs = {(letters, size) for _, size in CONSONANT} if letters is None else CONSONANT
    while semitones >= 12:
        semitones, letters = semitones - 12, None if letters is None else letters - 7
    return (letters, semitones) in pairs


def broken_in_one_voice(before, here, mode):
    letters, semitones = interval(*sorted((before, here)), mode)
    if semitones > 12 or semitones == 9 or before - here == 8:
        yield Rule.LEAP
    allowed = SUNG | {(5, 8), (5, 9)}
    pairs = {(None, size) for _, size in allowed} if letters is None else allowed
    if semitones <= 12 and (letters, semitones) not in pairs:
        yield Rule.MELODIC_DISSONANCE


def read(notes, mode, begins, ends):
    """The rules each step breaks, as sets."""
    judged = []
    last = len(notes) - 1
    for step, (high, low) in enumerate(notes):
        faults = set()
        before = notes[step - 1] if step else (0, 0)
        if not (high and low):
            faults.add(Rule.TWO_VOICES)
        else:
            if high < low:
                faults.add(Rule.CROSSING)
            if abs(high - low) > 19:
                faults.add(Rule.DISTANCE)
            if not is_consonant(min(high, low), max(high, low), mode):
                faults.add(Rule.DISSONANCE)
            if high == low and not (begins and step == 0) and not (ends and step == last):
                faults.add(Rule.UNISON)
            if all(before) and (high - before[0]) * (low - before[1]) > 0:
                was, now = (abs(pair[0] - pair[1]) % 12 for pair in (before, (high, low)))
                if now == 7:
                    faults.add(Rule.PARALLEL_FIFTHS if was == 7 else Rule.DIRECT_FIFTHS)
                if now == 0:
                    faults.add(Rule.PARALLEL_OCTAVES if was == 0 else Rule.DIRECT_OCTAVES)
        for voice, note in enumerate((high, low)):
            if note and before[voice]:
                faults.update(broken_in_one_voice(before[voice], note, mode))
            if note and step > 1 and note == before[voice] == notes[step - 2][voice]:
                faults.add(Rule.REPETITION)
            is_natural = (note - mode.final) % 12 in {(pitch - mode.final) % 12 for pitch in mode.notes}
            may_be_raised = step == (last - 1 if ends else last)
            if note and not is_natural and not (may_be_raised and letter(note, mode) is not None):
                faults.add(Rule.MODE)
        if begins and step == 0:
            is_perfect = high and low and abs(high - low) % 12 in (0, 7)
            if not (is_perfect and low % 12 == mode.final):
                faults.add(Rule.BEGINNING)
        if ends and step == last:
            moves = {high - before[0], low - before[1]} if all(before) else set()
            on_final = high and low and high % 12 == low % 12 == mode.final
            if not (on_final and moves in ({1, -2}, {-1, 2})):
                faults.add(Rule.CADENCE)
        judged.append(faults)
    return judged


note = st.one_of(st.just(0), st.integers(52, 80))
passages = st.lists(st.tuples(note, note), min_size=1, max_size=5)
# Mostly of a scale, so that few rules are broken at a time.
white = st.sampled_from([48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65, 67, 68, 69, 71, 72, 73, 74, 76])
scales = st.lists(st.tuples(white, white), min_size=1, max_size=5)


@settings(max_examples=150)
@given(st.one_of(passages, scales), st.sampled_from(MODES), st.booleans(), st.booleans())
def test_any_notes_are_judged_as_a_reader_of_the_rules_judges_them(notes, mode, begins, ends):
    judged = judge(notes, mode, begins=begins, ends=ends)
    assert [set(rules) for rules in judged] == read(notes, mode, begins, ends)


@given(scales, st.sampled_from(MODES), st.integers(-20, 20))
def test_the_key_changes_nothing(notes, mode, semitones):
    there = Mode(mode.name, (mode.final + semitones) % 12)
    assert judge(np.array(notes) + semitones, there) == judge(notes, mode)


@given(scales.filter(lambda notes: len(notes) > 1), st.sampled_from(MODES))
def test_what_two_steps_break_shows_in_any_cut_that_holds_both(notes, mode):
    """But for a note sung thrice, which takes three steps, so a search may judge move after move."""
    whole = judge(notes, mode)
    last = len(notes) - 1
    for step in range(1, last + 1):
        cut = judge(notes[step - 1 : step + 1], mode, begins=step == 1, ends=step == last)
        if step == 1:
            assert cut[0] == whole[0]
        without = [rule for rule in whole[step] if rule != Rule.REPETITION]
        raised_early = Rule.MODE in without and Rule.MODE not in cut[1]
        assert [rule for rule in without if not (raised_early and rule == Rule.MODE)] == list(cut[1])
        if raised_early:
            following = judge(notes[step : step + 2], mode, begins=False, ends=step + 1 == last)
            assert Rule.MODE in following[0]
