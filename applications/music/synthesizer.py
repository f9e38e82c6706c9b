"""A piece as sound: additive synthesis, by which each tone is a sum of harmonics that fade, the higher the faster."""

import io
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import soundfile
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from applications.music.held_notes import HeldNote, held_notes
from applications.music.piece import Piece

SAMPLE_RATE = 44_100
HARMONICS = (1.0, 0.4, 0.22, 0.12, 0.06, 0.04)
"""Amplitudes of the fundamental and of its multiples."""
DECAY = 0.7
"""Of the fundamental, per second: t seconds after its beginning it has e^(-0.7 t) of its amplitude. Harmonic k fades k
times as fast."""
ATTACK, RELEASE = 0.012, 0.09
"""Seconds in which a tone begins, and in which it goes on to fade after its note has ended."""

_A4, _A4_FREQUENCY, _SEMITONES = 69, 440.0, 12
_PEAK = 0.9
_WIDTH = 0.35
_HIGHEST_FREQUENCY = 0.45 * SAMPLE_RATE


def frequency(note: float) -> float:
    """Of a MIDI number in equal temperament, in Hz.

    >>> frequency(69), frequency(57)
    (440.0, 220.0)
    """
    return float(_A4_FREQUENCY * 2.0 ** ((note - _A4) / _SEMITONES))


def seconds_per_step(piece: Piece) -> float:
    """How long a step lasts at the piece's tempo."""
    return 60.0 / piece.tempo / piece.steps_per_quarter


def mix(piece: Piece) -> NDArray[np.float32]:
    """The sum of all tones of a piece, as loud as it comes: each voice adds what it would be alone.

    Returns:
        float32 `[samples, 2]` at `SAMPLE_RATE`, left and right; it lasts `RELEASE` longer than the piece. High voices
        stand a little to the left and low ones to the right, as a choir does.
    """
    step = seconds_per_step(piece) * SAMPLE_RATE
    places = _places(piece.voices)
    sound = np.zeros((round(piece.steps * step) + _count(RELEASE), 2), np.float32)
    for note, held in _by_note(held_notes(piece)).items():
        ranges = [(round(one.start_step * step), round(one.end_step * step), one.voice) for one in held]
        tone = _tone(frequency(note), max(end - start for start, end, _ in ranges) + _count(RELEASE))
        for start, end, voice in ranges:
            faded = tone[: end - start + _count(RELEASE)] * _envelope(end - start)
            sound[start : start + len(faded)] += faded[:, np.newaxis] * places[voice]
    return sound


def synthesize(piece: Piece) -> NDArray[np.float32]:
    """The sound of a piece, at its loudest as loud as that of any other.

    >>> sound = synthesize(Piece("A4", np.array([[69]]), steps_per_quarter=1, tempo=60))
    >>> sound.shape, round(float(abs(sound).max()), 2)
    ((48069, 2), 0.9)

    Returns:
        float32 `[samples, 2]` at `SAMPLE_RATE`: `mix`, its highest peak at 0.9 of full scale. Silence stays silence.
    """
    sound = mix(piece)
    peak = float(np.abs(sound).max(initial=0.0))
    return sound * np.float32(_PEAK / peak) if peak else sound


def wav_bytes(piece: Piece) -> bytes:
    """The sound of a piece as a WAV file: PCM of 16 bits, stereo, 44,100 Hz."""
    buffer = io.BytesIO()
    soundfile.write(buffer, synthesize(piece), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _by_note(held: Sequence[HeldNote]) -> dict[int, list[HeldNote]]:
    """A tone is computed once for all places at which its note is held."""
    groups: dict[int, list[HeldNote]] = defaultdict(list)
    for one in held:
        groups[one.note].append(one)
    return groups


def _tone(fundamental: float, samples: int) -> NDArray[np.float32]:
    """The harmonics that can be told from others at `SAMPLE_RATE`, without beginning and end: `[samples]`."""
    amplitudes = [
        amplitude if number * fundamental <= _HIGHEST_FREQUENCY else 0.0
        for number, amplitude in enumerate(HARMONICS, start=1)
    ]
    seconds = np.arange(samples) / SAMPLE_RATE
    cycles = np.exp(2j * np.pi * ((seconds * fundamental) % 1.0) - DECAY * seconds).astype(np.complex64)
    # The k-th power of the fundamental's phasor is that of harmonic k, with its faster decay.
    phasors = polyval(cycles, np.array([0.0, *amplitudes], np.float32))
    return np.ascontiguousarray(phasors.imag, np.float32)


def _envelope(samples: int) -> NDArray[np.float32]:
    """Of a note of so many samples: a soft beginning, then 1, and a soft end after it, `[samples + release]`."""
    attack, release = _slope(min(_count(ATTACK), samples)), _slope(_count(RELEASE))
    envelope = np.ones(samples + len(release), np.float32)
    envelope[: len(attack)] = attack
    envelope[samples:] = release[::-1]
    return envelope


def _slope(samples: int) -> NDArray[np.float32]:
    """From 0 to 1 as half a cosine: without edges that would be heard as a click."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(samples) / max(samples, 1))).astype(np.float32)


def _places(voices: int) -> NDArray[np.float32]:
    """How much of each voice is heard left and right, `[voices, 2]`, of the same power for each."""
    angles = np.pi / 4 * (1 + _WIDTH * np.linspace(-1, 1, voices)) if voices > 1 else np.array([np.pi / 4])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _count(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
