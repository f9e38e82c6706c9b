"""Music in every form is continued, harmonised, filled in and scored; what is none gets one line."""

import json

import numpy as np
import pytest

from applications.music.piece import Piece
from applications.music.predict import Sampling, note_name, notes_in_words
from common.errors import UserError

pytestmark = pytest.mark.slow

NOTES = np.array([[64, 60], [65, 62], [67, 64], [67, 0]])


@pytest.fixture
def files(tmp_path):
    """A piece, its melody and two notes at once, as JSON."""
    for name, notes in (("piece", NOTES), ("melody", NOTES[:, :1]), ("chords", NOTES)):
        roll = {"steps_per_quarter": 2, "pieces": [notes.tolist()]}
        (tmp_path / f"{name}.json").write_text(json.dumps(roll))
    return tmp_path


def test_each_form_of_notes_gives_a_dictionary_and_a_list_a_list(predictor):
    forms = [NOTES, NOTES[:, ::-1], NOTES.tolist(), Piece("one", NOTES, 2)]
    answers = [predictor(form, steps=5, seed=3)["notes"] for form in forms]
    for answer in answers:
        np.testing.assert_array_equal(answer, answers[0])
    np.testing.assert_array_equal(answers[0][:4], NOTES)
    together = predictor([NOTES, None, NOTES[:1]], steps=5, seed=3)
    assert [len(answer["notes"]) for answer in together] == [9, 5, 6]
    np.testing.assert_array_equal(together[0]["notes"], answers[0])
    np.testing.assert_array_equal(together[1]["notes"], predictor(steps=5, seed=3)["notes"])
    assert predictor([]) == []


def test_melodies_are_harmonised_alone_and_together(predictor):
    melody = NOTES[:, 0]
    alone = predictor.harmonize(melody, seed=4)["notes"]
    np.testing.assert_array_equal(alone[:, 0], melody)
    together = predictor.harmonize([melody.tolist(), [60, 62]], seed=4)
    np.testing.assert_array_equal(together[0]["notes"], alone)
    assert together[1]["notes"].shape == (2, 2)


def test_steps_and_single_notes_are_filled_in(predictor):
    keep = np.array([True, False, False, True])
    notes = predictor.infill(NOTES, keep)["notes"]
    np.testing.assert_array_equal(notes[keep], NOTES[keep])
    single = np.array([[True, True], [True, False], [True, True], [True, True]])
    np.testing.assert_array_equal(predictor.infill(NOTES, single)["notes"][single], NOTES[single])


def test_scores_are_those_of_each_step_alone_and_together(predictor):
    alone = predictor.score(NOTES)
    assert alone.shape == (4,)
    together = predictor.score([NOTES[:2], NOTES])
    np.testing.assert_allclose(together[1], alone, rtol=1e-4)
    np.testing.assert_allclose(together[0], alone[:2], rtol=1e-4)


def test_music_is_played_along_with(predictor):
    player = predictor.play_along(seed=2)
    first = next(player)
    assert first.shape == (2,)
    answer = player.send([72, 60])
    other = predictor.play_along(seed=2)
    next(other)
    assert answer.shape == other.send(np.array([60, 72])).shape
    np.testing.assert_array_equal(next(predictor.play_along(seed=2)), first)


def test_the_script_prints_writes_and_repeats_what_a_seed_composes(script, tmp_path):
    status, out, err = script("--steps", "12", "--seed", "5")
    assert (status, err) == (0, "")
    outputs = [tmp_path / f"piece{ending}" for ending in (".mid", ".wav", ".png", ".html", ".json")]
    arguments = ("--steps", "12", "--seed", "5", "--output", *outputs)
    assert script(*arguments)[0] == 0
    contents = [path.read_bytes() for path in outputs]
    assert [content[:4] for content in contents[:3]] == [b"MThd", b"RIFF", b"\x89PNG"]
    assert b"<html" in contents[3].lower()
    assert script(*arguments)[0] == 0
    assert [path.read_bytes() for path in outputs] == contents
    # What was written is read again.
    status, again, _ = script("--continue", tmp_path / "piece.json", "--steps", "0")
    assert (status, again) == (0, out)
    assert script("--score", tmp_path / "piece.mid")[0] == 0


def test_the_script_goes_on_with_or_without_what_it_is_given(script, files):
    given = ("--continue", files / "piece.json", "--seed", "5", "--steps", "3")
    whole = script(*given, "--output", files / "whole.json")
    rest = script(*given, "--without-primer", "--output", files / "rest.json")
    assert (whole[0], rest[0]) == (0, 0)
    pieces = [json.loads((files / f"{name}.json").read_text())["pieces"][0] for name in ("whole", "rest")]
    assert pieces[0][:4] == NOTES.tolist()
    assert pieces[1] == pieces[0][4:]


