"""The sample: short reviews written for this project, in sample.tsv beside this file."""

from pathlib import Path

from common.data.sources import SAMPLE, divide
from common.text.labelled import LabelledTexts, collect
from common.text.tables import read_columns

FILE = Path(__file__).with_name("sample.tsv")
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def sample(part: str) -> LabelledTexts:
    """The reviews of a part: train, validation or test, chosen by a stable hash of each text."""
    reviews = collect(SAMPLE, read_columns(FILE, ("text", "label")))
    return divide(reviews, reviews.texts, SHARES, [part])[part]
