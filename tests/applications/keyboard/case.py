"""What the conformance test is to know of the keyboard: data, a training of seconds, and what to ask."""

import json
from pathlib import Path

SENTENCES = (
    "I am on my way to the café, see you there.",
    "See you tomorrow at 10:30, Zoë!",
    "Don’t wait for me: I’ll be late.",
    "We went to the market on Monday and bought bread.",
    "The well-known shop by the sea is closed.",
)

PHASES = (".",)
TRAINING = (
    *("--epochs", "6", "--learning-rate", "0.03", "--averaging", "0.5", "--layers", "2", "--residual"),
    *("--recurrent-dropout", "0.05", "--weight-dropout", "0.1"),
)
EXPORT = ()
EXAMPLES = ("See you ", "", "I’ll be l", "bananas 2020 👍 \n\n on Mon", "the " * 30)


def write_data(folder: Path) -> tuple[str, ...]:
    """Dated notes as a user might have them, the later ones first."""
    notes = [
        {"date": f"2024-{1 + day // 28:02}-{1 + day % 28:02}", "paragraphs": _paragraphs(day)}
        for day in range(80)
    ]
    path = folder / "notes.jsonl"
    path.write_text("".join(f"{json.dumps(note)}\n" for note in reversed(notes)), "utf-8")
    return "--data", str(path)


def _paragraphs(day: int) -> list[str]:
    return [SENTENCES[day % 5], f"{SENTENCES[day * 7 % 11 % 5]} {SENTENCES[day * 3 % 5]}"]


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A text shorter than a batch, and how the line that refuses it begins."""
    path = folder / "short.txt"
    path.write_text("This text is too short to train on. " * 3, "utf-8")
    return ("--data", str(path)), f"{path} (train): 25 words are fewer than one batch"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The same notes as the training's: that the numbers are right is tested elsewhere."""
    return write_data(folder)


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    return ("I am on my ", "--prefix", "w", "--count", "2"), r"(w\S* \(\d+\.\d%\)(  |\n)){2}"
