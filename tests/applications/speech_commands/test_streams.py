"""A composed recording holds the words that its events name, where they say, over noise; its frames' targets follow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.speech_commands.streams import Event, Recording, compose, frame_targets, word_span
from common.audio.augmentation import Augmentation
from common.audio.labelled import SILENCE, UNKNOWN, Clips
from common.errors import UserError

RATE = 16_000
FREQUENCIES = {"yes": 500, "no": 1_000, "go": 2_000, UNKNOWN: 3_000}
CLASSES = [*sorted(FREQUENCIES), SILENCE]


def word(frequency, start=0.3, seconds=0.4):
    clip = np.random.default_rng(frequency).normal(0, 1e-3, RATE)
    steps = np.arange(round(seconds * RATE))
    clip[round(start * RATE) :][: len(steps)] += 0.2 * np.sin(2 * np.pi * frequency * steps / RATE)
    return clip.astype(np.float32)


def clips(copies=3):
    labels = [label for label in FREQUENCIES for _ in range(copies)]
    waveforms = [
        word(FREQUENCIES[label], 0.1 + 0.1 * copy) for label in FREQUENCIES for copy in range(copies)
    ]
    silence = np.random.default_rng(0).normal(0, 0.01, RATE).astype(np.float32)
    count = len(labels) + 1
    return Clips(
        "test", [*waveforms, silence], [*labels, SILENCE], [""] * count, [str(n) for n in range(count)]
    )


def noises():
    return [np.random.default_rng(seed).normal(0, 0.1, 5 * RATE).astype(np.float32) for seed in (1, 2)]


def loudest_frequency(waveform):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), RATE))
    return np.argmax(spectrum)


def power(waveform):
    return np.mean(np.square(waveform, dtype=np.float64))


@pytest.mark.parametrize("start", [0.0, 0.25, 0.6])
@pytest.mark.parametrize("level", [0.01, 0.2])
def test_a_word_begins_and_ends_where_its_energy_does(start, level):
    first, last = word_span(level / 0.2 * word(700, start))
    assert first / RATE == pytest.approx(start, abs=0.03)
    assert last / RATE == pytest.approx(start + 0.4, abs=0.03)


@given(st.integers(0, 1_000), st.sampled_from(["zeros", "noise", "click"]))
@settings(max_examples=30)
def test_the_span_of_anything_lies_within_its_clip(size, kind):
    waveform = np.zeros(size, np.float32)
    if kind == "noise":
        waveform = np.random.default_rng(size).normal(size=size).astype(np.float32)
    elif kind == "click":
        waveform[size // 2 : size // 2 + 1] = 1
    first, last = word_span(waveform)
    assert 0 <= first <= last <= size
    assert first < last or not size


def test_the_words_are_heard_where_the_events_say_and_nowhere_else():
    recording = compose(clips(), noises(), 60, 0, gap=(0.3, 1.0), noise_ratio=(15.0, 30.0))
    assert recording.waveform.shape == (60 * RATE,)
    assert recording.waveform.dtype == np.float32
    assert np.abs(recording.waveform).max() <= 1
    assert len(recording.events) > 30
    assert {event.label for event in recording.events} == set(FREQUENCIES)
    between = 0.0
    for event in recording.events:
        assert event.time - event.start == pytest.approx(0.4, abs=0.05)
        spoken = recording.waveform[round(event.start * RATE) : round(event.time * RATE)]
        assert loudest_frequency(spoken) == pytest.approx(FREQUENCIES[event.label], abs=3)
        before = recording.waveform[
            round(max(event.start - 0.25, between) * RATE) : round(event.start * RATE)
        ]
        assert power(before) < 0.1 * power(spoken)
        between = event.time + 0.1
    gaps = np.diff([event.time for event in recording.events])
    assert gaps.min() > 0.4 + 0.3


def test_each_word_is_a_clip_of_its_label_as_it_was_spoken_and_no_clip_comes_again_before_all_others():
    labels = ["yes", "no", "go"] * 4
    waveforms = [
        np.random.default_rng(seed).normal(0, 0.1, RATE // 4).astype(np.float32) for seed in range(12)
    ]
    spoken = Clips("test", waveforms, labels, [""] * 12, labels)
    recording = compose(spoken, noises(), 20, 0, noise_ratio=(50.0, 50.0))
    heard = {label: [] for label in labels}
    for event in recording.events:
        middle = round((event.start + event.time) / 2 * RATE)
        piece = recording.waveform[middle - 100 : middle + 100]
        likeness = [np.correlate(waveform, piece, "valid").max() for waveform in waveforms]
        clip = int(np.argmax(likeness))
        assert likeness[clip] == pytest.approx(np.dot(piece, piece), rel=0.05)
        assert labels[clip] == event.label
        heard[event.label].append(clip)
    for clips_heard in heard.values():
        assert len(set(clips_heard[:4])) == min(len(clips_heard), 4) > 2


def test_every_word_is_drawn_as_often_and_unknown_words_have_their_share():
    recording = compose(clips(), noises(), 600, 0, gap=(0.0, 0.1), unknown_share=0.4)
    labels = [event.label for event in recording.events]
    assert labels.count(UNKNOWN) / len(labels) == pytest.approx(0.4, abs=0.06)
    for label in ("yes", "no", "go"):
        assert labels.count(label) / len(labels) == pytest.approx(0.2, abs=0.06)


def test_a_recording_follows_from_its_seed_alone():
    first, again, other = (
        compose(clips(), noises(), 20, seed, augmentation=Augmentation()) for seed in ((1, 2), (1, 2), (1, 3))
    )
    np.testing.assert_array_equal(first.waveform, again.waveform)
    assert first.events == again.events
    assert first.events != other.events


def test_the_noise_goes_on_without_a_break_at_the_level_asked_for():
    words = clips()
    for given_noises in (noises(), []):
        recording = compose(words, given_noises, 30, 0, gap=(5.0, 6.0), noise_ratio=(20.0, 20.0))
        quiet = np.ones(len(recording.waveform), bool)
        for event in recording.events:
            quiet[round((event.start - 0.2) * RATE) : round((event.time + 0.2) * RATE)] = False
        pieces = np.split(recording.waveform, range(RATE // 10, len(recording.waveform), RATE // 10))
        is_quiet = [part.all() for part in np.split(quiet, range(RATE // 10, len(quiet), RATE // 10))]
        powers = np.array([power(piece) for piece, quiet in zip(pieces, is_quiet, strict=True) if quiet])
        expected = 0.02 * 0.4 / 0.6 / 100
        assert np.median(powers) == pytest.approx(expected, rel=0.15)
        assert powers.min() > 0.3 * expected


def test_no_words_and_no_noises_still_make_a_recording():
    silence = clips().select([len(clips()) - 1])
    recording = compose(silence, [], 3, 0)
    assert recording.events == []
    assert power(recording.waveform) > 0
    only_words = clips().select([0])
    assert [event.label for event in compose(only_words, [], 2.5, 0, gap=(0.1, 0.2)).events] == ["yes"] * 3


EVENTS = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0.1, 0.5), st.sampled_from(["yes", "no", UNKNOWN])), max_size=6
)


@given(EVENTS)
@settings(max_examples=50)
def test_each_frame_answers_for_the_word_that_ended_last(drawn):
    events, now = [], 0.0
    for gap, seconds, label in drawn:
        events.append(Event(now + gap + seconds, label, now + gap))
        now = events[-1].time
    recording = Recording(np.zeros(round((now + 1) * RATE), np.float32), events)
    targets, weights = frame_targets(recording, CLASSES, 0.02, hold=0.3, release=0.1)
    assert len(targets) == len(weights) == len(recording.waveform) // 320
    for index, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        time = 0.02 * (index + 1)
        ended = [event for event in events if event.time <= time < event.time + 0.3]
        matters_not = any(event.start <= time < event.time + 0.3 + 0.1 for event in events)
        expected = ended[-1].label if ended else SILENCE
        if weight:
            assert CLASSES[target] == expected
        assert weight == (1.0 if ended or not matters_not else 0.0)


def test_a_class_that_is_missing_is_named():
    recording = Recording(np.zeros(RATE, np.float32), [Event(0.5, "yes", 0.2)])
    with pytest.raises(UserError, match=f"class {SILENCE}"):
        frame_targets(recording, ["yes", "no"], 0.02)
    with pytest.raises(UserError, match="class yes"):
        frame_targets(recording, ["no", SILENCE], 0.02)
