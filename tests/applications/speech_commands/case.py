"""What the conformance test is to know of speech commands: data, a training of seconds, and what to ask."""

from pathlib import Path

import numpy as np

from common.audio.files import SAMPLE_RATE, encode_wav

HERTZ = {"low": 400.0, "high": 2500.0}
SPEAKERS = {"train": 8, "val": 3, "test": 4}
CLIPS_OF_A_SPEAKER = 3


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


PHASES = (".",)
TRAINING = (
    *("--epochs", "16", "--patience", "16", "--learning-rate", "0.01", "--averaging", "0"),
    *("--shift", "0.1", "--speed", "1", "1", "--pitch", "0", "--pitch-share", "0", "--dropout", "0"),
    *("--convolution-dropout", "0", "--pooled-dropout", "0", "--label-smoothing", "0"),
    *("--time-masks", "0", "--frequency-masks", "0"),
)
EXPORT = ()
EXAMPLES = tuple(
    encode_wav(np.asarray(clip, np.float32))
    for clip in (
        beep("low", np.random.default_rng(1)),
        np.random.default_rng(2).normal(0, 0.05, 16_000),
        np.random.default_rng(3).normal(0, 0.05, 5_000),
        beep("high", np.random.default_rng(4), seconds=2.0),
        np.zeros(16_000),
    )
)


def write_data(folder: Path) -> tuple[str, ...]:
    """A folder as a user might have it: <part>/<label>/<speaker>_nohash_<n>.wav, and background noise."""
    beeps, rng = folder / "beeps", np.random.default_rng(0)
    for part, speakers in SPEAKERS.items():
        for label in ("_unknown_", *HERTZ):
            (beeps / part / label).mkdir(parents=True)
            for speaker in range(speakers):
                for number in range(CLIPS_OF_A_SPEAKER):
                    path = beeps / part / label / f"{part}{speaker}_nohash_{number}.wav"
                    path.write_bytes(encode_wav(beep(label, rng)))
    hiss = rng.normal(0, 0.003, 3 * SAMPLE_RATE).astype(np.float32)
    (beeps / "train" / "_background_noise_").mkdir()
    (beeps / "train" / "_background_noise_" / "hiss.wav").write_bytes(encode_wav(hiss))
    return "--data", str(beeps)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A word that no recording says, and how the line that refuses it begins."""
    return (*write_data(folder), "--labels", "high", "medium"), "--labels medium: "


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The test part of the same recordings, and a few seconds of a stream."""
    return *write_data(folder), "--stream-minutes", "0.1"


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    path = folder / "high.wav"
    path.write_bytes(encode_wav(beep("high", np.random.default_rng(5))))
    return (str(path),), rf"high\t[01]\.\d{{4}}\t{path}\n"
