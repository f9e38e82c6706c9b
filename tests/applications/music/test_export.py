"""The SavedModel composes, harmonises, fills in and scores, and a row that cannot be answered harms no other."""

import io

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

VOICES = 2
NOTES = [[64, 60], [65, 62], [67, 64], [67, 0]]


def controls(rows, **given):
    """The controls of so many rows."""
    usual = {
        "temperature": 1.0,
        "top_p": 1.0,
        "seed": 7,
        "key": 0,
        "steps_per_quarter": 2,
        "lowest": [0] * VOICES,
        "highest": [0] * VOICES,
    }
    return {name: [given.get(name, value)] * rows for name, value in usual.items()}


def test_notes_are_continued_and_stand_before_what_is_written(runner):
    answer = runner.answer("serving_default", notes=[NOTES], steps=[6], **controls(1))
    assert answer["count"].tolist() == [10]
    assert answer["notes"].shape == (1, 10, VOICES)
    assert answer["notes"][0, :4].tolist() == NOTES


def test_of_no_notes_music_is_composed_and_of_no_steps_none(runner):
    nothing = np.zeros([2, 0, VOICES], np.int32)
    answer = runner.answer("serving_default", notes=nothing, steps=[5, 0], **controls(2))
    assert answer["count"].tolist() == [5, 0]
    assert not answer["notes"][1].any()
    assert answer["notes"][0].any()


def test_the_same_seed_writes_the_same_and_another_seed_other_music(runner):
    nothing = np.zeros([3, 0, VOICES], np.int32)
    asked = {**controls(3), "seed": [1, 1, 2]}
    notes = runner.answer("serving_default", notes=nothing, steps=[24] * 3, **asked)["notes"]
    np.testing.assert_array_equal(notes[0], notes[1])
    assert (notes[0] != notes[2]).any()


def test_a_piece_continued_in_two_calls_at_temperature_0_goes_on_from_what_it_has(runner):
    asked = controls(1, temperature=0.0)
    once = runner.answer("serving_default", notes=[NOTES], steps=[1], **asked)["notes"]
    scores = runner.answer("score", notes=once, key=[0], steps_per_quarter=[2])["log_likelihood"]
    assert np.isfinite(scores).all()
    assert (scores < 0).all()


def test_the_likelihood_of_a_step_is_that_of_those_before_it_alone(runner):
    other = [*NOTES[:3], [50, 45]]
    scores = runner.answer("score", notes=[NOTES, other], key=[0, 0], steps_per_quarter=[2, 2])[
        "log_likelihood"
    ]
    np.testing.assert_allclose(scores[0, :3], scores[1, :3], rtol=1e-5)
    assert scores[0, 3] != scores[1, 3]


def test_shorter_rows_end_with_minus_one_and_cost_nothing_there(runner):
    short = [*NOTES[:2], [-1, -1], [-1, -1]]
    scores = runner.answer("score", notes=[NOTES, short], key=[0, 0], steps_per_quarter=[2, 2])[
        "log_likelihood"
    ]
    np.testing.assert_allclose(scores[1], [*scores[0, :2], 0, 0], rtol=1e-5)


def test_a_melody_is_the_highest_voice_of_its_harmony(runner):
    melody = [[67, 69, 0, 72, 71], [60, 62, 64, -1, -1]]
    answer = runner.answer("harmonize", melody=melody, **controls(2))
    notes = answer["notes"]
    assert answer["count"].tolist() == [5, 3]
    np.testing.assert_array_equal(notes[..., 0], np.maximum(melody, 0))
    assert (notes[..., 1] <= notes[..., 0]).all()
    assert not notes[0, 2].any()
    assert notes[0, :2, 1].any()


def test_what_is_kept_stays_and_the_rest_is_written_around_it(runner):
    keep = np.array([[[True, False], [False, False], [False, True], [True, True]]])
    answer = runner.answer("infill", notes=[NOTES], keep=keep, **controls(1))
    np.testing.assert_array_equal(answer["notes"][keep], np.array([NOTES])[keep])
    notes = answer["notes"][0]
    assert (notes[:, 1] <= notes[:, 0]).all()


def test_voices_keep_between_the_notes_that_are_asked_for(runner):
    nothing = np.zeros([1, 0, VOICES], np.int32)
    asked = controls(1, lowest=[70, 50], highest=[75, 60])
    notes = runner.answer("serving_default", notes=nothing, steps=[40], **asked)["notes"][0]
    for voice, low, high in ((0, 70, 75), (1, 50, 60)):
        sounding = notes[:, voice][notes[:, voice] > 0]
        assert ((sounding >= low) & (sounding <= high)).all()


