"""Samples as programs hold them, NumPy's arrays of several types, as the waveform of an audio file is."""

from typing import Any

import numpy as np

from common.audio.error import AudioError
from common.audio.files import SAMPLE_RATE, require_rate, to_waveform

EXPECTED = "a waveform [samples] or [samples, channels] of float from -1 to 1, int16, int32 or uint8"
_INTEGERS = {"i2": (0, 2**15), "i4": (0, 2**31), "u1": (2**7, 2**7)}
"""By type: what silence is, and how far full scale is from it, as in WAV files."""


def waveform_of(samples: np.ndarray, name: str, sample_rate: Any = SAMPLE_RATE) -> np.ndarray:
    """The waveform of samples of any rate, type and number of channels.

    Args:
        samples: `[samples]` or `[samples, channels]`: float of any precision, full scale from -1 to 1, or integers as
            WAV files hold them, int16, int32 and uint8.
        name: what messages call the recording.
        sample_rate: samples per second.

    Returns:
        float32 `[samples]` at 16,000 Hz: see `common.audio.files.to_waveform`.

    Raises:
        AudioError: they are of another shape or type, there are none, the rate is no rate, or samples are NaN, infinite
            or far out of range.
    """
    return to_waveform(frames_of(samples, name), checked_rate(sample_rate, name), name)


def frames_of(samples: np.ndarray, name: str) -> np.ndarray:
    """Samples as float32 `[samples, channels]`, full scale from -1 to 1.

    Raises:
        AudioError: they are of another shape or type.
    """
    kind = f"{samples.dtype.kind}{samples.dtype.itemsize}"
    is_known = samples.dtype.kind == "f" or kind in _INTEGERS
    if not is_known or samples.ndim not in (1, 2) or (samples.ndim == 2 and not samples.shape[1]):
        got = f"{samples.dtype} {list(samples.shape)}"
        raise AudioError(name, "not a waveform", f"got {got}; expected {EXPECTED}")
    frames = samples.reshape(len(samples), -1) if samples.size else np.zeros((0, 1), samples.dtype)
    if frames.shape[1] > max(len(frames), 1):
        got = f"{samples.dtype} {list(samples.shape)}, more channels than samples"
        raise AudioError(
            name, "not a waveform", f"got {got}; expected [samples, channels] (transpose it), or a list"
        )
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return frames.astype(np.float32)
    silence, full_scale = _INTEGERS[kind]
    return ((frames.astype(np.float64) - silence) / full_scale).astype(np.float32)


def checked_rate(rate: Any, name: str) -> float:
    """The samples per second, if something is recorded at such a rate.

    Raises:
        AudioError: it is not.
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
        kind = f"a sample rate of type {type(rate).__name__}"
        raise AudioError(name, "absurd rate", f"got {kind}; expected a number of samples per second")
    require_rate(float(rate), name)
    return float(rate)
