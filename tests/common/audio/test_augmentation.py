"""Augmented clips differ as promised: in time, speed, pitch, loudness and noise, each by the amount asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.augmentation import (
    Augmentation,
    augment,
    change_pitch,
    change_speed,
    excerpt,
    fit_length,
    gain,
    mix_noise,
    shift,
    stretch,
    with_noise,
)
from common.audio.features import FitLength
from common.errors import UserError

RATE = 16_000
SIZES = st.integers(0, 3_000)
NOTHING = Augmentation(
    shift=0.0, speed=(1.0, 1.0), pitch=0.0, pitch_share=0.0, gain=(0.0, 0.0), noise_share=0.0
)


def tone(frequency, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def pitch_of(waveform):
    middle = waveform[len(waveform) // 10 : -len(waveform) // 10]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * RATE))
    return np.argmax(spectrum) / 8


def power(waveform):
    return np.mean(np.square(waveform, dtype=np.float64))


@given(SIZES, st.integers(-4_000, 4_000))
@settings(max_examples=30)
def test_a_shifted_clip_begins_later_or_earlier_and_zeros_come_in(size, steps):
    waveform = noise(size)
    shifted = shift(waveform, steps)
    expected = [waveform[index - steps] if 0 <= index - steps < size else 0 for index in range(size)]
    np.testing.assert_array_equal(shifted, np.array(expected, np.float32))


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.1, 1.3])
def test_speed_changes_duration_and_pitch_together(factor):
    faster = change_speed(tone(440, 2.0), factor)
    assert len(faster) == pytest.approx(2 * RATE / factor, abs=2)
    assert pitch_of(faster) == pytest.approx(440 * factor, rel=0.002)
    assert power(faster[2_000:-2_000]) == pytest.approx(power(tone(440)), rel=0.01)


@pytest.mark.parametrize("frequency", [110, 220, 1_000])
@pytest.mark.parametrize("semitones", [-4.0, -1.3, 2.0, 5.0])
def test_pitch_changes_alone(frequency, semitones):
    higher = change_pitch(tone(frequency), semitones)
    assert higher.shape == (RATE,)
    assert pitch_of(higher) == pytest.approx(frequency * 2 ** (semitones / 12), rel=0.01)
    assert power(higher) == pytest.approx(power(tone(frequency)), rel=0.1)


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_a_stretched_word_is_slower_at_its_pitch_and_lies_where_it_lay(factor):
    waveform = np.concatenate([tone(150, 0.5), np.zeros(RATE // 2, np.float32), tone(300, 0.5)])
    stretched = stretch(waveform, round(len(waveform) * factor))
    first, pause, second = np.split(stretched, [len(stretched) // 3, 2 * len(stretched) // 3])
    assert pitch_of(first) == pytest.approx(150, rel=0.02)
    assert pitch_of(second) == pytest.approx(300, rel=0.02)
    assert power(pause) < 0.05 * power(first)


@pytest.mark.parametrize("ratio", [-5.0, 0.0, 20.0])
def test_noise_is_as_far_below_the_word_as_asked(ratio):
    word, background = tone(200), noise(5 * RATE)
    mixed = mix_noise(word, background, ratio, np.random.default_rng(0))
    added = mixed - word
    assert 10 * np.log10(power(word) / power(added)) == pytest.approx(ratio, abs=0.01)
    likeness = np.correlate(background, added, "valid")
    assert likeness.max() == pytest.approx(np.sqrt(power(added) * power(background)) * RATE, rel=0.1)


def test_no_noise_is_heard_over_digital_silence_and_silent_noise_changes_nothing():
    rng = np.random.default_rng(0)
    assert not mix_noise(np.zeros(100, np.float32), noise(100), 0.0, rng).any()
    np.testing.assert_array_equal(mix_noise(noise(100), np.zeros(9, np.float32), 0.0, rng), noise(100))


@pytest.mark.parametrize("ratio", [20.0, 0.0, -10.0])
def test_recordings_are_heard_over_noise_of_one_level_without_being_clipped(ratio):
    recordings = [tone(200, 0.5), 3 * tone(300), tone(400)]
    noisy = with_noise(recordings, [noise(5 * RATE), noise(300, seed=1)], ratio, seed=3)
    for recording, mixed in zip(recordings, noisy, strict=True):
        assert mixed.shape == recording.shape
        assert mixed.dtype == np.float32
        assert np.abs(mixed).max() <= 1
        scale = np.dot(mixed, recording) / np.dot(recording, recording)
        added = mixed / scale - recording
        assert 10 * np.log10(power(recording) / power(added)) == pytest.approx(ratio, abs=0.5)


def test_a_recording_is_over_the_same_noise_at_every_level_and_among_any_others():
    recordings, noises = [0.1 * tone(200), 0.1 * tone(300)], [noise(2 * RATE), noise(3 * RATE, seed=1)]
    both = with_noise(recordings, noises, 6.0, seed=3)
    np.testing.assert_array_equal(both[0], with_noise(recordings[:1], noises, 6.0, seed=3)[0])
    louder = with_noise(recordings, noises, 0.0, seed=3)
    for recording, soft, loud in zip(recordings, both, louder, strict=True):
        likeness = np.corrcoef(soft - recording, loud - recording)[0, 1]
        assert likeness == pytest.approx(1, abs=1e-3)
    assert not np.array_equal(both[0], with_noise(recordings, noises, 6.0, seed=4)[0])


def test_an_infinite_ratio_leaves_the_recordings_as_they_are():
    (same,) = with_noise([tone(200)], [noise(RATE)], float("inf"), seed=0)
    np.testing.assert_array_equal(same, tone(200))


@given(st.integers(1, 500), SIZES)
@settings(max_examples=30)
def test_an_excerpt_is_a_stretch_of_its_recording_repeated_where_that_is_short(size, samples):
    recording = np.arange(size, dtype=np.float32)
    found = excerpt(recording, samples, np.random.default_rng(samples))
    assert found.shape == (samples,)
    assert set(np.diff(found)) <= {1.0, 1.0 - size}


def test_gain_is_in_decibels():
    np.testing.assert_allclose(gain(tone(100), 20.0), 10 * tone(100), rtol=1e-6)
    np.testing.assert_allclose(gain(tone(100), -6.0206), tone(100) / 2, rtol=1e-5)


@given(st.integers(0, 40), st.integers(1, 15), st.integers(0, 9))
def test_a_long_clip_keeps_its_loudest_window_and_a_short_one_is_followed_by_zeros(steps, kept, seed):
    waveform, samples = noise(160 * steps + seed, seed), 160 * kept
    fitted = fit_length(waveform, samples)
    if len(waveform) <= samples:
        np.testing.assert_array_equal(fitted, [*waveform, *[0] * (samples - len(waveform))])
    else:
        windows = [waveform[first : first + samples] for first in range(0, len(waveform) - samples + 1, 160)]
        assert any(np.array_equal(fitted, window) for window in windows)
        assert power(fitted) == pytest.approx(max(map(power, windows)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=25), st.integers(1, 8))
@settings(max_examples=25)
def test_training_and_served_graph_hear_the_same_part_of_a_long_clip(levels, kept):
    waveform = np.repeat(np.array(levels, np.float32) / 10, 80)
    served = FitLength(160 * kept)(waveform[None])[0]
    np.testing.assert_array_equal(fit_length(waveform, 160 * kept), served)


def test_an_augmentation_of_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(augment(tone(100), RATE, [noise(RATE)], NOTHING, rng), tone(100))


@given(SIZES, st.integers(1, 3_000), st.booleans(), st.integers(0, 1_000))
@settings(max_examples=40)
def test_whatever_is_drawn_a_clip_keeps_its_length_type_and_range(size, samples, has_noises, seed):
    noises = [noise(500), noise(5_000)] if has_noises else []
    augmentation = Augmentation(pitch_share=0.5, gain=(-20.0, 40.0), noise_ratio=(-30.0, 0.0))
    clips = [
        augment(noise(size), samples, noises, augmentation, np.random.default_rng(seed)) for _ in range(2)
    ]
    assert clips[0].shape == (samples,)
    assert clips[0].dtype == np.float32
    assert np.isfinite(clips[0]).all()
    assert np.abs(clips[0]).max() <= 1
    np.testing.assert_array_equal(*clips)


def test_a_clip_handed_in_is_left_as_it_was():
    waveform, background = tone(100), noise(RATE)
    rng = np.random.default_rng(0)
    for _ in range(5):
        augment(waveform, RATE, [background], Augmentation(pitch_share=1.0), rng)
    np.testing.assert_array_equal(waveform, tone(100))
    np.testing.assert_array_equal(background, noise(RATE))


def test_ranges_that_cannot_be_are_named_by_their_flag():
    for field, value in {"shift": -1.0, "speed": (1.1, 0.9), "pitch_share": 1.5, "gain": (3.0, 1.0)}.items():
        with pytest.raises(UserError, match=f"--{field.replace('_', '-')} .*: expected"):
            Augmentation(**{field: value})
