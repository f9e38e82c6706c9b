"""What the conformance test is to know of translation: data, a training of seconds, and what to ask."""

import gzip
from itertools import product
from pathlib import Path

WHO = {
    "A dog": "Ein Hund",
    "The girl": "Das Mädchen",
    "My brother": "Mein Bruder",
    "A tall man": "Ein großer Mann",
    "Anna": "Anna",
}
DOES = {"runs": "läuft", "sleeps": "schläft", "sings": "singt", "waits": "wartet", "is sitting": "sitzt"}
WHERE = {
    "": "",
    " in the park": " im Park",
    " at home": " zu Hause",
    " under a tree": " unter einem Baum",
    " by the sea": " am Meer",
    " on a bench": " auf einer Bank",
}
PAIRS = [
    (f"{who} {does}{where}.", f"{WHO[who]} {DOES[does]}{WHERE[where]}.")
    for who, does, where in product(WHO, DOES, WHERE)
]

PHASES = ("both_directions", ".")
TRAINING = (
    *("--epochs", "12", "--patience", "12", "--learning-rate", "0.02", "--averaging", "0.5"),
    *("--both-directions-epochs", "2", "--subword-sharpness", "2", "--subwords", "150", "--max-tokens", "60"),
    *("--validation-fraction", "0.1", "--embedding-units", "16", "--encoder-units", "16"),
    *("--decoder-units", "32", "--embedding-dropout", "0", "--dropout", "0.05"),
)
EXPORT = ("--beam-width", "4")
EXAMPLES = (
    "A dog runs in the park.",
    "Anna sings.",
    "",
    "My brother and a tall man and the girl wait by the sea and under a tree and at home.",
    "  你好 🙂 the dog\tSLEEPS ",
)


def write_data(folder: Path) -> tuple[str, ...]:
    """Two line-aligned files as a user might have them: 150 sentences in English and in German."""
    paths = folder / "pairs.en.gz", folder / "pairs.de.gz"
    for path, texts in zip(paths, zip(*PAIRS, strict=True), strict=True):
        path.write_bytes(gzip.compress("".join(f"{text}\n" for text in texts).encode("utf-8")))
    return "--source", str(paths[0]), "--target", str(paths[1])


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """Files that differ in length, and how the line that refuses them begins."""
    source, target = folder / "long.en", folder / "short.de"
    source.write_text("A dog runs.\nAnna sings.\n", "utf-8")
    target.write_text("Ein Hund läuft.\n", "utf-8")
    flags = ("--source", str(source), "--target", str(target))
    return flags, f"{source} has 2 lines and {target} has 1"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """A few sentences under the names of the training's files: a model is not measured in the other direction."""
    paths = folder / "pairs.en.gz", folder / "pairs.de.gz"
    for path, texts in zip(paths, zip(*PAIRS[::40], strict=True), strict=True):
        path.write_bytes(gzip.compress("".join(f"{text}\n" for text in texts).encode("utf-8")))
    return "--source", str(paths[0]), "--target", str(paths[1])


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    return ("A dog runs in the park.", ""), r"Ein Hund läuft im Park\.\n\n"
