"""In which key a piece is, as far as its notes tell."""

import numpy as np

from common.errors import FlagError

_SEMITONES = 12
NAMES = ("C", "D-flat", "D", "E-flat", "E", "F", "F-sharp", "G", "A-flat", "A", "B-flat", "B")
KEY_NAMES = (*(f"{name} major" for name in NAMES), *(f"{name} minor" for name in NAMES))
"""The keys in the order of their numbers, of which the first is 1."""
_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_MODES = {"major": 0, "minor": 1}


def tonality_of(notes: np.ndarray) -> int:
    """The number of a piece's key: 1 for C major to 12 for B major, 13 for C minor to 24 for B minor; 0 without notes.

    The tonic is the lowest note of the last chord, as in music that ends on its tonic; the third above it that the
    piece has more of tells major from minor.

    >>> KEY_NAMES[tonality_of(np.array([[67, 64, 60], [65, 62, 59], [64, 60, 48]])) - 1]
    'C major'

    Args:
        notes: `[steps, voices]`, MIDI numbers, 0 for silence.
    """
    sounding = [step[step > 0] for step in notes]
    chords = [chord for chord in sounding if len(chord)]
    if not chords:
        return 0
    tonic = int(chords[-1].min()) % _SEMITONES
    counts = np.bincount((np.concatenate(chords) - tonic) % _SEMITONES, minlength=_SEMITONES)
    is_minor = counts[3] > counts[4]
    return 1 + tonic + (_SEMITONES if is_minor else 0)


def transposed_tonality(tonality: int, semitones: int) -> int:
    """The number of a key that is moved up; 0 stays 0."""
    if not tonality:
        return 0
    mode, tonic = divmod(tonality - 1, _SEMITONES)
    return 1 + mode * _SEMITONES + (tonic + semitones) % _SEMITONES


def key_number(name: str) -> int:
    """The number of a key by its name, such as "G major", "b-flat minor", "F#" or "e minor"; 0 for "".

    >>> key_number("G major"), key_number("Bb"), key_number("f# minor"), key_number("")
    (8, 11, 19, 0)

    Raises:
        FlagError: there is no such key.
    """
    if not name.strip():
        return 0
    tonic, _, mode = name.strip().partition(" ")
    spelled = tonic.lower().replace("-flat", "b").replace("-sharp", "#").replace("♭", "b").replace("♯", "#")
    letter, accidentals = spelled[:1], spelled[1:]
    mode = mode.strip().lower() or ("minor" if tonic[:1].islower() else "major")
    if letter not in _LETTERS or set(accidentals) - set("b#") or len(accidentals) > 1 or mode not in _MODES:
        raise FlagError(f'--key {name}: expected a key such as "G major", "Bb major" or "f# minor"')
    semitones = _LETTERS[letter] + accidentals.count("#") - accidentals.count("b")
    return 1 + semitones % _SEMITONES + _MODES[mode] * _SEMITONES
