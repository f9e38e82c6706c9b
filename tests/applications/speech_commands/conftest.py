"""Two tiny recognisers, of clips and of streams, trained and exported once for all tests of the application."""

from dataclasses import replace

import numpy as np
import pytest

from applications.speech_commands.config import PRESETS
from applications.speech_commands.export import export
from applications.speech_commands.train import train
from common.audio.augmentation import Augmentation
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.labelled import AudioSource
from common.export.script import ExportOptions

HERTZ = {"low": 400.0, "high": 2500.0}
SPEAKERS = {"train": 8, "val": 3, "test": 4}
CLIPS_OF_A_SPEAKER = 3
LABELS = ["_silence_", "_unknown_", "high", "low"]


def beep(label, rng, seconds=1.0, loudness=0.3):
    """A clip in which a whistle that stands for a word is heard for 0.3 s at a random place, over a little noise."""
    samples, length = round(seconds * SAMPLE_RATE), round(0.3 * SAMPLE_RATE)
    times = np.arange(length) / SAMPLE_RATE
    clip = rng.normal(0, 0.003, samples)
    if label == "_unknown_":
        sound = rng.normal(0, 1, length)
    else:
        sound = np.sin(2 * np.pi * HERTZ[label] * rng.uniform(0.9, 1.1) * times)
    start = rng.integers(0, samples - length + 1)
    clip[start : start + length] += loudness * rng.uniform(0.5, 1.0) * sound * np.hanning(length)
    return np.clip(clip, -1, 1).astype(np.float32)


def noise(rng, seconds=3.0):
    return rng.normal(0, 0.003, round(seconds * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder as a user might have it: <part>/<label>/<speaker>_nohash_<n>.wav, and background noise."""
    folder, rng = tmp_path_factory.mktemp("data") / "beeps", np.random.default_rng(0)
    for part, speakers in SPEAKERS.items():
        for label in ("_unknown_", *HERTZ):
            (folder / part / label).mkdir(parents=True)
            for speaker in range(speakers):
                for number in range(CLIPS_OF_A_SPEAKER):
                    path = folder / part / label / f"{part}{speaker}_nohash_{number}.wav"
                    path.write_bytes(encode_wav(beep(label, rng)))
    (folder / "train" / "_background_noise_").mkdir()
    (folder / "train" / "_background_noise_" / "hiss.wav").write_bytes(encode_wav(noise(rng)))
    return folder


@pytest.fixture(scope="session")
def tiny_config(recordings, tmp_path_factory):
    tiny = PRESETS["tiny"]
    return replace(
        tiny,
        source=AudioSource(str(recordings)),
        training=replace(
            tiny.training,
            runs=tmp_path_factory.mktemp("runs"),
            epochs=16,
            patience=16,
            learning_rate=0.01,
        ),
        augmentation=Augmentation(shift=0.1, speed=(1.0, 1.0), pitch=0.0, pitch_share=0.0),
        dropout=0.0,
        convolution_dropout=0.0,
        pooled_dropout=0.0,
        label_smoothing=0.0,
        time_masks=0,
        frequency_masks=0,
    )


@pytest.fixture(scope="session")
def finished_run(tiny_config):
    return train(tiny_config)


@pytest.fixture(scope="session")
def finished_streaming_run(tiny_config):
    training = replace(tiny_config.training, name="streaming", batch_size=8, epochs=10, patience=10)
    return train(
        replace(
            tiny_config,
            training=training,
            kind="streaming",
            channels=12,
            recordings=96,
            recording_seconds=4.0,
        )
    )


@pytest.fixture(scope="session")
def exported(finished_run, tmp_path_factory):
    """The exported version of the tiny recogniser of clips: <folder>/speech_commands/1."""
    return export(ExportOptions(finished_run, tmp_path_factory.mktemp("saved_models") / "speech_commands"))


@pytest.fixture(scope="session")
def exported_stream(finished_streaming_run, tmp_path_factory):
    """The exported version of the tiny streaming recogniser."""
    folder = tmp_path_factory.mktemp("streaming_models") / "speech_commands"
    return export(ExportOptions(finished_streaming_run, folder))
