"""Users' own recordings become batches of clips and of composed recordings, and each resumes where it was."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from applications.speech_commands.config import PRESETS, Config
from applications.speech_commands.data import (
    clip_batches,
    epoch_targets,
    evaluation_examples,
    recording_batches,
    training_examples,
    validation_batches,
    validation_recordings,
)
from common.audio.files import encode_wav
from common.audio.labelled import AudioSource
from common.errors import FlagError, UserError

LABELS = ["_silence_", "_unknown_", "high", "low"]


@pytest.fixture(scope="module")
def examples(tiny_config):
    return training_examples(tiny_config)


@pytest.fixture(scope="module")
def streaming_config(tiny_config):
    training = replace(tiny_config.training, batch_size=4)
    return replace(tiny_config, kind="streaming", recordings=10, recording_seconds=3.0, training=training)


def contents(dataset):
    return [tuple(part.tolist() for part in batch) for batch in dataset.as_numpy_iterator()]


def test_the_classes_are_the_labels_and_silence_where_there_is_background_noise(
    examples, tiny_config, tmp_path
):
    assert examples.labels == LABELS
    assert len(examples.noises) == 1
    assert (len(examples.training), len(examples.validation)) == (72, 27)
    for label in ("high", "low"):
        (tmp_path / label).mkdir()
        for speaker in range(20):
            (tmp_path / label / f"{speaker}_nohash_0.wav").write_bytes(
                encode_wav(examples.training.waveforms[speaker])
            )
    words = training_examples(replace(tiny_config, source=AudioSource(str(tmp_path))))
    assert (words.labels, len(words.noises)) == (["high", "low"], 0)
    assert not set(words.training.speakers) & set(words.validation.speakers)
    with pytest.raises(UserError, match=r"--kind streaming: .* expected background recordings"):
        training_examples(replace(tiny_config, source=AudioSource(str(tmp_path)), kind="streaming"))
    shutil.rmtree(tmp_path / "high")
    with pytest.raises(
        UserError, match="every training example is labelled 'low'; expected at least two classes"
    ):
        training_examples(replace(tiny_config, source=AudioSource(str(tmp_path))))


def test_ones_own_recordings_are_measured_on_the_part_that_training_never_saw(examples, recordings):
    clips = evaluation_examples(AudioSource(str(recordings)))
    assert len(clips) == 36
    assert not set(clips.speakers) & {*examples.training.speakers, *examples.validation.speakers}


def test_unknown_words_and_silence_are_drawn_as_often_as_a_word(examples, tiny_config):
    dataset, steps = clip_batches(examples, tiny_config, range(2))
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == 2 * steps
    for epoch in (batches[:steps], batches[steps:]):
        labels = np.concatenate([labels for _, labels in epoch])
        assert np.bincount(labels).tolist() == [24, 24, 24, 24]
    assert all(waveforms.shape[1] == tiny_config.clip_samples for waveforms, _ in batches)
    assert all(np.abs(waveforms).max() <= 1 for waveforms, _ in batches)


def test_resuming_at_an_epoch_gives_what_an_uninterrupted_run_would_have_seen(
    examples, tiny_config, streaming_config
):
    for make, config in ((clip_batches, tiny_config), (recording_batches, streaming_config)):
        dataset, steps = make(examples, config, range(3))
        whole = contents(dataset)
        resumed, _ = make(examples, config, range(1, 3))
        assert whole[steps:] == contents(resumed)
        assert whole[:steps] != whole[steps : 2 * steps]


def test_validation_shows_every_clip_once_in_order(examples, tiny_config):
    dataset = validation_batches(examples, tiny_config)
    batches = list(dataset.as_numpy_iterator())
    assert dataset.cardinality().numpy() == len(batches)
    labels = np.concatenate([labels for _, labels in batches])
    assert [LABELS[label] for label in labels] == list(examples.validation.labels)
    np.testing.assert_allclose(
        np.concatenate([rows for rows, _ in batches])[3], examples.validation.waveforms[3]
    )


def test_composed_recordings_have_a_target_for_each_frame_of_20_ms(examples, streaming_config):
    dataset, steps = recording_batches(examples, streaming_config, range(1))
    batches = list(dataset.as_numpy_iterator())
    assert [len(waveforms) for waveforms, _, _ in batches] == [4, 4, 2]
    assert steps == 3
    for waveforms, targets, weights in batches:
        assert waveforms.shape[1] == 48_000
        assert targets.shape == weights.shape == (len(waveforms), 150)
        assert set(np.unique(weights)) <= {0, 1}
    every = np.concatenate([targets[weights > 0] for _, targets, weights in batches])
    assert set(every) == {0, 1, 2, 3}


def test_validation_recordings_are_the_same_each_time_and_of_validation_clips(examples, streaming_config):
    first, second = (contents(validation_recordings(examples, streaming_config)) for _ in range(2))
    assert first == second
    assert sum(len(waveforms) for waveforms, _, _ in first) == len(examples.validation) // 2
    alone = examples._replace(training=examples.validation)
    assert contents(validation_recordings(alone, streaming_config)) == first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clip_seconds": 0.0}, "--clip-seconds 0.0: expected at least 0.1"),
        ({"recording_seconds": 1.0}, "--recording-seconds 1.0: expected at least 2.0"),
        ({"units": 0}, "--units 0: expected at least 1"),
        ({"dropout": 1.0}, "--dropout 1.0: expected from 0 to less than 1"),
        ({"time_masks": -1}, "--time-masks -1: expected at least 0"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        Config(**wrong)
    with pytest.raises(UserError, match=message):
        replace(PRESETS["tiny"], **wrong)


def test_class_weights_count_the_clips_of_an_epoch_and_are_no_matter_of_streams(examples, tiny_config):
    assert np.bincount(epoch_targets(examples, tiny_config)).tolist() == [24, 24, 24, 24]
    with pytest.raises(FlagError, match="--class-weights balanced: the recordings that a streaming model"):
        replace(tiny_config, class_weights="balanced", kind="streaming")
