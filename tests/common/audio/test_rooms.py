"""Speech in a room has the echoes, the background and the level that are promised."""

import numpy as np
import pytest

from common.audio.rooms import as_loud_as, in_room, placed

CLICK = np.array([1, -4, 6, -4, 1], np.float32)
"""Sound of all frequencies but the lowest, which a room takes away."""


def level(waveform):
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)))


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples)


def test_placed_speech_has_a_power_of_one_and_silence_around_it():
    speech = (0.01 * noise(500)).astype(np.float32)
    surrounded = placed(speech, 200, 1000)
    assert (surrounded.shape, surrounded.dtype) == ((1000,), np.float32)
    assert not surrounded[:200].any()
    assert not surrounded[700:].any()
    assert level(surrounded[200:700]) == pytest.approx(0, abs=1e-3)
    assert np.corrcoef(surrounded[200:700], speech)[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("decibels", [-60, -35, -15])
def test_a_waveform_is_made_as_loud_as_asked_for(decibels):
    assert level(as_loud_as(noise(8000), decibels)) == pytest.approx(decibels, abs=1e-3)


def test_a_waveform_stays_in_range_where_the_level_would_be_too_high():
    peaked = noise(8000)
    peaked[100] = 200
    assert np.abs(as_loud_as(peaked, -10)).max() == pytest.approx(1)


def test_background_is_5_to_35_decibels_below_the_speech_and_the_whole_at_35_to_15_below_full_scale():
    rng = np.random.default_rng(5)
    background = 0.03 * noise(16_000, seed=1)
    speech = placed(noise(16_000, seed=2).astype(np.float32), 0, 16_000)
    sources = np.stack([speech, background / background.std()], axis=1)
    ratios, levels = [], []
    for _ in range(150):
        recording = in_room(speech, background, rng)
        (of_speech, of_background), *_ = np.linalg.lstsq(sources, recording, rcond=None)
        ratios.append(20 * np.log10(of_speech / of_background))
        levels.append(level(recording))
        assert (recording.shape, recording.dtype) == ((16_000,), np.float32)
    assert 4 < min(ratios) < 8
    assert 32 < max(ratios) < 42
    assert -35.1 < min(levels) < -33
    assert -17 < max(levels) < -14.9


def test_seven_of_ten_rooms_echo_for_up_to_six_tenths_of_a_second_ever_more_softly():
    rng = np.random.default_rng(6)
    # The background ends before the click, so that what follows the click is the room alone.
    background = np.concatenate([noise(8000), np.zeros(24_000)])
    speech = placed(CLICK, 16_000, 32_000)
    early, late, after = [], [], []
    for _ in range(200):
        recording = in_room(speech, background, rng)
        energy = np.square(recording[16_000:], dtype=np.float64) / np.sum(np.square(recording[16_000:16_005]))
        early.append(energy[5:1600].sum())
        late.append(energy[1600:9600].sum())
        after.append(energy[9700:].sum())
    early, late, after = map(np.array, (early, late, after))
    echoing = early > 1e-3
    assert echoing.mean() == pytest.approx(0.7, abs=0.1)
    assert np.all(early[echoing] < 0.7)
    assert np.all(late[echoing] < early[echoing])
    assert np.mean(late[echoing] > 1e-4) > 0.5
    assert np.all(after < 1e-5)


@pytest.mark.parametrize("samples", [16_000, 25_600, 41_600])
def test_what_is_below_40_hz_is_taken_out_of_speech_of_any_length(samples):
    times = np.arange(samples) / 16_000
    rumble, tone = np.sin(2 * np.pi * 20 * times), np.sin(2 * np.pi * 200 * times)
    speech = placed((rumble + tone).astype(np.float32), 0, samples)
    background = np.sin(2 * np.pi * 3000 * times)
    recording = in_room(speech, background, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(recording))
    at = {frequency: spectrum[frequency * samples // 16_000] for frequency in (20, 200)}
    assert at[20] < 0.02 * at[200]


def test_the_same_seed_gives_the_same_recording():
    speech = placed(noise(4000).astype(np.float32), 1000, 8000)
    one, other = (in_room(speech, noise(8000, seed=3), np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
