"""The view of music: it goes on as it does from Python, plays, and saves MIDI."""

import io
from pathlib import Path

import mido
import pytest
from playwright.sync_api import expect

from applications.music.predict import Sampling

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@pytest.fixture
def view(open_view):
    return open_view("music")


def _text(notes):
    """Notes `[steps, voices]` as the view writes them."""
    steps = [[f"{NAMES[note % 12]}{note // 12 - 1}" for note in step if note > 0] for step in notes]
    return " ".join("+".join(step) or "-" for step in steps)


def _sampling(row):
    return Sampling(
        temperature=row["temperature"], top_p=row["top_p"], steps_per_quarter=row["steps_per_quarter"]
    )


def test_music_goes_on_and_is_harmonised_as_from_python(view, declared, loaded):
    row = declared("music")["examples"][0]["row"]
    compose = loaded("music")
    asked = {"seed": row["seed"], "sampling": _sampling(row)}
    continued = compose(row["notes"], steps=row["steps"], **asked)["notes"].tolist()
    harmonised = compose.harmonize([max(step) for step in continued], **asked)["notes"].tolist()
    text = view.get_by_label("The notes as text")

    view.locator(".chip").first.click()

    expect(text).to_have_value(_text(continued))
    expect(view.locator("#status")).to_have_text("16 steps written after 8")

    view.get_by_role("button", name="Harmonise").click()

    expect(text).to_have_value(_text(harmonised))


def test_music_begins_from_nothing(view, declared, loaded):
    row = declared("music")["examples"][0]["row"]
    compose = loaded("music")
    expected = compose(None, steps=5, seed=row["seed"], sampling=_sampling(row))["notes"]
    view.get_by_label("Steps to write").fill("5")

    view.get_by_role("button", name="Go on").click()

    expect(view.get_by_label("The notes as text")).to_have_value(_text(expected.tolist()))
    expect(view.locator("#status")).to_have_text("5 steps written after 0")


def test_what_went_wrong_is_in_sight_where_the_button_is_and_goes_with_the_next_answer(view):
    view.get_by_label("Steps to write").fill("9999")

    view.get_by_role("button", name="Go on").click()

    expect(view.locator("#view .error")).to_be_in_viewport()
    expect(view.locator("#status")).to_have_text("steps: expected 0 or more, 4096 in all")
    expect(view.locator("#view .error")).to_have_text(view.locator("#status").text_content())

    view.get_by_label("Steps to write").fill("1")
    view.get_by_role("button", name="Go on").click()

    expect(view.locator("#view .error")).to_have_count(0)
    expect(view.locator("#status")).to_have_text("1 step written after 0")


def test_the_roll_plays_and_stops_without_an_error(view):
    faults = []
    view.on("pageerror", lambda error: faults.append(str(error)))
    view.get_by_label("The notes as text").fill("C4+E4+G4 - F4")
    view.get_by_label("The notes as text").blur()

    view.get_by_role("button", name="Play").click()
    view.get_by_role("button", name="Stop").click()
    expect(view.get_by_role("button", name="Play")).to_be_enabled()

    view.get_by_label("Quarters a minute").fill("300")
    view.get_by_role("button", name="Play").click()
    expect(view.get_by_role("button", name="Play")).to_be_visible()
    assert not faults


def test_midi_holds_what_the_model_would_write(view, loaded):
    notes = [[67, 62, 0, 0], [67, 60, 0, 0], [0, 0, 0, 0], [69, 0, 0, 0], [0, 0, 0, 0]]
    compose = loaded("music")
    expected = compose.midi(notes, tempo=71.0, sampling=Sampling(steps_per_quarter=4))
    view.get_by_label("The notes as text").fill(_text(notes))
    view.get_by_label("Quarters a minute").fill("71")
    view.get_by_label("A step is").select_option("a sixteenth")

    with view.expect_download() as download:
        view.get_by_role("button", name="Save as MIDI").click()

    assert _played(Path(download.value.path()).read_bytes()) == _played(expected)


def _played(file):
    """The messages of a MIDI file with their times in ticks, those of one moment in any order."""
    messages, ticks = [], 0
    for message in mido.MidiFile(file=io.BytesIO(file)).tracks[0]:
        ticks += message.time
        messages.append(
            (ticks, str(message.copy(time=0, **({"velocity": 0} if message.type == "note_off" else {}))))
        )
    return sorted(messages)


def test_a_click_on_the_roll_writes_a_note_and_another_takes_it_away(view):
    text = view.get_by_label("The notes as text")

    view.locator(".roll").click(position={"x": 60, "y": 100})
    expect(text).not_to_have_value("")
    view.locator(".roll").click(position={"x": 60, "y": 100})

    expect(text).to_have_value("-")


@pytest.mark.parametrize(
    ("notes", "line"),
    [
        ("G4 H4", "step 2: expected notes such as G4+D4, or - for silence, got H4"),
        ("C4+D4+E4+F4+G4", "step 1: 5 notes; expected 4 at most"),
    ],
)
def test_what_is_no_music_is_refused_in_one_line(view, notes, line):
    view.get_by_label("The notes as text").fill(notes)
    view.get_by_label("The notes as text").blur()

    expect(view.locator("#view .error")).to_have_text([line])
