"""Transcription: speech -> what is said, by a recurrent network and connectionist temporal classification (CTC)."""

from functools import partial

from common.application import Application, Question


def _spoken(sentence: str) -> bytes:
    """A recording of a sentence."""
    # Imported where it is needed: a voice needs more than the declaration.
    from common.audio.files import encode_wav
    from common.audio.synthesis import Voice, synthesize

    return encode_wav(synthesize(sentence, Voice()))


APPLICATION = Application(
    name="transcription",
    title="Transcription",
    takes="a recording of speech",
    gives="what is said, with the times of its words",
    knows='76 English words: sentences such as "set white at b four now", digits, letters, and commands',
    questions=(
        Question("what a made voice says", partial(_spoken, "stop seven three"), file="stop.wav"),
        Question("what it says now", partial(_spoken, "seven stop"), file="seven.wav"),
    ),
    served_input="audio_bytes",
    sample_questions=(
        Question("what a made voice says", partial(_spoken, "set a timer for ten minutes"), file="timer.wav"),
        Question("what it says now", partial(_spoken, "turn the kitchen light off"), file="light.wav"),
    ),
)
