"""A piece sounds as it is written: notes at their pitch, from step to end, and no louder than a file holds."""

import io

import numpy as np
import pytest
import soundfile

from applications.music.piece import SILENCE, Piece, ordered
from applications.music.synthesizer import HARMONICS, RELEASE, SAMPLE_RATE, mix, synthesize, wav_bytes


def piece_of(*steps, steps_per_quarter=1, tempo=60.0):
    return Piece("a piece", np.array(steps, np.int32), steps_per_quarter, tempo)


def spectrum_of(waveform):
    """Frequencies in Hz, and the amplitude at each, of what is heard left."""
    amplitudes = np.abs(np.fft.rfft(waveform[:, 0] * np.hanning(len(waveform)), 4 * len(waveform)))
    return np.fft.rfftfreq(4 * len(waveform), 1 / SAMPLE_RATE), amplitudes


def pitch_of(waveform):
    """The frequency of the highest peak, between the bins of the spectrum."""
    frequencies, amplitudes = spectrum_of(waveform)
    top = int(np.argmax(amplitudes))
    before, at, after = np.log(amplitudes[top - 1 : top + 2])
    return frequencies[top] + (before - after) / (before - 2 * at + after) / 2 * frequencies[1]


def heard(waveform, start, end):
    """The highest peak from one second to another."""
    return np.abs(waveform[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]).max()


@pytest.mark.parametrize("note", [21, 45, 60, 69, 84, 108])
def test_a_note_has_its_pitch_in_equal_temperament(note):
    sound = synthesize(piece_of([note], [note]))
    cents = 1200 * np.log2(pitch_of(sound) / (440 * 2 ** ((note - 69) / 12)))
    assert abs(cents) < 1


@pytest.mark.parametrize("note", [60, 108])
def test_a_tone_is_a_few_harmonics_and_nothing_else(note):
    frequencies, amplitudes = spectrum_of(synthesize(piece_of([note], [note])))
    fundamental = 440 * 2 ** ((note - 69) / 12)
    number = np.rint(frequencies / fundamental)
    away = np.abs(frequencies - number * fundamental) > 40
    assert amplitudes[away | (number > len(HARMONICS))].max() < 1e-3 * amplitudes.max()


def test_all_notes_of_a_chord_are_heard():
    chord = (72, 67, 64, 48)
    frequencies, amplitudes = spectrum_of(synthesize(piece_of(chord, chord)))
    for note in chord:
        near = np.abs(frequencies / (440 * 2 ** ((note - 69) / 12)) - 1) < 0.01
        assert amplitudes[near].max() > 0.2 * amplitudes.max()


def test_a_note_sounds_from_its_step_to_its_end_at_the_tempo():
    rest, note = [[SILENCE]] * 4, [[69]] * 4
    sound = synthesize(piece_of(*rest, *note, *rest, steps_per_quarter=4, tempo=120))
    assert sound.dtype == np.float32
    assert sound.shape == (round((1.5 + RELEASE) * SAMPLE_RATE), 2)
    assert heard(sound, 0, 0.5) == 0
    assert min(heard(sound, start, start + 0.02) for start in np.arange(0.52, 0.98, 0.02)) > 0.4
    assert heard(sound, 1 + RELEASE, 1.5 + RELEASE) == 0


def test_a_note_that_is_held_is_not_struck_again():
    held, struck = (synthesize(piece_of([60], [middle], [60])) for middle in (60, SILENCE))
    loudness = [heard(held, start, start + 0.02) for start in np.arange(0.02, 2.9, 0.02)]
    assert max(np.diff(loudness)) < 0.02
    assert heard(struck, 2.02, 2.1) > 2 * heard(struck, 1.2, 1.9)


def test_notes_begin_and_end_softly():
    sound = synthesize(piece_of([69]))
    assert heard(sound, 0, 0.002) < 0.1
    assert heard(sound, 1 + RELEASE - 0.005, 1 + RELEASE) < 0.01
    # Nor does a note click that is shorter than its soft beginning: its edges are as steep as the tone itself.
    short, long = (np.diff(mix(piece_of([60], tempo=60 / seconds)), axis=0) for seconds in (0.004, 1))
    assert np.abs(short).max() < 1.1 * np.abs(long).max()


def test_a_piece_is_the_sum_of_its_voices():
    notes = ordered(np.random.default_rng(0).integers(40, 80, (12, 4)))
    notes[3:5, 2:] = SILENCE
    alone = []
    for voice in range(4):
        only = np.full_like(notes, SILENCE)
        only[:, voice] = notes[:, voice]
        alone.append(mix(Piece("a voice", only)))
    np.testing.assert_allclose(mix(Piece("all", notes)), sum(alone), atol=1e-5)
    assert all(np.abs(voice).max() > 0.3 for voice in alone)


def test_the_highest_voice_stands_left_and_the_lowest_right_as_loud_as_one_alone_in_the_middle():
    (high, low), (middle,) = ([SILENCE] * 2, [SILENCE] * 2), ([69],)
    high[0] = low[1] = 69
    powers = [np.square(mix(piece_of(step)).astype(np.float64)).sum(axis=0) for step in (high, low, middle)]
    assert powers[0][0] > 1.5 * powers[0][1]
    assert powers[1][1] > 1.5 * powers[1][0]
    assert powers[2][0] == pytest.approx(powers[2][1])
    np.testing.assert_allclose([power.sum() for power in powers], powers[2].sum(), rtol=1e-5)


@pytest.mark.parametrize("voices", [1, 4, 12])
def test_nothing_is_clipped_and_every_piece_is_as_loud(voices):
    sound = synthesize(piece_of(*[range(60 + voices, 60, -1)] * 3, steps_per_quarter=4))
    assert np.abs(sound).max() == pytest.approx(0.9, abs=1e-6)


def test_silence_stays_silence():
    for piece in (piece_of([SILENCE] * 4, [SILENCE] * 4), Piece("nothing", np.zeros((0, 4), np.int32))):
        sound = synthesize(piece)
        assert sound.shape[1] == 2
        assert not sound.any()
        assert len(soundfile.read(io.BytesIO(wav_bytes(piece)))[0]) == len(sound)


def test_a_wav_file_holds_the_sound_and_is_the_same_every_time():
    piece = piece_of([72, 60], [71, 62], steps_per_quarter=4)
    content = wav_bytes(piece)
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert (file.format, file.subtype, file.samplerate, file.channels) == ("WAV", "PCM_16", 44_100, 2)
        np.testing.assert_allclose(file.read(), synthesize(piece), atol=1.1 / 32768)
    assert wav_bytes(piece) == content
