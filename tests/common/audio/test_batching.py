"""Batches of clips come in an order that seed and epoch fix, balanced as asked, and are never stale or mislabelled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.augmentation import Augmentation
from common.audio.batching import Balance, audio_batches, evaluation_audio_batches, plan_epoch
from common.data.batching import Sequences

SAMPLES = 800
YES, NO, UNKNOWN, SILENCE = range(4)
TARGETS = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(lambda values: np.array(values, np.int32))


def clips(targets, length=SAMPLES):
    """Each clip is a constant that tells its index."""
    features = [np.full(length, (index + 1) / 1_000, np.float32) for index in range(len(targets))]
    return Sequences(features, np.array(targets, np.int32))


def noises():
    return [np.random.default_rng(0).normal(0, 0.1, 4_000).astype(np.float32)]


def epochs_of(dataset, steps):
    batches = list(dataset.as_numpy_iterator())
    return [batches[first : first + steps] for first in range(0, len(batches), steps)]


@given(TARGETS)
@settings(max_examples=30)
def test_without_balance_every_clip_is_drawn_exactly_once(targets):
    indices, classes = plan_epoch(targets, None, True, np.random.default_rng(0))
    assert sorted(indices) == list(range(len(targets)))
    np.testing.assert_array_equal(classes, targets[indices])


@given(TARGETS, st.booleans(), st.integers(0, 5))
def test_drawn_classes_come_as_often_as_the_others_on_average(targets, has_noises, seed):
    balance = Balance(drawn=(UNKNOWN, SILENCE), silence=SILENCE)
    indices, classes = plan_epoch(targets, balance, has_noises, np.random.default_rng(seed))
    words = np.flatnonzero(targets < UNKNOWN)
    assert sorted(indices[classes < UNKNOWN]) == sorted(words)
    wanted = round(len(words) / max(len(set(targets[words])), 1))
    for drawn in (UNKNOWN, SILENCE):
        is_possible = drawn in targets or (drawn == SILENCE and has_noises)
        assert np.count_nonzero(classes == drawn) == (wanted if is_possible else 0)
        uses = np.bincount(indices[(classes == drawn) & (indices >= 0)], minlength=len(targets))
        assert not uses[targets != drawn].any()
        assert drawn not in targets or np.ptp(uses[targets == drawn]) <= 1
    assert set(classes[indices == -1]) <= {SILENCE}
    np.testing.assert_array_equal(classes[indices >= 0], targets[indices[indices >= 0]])


def test_where_there_are_noises_every_second_silence_is_an_excerpt_of_one():
    targets = np.array([YES] * 20 + [SILENCE] * 30)
    balance = Balance(drawn=(SILENCE,), silence=SILENCE)
    for has_noises, excerpts in ((True, 10), (False, 0)):
        indices, _ = plan_epoch(targets, balance, has_noises, np.random.default_rng(0))
        assert np.count_nonzero(indices == -1) == excerpts


def test_every_epoch_draws_other_examples_of_a_large_class():
    targets = np.array([YES] * 20 + [UNKNOWN] * 200)
    balance = Balance(drawn=(UNKNOWN,))
    first, second = (
        set(plan_epoch(targets, balance, False, np.random.default_rng(seed))[0]) for seed in (1, 2)
    )
    assert len(first) == len(second) == 40
    assert len(first & second) < 30


def test_unaugmented_batches_hold_the_clips_with_their_targets():
    data = clips(range(5))
    dataset, steps = audio_batches(data, 2, samples=SAMPLES, epochs=range(2), seed=0)
    assert steps == 3
    for epoch in epochs_of(dataset, steps):
        waveforms, targets = (np.concatenate(parts) for parts in zip(*epoch, strict=True))
        indices = np.rint(waveforms[:, 0] * 1_000 - 1).astype(int)
        assert sorted(indices) == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(targets, data.targets[indices])
        np.testing.assert_array_equal(waveforms, np.stack([data.features[index] for index in indices]))


def test_silence_without_clips_of_its_own_is_drawn_from_the_noises():
    data, balance = clips([YES, YES, NO, NO]), Balance(drawn=(SILENCE,), silence=SILENCE)
    dataset, steps = audio_batches(
        data, 10, samples=SAMPLES, epochs=range(1), seed=0, noises=noises(), balance=balance
    )
    [[(waveforms, targets)]] = epochs_of(dataset, steps)
    assert np.count_nonzero(targets == SILENCE) == 2
    for waveform in waveforms[targets == SILENCE]:
        places = np.lib.stride_tricks.sliding_window_view(noises()[0], SAMPLES)
        likeness = places @ waveform / np.linalg.norm(places, axis=1) / np.linalg.norm(waveform)
        assert likeness.max() == pytest.approx(1, abs=1e-5)


def test_resuming_at_an_epoch_gives_what_an_uninterrupted_run_would_have_seen():
    def contents(epochs):
        options = {"samples": SAMPLES, "seed": 3, "augmentation": Augmentation(), "noises": noises()}
        balance = Balance(drawn=(UNKNOWN, SILENCE), silence=SILENCE)
        dataset, steps = audio_batches(
            clips([YES, NO, YES, UNKNOWN, SILENCE, NO]), 3, epochs=epochs, balance=balance, **options
        )
        return [
            [(waveforms.tobytes(), tuple(targets)) for waveforms, targets in epoch]
            for epoch in epochs_of(dataset, steps)
        ]

    whole = contents(range(3))
    assert whole[1:] == contents(range(1, 3))
    assert whole[0] != whole[1]


def test_evaluation_keeps_the_order_and_changes_nothing_but_the_length():
    data = clips([YES, NO, UNKNOWN, SILENCE, YES], length=500)
    dataset = evaluation_audio_batches(data, 2, SAMPLES)
    assert int(dataset.cardinality()) == 3
    waveforms, targets = (np.concatenate(parts) for parts in zip(*dataset.as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(targets, data.targets)
    np.testing.assert_array_equal(waveforms[:, :500], np.stack(data.features))
    assert not waveforms[:, 500:].any()
