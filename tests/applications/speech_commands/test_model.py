"""The recognisers: each clip is heard on its own; a stream is heard the same at once and bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.speech_commands.config import PRESETS
from applications.speech_commands.model import attention, build
from common.layers.streamed_model import step, zero_states

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
STREAMING = replace(TINY, kind="streaming", layers=2)
RNG = np.random.default_rng(0)
FRAME = 320


def noise(*shape):
    return RNG.normal(0, 0.1, shape).astype(np.float32)


@pytest.fixture(scope="module", params=["gru", "lstm", "rnn"])
def streaming(request):
    model = build(replace(STREAMING, cell=request.param), classes=5)
    # As after a training: statistics and offsets are not 0 or 1.
    model.set_weights(
        [weight + RNG.uniform(0.05, 0.2, weight.shape) * (weight.ndim == 1) for weight in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module")
def clip():
    return build(TINY, classes=4)


@pytest.mark.parametrize("cuts", [(), (1,), tuple(range(1, 40)), (1, 2, 4, 8, 16, 32), (13, 39)])
def test_a_stream_heard_in_blocks_has_the_answers_of_the_whole_recording(streaming, cuts):
    recording = noise(3, 40 * FRAME)
    whole = streaming(recording, training=False)
    assert whole.shape == (3, 40, 5)
    assert np.std(whole, axis=1).min() > 1e-3
    states, heard = zero_states(streaming, 3), []
    for block in np.split(recording, [cut * FRAME for cut in cuts], axis=1):
        logits, states = step(streaming, tf.constant(block), states)
        heard.append(logits)
    np.testing.assert_allclose(np.concatenate(heard, axis=1), whole, atol=1e-4)


def test_states_are_carried_for_each_row_alone_and_hold_no_time(streaming):
    states = zero_states(streaming, 2)
    _, after = step(streaming, tf.constant(noise(2, 7 * FRAME)), states)
    assert [state.shape for state in after] == [state.shape for state in states]
    assert all(state.shape[0] == 2 and state.dtype == tf.float32 for state in after)
    assert all(np.abs(state).max() > 0 for state in after)
    assert not any(np.abs(state).max() for state in states)


def test_what_follows_a_frame_of_a_stream_has_no_part_in_it(streaming):
    recording = noise(1, 20 * FRAME)
    changed = recording.copy()
    changed[:, 12 * FRAME :] = noise(1, 8 * FRAME)
    before, after = (np.asarray(streaming(one, training=False))[0] for one in (recording, changed))
    np.testing.assert_allclose(before[:12], after[:12], atol=1e-6)
    assert np.abs(before[12:] - after[12:]).max() > 1e-4


@pytest.mark.parametrize("kind", ["clip", "convolutional"])
def test_other_clips_of_the_batch_change_nothing(kind):
    model = build(replace(TINY, kind=kind), classes=4)
    clips = noise(5, TINY.clip_samples) * np.float32([[1], [0.001], [3], [0], [1]])
    together = np.asarray(model(clips, training=False))
    assert together.shape == (5, 4)
    for row in range(5):
        np.testing.assert_allclose(model(clips[row : row + 1], training=False)[0], together[row], atol=1e-5)


def test_attention_weights_of_each_clip_add_up_to_1_and_come_with_the_models_own_logits(clip):
    clips = noise(3, TINY.clip_samples)
    logits, weights, spectrum = attention(clip, tf.constant(clips))
    np.testing.assert_allclose(logits, clip(clips, training=False), atol=1e-6)
    assert weights.shape == (3, 49)
    assert spectrum.shape == (3, 98, TINY.mel_bins)
    assert (np.asarray(weights) >= 0).all()
    np.testing.assert_allclose(np.sum(weights, axis=1), 1, atol=1e-5)


def test_a_fainter_or_louder_recording_is_the_same_word(clip):
    """The mean of each band is subtracted, so that only noise at the floor of the spectrum tells the level."""
    clips = noise(2, TINY.clip_samples)
    np.testing.assert_allclose(clip(clips * 3, training=False), clip(clips, training=False), atol=1e-3)


@pytest.mark.parametrize("kind", ["clip", "convolutional", "streaming"])
def test_mixed_precision_gives_float32_logits_close_to_full_precision(kind):
    config = replace(TINY, kind=kind)
    full, mixed = (build(config, 4, precision) for precision in ("float32", "mixed_bfloat16"))
    mixed.set_weights(full.get_weights())
    clips = noise(2, TINY.clip_samples)
    assert mixed(clips, training=False).dtype == "float32"
    np.testing.assert_allclose(mixed(clips, training=False), full(clips, training=False), atol=0.05)


def test_the_compared_convolutional_network_has_about_the_size_of_the_shipped_models():
    base, convolutional = (build(PRESETS[name], 12).count_params() for name in ("base", "convolutional"))
    assert 0.9 < convolutional / base < 1.15
