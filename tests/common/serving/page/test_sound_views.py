"""The views that hear: words and sentences of recordings, as Python hears them."""

import base64
import io

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

VIEWS = ("speech_commands", "transcription")


def _recording(declared, name):
    return base64.b64decode(declared(name)["examples"][0]["row"]["audio_bytes"]["b64"])


def test_the_word_of_a_recording_is_the_one_that_python_hears(open_view, declared, loaded):
    view = open_view("speech_commands")
    recognise = loaded("speech_commands")
    expected = recognise(_recording(declared, "speech_commands"))

    view.locator(".chip").first.click()

    expect(view.locator(".verdict")).to_have_text(expected["label"])
    share = f"{100 * expected['probability']:.1f} %"
    assert view.locator(".bar").first.text_content() == f"{expected['label']}{share}"
    assert view.locator(".bar").count() == 5


def test_the_words_of_a_recording_are_those_that_python_hears(open_view, declared, loaded):
    view = open_view("transcription")
    transcribe = loaded("transcription")
    words = transcribe.words(_recording(declared, "transcription"))

    view.locator(".chip").first.click()

    expect(view.locator("#status")).to_have_text(" ".join(word.word for word in words))
    assert view.locator(".words .word").all_text_contents() == [word.word for word in words]
    view.locator(".words .word").nth(1).focus()
    told = f"“{words[1].word}”: {words[1].start:.2f} to {words[1].end:.2f} s, confidence {words[1].confidence:.0%}"
    expect(view.locator(".card .muted").last).to_have_text(told.replace("%", " %"))


def test_a_recording_of_another_rate_is_converted(open_view, declared):
    view = open_view("speech_commands")
    waveform, _ = soundfile.read(io.BytesIO(_recording(declared, "speech_commands")))
    file = io.BytesIO()
    places = np.arange(48_000) / 3
    stereo = np.stack([np.interp(places, np.arange(len(waveform)), waveform)] * 2, axis=1)
    soundfile.write(file, stereo, 48_000, format="FLAC")

    view.locator("input[type=file]").set_input_files(
        {"name": "yes.flac", "mimeType": "audio/flac", "buffer": file.getvalue()}
    )

    expect(view.locator(".verdict")).to_have_text("yes")


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_no_recording_is_refused_in_one_line(open_view, name):
    view = open_view(name)
    given = {"name": "notes.wav", "mimeType": "audio/wav", "buffer": b"no recording"}

    view.locator("input[type=file]").set_input_files(given)

    line = "notes.wav: not a recording that this browser plays; expected WAV, MP3, OGG or FLAC"
    expect(view.locator("#view .error")).to_have_text([line])
    expect(view.locator(".answer")).to_be_hidden()


def test_a_recording_of_more_than_a_minute_is_refused_by_the_model(open_view):
    view = open_view("transcription")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(61 * 16_000, np.int16), 16_000, format="WAV")

    view.locator("input[type=file]").set_input_files(
        {"name": "long.wav", "mimeType": "audio/wav", "buffer": file.getvalue()}
    )

    line = "expected at most 60 seconds, got 61.0 (cut it at pauses)"
    expect(view.locator("#view .error")).to_have_text([line])


def test_words_are_detected_as_python_detects_them(open_view):
    from applications.speech_commands.detection import DetectionOptions, Detector

    view = open_view("speech_commands")
    labels = ["_silence_", "_unknown_", "stop", "yes"]
    rng = np.random.default_rng(0)
    frames = rng.dirichlet([0.08] * len(labels), 400).round(6)
    times = (np.arange(1, 401) / 10).round(6)
    detector = Detector(labels, DetectionOptions())
    expected = detector.feed(frames, times)

    detected = view.evaluate(
        """async ([labels, frames, times]) => {
            const { detector } = await import("/detector.js");
            const hear = detector(labels);
            return frames.map((frame, at) => hear(times[at], frame)).filter(Boolean);
        }""",
        [labels, frames.tolist(), times.tolist()],
    )

    assert len(expected) > 10
    assert [(one["label"], one["time"]) for one in detected] == [(one.label, one.time) for one in expected]
    np.testing.assert_allclose(
        [one["probability"] for one in detected], [one.probability for one in expected]
    )


def test_the_words_of_the_microphone_appear(open_view, spoken, loaded):
    view = open_view("speech_commands")
    recognise = loaded("speech_commands")
    (expected,) = recognise.stream(spoken)

    view.get_by_role("button", name="Listen").click()
    words = view.locator(".heard li strong")
    expect(words.nth(1)).to_be_visible()
    view.get_by_role("button", name="Stop").click()

    assert set(words.all_text_contents()) == {expected.label}
    expect(view.get_by_role("button", name="Listen")).to_have_attribute("aria-pressed", "false")


def test_what_the_microphone_hears_is_written_down(open_view):
    view = open_view("transcription")

    view.get_by_role("button", name="Listen").click()
    heard = view.locator(".heard li").first
    expect(heard).to_contain_text("yes")
    view.get_by_role("button", name="Stop").click()
