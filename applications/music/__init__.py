"""Music: notes, or none -> music that goes on from them or around them, by a recurrent model of steps and of the notes
within each."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from common.application import Application, Question

_PSALM = (
    *((67, 62, 59, 55), (67, 62, 59, 55), (66, 62, 57, 50), (64, 59, 55, 52)),
    *((62, 59, 54, 47), (67, 59, 55, 52), (69, 62, 54, 50), (71, 62, 55, 43)),
)
"""The first line of Old Hundredth (Geneva, 1551), with lower voices of the project's own, a step for each quarter."""
_TWO_VOICES = ((69, 62), (67, 64), (69, 65))


def _file(notes: Sequence[Sequence[int]]) -> bytes:
    """Notes in quarters as a file."""
    return json.dumps({"steps_per_quarter": 1, "pieces": [notes]}).encode()


def _row(notes: Sequence[Sequence[int]], steps: int, seed: int, temperature: float) -> dict[str, Any]:
    """What the `serving_default` of the shipped model is asked of notes in quarters."""
    voices = len(_PSALM[0])
    return {
        "notes": [[*step, *[0] * (voices - len(step))] for step in notes],
        "steps": steps,
        "temperature": temperature,
        "top_p": 0.95,
        "seed": seed,
        "key": 0,
        "steps_per_quarter": 1,
        "lowest": [0] * voices,
        "highest": [0] * voices,
    }


def _question(
    asked: str, notes: Sequence[Sequence[int]], file: str, steps: int, seed: int, temperature: float
) -> Question:
    flags = ("--steps", steps, "--seed", seed, "--temperature", temperature, "--steps-per-quarter", 1)
    return Question(
        asked,
        partial(_file, notes),
        file=file,
        flag="--continue",
        flags=tuple(map(str, flags)),
        request=partial(_row, notes, steps, seed, temperature),
    )


APPLICATION = Application(
    name="music",
    title="Music",
    takes="notes, or none",
    gives="the music that goes on from them or around them",
    knows="four-part chorales by Bach",
    questions=(
        _question("how a chorale goes on after the first line of a psalm", _PSALM, "psalm.json", 16, 7, 0.9),
        _question("how it most probably goes on after its first chord", _PSALM[:1], "chord.json", 8, 0, 0.0),
    ),
    served_input="notes",
    sample_questions=(_question("how two voices go on", _TWO_VOICES, "two_voices.json", 8, 7, 0.5),),
)
