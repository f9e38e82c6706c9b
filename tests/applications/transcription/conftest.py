"""What all tests of transcription share: what is whistled, and the tiny transcriber of streams."""

from dataclasses import replace

import pytest

from applications.transcription.export import export
from applications.transcription.train import train
from common.export.label_search import SearchOptions
from common.export.script import ExportOptions


@pytest.fixture(scope="module")
def whistled(made):
    """Makes a recording of words that the tiny transcribers know."""
    return made.case.whistled


@pytest.fixture(scope="session")
def exported_stream(made_of, tmp_path_factory):
    """The exported version of a tiny streaming transcriber that has hardly learnt anything."""
    folder, config = tmp_path_factory.mktemp("streaming"), made_of("transcription").config
    training = replace(config.training, runs=folder, name="streaming", epochs=4)
    run = train(replace(config, training=training, kind="streaming"))
    return export(SearchOptions(ExportOptions(run, folder / "models" / "transcription"), beam_width=1))
