"""The sample is real work: words that can be told apart, by speakers and partly of kinds that training never had."""

from collections import Counter

import numpy as np
import pytest
from scipy.fft import dct
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from applications.speech_commands.sample import COMMANDS, Options, main, noises, sample
from common.audio.labelled import AudioSource, load_evaluation
from common.audio.voices import ACCENTS

pytestmark = pytest.mark.slow

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def clips():
    return {part: sample(part) for part in PARTS}


def words(clips):
    """The text of each clip, "" for silence: what stands in brackets in its origin."""
    return [origin.partition("(")[2].rstrip(")") for origin in clips.origins]


def variants(clips):
    return {speaker.partition("+")[2] for speaker in clips.speakers} - {""}


def level(waveform):
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)))


@pytest.mark.parametrize(("part", "of_a_word"), [("train", 160), ("validation", 20), ("test", 40)])
def test_every_word_is_there_equally_often(clips, part, of_a_word):
    expected = dict.fromkeys((*COMMANDS, "_silence_"), of_a_word) | {"_unknown_": of_a_word * 3 // 2}
    assert Counter(clips[part].labels) == expected


def test_a_clip_is_a_second_of_sound_in_the_range_of_a_waveform(clips):
    for part in clips.values():
        for waveform in part.waveforms:
            assert (waveform.shape, waveform.dtype) == ((16_000,), np.float32)
            assert 0 < np.abs(waveform).max() <= 1
    assert len({waveform.tobytes() for part in clips.values() for waveform in part.waveforms}) == 2_750


def test_a_label_is_what_is_said(clips):
    for part in clips.values():
        for label, word, speaker in zip(part.labels, words(part), part.speakers, strict=True):
            assert label in (word, "_unknown_", "_silence_")
            assert (label == "_unknown_") == (word not in COMMANDS and word != "")
            assert (label == "_silence_") == (word == "") == (speaker == "")


def test_no_speaker_is_in_two_parts_in_whatever_accent(clips):
    train, validation, test = (variants(clips[part]) for part in PARTS)
    assert (len(train), len(validation), len(test)) == (55, 5, 10)
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_every_word_is_said_by_many_speakers_and_in_every_accent(clips):
    for part, least in (("train", 100), ("validation", 10), ("test", 25)):
        for word in COMMANDS:
            said = [index for index, label in enumerate(clips[part].labels) if label == word]
            assert len({clips[part].speakers[index] for index in said}) >= least
        assert {speaker.partition("+")[0] for speaker in clips[part].speakers} - {""} == set(ACCENTS)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_half_of_the_unknown_words_are_unknown_to_training_too(clips, part):
    known = set(words(clips["train"]))
    unknown = [
        word
        for word, label in zip(words(clips[part]), clips[part].labels, strict=True)
        if label == "_unknown_"
    ]
    assert sum(word not in known for word in unknown) == len(unknown) / 2


def test_loudness_and_place_of_the_words_differ(clips):
    spoken = [
        waveform
        for waveform, label in zip(clips["test"].waveforms, clips["test"].labels, strict=True)
        if label != "_silence_"
    ]
    levels = [level(waveform) for waveform in spoken]
    assert np.ptp(levels) > 15
    assert min(levels) > -36
    energy = np.square(spoken).reshape(len(spoken), 10, 1600).sum(axis=2)
    early, late = np.percentile(energy.argmax(axis=1), (10, 90))
    assert early <= 2
    assert late >= 6


def test_a_part_is_the_same_each_time_it_is_made():
    first = sample("validation"), noises("validation")
    sample.cache_clear()
    noises.cache_clear()
    again = sample("validation"), noises("validation")
    assert again[0] is not first[0]
    assert (again[0].labels, again[0].speakers, again[0].origins) == (
        first[0].labels,
        first[0].speakers,
        first[0].origins,
    )
    for ours, theirs in zip((*first[0].waveforms, *first[1]), (*again[0].waveforms, *again[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_noises_are_eight_seconds_of_every_kind_and_none_is_in_two_parts():
    made = {part: noises(part) for part in PARTS}
    assert {part: len(recordings) for part, recordings in made.items()} == {
        "train": 20,
        "validation": 5,
        "test": 10,
    }
    everything = [noise for recordings in made.values() for noise in recordings]
    for noise in everything:
        assert (noise.shape, noise.dtype) == ((128_000,), np.float32)
        assert -30 < level(noise) < -19
        assert np.abs(noise).max() <= 1
    assert len({noise.tobytes() for noise in everything}) == 35


def log_spectra(waveform):
    """A rough picture of the loudest 0.45 seconds: 15 spectra, each of 14 cepstral coefficients."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * np.hanning(400)
    bands = np.square(np.abs(np.fft.rfft(frames, 512)))[:, :256].reshape(len(frames), 64, 4).sum(axis=2)
    start = np.convolve(bands.sum(axis=1), np.ones(45), "valid").argmax()
    picture = np.log(bands + 1e-6)
    picture = (picture - np.median(picture, axis=0))[start : start + 45]
    return dct(picture, norm="ortho")[:, :14].reshape(15, 3, 14).mean(axis=1).ravel()


def test_a_linear_classifier_tells_most_words_of_new_speakers_apart_but_by_far_not_all(clips):
    pictures = {
        part: np.array([log_spectra(waveform) for waveform in clips[part].waveforms])
        for part in ("train", "test")
    }
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    model.fit(pictures["train"], clips["train"].labels)
    assert 0.5 < model.score(pictures["test"], clips["test"].labels) < 0.85


def test_clips_are_written_as_files_from_which_they_are_read_again(clips, tmp_path, capsys):
    main(Options(tmp_path / "words", "validation", 12))
    assert capsys.readouterr().out == f"12 recordings written to {tmp_path / 'words'}\n"
    written = load_evaluation(AudioSource(str(tmp_path / "words")), sample)
    made = clips["validation"].select(range(12))
    order = [int(origin.rpartition("_")[2].removesuffix(".wav")) for origin in written.origins]
    assert sorted(order) == list(range(12))
    for number, waveform, label, speaker in zip(
        order, written.waveforms, written.labels, written.speakers, strict=True
    ):
        np.testing.assert_allclose(waveform, made.waveforms[number], atol=1 / 32768)
        assert (label, speaker) == (made.labels[number], made.speakers[number] or "nobody")
