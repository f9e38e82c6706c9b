"""The sample: readable words, no writer and no word in two parts, the same every time."""

import string
from itertools import pairwise

import numpy as np
import pytest

from applications.handwriting.alphabet import CHARACTERS, letters_apart, letters_joined
from applications.handwriting.curves import Knots, curves_through, with_steps
from applications.handwriting.ink_files import read_inks
from applications.handwriting.sample import COUNTS, WRITERS, Options, main, sample, writing
from applications.handwriting.sample_words import LONGEST
from applications.handwriting.writers import draw_style, write
from common.errors import FlagError

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def parts():
    return {part: sample(part) for part in PARTS}


def test_parts_hold_as_many_words_as_they_say(parts):
    assert COUNTS == {"train": 2_000, "validation": 200, "test": 400}
    for part, writings in parts.items():
        lengths = {
            len(column) for column in (writings.inks, writings.texts, writings.writers, writings.origins)
        }
        assert lengths == {COUNTS[part]}
        assert len(set(writings.writers)) <= WRITERS[part]
        assert len(set(writings.writers)) > WRITERS[part] / 2


def test_no_writer_is_in_two_parts(parts):
    writers = [set(writings.writers) for writings in parts.values()]
    assert len(set().union(*writers)) == sum(map(len, writers))


def test_no_word_is_in_two_parts_whatever_its_case(parts):
    words = [{text.casefold() for text in writings.texts} for writings in parts.values()]
    assert len(set().union(*words)) == sum(map(len, words))
    assert len(words[0]) > 1_000


def test_words_are_of_one_to_twelve_letters_and_digits(parts):
    for writings in parts.values():
        for text in writings.texts:
            assert 1 <= len(text) <= LONGEST == 12
            assert set(text) <= set(CHARACTERS)


def test_training_has_every_letter_and_digit(parts):
    assert set("".join(parts["train"].texts)) == set(string.ascii_letters + string.digits)


def test_every_part_has_small_and_large_words_and_numbers(parts):
    for writings in parts.values():
        kinds = [
            (text.islower(), text.isupper(), text.istitle(), text.isdecimal()) for text in writings.texts
        ]
        assert (np.mean(kinds, axis=0) > 0.05).all()


def test_a_word_is_the_same_each_time_it_is_drawn_and_in_whatever_order(parts):
    for number in (24, 0, 7):
        again = writing("validation", number)
        for stroke, first in zip(again.ink.strokes, parts["validation"].inks[number].strokes, strict=True):
            np.testing.assert_array_equal(stroke, first)
        assert (again.text, again.writer) == (
            parts["validation"].texts[number],
            parts["validation"].writers[number],
        )


def test_ink_differs_from_word_to_word_and_writer_to_writer(parts):
    drawn = {np.concatenate(ink.strokes).tobytes() for writings in parts.values() for ink in writings.inks}
    assert len(drawn) == sum(COUNTS.values())


def test_points_are_those_of_a_screen(parts):
    for ink in parts["test"].inks:
        points = np.concatenate(ink.strokes)
        assert points.dtype == np.float32
        assert np.isfinite(points).all()
        assert 0 < np.ptp(points[:, 0]) < 3_000
        assert 5 < np.ptp(points[:, 1]) < 600


def test_longer_words_take_more_ink(parts):
    lengths = [len(text) for text in parts["train"].texts]
    points = [sum(map(len, ink.strokes)) for ink in parts["train"].inks]
    assert np.corrcoef(lengths, points)[0, 1] > 0.5


def test_writers_join_none_all_or_some_letters():
    styles = [draw_style(np.random.default_rng(seed)) for seed in range(60)]
    strokes = {"none": [], "all": []}
    for seed, style in enumerate(styles):
        if style.joining in (0, 1):
            ink = write("mouse", style, np.random.default_rng(seed))
            strokes["all" if style.joining else "none"].append(len(ink.strokes))
    assert set(strokes["all"]) == {1}
    assert min(strokes["none"]) == 5
    assert 10 < sum(0 < style.joining < 1 for style in styles) < 30


def test_dots_may_come_after_the_word():
    """The dot of the first letter is drawn right after it, or last."""
    places = []
    for seed in range(40):
        style = draw_style(np.random.default_rng(seed))
        ink = write("ion", style, np.random.default_rng(seed))
        sizes = [np.ptp(stroke, axis=0).max() / style.pixels for stroke in ink.strokes]
        places.append((style.finishes_later, int(np.argmin(sizes)) == len(sizes) - 1, len(sizes)))
    assert all(is_last for later, is_last, _ in places if later)
    assert not any(is_last for later, is_last, count in places if not later and count == 4)
    assert {later for later, _, _ in places} == {False, True}


