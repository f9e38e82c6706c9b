"""A tiny translator, trained and exported once for all tests of the application."""

import gzip
from dataclasses import replace
from itertools import product

import pytest

from applications.translation.config import PRESETS
from applications.translation.export import export
from applications.translation.train import train
from common.export.script import ExportOptions, SearchOptions
from common.text.parallel import PairSource

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
MAX_TOKENS = 60


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Two line-aligned files as a user might have them: 150 sentences in English and in German."""
    folder = tmp_path_factory.mktemp("data")
    paths = folder / "pairs.en.gz", folder / "pairs.de.gz"
    for path, texts in zip(paths, zip(*PAIRS, strict=True), strict=True):
        path.write_bytes(gzip.compress("".join(f"{text}\n" for text in texts).encode("utf-8")))
    return paths


@pytest.fixture(scope="session")
def pair_source(files):
    return PairSource(source=str(files[0]), target=str(files[1]))


@pytest.fixture(scope="session")
def tiny_config(pair_source, tmp_path_factory):
    tiny = PRESETS["tiny"]
    return replace(
        tiny,
        source=pair_source,
        training=replace(
            tiny.training, runs=tmp_path_factory.mktemp("runs"), epochs=12, patience=12, learning_rate=0.02
        ),
        validation_fraction=0.1,
        subwords=150,
        max_tokens=MAX_TOKENS,
        embedding_units=16,
        encoder_units=16,
        decoder_units=32,
        embedding_dropout=0.0,
        dropout=0.0,
    )


@pytest.fixture(scope="session")
def finished_run(tiny_config):
    return train(tiny_config)


@pytest.fixture(scope="session")
def exported(finished_run, tmp_path_factory):
    """The exported version of the tiny translator: <folder>/translation/1."""
    output = tmp_path_factory.mktemp("saved_models") / "translation"
    return export(SearchOptions(ExportOptions(finished_run, output), beam_width=4))
