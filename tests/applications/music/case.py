"""What the conformance test is to know of music: data, a training of seconds, and what to ask."""

import json
from pathlib import Path

import numpy as np

from common.application import Question

SCALE = (0, 2, 4, 5, 7, 9, 11)
PIECES = {"train": 24, "validation": 4, "test": 4}


def thirds(rng):
    """Steps of two voices in thirds that climb and fall along a scale."""
    degrees = np.clip(np.cumsum(rng.integers(-1, 2, 20)) + 7, 0, 18)
    note = [60 + 12 * (int(degree) // 7) + SCALE[degree % 7] for degree in (*degrees, *(degrees + 2))]
    return [[high, low] for low, high in zip(note[:20], note[20:], strict=True)]


PHASES = (".",)
TRAINING = ("--epochs", "6", "--learning-rate", "0.02", "--averaging", "0")
EXPORT = ()
EXAMPLES = ()


def write_data(folder: Path) -> tuple[str, ...]:
    """A file of pieces in parts."""
    rng = np.random.default_rng(0)
    path = folder / "thirds.json"
    parts = {part: [thirds(rng) for _ in range(count)] for part, count in PIECES.items()}
    path.write_text(json.dumps({"steps_per_quarter": 2, **parts}), "utf-8")
    return "--data", str(path)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A note that no piano has, and how the line that refuses it begins."""
    path = folder / "low.json"
    path.write_text(json.dumps({"train": [[[60], [3]]]}), "utf-8")
    return ("--data", str(path)), f"{path}"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The test part of the same pieces."""
    return write_data(folder)


def question(model: Path) -> Question:
    """What its tiny model can be asked: how two voices go on."""
    notes = [[64, 60], [65, 62]]
    return Question(
        "how two voices go on",
        lambda: json.dumps([notes]).encode(),
        file="two.json",
        flag="--continue",
        flags=("--steps", "4", "--seed", "7"),
        request=lambda: request(notes),
    )


def request(notes):
    """The same as a row of a request."""
    return {
        "notes": notes,
        "steps": 4,
        "temperature": 0.9,
        "top_p": 0.95,
        "seed": 7,
        "key": 0,
        "steps_per_quarter": 2,
        "lowest": [0, 0],
        "highest": [0, 0],
    }


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    return ("--steps", "6", "--seed", "3"), r"(?s)1.*\t.+\n"
