"""Batches hold each recording with its label; what cannot be learnt from is refused or counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from applications.transcription.config import PRESETS
from applications.transcription.data import (
    training_batches,
    training_examples,
    validation_batches,
)
from applications.transcription.model import frames_of
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.transcripts import TranscriptSource
from common.errors import FlagError, UserError
from common.training.ctc_examples import FRAMES, LABELS, LENGTH

RNG = np.random.default_rng(0)


def write_table(folder, rows, name="train.tsv"):
    """Recordings of noise of so many seconds with their transcripts and speakers."""
    lines = ["path\ttext\tspeaker"]
    for number, (seconds, text, speaker) in enumerate(rows):
        recording = f"{Path(name).stem}{number}.wav"
        noise = RNG.normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
        (folder / recording).write_bytes(encode_wav(noise))
        lines.append(f"{recording}\t{text}\t{speaker}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def config_of(table, validation, **fields):
    source = TranscriptSource(data=str(table))
    return replace(PRESETS["tiny"], source=source, validation=validation, **fields)


@pytest.fixture
def validation(tmp_path):
    return write_table(tmp_path, [(0.5, "no", "eve"), (1.0, "so on", "eve")], "validation.tsv")


@pytest.mark.parametrize("kind", ["base", "streaming"])
def test_every_recording_comes_once_an_epoch_with_its_label_and_its_frames(tmp_path, validation, kind):
    rows = [
        (0.4 + number / 10, text, "ann")
        for number, text in enumerate(["on", "no", "son", "so on", "noon"] * 4)
    ]
    config = config_of(write_table(tmp_path, rows), validation, kind=kind)
    examples = training_examples(config)
    batches, steps = training_batches(examples, config, range(2))
    targets = [target for _, batch in batches.as_numpy_iterator() for target in batch]
    assert steps == 3
    assert len(targets) == 2 * len(rows)
    for epoch in (targets[: len(rows)], targets[len(rows) :]):
        texts = [examples.symbols.decode(target[LABELS : LABELS + target[LENGTH]]) for target in epoch]
        assert sorted(texts) == sorted(text for _, text, _ in rows)
    slowest = max(seconds for seconds, *_ in rows) * SAMPLE_RATE / config.augmentation.speed[0]
    longest = int(slowest) + 2 * round(config.augmentation.shift * SAMPLE_RATE) + SAMPLE_RATE // 100
    assert max(target[FRAMES] for target in targets) <= frames_of(config, longest)


def test_the_same_epoch_is_the_same_whenever_it_comes(tmp_path, validation):
    rows = [(0.5, word, speaker) for word in ("on", "no", "so") for speaker in ("ann", "bob")]
    config = config_of(write_table(tmp_path, rows), validation, join=(2, 3))
    examples = training_examples(config)
    through, after = (training_batches(examples, config, epochs)[0] for epochs in (range(2), range(1, 2)))
    resumed = list(after.as_numpy_iterator())
    for (inputs, targets), (same_inputs, same_targets) in zip(
        list(through.as_numpy_iterator())[-len(resumed) :], resumed, strict=True
    ):
        np.testing.assert_array_equal(targets, same_targets)
        np.testing.assert_array_equal(inputs[0], same_inputs[0])


def test_validation_is_neither_changed_nor_shuffled(tmp_path, validation):
    config = config_of(write_table(tmp_path, [(1.0, "so on", "ann"), (1.0, "no", "bob")]), validation)
    examples = training_examples(config)
    batches, texts = validation_batches(examples, config)
    assert texts == ["no", "so on"]
    ((waveforms, samples), targets), *_ = batches.as_numpy_iterator()
    assert samples.tolist() == [SAMPLE_RATE // 2, SAMPLE_RATE]
    np.testing.assert_array_equal(waveforms[1], examples.validation.waveforms[1])
    assert not waveforms[0, SAMPLE_RATE // 2 :].any()
    assert targets[:, LENGTH].tolist() == [2, 5]


def test_a_transcript_longer_than_its_frames_is_left_out_and_counted(tmp_path, validation):
    rows = [(0.02, "no noon no noon", "ann"), (1.0, "no", "ann"), (1.0, "so on", "bob")]
    examples = training_examples(config_of(write_table(tmp_path, rows), validation))
    assert list(examples.training.texts) == ["no", "so on"]
    assert examples.training.left_out == {"more symbols than frames": 1}
    assert "more symbols than frames" in examples.training.describe()


def test_a_validation_transcript_with_symbols_that_training_lacks_is_refused_in_one_line(
    tmp_path, validation
):
    table = write_table(tmp_path, [(1.0, "no", "ann"), (1.0, "on", "bob")])
    with pytest.raises(UserError) as refused:
        training_examples(config_of(table, validation))
    assert "validation1.wav" in str(refused.value)
    assert "the transcript 'so on' has ' ', 's', which no training transcript has" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_held_out_by_chance_and_has_other_symbols_is_left_out_and_counted(tmp_path):
    # Each speaker has a letter that nobody else says.
    rows = [(0.5, text, letter) for letter in "abcdefghijklmpqrstuv" for text in ("no", letter)]
    examples = training_examples(config_of(write_table(tmp_path, rows), None))
    held = examples.validation
    assert set(held.texts) == {"no"}
    assert held.left_out == {"symbols that training lacks": len(set(held.speakers))}
    assert not set(held.speakers) & set(examples.symbols.names)


def test_nothing_to_join_is_said_in_one_line(tmp_path, validation):
    table = write_table(tmp_path, [(1.0, "so on", "ann"), (1.0, "no one", "bob")])
    with pytest.raises(FlagError, match=r"--join 3 8: .*train.tsv.* has no recording of a single word"):
        training_examples(config_of(table, validation, join=(3, 8)))


@pytest.mark.parametrize("join", [(3, 2), (0, 2), (-1, -1)])
def test_numbers_of_joined_words_that_are_none_are_refused(join):
    with pytest.raises(FlagError, match="--join"):
        replace(PRESETS["tiny"], join=join)
