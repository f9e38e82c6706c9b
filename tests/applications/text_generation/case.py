"""What the conformance test is to know of text generation: data, a training of seconds, and what to ask."""

from pathlib import Path

SPEAKERS = ("ANNA", "BRUNO", "ZOË")
SENTENCES = (
    "The sea is wide, and the sea is old.",
    "Who goes there? A friend!",
    "Naïve or not, I stay — 你好 👍",
    "Speak,\tspeak: what news from the hills?",
)

PHASES = (".",)
TRAINING = (
    *("--epochs", "6", "--learning-rate", "0.03", "--averaging", "0.5", "--layers", "2", "--residual"),
    *("--character-dropout", "0.05", "--recurrent-dropout", "0.05", "--weight-dropout", "0.1"),
)
EXPORT = ()
EXAMPLES = ("ANNA:\n", "", "Ω § unknown ones", "你好 👍 Zo", "B" * 70)


def write_data(folder: Path) -> tuple[str, ...]:
    """A text file as a user might have it; the section sign stands in it once, and so counts as unknown."""
    speeches = [
        f"{SPEAKERS[index % 3]}:\n{SENTENCES[index * 7 % 11 % 4]}\n{SENTENCES[index % 4]}\n\n"
        for index in range(60)
    ]
    path = folder / "play.txt"
    path.write_text("§ The play\n\n" + "".join(speeches), "utf-8")
    return "--data", str(path)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A text shorter than a batch, and how the line that refuses it begins."""
    path = folder / "short.txt"
    path.write_text("too short", "utf-8")
    return ("--data", str(path)), f"{path} (train): 8 characters are fewer than one batch"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The same text as the training's: that the numbers are right is tested elsewhere."""
    return write_data(folder)


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    return ("ANNA:", "--length", "40", "--seed", "7"), r"(?s)ANNA:.{40}\n"
