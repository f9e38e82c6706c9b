"""A tiny classifier, trained and exported once for all tests of the application."""

from dataclasses import replace

import pytest

from applications.sentiment_analysis.config import PRESETS
from applications.sentiment_analysis.export import export
from applications.sentiment_analysis.train import train
from common.export.script import ExportOptions
from common.text.labelled import TextSource

POSITIVE = ("a fine {}", "I loved this {}", "what a lovely {} !", "the {} is not bad at all")
NEGATIVE = ("a dull {}", "I hated this {}", "what an awful {} !", "the {} is not good at all")
THINGS = ("film", "book", "meal", "hotel", "song", "phone", "game", "course", "car", "park", "show", "cake")


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """A CSV with the columns review and stars, as a user might have it: 96 reviews, labels 0 and 1."""
    rows = [
        (pattern.format(thing), label)
        for label, patterns in (("1", POSITIVE), ("0", NEGATIVE))
        for pattern in patterns
        for thing in THINGS
    ]
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    path.write_text("stars,review\n" + "".join(f"{label},{text}\n" for text, label in rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_config(reviews, tmp_path_factory):
    tiny = PRESETS["tiny"]
    return replace(
        tiny,
        source=TextSource(str(reviews), "review", "stars", ("0=negative", "1=positive")),
        training=replace(tiny.training, runs=tmp_path_factory.mktemp("runs"), epochs=8, learning_rate=0.02),
        validation_fraction=0.2,
        min_count=1,
        word_dropout=0.0,
        embedding_dropout=0.0,
        pooled_dropout=0.0,
    )


@pytest.fixture(scope="session")
def finished_run(tiny_config):
    return train(tiny_config)


@pytest.fixture(scope="session")
def exported(finished_run, tmp_path_factory):
    """The exported version of the tiny classifier: <folder>/sentiment_analysis/1."""
    return export(ExportOptions(finished_run, tmp_path_factory.mktemp("saved_models") / "sentiment_analysis"))
