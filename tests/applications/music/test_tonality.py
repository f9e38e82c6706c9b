"""In which key a piece is, and how keys are named."""

import numpy as np
import pytest

from applications.music.tonality import KEY_NAMES, key_number, tonality_of, transposed_tonality
from common.errors import FlagError

CADENCE = np.array([[67, 64, 60, 48], [65, 62, 57, 50], [65, 62, 59, 43], [64, 60, 55, 48]])


@pytest.mark.parametrize("semitones", range(-5, 7))
def test_a_cadence_in_c_major_is_in_its_key_wherever_it_is_moved(semitones):
    tonality = tonality_of(CADENCE + semitones)
    assert KEY_NAMES[tonality - 1] == KEY_NAMES[semitones % 12]
    assert tonality == transposed_tonality(tonality_of(CADENCE), semitones)


def test_a_minor_third_above_the_tonic_makes_it_minor():
    minor = np.where(np.isin(CADENCE % 12, (4, 9)), CADENCE - 1, CADENCE)
    assert KEY_NAMES[tonality_of(minor) - 1] == "C minor"


def test_silence_at_the_end_does_not_count_and_silence_alone_has_no_key():
    assert tonality_of(np.vstack([CADENCE, np.zeros([3, 4], int)])) == tonality_of(CADENCE)
    assert tonality_of(np.zeros([3, 4], int)) == 0
    assert transposed_tonality(0, 5) == 0


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("C", "C major"),
        ("Bb", "B-flat major"),
        ("f# minor", "F-sharp minor"),
        ("e", "E minor"),
        ("E♭ minor", "E-flat minor"),
        ("Cb major", "B major"),
    ],
)
def test_keys_are_known_by_their_usual_names(name, known):
    assert KEY_NAMES[key_number(name) - 1] == known


@pytest.mark.parametrize("number", range(24))
def test_every_key_is_known_by_the_name_it_is_shown_by(number):
    assert key_number(KEY_NAMES[number]) == number + 1


@pytest.mark.parametrize("name", ["H major", "C dorian", "Cbb", "7"])
def test_what_is_no_key_is_refused_by_its_flag(name):
    with pytest.raises(FlagError, match=r'--key .*: expected a key such as "G major"'):
        key_number(name)