def test_letters_stand_on_the_line_and_are_as_high_as_their_kind():
    for character, ways in letters_apart().items():
        for letter in ways:
            knots = np.concatenate([stroke.knots.places for stroke in letter])
            low, high = knots[:, 1].min(), knots[:, 1].max()
            assert (low < -3) == (character in "gjpqy"), character
            expected = (
                11
                if character in string.ascii_uppercase + string.digits
                else 12
                if character in "bdfhkl"
                else 6
            )
            assert abs(high - expected) <= 0.6 or character in "ijt", character
    assert set(letters_joined()) == set(string.ascii_lowercase)


def features(ink):
    """32 points in equal steps along the path, in the middle and of one size, and the directions between them."""
    points = np.concatenate(ink.strokes).astype(float)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    places = np.linspace(0, lengths[-1], 32)
    path = np.column_stack([np.interp(places, lengths, points[:, axis]) for axis in (0, 1)])
    path = (path - path.mean(axis=0)) / np.ptp(path, axis=0).max()
    steps = np.diff(path, axis=0)
    return np.concatenate([path.ravel(), 3 * (steps / (np.hypot(*steps.T)[:, None] + 1e-9)).ravel() / 8])


def test_letters_of_unknown_writers_can_be_told_apart():
    """By the most similar letter of other writers, which is far from the best that can be done."""

    def drawn(writers):
        pairs = [(letter, seed) for seed in writers for letter in string.ascii_lowercase + string.digits]
        inks = [write(letter, draw_style(np.random.default_rng(seed)), np.random.default_rng((seed, ord(letter))))
                for letter, seed in pairs]  # fmt: skip
        return np.array([features(ink) for ink in inks]), np.array([letter for letter, _ in pairs])

    known, labels = drawn(range(24))
    unknown, truth = drawn(range(100, 106))
    nearest = np.argmin(((unknown[:, None] - known[None]) ** 2).sum(axis=2), axis=1)
    assert np.mean(labels[nearest] == truth) > 0.9


def test_curves_pass_their_knots_and_are_lines_between_corners():
    places = np.array([[0.0, 0], [3, 4], [6, 0], [6, -5]])
    bent, straight = (
        curves_through([Knots(places, np.full(4, is_corner))], roundness)[0]
        for is_corner, roundness in ((False, 1.0), (True, 1.0))
    )
    for curve in (bent, straight):
        assert np.abs(curve[:, None] - places).sum(axis=2).min(axis=0).max() < 1e-9
    lines = np.concatenate([np.linspace(*pair, 101) for pair in pairwise(places)])
    apart = [
        np.hypot(*(curve[:, None] - lines).transpose(2, 0, 1)).min(axis=1).max() for curve in (bent, straight)
    ]
    assert apart[1] < 0.05 < 0.3 < apart[0] < 2
    (flat,) = curves_through([Knots(places, np.zeros(4, bool))], 0.0)
    assert np.hypot(*(flat[:, None] - lines).transpose(2, 0, 1)).min(axis=1).max() < 0.05


def test_curves_of_several_strokes_do_not_know_of_each_other():
    rng = np.random.default_rng(0)
    strokes = [Knots(rng.normal(size=(count, 2)), rng.random(count) < 0.3) for count in (2, 5, 3)]
    for together, stroke in zip(curves_through(strokes), strokes, strict=True):
        (alone,) = curves_through([stroke])
        np.testing.assert_allclose(together, alone)


def test_steps_are_about_as_long_as_asked_and_keep_the_ends():
    path = np.array([[0.0, 0], [30, 0], [30, 40]])
    points = with_steps(path, 2.0, np.random.default_rng(0))
    np.testing.assert_allclose(points[[0, -1]], path[[0, -1]])
    assert len(points) == 36
    assert (points[1:, 0] < 30.001).all()


@pytest.mark.parametrize(("form", "files"), [("inkml", 4), ("jsonl", 1)])
def test_words_are_written_as_files_of_ones_own(tmp_path, capsys, form, files):
    folder = tmp_path / "words"
    main(Options(folder, "validation", 4, form))
    assert capsys.readouterr().out == f"4 words written to {folder}\n"
    assert len(list(folder.iterdir())) == files
    made = {one.text: one for one in (writing("validation", number) for number in range(4))}
    read = read_inks(folder)
    assert sorted(one.text for one in read) == sorted(made)
    for one in read:
        assert one.writer == made[one.text].writer
        for stroke, drawn in zip(one.ink.strokes, made[one.text].ink.strokes, strict=True):
            np.testing.assert_array_equal(stroke, drawn)


def test_no_words_cannot_be_asked_for(tmp_path):
    with pytest.raises(FlagError, match="--count"):
        Options(tmp_path, count=0)