def test_the_midi_file_plays_the_notes_of_the_same_call(runner):
    asked = {"notes": [NOTES], "steps": [8], **controls(1)}
    notes = runner.answer("serving_default", **asked)["notes"][0]
    content = runner.answer("midi", **asked, tempo=[75.0])["midi_bytes"][0]
    file = mido.MidiFile(file=io.BytesIO(content))
    tempos = [message.tempo for track in file.tracks for message in track if message.type == "set_tempo"]
    assert [round(mido.tempo2bpm(tempo)) for tempo in tempos] == [75]
    sounding = np.zeros([len(notes), 128], bool)
    for track in file.tracks:
        tick, begun = 0, {}
        for message in track:
            tick += message.time
            step = round(tick / file.ticks_per_beat * 2)
            if message.type == "note_on" and message.velocity:
                begun[message.channel, message.note] = step
            elif message.type in ("note_on", "note_off"):
                sounding[begun.pop((message.channel, message.note)) : step, message.note] = True
    expected = [sorted({int(note) for note in step if note}) for step in notes]
    assert [np.flatnonzero(step).tolist() for step in sounding] == expected


def test_music_played_step_by_step_can_be_answered_to(runner):
    states = {
        "state_model": np.zeros([1, *runner.signatures["step"].inputs["state_model"].shape[1:]], np.float32)
    }
    last, written = [[-1] * VOICES], []
    for place in range(6):
        outputs = runner.answer("step", notes=last, place=[place], **states, **controls(1))
        states = {"state_model": outputs["state_model"]}
        written.append(outputs["notes"][0].tolist())
        last = outputs["notes"]
    again = runner.answer(
        "step",
        notes=[[-1] * VOICES],
        place=[0],
        state_model=np.zeros_like(states["state_model"]),
        **controls(1),
    )
    assert again["notes"][0].tolist() == written[0]


def test_a_last_step_that_is_none_is_told(runner):
    state = np.zeros([1, *runner.signatures["step"].inputs["state_model"].shape[1:]], np.float32)
    error = runner.run("step", notes=[[60, 64]], place=[1], state_model=state, **controls(1))["error"]
    assert error.tolist() == [b"notes: expected the highest note of each step first"]


BAD = {
    "temperature: expected a number, 0 or more": {"temperature": float("nan")},
    "top_p: expected more than 0 and at most 1": {"top_p": 0.0},
    "key: expected 0 to 24": {"key": 25},
    "steps_per_quarter: expected 2": {"steps_per_quarter": 3},
    "lowest, highest: expected notes from 21 to 108, or 0": {"lowest": [5, 0]},
}


@pytest.mark.parametrize(("message", "control"), BAD.items())
def test_a_control_out_of_range_is_told_and_the_row_beside_it_answered(runner, message, control):
    good, bad = controls(1), controls(1, **control)
    asked = {name: [*good[name], *bad[name]] for name in good}
    both = runner.run("serving_default", notes=[NOTES, NOTES], steps=[4, 4], **asked)
    alone = runner.run("serving_default", notes=[NOTES], steps=[4], **good)
    assert both["error"].tolist() == [b"", message.encode()]
    np.testing.assert_array_equal(both["notes"][0], alone["notes"][0])
    assert not both["notes"][1].any()
    assert both["count"].tolist() == [8, 0]


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ([[60, 64]], "notes: expected the highest note of each step first"),
        ([[64, 5]], "notes: expected MIDI numbers from 21 to 108, 0 for silence, and -1 after the end alone"),
        (
            [[64, -1]],
            "notes: expected MIDI numbers from 21 to 108, 0 for silence, and -1 after the end alone",
        ),
        (
            [[-1, -1], [64, 60]],
            "notes: expected MIDI numbers from 21 to 108, 0 for silence, and -1 after the end alone",
        ),
    ],
)
@pytest.mark.parametrize("signature", ["serving_default", "infill", "score"])
def test_notes_that_are_none_are_told(runner, signature, notes, message):
    asked = {
        "serving_default": {"steps": [2], **controls(1)},
        "infill": {"keep": np.ones([1, len(notes), VOICES], bool), **controls(1)},
        "score": {"key": [0], "steps_per_quarter": [2]},
    }[signature]
    assert runner.run(signature, notes=[notes], **asked)["error"].tolist() == [message.encode()]


def test_too_many_steps_and_an_impossible_tempo_are_told(runner):
    nothing = np.zeros([1, 0, VOICES], np.int32)
    for steps in (-1, 5000):
        error = runner.run("serving_default", notes=nothing, steps=[steps], **controls(1))["error"]
        assert error.tolist() == [b"steps: expected 0 or more, 4096 in all"]
    error = runner.run("midi", notes=nothing, steps=[1], tempo=[0.0], **controls(1))["error"]
    assert error.tolist() == [b"tempo: expected 4 to 1000 quarter notes a minute"]


@settings(max_examples=20)
@given(
    notes=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=VOICES, max_size=VOICES), max_size=6),
    steps=st.integers(-(2**31), 4),
)
def test_any_numbers_are_answered_or_told_of(runner, notes, steps):
    given_notes = np.array(notes, np.int32).reshape(1, len(notes), VOICES)
    outputs = runner.run("serving_default", notes=given_notes, steps=[steps], **controls(1))
    assert outputs["error"][0] or outputs["count"][0] >= steps
    written = outputs["notes"]
    assert ((written == 0) | ((written >= 21) & (written <= 108))).all()
