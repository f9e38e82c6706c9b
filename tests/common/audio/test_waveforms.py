"""Samples of NumPy become the waveform of the file in which soundfile writes them."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.audio.files import decode_audio
from common.audio.waveforms import waveform_of
from common.errors import UserError

KINDS = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
SHAPES = st.one_of(st.tuples(st.integers(3, 40)), st.tuples(st.integers(3, 40), st.integers(1, 3)))
SAMPLES = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: arrays.arrays(
        kind,
        SHAPES,
        elements=st.floats(-1, 1, width=32) if kind.startswith("float") else None,
    )
)


def sine(kind):
    """Half of full scale."""
    wave = 0.5 * np.sin(np.arange(400) / 5)
    scale = {"int16": 2**15, "int32": 2**31}.get(kind, 1)
    return (scale * wave).astype(kind)


@example(sine("int16"), 16_000)
@example(sine("int32"), 16_000)
@example(sine("float32"), 22_050)
@example(sine("float64"), 44_100)
@given(SAMPLES, st.sampled_from([8_000, 16_000, 22_050, 44_100]))
def test_samples_of_any_type_channels_and_rate_are_those_of_the_file(samples, rate):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=KINDS[samples.dtype.name])
    expected = decode_audio(file.getvalue(), "file")
    np.testing.assert_allclose(waveform_of(samples, "recording", rate), expected, atol=1e-6)


@given(arrays.arrays(np.uint8, st.integers(1, 40)))
def test_bytes_are_samples_of_8_bits_as_wav_files_have_them(samples):
    file = io.BytesIO()
    soundfile.write(file, (samples / 128.0 - 1), 16_000, format="WAV", subtype="PCM_U8")
    np.testing.assert_allclose(
        waveform_of(samples, "recording"), decode_audio(file.getvalue(), "file"), atol=1e-6
    )


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(9, np.int64), 16_000, r"got int64 \[9\]; expected a waveform"),
        (np.zeros(9, bool), 16_000, r"got bool \[9\]; expected a waveform"),
        (np.zeros((2, 3, 4)), 16_000, r"got float64 \[2, 3, 4\]; expected a waveform"),
        (np.array(0.5), 16_000, r"got float64 \[\]; expected a waveform"),
        (np.zeros((9, 0)), 16_000, r"got float64 \[9, 0\]; expected a waveform"),
        (np.zeros((2, 99)), 16_000, r"got float64 \[2, 99\], more channels than samples; expected"),
        (np.zeros(0), 16_000, "no samples; expected audio"),
        (np.full(9, 12_000.0), 16_000, "samples up to 12,000; expected from -1 to 1"),
        (np.full(9, 1e300), 16_000, "samples that are NaN or infinite"),
        (np.full(9, np.nan), 16_000, "samples that are NaN or infinite"),
        (np.zeros(9), 0, "0.0 samples per second; expected from 1,000 to 768,000"),
        (np.zeros(9), float("nan"), "nan samples per second"),
        (np.zeros(9), "16000", "got a sample rate of type str; expected a number"),
        (np.zeros(9), None, "got a sample rate of type NoneType; expected a number"),
        (np.zeros(9), True, "got a sample rate of type bool; expected a number"),
    ],
)  # fmt: skip
def test_what_is_no_waveform_is_refused(samples, rate, message):
    with pytest.raises(UserError, match=f"^recording: {message}"):
        waveform_of(samples, "recording", rate)
