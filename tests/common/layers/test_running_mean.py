"""The running mean is that of its recurrence, and blocks of a stream are normalised as the whole is."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.layers.running_mean import RunningNormalization, running_mean

Array = np.ndarray
FEATURES = np.random.default_rng(0).normal(-5, 3, size=(2, 60, 4)).astype("float32")
MEAN = np.array([-6.0, -4.0, 0.0, 3.0], "float32")
ANY = tf.TensorSpec([None, None, 4])


def _normalized(features: Array, decay: float, scale: float) -> Array:
    mean, outputs = np.broadcast_to(MEAN, features[:, 0].shape).astype("float64"), []
    for frame in features.swapaxes(0, 1):
        mean = decay * mean + (1 - decay) * frame
        outputs.append((frame - mean) / scale)
    return np.stack(outputs, 1)


def _layer(decay: float, **options: Any) -> RunningNormalization:
    layer = RunningNormalization(decay, scale=2.0, **options)
    layer.build((None, None, 4))
    layer.set_weights([MEAN])
    return layer


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.999])
@pytest.mark.parametrize("frames", [1, 2, 4, 5, 59, 60])
def test_the_mean_follows_its_recurrence(decay: float, frames: int) -> None:
    features = FEATURES[:, :frames]
    np.testing.assert_allclose(_layer(decay)(features), _normalized(features, decay, 2.0), atol=1e-5)


def test_a_long_recording_needs_no_square_matrix_of_its_frames() -> None:
    long = np.random.default_rng(1).normal(-5, 3, size=(1, 30_000, 4)).astype("float32")
    np.testing.assert_allclose(_layer(0.999)(long), _normalized(long, 0.999, 2.0), atol=1e-4)


@pytest.fixture(scope="module")
def streamed() -> tuple[Any, Any, Any]:
    """A layer, and its whole and stepwise runs traced once for any length."""
    layer = _layer(0.95)
    return (
        layer,
        tf.function(layer, input_signature=[ANY]),
        tf.function(layer.step, input_signature=[ANY, tf.TensorSpec([None, 4])]),
    )


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 60), max_size=6))
def test_blocks_of_a_stream_are_normalised_as_the_whole(
    streamed: tuple[Any, Any, Any], cuts: list[int]
) -> None:
    layer, whole, step = streamed
    ends = sorted([0, *cuts, 60])
    state, pieces = layer.zero_states(2), []
    for start, end in pairwise(ends):
        outputs, state = step(FEATURES[:, start:end], state)
        pieces.append(outputs)
    np.testing.assert_allclose(np.concatenate(pieces, 1), whole(FEATURES), atol=1e-5)


def test_the_mean_before_the_first_frame_begins_as_told_and_is_trained() -> None:
    layer = RunningNormalization(0.9, initial_mean=-7.0)
    layer.build((None, None, 4))
    np.testing.assert_array_equal(layer.mean, np.full(4, -7.0))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(FEATURES) ** 2)
    (gradient,) = tape.gradient(loss, layer.trainable_weights)
    step = 1e-2
    for feature in range(4):
        losses = []
        for sign in (1, -1):
            layer.set_weights([np.full(4, -7.0) + sign * step * (np.arange(4) == feature)])
            losses.append(float(np.sum(np.asarray(layer(FEATURES), "float64") ** 2)))
        np.testing.assert_allclose(gradient[feature], (losses[0] - losses[1]) / (2 * step), rtol=1e-2)


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1, 1.5])
def test_a_decay_that_is_no_share_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay between 0 and 1"):
        RunningNormalization(decay)


def test_no_frames_have_no_means() -> None:
    assert running_mean(tf.zeros([2, 0, 4]), tf.zeros([2, 4]), 0.5).shape == (2, 0, 4)


def test_a_model_with_it_is_saved_and_loaded(tmp_path: Path) -> None:
    inputs = keras.Input([None, 4])
    model = keras.Model(inputs, _layer(0.9)(inputs))
    assert model.output_shape == (None, None, 4)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "model.keras")(FEATURES), model(FEATURES)
    )


def test_mixed_precision_rounds_the_normalised_features_alone() -> None:
    mixed = _layer(0.99, dtype="mixed_bfloat16")(FEATURES)
    assert mixed.dtype == tf.bfloat16
    np.testing.assert_array_equal(mixed, tf.cast(_layer(0.99)(FEATURES), tf.bfloat16))
