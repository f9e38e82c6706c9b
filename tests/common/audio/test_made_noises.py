"""Made noises are what their names say, and a background is an excerpt of one of them or of two."""

import numpy as np
import pytest
from scipy.signal import welch

from common.audio import made_noises
from common.audio.made_noises import draw_background, make_noises
from common.audio.voices import VARIANTS

KINDS = ("white", "pink", "brown", "hum", "babble")


@pytest.fixture(scope="module")
def noises():
    return make_noises("test", ["hello", "seven o'clock"], 2, np.random.default_rng(7))


def of_kind(noises, kind):
    return noises[KINDS.index(kind) :: len(KINDS)]


def test_noises_last_eight_seconds_in_the_range_of_a_waveform_and_all_differ(noises):
    assert len(noises) == 2 * len(KINDS)
    for noise in noises:
        assert (noise.shape, noise.dtype) == ((128_000,), np.float32)
        assert -30 < 10 * np.log10(np.mean(np.square(noise, dtype=np.float64))) < -19
        assert np.abs(noise).max() <= 1
    assert len({noise.tobytes() for noise in noises}) == len(noises)


def test_the_same_seed_makes_the_same_noises(noises):
    again = make_noises("test", ["hello", "seven o'clock"], 2, np.random.default_rng(7))
    for one, other in zip(noises, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("kind", "decibels_per_octave"), [("white", 0), ("pink", -3), ("brown", -6)])
def test_the_colour_of_a_noise_is_how_its_power_falls_with_the_frequency(noises, kind, decibels_per_octave):
    for noise in of_kind(noises, kind):
        frequencies, power = welch(noise, 16_000, nperseg=4096)
        audible = (frequencies > 50) & (frequencies < 7000)
        slope = np.polyfit(np.log2(frequencies[audible]), 10 * np.log10(power[audible]), 1)[0]
        assert slope == pytest.approx(decibels_per_octave, abs=0.3)


def test_hum_is_of_multiples_of_the_mains_frequency(noises):
    for noise in of_kind(noises, "hum"):
        power = np.abs(np.fft.rfft(noise * np.hanning(len(noise)))) ** 2
        strongest = np.fft.rfftfreq(len(noise), 1 / 16_000)[power.argmax()]
        assert any(abs(strongest / mains - round(strongest / mains)) < 0.01 for mains in (50, 60))


def test_babble_is_of_the_given_sentences_by_five_voices_of_the_part(monkeypatch):
    said = []

    def synthesize(text, voice):
        said.append((text, voice))
        return np.ones(8_000, np.float32)

    monkeypatch.setattr(made_noises, "synthesize", synthesize)
    make_noises("validation", ["good morning", "good night"], 1, np.random.default_rng(1))
    assert {text for text, _ in said} == {"good morning", "good night"}
    voices = {voice for _, voice in said}
    assert len(voices) == 5
    assert {voice.variant for voice in voices} <= set(VARIANTS["validation"])


def test_a_background_is_an_excerpt_of_one_noise_or_the_sum_of_two():
    rng = np.random.default_rng(0)
    noises = [np.sin(np.arange(300) * frequency) for frequency in (0.3, 1.1, 2.3)]
    parts = np.array(
        [
            [np.abs(np.exp(1j * np.arange(200) * frequency) @ background) for frequency in (0.3, 1.1, 2.3)]
            for background in (draw_background(noises, 200, rng) for _ in range(200))
        ]
    )
    strengths = parts / 100
    present = strengths > 0.2
    assert set(present.sum(axis=1)) == {1, 2}
    assert present.any(axis=0).all()
    assert 0.25 < strengths[present].min() < 0.4
    assert 0.9 < strengths[present].max() < 1.1


def test_a_noise_that_is_shorter_than_the_speech_is_repeated():
    noise = np.random.default_rng(1).standard_normal(50)
    background = draw_background([noise, np.zeros(50)], 120, np.random.default_rng(3))
    assert background.shape == (120,)
    np.testing.assert_allclose(background[:70], background[50:])
