"""What the conformance test is to know of handwriting: data, a training of seconds, and what to ask."""

import json
from pathlib import Path

import numpy as np

from common.application import Question

WRITERS = {"train": 16, "validation": 3, "test": 3}
DRAWINGS_OF_A_WRITER = 4


def drawn(text, rng):
    """Strokes `[points, 2]` of rings (o) and zigzags (z), side by side, by an unsteady hand."""
    strokes, right = [], 0.0
    size, lean = rng.uniform(10, 60), rng.uniform(-0.2, 0.2)
    for letter in text:
        count = int(rng.integers(24, 32))
        time = np.linspace(0, 1, count)
        if letter == "o":
            place = np.stack(
                [0.5 - 0.5 * np.cos(2 * np.pi * time), 0.5 + 0.5 * np.sin(2 * np.pi * time)], axis=1
            )
        else:
            at = np.array([[0, 0], [0.8, 0], [0, 1], [0.8, 1]])
            place = np.stack([np.interp(3 * time, range(4), at[:, axis]) for axis in (0, 1)], axis=1)
        place = place + rng.normal(0, 0.01, place.shape) + [right, 0]
        place[:, 0] -= lean * place[:, 1]
        strokes.append(np.float32(size * place))
        right += 1.0 + rng.uniform(0.2, 0.5)
    return strokes


def as_text(strokes):
    """The text form of strokes."""
    return ";".join(" ".join(f"{x:.3f},{y:.3f}" for x, y in stroke) for stroke in strokes)


PHASES = (".",)
TRAINING = (
    *("--epochs", "16", "--patience", "16", "--learning-rate", "0.02", "--averaging", "0", "--dropout", "0"),
    *("--warp", "0", "--tremor", "0", "--delayed-share", "0", "--dropped-share", "0", "--batch-size", "8"),
)
EXPORT = ("--beam-width", "3")
EXAMPLES = tuple(
    as_text(drawn(text, np.random.default_rng(seed))) for seed, text in enumerate(("oz", "zzo", "o", "zoozo"))
)


def write_data(folder: Path) -> tuple[str, ...]:
    """A file of JSON lines for each part of drawings and what they say."""
    ink, rng = folder / "ink", np.random.default_rng(0)
    ink.mkdir(parents=True)
    for part, writers in WRITERS.items():
        lines = []
        for writer in range(writers):
            for _ in range(DRAWINGS_OF_A_WRITER):
                text = "".join(rng.choice(["o", "z"], rng.integers(1, 4)))
                strokes = [stroke.round(3).tolist() for stroke in drawn(text, rng)]
                lines.append(json.dumps({"text": text, "writer": f"{part}{writer}", "strokes": strokes}))
        (ink / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
    return "--data", str(ink)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """Drawings of a single point, and how the line that refuses them begins."""
    path = folder / "dots.jsonl"
    path.write_text(json.dumps({"text": "o", "strokes": [[[1, 2]]]}) + "\n")
    return ("--data", str(path)), f"{path} (train): no ink can be used (1 fewer than two points"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The test part of the same drawings."""
    return write_data(folder)


def question(model: Path) -> Question:
    """What its tiny model can be asked: a drawing like those of its training."""
    text = as_text(drawn("zo", np.random.default_rng(6)))
    return Question(
        "what is drawn", lambda: f"{text}\n".encode(), file="zo.txt", request=lambda: {"strokes": text}
    )


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    path = folder / "ozo.txt"
    path.write_text(as_text(drawn("ozo", np.random.default_rng(5))) + "\n")
    return (str(path),), r"ozo\n"
