"""What is served reads what was drawn, and a row that cannot be read harms no other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.handwriting.export import export, load_run
from applications.handwriting.ink import Ink, points_of, text_of
from common.export.label_search import SearchOptions
from common.export.script import ExportOptions
from common.inference.runner import SavedModelRunner

pytestmark = pytest.mark.slow

BAD = {
    "": "no stroke",
    "1,1": "a single point",
    "2,2 2,2": "all points are in one place",
    "1,2 x,3": "stroke 1, point 2: expected x,y such as 3,4.5, got x,3",
    " ".join(
        f"{number},{50 * (number % 2)}" for number in range(3_000)
    ): "expected ink of at most 4096 steps",
}


@pytest.fixture(scope="module")
def inks(drawn):
    """Drawings of words of several lengths, and what they say."""
    words = ["o", "zoz", "oo", "zz"]
    return {word: drawn(word, np.random.default_rng(seed)) for seed, word in enumerate(words, start=30)}


@pytest.fixture(scope="module")
def lines(inks):
    return [text_of(ink) for ink in inks.values()]


def test_what_was_drawn_is_read_letter_by_letter(runner, inks, lines):
    answers = runner.run("serving_default", strokes=lines)
    assert [text.decode() for text in answers["text"]] == list(inks)
    assert ((answers["confidence"] > 0) & (answers["confidence"] <= 1)).all()
    letters = runner.run("letters", strokes=lines)
    for row, (word, ink) in enumerate(inks.items()):
        count = letters["count"][row]
        assert b"".join(letters["letters"][row]).decode() == word
        assert count == len(word)
        # Each letter is a stroke: most of its points are its own.
        edges = np.cumsum([0, *map(len, ink.strokes)])
        first, last = (letters[name][row][:count] for name in ("first_point", "last_point"))
        assert first[0] == 0
        assert last[-1] == edges[-1] - 1
        assert (np.abs(first - edges[:-1]) <= 0.6 * np.diff(edges)).all()


def test_points_have_the_answers_of_texts_whatever_follows_them(runner, inks, lines):
    drawings = [points_of(ink) for ink in inks.values()]
    lengths = np.array([len(points) for points in drawings], np.int32)
    padded = np.full((len(drawings), lengths.max() + 9, 3), np.nan, np.float32)
    for row, points in zip(padded, drawings, strict=True):
        row[: len(points)] = points
    answers = runner.run("points", points=padded, lengths=lengths)
    expected = runner.run("serving_default", strokes=lines)
    assert answers["text"].tolist() == expected["text"].tolist()
    np.testing.assert_allclose(answers["confidence"], expected["confidence"], atol=1e-3)
    lengths[0] = 0
    wrong = runner.run("points", points=padded, lengths=lengths)
    assert wrong["error"][0].decode().startswith("lengths: expected 1 to ")
    assert wrong["text"].tolist() == [b"", *expected["text"][1:].tolist()]


@settings(max_examples=6, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("signature", ["serving_default", "letters"])
def test_a_bad_row_is_told_of_and_its_neighbours_are_answered_as_alone(runner, lines, signature, data):
    rows = data.draw(st.lists(st.sampled_from(lines) | st.sampled_from(sorted(BAD)), min_size=1, max_size=4))
    together = runner.run(signature, strokes=rows)
    for row, line in enumerate(rows):
        error = together["error"][row].decode()
        assert error.startswith(BAD.get(line, ""))
        assert bool(error) == (line in BAD)
        alone = runner.run(signature, strokes=[line])
        for name, values in together.items():
            expected = alone[name][0]
            found = values[row][tuple(map(slice, expected.shape))] if np.ndim(expected) else values[row]
            if values.dtype.kind == "f":
                np.testing.assert_allclose(found, expected, atol=1e-4)
            else:
                np.testing.assert_array_equal(found, expected)


def test_ink_in_steps_is_read_as_the_whole_so_far_row_by_row(runner, inks):
    drawn = [inks["zoz"], inks["oo"]]
    state = np.full(2, b"", object)
    for number in range(3):
        strokes = [text_of(Ink(ink.strokes[number : number + 1])) for ink in drawn]
        after = runner.run("step", strokes=strokes, state_ink=state)
        state = after["state_ink"]
        whole = [text_of(Ink(ink.strokes[: number + 1])) for ink in drawn]
        expected = runner.run("serving_default", strokes=whole)
        assert after["text"].tolist() == expected["text"].tolist()
        np.testing.assert_allclose(after["confidence"], expected["confidence"], atol=1e-4)
    assert after["text"].tolist() == [b"zoz", b"oo"]


def test_a_step_bears_what_has_no_shape_yet_and_refuses_what_is_no_ink(runner, lines):
    state = np.array([b"", b"4,2", b""], object)
    after = runner.run("step", strokes=["7,7", "", lines[1]], state_ink=state)
    assert after["error"].tolist() == [b"", b"", b""]
    assert after["text"].tolist() == [b"", b"", b"zoz"]
    assert after["confidence"][:2].tolist() == [1, 1]
    assert after["state_ink"].tolist() == [b"7,7", b"4,2", lines[1].encode()]
    wrong = runner.run("step", strokes=["1,1 nan,2", lines[1]], state_ink=np.array([b"4,2", b""], object))
    assert wrong["error"][0].decode() == "stroke 2, point 2: expected x,y such as 3,4.5, got nan,2"
    assert wrong["text"].tolist() == [b"", b"zoz"]


def test_the_same_ink_of_another_size_at_another_place_is_read_alike(runner, inks):
    points = points_of(inks["zoz"])[None]
    moved = points * np.float32([0.01, 0.01, 1]) + np.float32([5, -3, 0])
    lengths = np.array([points.shape[1]], np.int32)
    one, other = (runner.run("points", points=given, lengths=lengths) for given in (points, moved))
    assert one["text"].tolist() == other["text"].tolist() == [b"zoz"]
    np.testing.assert_allclose(one["confidence"], other["confidence"], atol=1e-2)


def test_the_best_readings_come_with_their_scores_and_heed_the_weights_of_their_row(runner, lines):
    weights = {"lm_weight": np.zeros(2, np.float32), "length_bonus": np.float32([0, 3])}
    answers = runner.run("n_best", strokes=lines[1:2] * 2, **weights)
    assert answers["texts"][0][0] == b"zoz"
    assert (np.diff(answers["scores"], axis=1) <= 0).all()
    assert max(map(len, answers["texts"][1])) >= max(map(len, answers["texts"][0]))
    weights["lm_weight"][0] = np.nan
    refused = runner.run("n_best", strokes=lines[1:2] * 2, **weights)
    assert refused["error"][0].startswith(b"lm_weight, length_bonus: expected numbers")
    assert refused["texts"][1].tolist() == answers["texts"][1].tolist()


def test_a_text_and_a_list_of_words_have_a_say_if_the_export_is_given_them(finished_run, lines, tmp_path):
    (tmp_path / "words.txt").write_text("zoz\noo\n")
    version = export(
        SearchOptions(
            ExportOptions(finished_run, tmp_path / "handwriting"),
            language_model=tmp_path / "words.txt",
            lexicon=tmp_path / "words.txt",
        )
    )
    with SavedModelRunner(version) as other:
        texts = other.run("serving_default", strokes=lines)["text"].tolist()
    # A lexicon that lets no word end leaves the greedy reading.
    assert texts[1:3] == [b"zoz", b"oo"]
    assert texts[3] in (b"zoz", b"oo", b"zz")


def test_the_best_epoch_read_what_was_drawn_and_its_confidence_was_fitted(finished_run):
    trained = load_run(finished_run)
    outcome = trained.run.outcome
    assert outcome["validation_character_error_rate"] <= 0.1
    assert outcome["temperature"] > 0
    assert outcome["letter_temperature"] > 0
    assert trained.symbols.names == ("o", "z")
