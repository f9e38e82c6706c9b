"""Speech commands: a recording -> the word in it, by a recurrent recogniser."""

from functools import partial

from common.application import Application, Question


def _spoken(word: str) -> bytes:
    """A recording of one second."""
    # Imported where it is needed: a voice needs more than the declaration.
    import numpy as np

    from common.audio.files import SAMPLE_RATE, encode_wav
    from common.audio.synthesis import Voice, synthesize

    spoken = synthesize(word, Voice())[:SAMPLE_RATE]
    return encode_wav(np.pad(spoken, (0, SAMPLE_RATE - len(spoken))))


APPLICATION = Application(
    name="speech_commands",
    title="Speech commands",
    takes="a recording",
    gives="the word in it and the word's probability",
    knows="the words yes, no, up, down, left, right, on, off, stop and go, each in a clip of a second",
    questions=(
        Question("which word a made voice says", partial(_spoken, "yes"), file="yes.wav"),
        Question("which word it says now", partial(_spoken, "stop"), file="stop.wav"),
    ),
    served_input="audio_bytes",
)
