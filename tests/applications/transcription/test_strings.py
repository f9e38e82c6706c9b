"""Recordings of single words become strings of words of one speaker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.transcription.strings import joined, plans_of, samples_of, text_of, waveform_of
from common.audio.files import SAMPLE_RATE
from common.audio.utterances import Utterances


def spoken(texts, speakers):
    waveforms = [np.full(100 + index, 0.1, np.float32) for index in range(len(texts))]
    return Utterances("made", waveforms, texts, speakers, [f"{index}.wav" for index in range(len(texts))])


WORDS = st.lists(
    st.tuples(st.sampled_from(["yes", "no", "turn it off"]), st.sampled_from(["ann", "bob", ""])),
    min_size=1,
    max_size=30,
)


@given(WORDS, st.integers(0, 9))
def test_a_string_has_one_speaker_and_each_recording_once(words, seed):
    utterances = spoken(*map(list, zip(*words, strict=True)))
    plans = plans_of(utterances, (2, 4), 1.0, 0.2, np.random.default_rng(seed))
    for plan in plans:
        assert len({utterances.speakers[index] for index in plan.members}) == 1
        assert len(set(plan.members)) == len(plan.members) <= 4
        assert text_of(utterances, plan).split() == [
            word for index in plan.members for word in utterances.texts[index].split()
        ]
        assert len(waveform_of(utterances, plan)) == samples_of(utterances, plan)
    alone = [plan.members for plan in plans if "turn it off" in text_of(utterances, plan)]
    assert sorted(alone) == [(index,) for index, text in enumerate(utterances.texts) if text == "turn it off"]


@given(WORDS, st.integers(0, 9), st.integers(0, 9))
def test_how_many_strings_there_are_does_not_depend_on_chance(words, seed, other):
    utterances = spoken(*map(list, zip(*words, strict=True)))
    counts = {
        len(plans_of(utterances, (2, 4), 1.5, 0.2, np.random.default_rng(number))) for number in (seed, other)
    }
    assert len(counts) == 1


def test_nothing_is_joined_unless_it_is_asked_for():
    utterances = spoken(["yes", "no"], ["ann", "ann"])
    assert joined(utterances, (0, 0), 0.3, 0) is utterances


def test_what_is_measured_on_is_always_the_same():
    utterances = spoken(["yes", "no"] * 10, ["ann"] * 20)
    first, second = (joined(utterances, (2, 4), 0.3, 7) for _ in range(2))
    assert first.texts == second.texts
    assert all((one == two).all() for one, two in zip(first.waveforms, second.waveforms, strict=True))
    assert {len(text.split()) for text in first.texts} <= {2, 3, 4}
    assert sum(len(text.split()) for text in first.texts) == pytest.approx(20, abs=6)
    assert first.origins[0].count(" + ") == len(first.texts[0].split()) - 1


def test_joined_words_fade_in_and_out():
    words = Utterances("made", [np.ones(1000, np.float32)] * 2, ["yes", "no"], ["", ""], ["a", "b"])
    waveform = joined(words, (2, 2), 0.0, 0).waveforms[0]
    assert len(waveform) == 2000
    assert waveform[0] == waveform[-1] == waveform[999] == 0
    assert waveform[SAMPLE_RATE // 200] == 1
