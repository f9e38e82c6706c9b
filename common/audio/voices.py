"""Made voices to draw from: the accents and the speakers of espeak-ng, none of the speakers in two parts."""

import numpy as np

from common.audio.synthesis import Voice


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ACCENTS = _names("en en-029 en-gb-scotland en-gb-x-gbclan en-gb-x-gbcwmd en-gb-x-rp en-us en-us-nyc")
# Variants that differ in little else than their tone are in one part, or left out.
VARIANTS = {
    "train": _names(
        "Alex Alicia Andrea Andy Diogo Henrique Hugo Mario Michael Mike Nguyen Storm Tweaky adam anika antonio aunty "
        "belinda benjamin boris david edward edward2 f3 f4 grandma grandpa gustave john klatt3 klatt4 klatt5 klatt6 "
        "linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel mike2 norbert pedro quincy sandro travis whisper "
        "whisperf zac"
    ),
    "validation": _names("Annie ed f1 paul shelby"),
    "test": _names("Denis Gene f2 f5 iven klatt2 pablo rob steph victor"),
}


def draw_voice(part: str, rng: np.random.Generator) -> Voice:
    """A voice of English: a speaker of the part (train, validation or test) in any accent, pitch and speed."""
    return Voice(
        language=str(rng.choice(ACCENTS)),
        variant=str(rng.choice(VARIANTS[part])),
        pitch=int(rng.integers(30, 71)),
        pitch_range=int(rng.integers(20, 81)),
        words_per_minute=int(rng.integers(120, 221)),
    )
