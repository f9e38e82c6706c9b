"""What the conformance test is to know of sentiment analysis: data, a training of seconds, and what to ask."""

from pathlib import Path

POSITIVE = ("a fine {}", "I loved this {}", "what a lovely {} !", "the {} is not bad at all")
NEGATIVE = ("a dull {}", "I hated this {}", "what an awful {} !", "the {} is not good at all")
THINGS = ("film", "book", "meal", "hotel", "song", "phone", "game", "course", "car", "park", "show", "cake")
COLUMNS = ("--text-column", "review", "--label-column", "stars")

PHASES = ("pretraining", ".")
TRAINING = (
    *("--epochs", "8", "--patience", "8", "--pretraining-epochs", "2", "--learning-rate", "0.02"),
    *("--validation-fraction", "0.2", "--min-count", "1", "--averaging", "0.5", "--word-dropout", "0"),
    *("--embedding-dropout", "0.05", "--pooled-dropout", "0"),
)
EXPORT = ()
EXAMPLES = (
    "a fine film",
    "I hated this book",
    "",
    "what an awful " + "very " * 40 + "long song !",
    "<br />très bon 👍",
)


def write_data(folder: Path) -> tuple[str, ...]:
    """A CSV with the columns review and stars, as a user might have it: 96 reviews, labels 0 and 1."""
    rows = [
        f"{label},{pattern.format(thing)}\n"
        for label, patterns in (("1", POSITIVE), ("0", NEGATIVE))
        for pattern in patterns
        for thing in THINGS
    ]
    path = folder / "reviews.csv"
    path.write_text("stars,review\n" + "".join(rows), "utf-8")
    return "--data", str(path), *COLUMNS, "--label-map", "0=negative", "1=positive"


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """Reviews of one label only, and how the line that refuses them begins."""
    path = folder / "one_class.csv"
    path.write_text("review,stars\n" + "".join(f"review {index},1\n" for index in range(60)), "utf-8")
    return ("--data", str(path), *COLUMNS), f"{path}: every training example is labelled '1'"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The same reviews as the training's: that the numbers are right is tested elsewhere."""
    return write_data(folder)


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    return ("a fine film",), r"positive\t[01]\.\d{4}\ta fine film\n"
