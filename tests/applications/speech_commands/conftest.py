"""The recordings of the tiny recognisers that all tests of the application share, and the one of streams."""

from dataclasses import replace

import pytest

from applications.speech_commands.export import export
from applications.speech_commands.train import train
from common.export.script import ExportOptions


@pytest.fixture(scope="module")
def recordings(made):
    """A folder <part>/<label>/<speaker>_nohash_<n>.wav, and background noise."""
    return made.data_folder / "beeps"


@pytest.fixture(scope="session")
def exported_stream(made_of, tmp_path_factory):
    """The exported version of a tiny streaming recogniser."""
    folder, config = tmp_path_factory.mktemp("streaming"), made_of("speech_commands").config
    training = replace(config.training, runs=folder, name="streaming", batch_size=8, epochs=10, patience=10)
    run = train(
        replace(
            config,
            training=replace(training, averaging=0.0),
            kind="streaming",
            channels=12,
            recordings=96,
            recording_seconds=4.0,
        )
    )
    return export(ExportOptions(run, folder / "models" / "speech_commands"))
