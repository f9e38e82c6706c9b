"""What the conformance test is to know of transcription: data, a training of seconds, and what to ask."""

from pathlib import Path

import numpy as np

from common.application import Question
from common.audio.files import SAMPLE_RATE, encode_wav

HERTZ = {"lo": 400.0, "hi": 2500.0}
SPEAKERS = {"train": 12, "validation": 3, "test": 3}
RECORDINGS_OF_A_SPEAKER = 4


def whistled(words, rng, loudness=0.3):
    """A recording in which whistles that stand for words are heard one after another, over a little noise."""
    length, gap = round(0.2 * SAMPLE_RATE), round(0.15 * SAMPLE_RATE)
    times = np.arange(length) / SAMPLE_RATE
    pieces = [np.zeros(int(rng.integers(gap // 2, gap)))]
    for word in words:
        sound = np.sin(2 * np.pi * HERTZ[word] * rng.uniform(0.95, 1.05) * times)
        pieces += [
            loudness * rng.uniform(0.7, 1.0) * sound * np.hanning(length),
            np.zeros(int(rng.integers(gap // 2, gap))),
        ]
    recording = np.concatenate(pieces)
    return np.clip(recording + rng.normal(0, 0.003, len(recording)), -1, 1).astype(np.float32)


PHASES = (".",)
TRAINING = (
    *(
        "--epochs",
        "14",
        "--patience",
        "14",
        "--learning-rate",
        "0.02",
        "--averaging",
        "0",
        "--symbols",
        "words",
    ),
    *("--shift", "0", "--speed", "1", "1", "--pitch", "0", "--pitch-share", "0", "--dropout", "0"),
    *("--convolution-dropout", "0", "--time-masks", "0", "--frequency-masks", "0"),
)
EXPORT = ("--beam-width", "3")
EXAMPLES = tuple(
    encode_wav(np.asarray(recording, np.float32))
    for recording in (
        whistled(["lo", "hi", "lo"], np.random.default_rng(1)),
        np.random.default_rng(2).normal(0, 0.05, 16_000),
        np.random.default_rng(3).normal(0, 0.05, 500),
        whistled(["hi"], np.random.default_rng(4)),
        np.zeros(16_000),
    )
)


def write_data(folder: Path) -> tuple[str, ...]:
    """A table for each part of recordings and what they say, as Common Voice has it."""
    speech, rng = folder / "speech", np.random.default_rng(0)
    (speech / "clips").mkdir(parents=True)
    for part, speakers in SPEAKERS.items():
        rows = ["path\tsentence\tspeaker"]
        for speaker in range(speakers):
            for number in range(RECORDINGS_OF_A_SPEAKER):
                words = rng.choice(sorted(HERTZ), rng.integers(1, 4)).tolist()
                name = f"{part}{speaker}_{number}.wav"
                (speech / "clips" / name).write_bytes(encode_wav(whistled(words, rng)))
                rows.append(f"{name}\t{' '.join(words)}\t{part}{speaker}")
        (speech / f"{part}.tsv").write_text("\n".join(rows) + "\n")
    return "--data", str(speech)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A table with an empty transcript, and how the line that refuses it begins."""
    data = write_data(folder)
    table = Path(data[1]) / "train.tsv"
    table.write_text(table.read_text() + "train0_0.wav\t\ttrain0\n")
    return data, f"{table}, line "


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The test part of the same recordings, one of which is longer than what is heard at once."""
    data = write_data(folder)
    long = np.concatenate([whistled(["lo"], np.random.default_rng(9)), np.zeros(62 * SAMPLE_RATE)])
    (Path(data[1]) / "clips" / "test0_0.wav").write_bytes(encode_wav(long.astype(np.float32)))
    return data


def question(model: Path) -> Question:
    """What its tiny model can be asked: a recording like those of its training."""
    return Question(
        "what is whistled", lambda: encode_wav(whistled(["hi"], np.random.default_rng(6))), file="hi.wav"
    )


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    path = folder / "hilo.wav"
    path.write_bytes(encode_wav(whistled(["hi", "lo"], np.random.default_rng(5))))
    return (str(path),), r"hi lo\n"