def test_the_script_harmonises_fills_in_and_scores(script, files):
    status, _, _ = script(
        "--harmonize", files / "melody.json", "--seed", "1", "--output", files / "harmony.json"
    )
    assert status == 0
    harmony = np.array(json.loads((files / "harmony.json").read_text())["pieces"][0])
    np.testing.assert_array_equal(harmony[:, 0], NOTES[:, 0])
    arguments = ("--infill", files / "piece.json", "--first-step", "2", "--last-step", "3", "--seed", "1")
    assert script(*arguments, "--output", files / "filled.json")[0] == 0
    filled = np.array(json.loads((files / "filled.json").read_text())["pieces"][0])
    np.testing.assert_array_equal(filled[[0, 3]], NOTES[[0, 3]])
    status, out, err = script("--score", files / "piece.json")
    assert (status, err) == (0, "")
    assert "4 steps, 2 a quarter note" in out
    assert "nats per step" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--output", "piece.mp3"),
            "--output piece.mp3: expected a name that ends in .mid, .midi, .wav, .png, .html, .json",
        ),
        (("--without-primer",), "--without-primer: expected --continue"),
        (("--score", "a.mid", "--continue", "b.mid"), "--continue and --score: expected one of them"),
        (("--key", "H"), '--key H: expected a key such as "G major", "Bb major" or "f# minor"'),
        (("--lowest", "80", "--highest", "60"), "--lowest 80 of voice 1: expected at most 60"),
        (
            ("--lowest", "0", "70", "--highest", "60"),
            "--lowest 70 of voice 2: expected at most 60, --highest of voice 1",
        ),
        (("--steps", "5000"), "--steps 5000"),
        (("--score", "a.mid", "--seed", "3"), "--seed 3: expected no --score"),
        (("--harmonize", "a.mid", "--steps", "3"), "--steps 3: expected neither --harmonize"),
        (("--harmonize", "a.mid", "--output", "./a.mid"), "--output a.mid: this is what is read"),
        (("--output", "a.mid", "b/../a.mid"), "--output: expected each file once"),
        (("--first-step", "2"), "--first-step, --last-step: expected --infill"),
        (("--lowest", "5"), "--lowest 5: expected MIDI numbers from 21 to 108, or 0"),
        (("--steps-per-quarter", "3"), "--steps-per-quarter 3: "),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(script, arguments, message):
    status, out, err = script(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_melody_with_two_notes_at_once_is_one_line(script, files):
    status, out, err = script("--harmonize", files / "chords.json")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "2 notes at once at step 1" in err


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ([[1, 2]], "notes: note 1 in step 1; expected MIDI numbers from 21 to 108"),
        ([[60, 62, 64]], "notes: 3 notes in step 1; the model writes 2 at most"),
        (np.array([[60.5, 2]]), "notes: expected whole numbers"),
    ],
)
def test_notes_from_python_that_are_none_are_named(predictor, notes, message):
    with pytest.raises(UserError, match=message):
        predictor(notes)


def test_what_is_no_music_is_named(predictor):
    with pytest.raises(UserError, match="notes: expected MIDI numbers"):
        predictor(42)
    with pytest.raises(UserError, match="melody: expected MIDI numbers"):
        predictor.harmonize(None)
    with pytest.raises(UserError, match=r"keep: expected \[steps\] or \[steps, voices\]"):
        predictor.infill(NOTES, [True, False])
    with pytest.raises(UserError, match="notes: 2 pieces; expected one"):
        predictor.midi([NOTES, NOTES])
    with pytest.raises(UserError, match="--steps -1: expected from 0 to 4096"):
        predictor(steps=-1)


def test_controls_out_of_range_are_named(predictor):
    with pytest.raises(UserError, match="--seed: 2 seeds for 1 pieces; expected one, or one for each piece"):
        predictor(seed=[1, 2])
    with pytest.raises(UserError, match=r"--steps-per-quarter 4: .* was trained with 2"):
        predictor(sampling=Sampling(steps_per_quarter=4))
    with pytest.raises(UserError, match="--lowest: 3 notes; expected at most 2"):
        predictor(sampling=Sampling(lowest=(60, 60, 60)))


def test_notes_have_the_names_that_musicians_give_them():
    assert [note_name(note) for note in (21, 60, 61, 70, 108)] == ["A0", "C4", "C#4", "Bb4", "C8"]
    assert notes_in_words(np.array([67, 60, 0])) == "G4 C4"
    assert notes_in_words(np.array([0, 0])) == "(silence)"
