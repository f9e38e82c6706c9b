"""Speech by espeak-ng: a text and a voice -> a waveform, always the same one."""

import _ctypes
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from common.audio.files import to_waveform
from common.errors import UserError

# The names and numbers of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_BY_CHARACTER = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_LONGEST_PATH = 159

# The library keeps its state in static variables: one thread at a time, and no fork while it speaks.
_SPEAKING = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_SPEAKING.acquire, after_in_parent=_SPEAKING.release, after_in_child=_SPEAKING.release
    )


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how.

    Example:
        >>> Voice("en", "f2", words_per_minute=150).speaker
        'en+f2'
    """

    language: str = "en-us"
    """A language or accent of espeak-ng: en (British), en-us, en-gb-scotland, ..."""
    variant: str = "m3"
    """A voice variant of espeak-ng: m1 to m8, f1 to f5, klatt, ..."""
    pitch: int = 50
    """From 0 to 99."""
    pitch_range: int = 50
    """From 0, a monotone, to 99."""
    words_per_minute: int = 175
    """From 80 to 450."""

    @property
    def speaker(self) -> str:
        """The language and variant, as espeak-ng names the pair."""
        return f"{self.language}+{self.variant}"


def synthesize(text: str, voice: Voice) -> np.ndarray:
    """The text, spoken.

    The same text and voice give the same samples, whatever was spoken before, except from the variants `Reed` and
    `caleb`, whose breath comes from the C library's random numbers. May be called from any thread.

    Returns:
        float32 `[samples]` at 16,000 Hz.

    Raises:
        UserError: espeak-ng or its data cannot be loaded, or it does not know the voice.
    """
    blocks: list[np.ndarray] = []

    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int | None) -> int:
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _CALLBACK(receive)
    with _SPEAKING, _fresh_library() as (library, rate):
        _choose(library, voice)
        library.espeak_SetSynthCallback(callback)
        content = ctypes.create_string_buffer(text.encode())
        size = ctypes.c_size_t(len(content))
        library.espeak_Synth(content, size, 0, _BY_CHARACTER, 0, _UTF8, None, None)
    spoken = np.concatenate([np.zeros(0, np.int16), *blocks])
    return to_waveform(spoken[:, None].astype(np.float32) / 32768, rate, f"{text!r} by {voice.speaker}")


@contextmanager
def _fresh_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library as if just loaded, and its sampling rate.

    What it said last shows in the phase, the flutter and the noise of what it says next, and nothing in its interface
    sets these back; loading it anew does, in a fraction of a millisecond.
    """
    library_path, data_path = _paths()
    try:
        library = ctypes.CDLL(library_path)
    except OSError as error:
        raise _not_available(str(error)) from None
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data_path), _DO_NOT_EXIT)
        if rate <= 0:
            raise _not_available(f"it cannot read its data in {data_path}")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        yield library, rate
    finally:
        library.espeak_Terminate()
        if sys.platform == "win32":
            _ctypes.FreeLibrary(library._handle)
        else:
            _ctypes.dlclose(library._handle)


@cache
def _paths() -> tuple[str, str]:
    try:
        import espeakng_loader

        library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except (ImportError, RuntimeError) as error:
        raise _not_available(str(error)) from None
    # Where it finds no data, it prints to the terminal.
    if not (Path(data) / "phontab").is_file():
        raise _not_available(f"its data are not in {data}")
    if len(os.fsencode(data)) > _LONGEST_PATH:
        raise _not_available(f"its data lie deeper than the {_LONGEST_PATH} bytes it has for a path: {data}")
    return library, data


def _choose(library: ctypes.CDLL, voice: Voice) -> None:
    # A variant that it does not know, it passes over in silence.
    known = (Path(_paths()[1]) / "voices" / "!v" / voice.variant).is_file()
    if not known or library.espeak_SetVoiceByName(voice.speaker.encode()):
        raise UserError(
            f"voice {voice.speaker}: espeak-ng has none of that name; expected one such as en-us+m3"
        )
    for parameter, value in (
        (_RATE, voice.words_per_minute),
        (_PITCH, voice.pitch),
        (_RANGE, voice.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)


def _not_available(reason: str) -> UserError:
    return UserError(
        f"speech synthesis: espeak-ng cannot be loaded ({reason}); expected the package espeakng-loader: "
        "pip install espeakng-loader"
    )
