"""A model card holds what a reader must know, for people and for programs."""

import dataclasses
import hashlib
import json
import re
import sys
from datetime import datetime

import pytest

from common.export.model_card import (
    ModelCard,
    Result,
    card_files,
    git_revision,
    manifest,
    markdown,
    software_versions,
    vocabulary_sha256,
    without_data_flag,
)
from common.training.hardware import Hardware


@pytest.fixture
def card():
    return ModelCard(
        application="sentiment_analysis",
        task="A review in, its sentiment out.",
        data="IMDb, Maas et al. 2011, the training half",
        data_licence="unclear: research use",
        training_examples=25_000,
        configuration={
            "cell": "lstm",
            "units": 64,
            "dropout": 0.5,
            "labels": ["neg", "pos"],
            "language": None,
        },
        results=(Result("accuracy", 0.9123, "test_dev.tsv.gz", "python -m evaluate --data a|b"),),
        limits=("English only.", "Reviews of films only."),
        training_seconds=3661.5,
        hardware=Hardware("Example CPU", 2, ("Example GPU",)),
        vocabulary_sha256="ab" * 32,
        revision="c0ffee",
    )


def test_the_manifest_gives_every_field_back(card):
    read = json.loads(card_files(card)["manifest.json"])
    assert read.keys() == {field.name for field in dataclasses.fields(ModelCard)}
    assert read["results"] == [dataclasses.asdict(card.results[0])]
    assert read["hardware"] == {"cpu": "Example CPU", "cores": 2, "gpus": ["Example GPU"]}
    assert read["configuration"] == card.configuration
    assert read["versions"]["python"] == sys.version.split()[0]
    assert datetime.fromisoformat(read["created"]).utcoffset().total_seconds() == 0


def test_a_flag_that_training_did_not_read_is_left_out_of_a_new_card(card):
    configuration = {"units": 64, "source": {"data": "sample", "images": "photos"}}
    told = dataclasses.replace(card, configuration=configuration)
    expected = {"units": 64, "source": {"images": "photos"}}
    assert without_data_flag(told) == dataclasses.replace(card, configuration=expected)
    assert told.configuration == {"units": 64, "source": {"data": "sample", "images": "photos"}}


def test_the_page_says_what_the_manifest_says(card):
    page = card_files(card)["README.md"]
    for fact in (
        "# sentiment_analysis",
        card.task,
        card.data,
        "Licence: unclear: research use",
        "25,000 examples",
        "| accuracy | 0.9123 | test_dev.tsv.gz | `python -m evaluate --data a&#124;b` |",
        "- English only.\n- Reviews of films only.",
        "| `units` | `64` |" if "`units`" in page else "| units | `64` |",
        "3,662 s",
        "Example CPU, 2 cores, Example GPU",
        "c0ffee",
        "ab" * 32,
        card.created,
    ):
        assert fact in page


def test_what_is_unknown_is_left_out_of_the_page(card):
    page = markdown(dataclasses.replace(card, vocabulary_sha256=None, revision=None))
    assert "SHA-256" not in page
    assert "revision" not in page


@pytest.mark.parametrize(
    "changes", [{"training_seconds": float("nan")}, {"configuration": {"rate": float("inf")}}]
)
def test_a_figure_that_json_cannot_hold_is_refused(card, changes):
    with pytest.raises(ValueError, match="JSON"):
        manifest(dataclasses.replace(card, **changes))


def test_the_vocabulary_fingerprint_is_sha256_of_its_lines():
    assert vocabulary_sha256(["good", "naïve"]) == hashlib.sha256("good\nnaïve\n".encode()).hexdigest()
    assert vocabulary_sha256(["good", "naïve"]) != vocabulary_sha256(["naïve", "good"])


def test_the_software_is_filled_in():
    assert {"python", "tensorflow", "keras", "numpy"} <= software_versions().keys()


def test_the_revision_is_a_commit_or_nothing():
    revision = git_revision()
    assert revision is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", revision)


def test_a_note_on_the_training_stands_among_its_facts(card):
    noted = markdown(dataclasses.replace(card, training_note="stopped and resumed | once"))
    assert "| note | stopped and resumed &#124; once |" in noted
    assert "| note |" not in markdown(card)
