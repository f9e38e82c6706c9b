"""The transcribers: each recording is heard on its own; a stream is heard the same at once and bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.transcription.config import PRESETS
from applications.transcription.data import inputs_of
from applications.transcription.model import FRAME, SETTLING, build, frames_of
from common.layers.streamed_model import step, zero_states

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
RNG = np.random.default_rng(0)
SAMPLES = np.array([16_000, 9_333, 1, 640], np.int32)
WAVEFORMS = np.where(np.arange(16_000) < SAMPLES[:, None], RNG.normal(0, 0.1, (4, 16_000)), 0).astype(
    np.float32
)


def with_weights(model):
    """Weights as training might leave them, the statistics of batch normalisation among them."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "seed" not in weight.path:
            spread = rng.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(spread) + 0.5 if "variance" in weight.path else spread)
    return model


@pytest.fixture(scope="module", params=["base", "convolutional", "streaming"])
def kind(request):
    """A configuration and its model."""
    config = replace(TINY, kind=request.param)
    return config, with_weights(build(config, 5))


def logits_of(kind, waveforms, samples):
    config, model = kind
    return model(inputs_of(config, tf.constant(waveforms), tf.constant(samples)), training=False).numpy()


def test_the_peer_without_recurrence_is_of_the_size_of_the_shipped_model():
    base, peer = (build(PRESETS[name], 77).count_params() for name in ("base", "convolutional"))
    assert peer == pytest.approx(base, rel=0.01)


def test_a_frame_lasts_20_milliseconds_and_the_shortest_recording_has_one(kind):
    config, _ = kind
    logits = logits_of(kind, WAVEFORMS, SAMPLES)
    assert logits.shape == (4, frames_of(config, 16_000), 5)
    lengths = [frames_of(config, int(samples)) for samples in SAMPLES]
    assert min(lengths) >= 1
    assert lengths[0] - lengths[3] == pytest.approx((16_000 - 640) / FRAME, abs=1)


def test_a_recording_is_heard_alike_alone_and_beside_longer_ones(kind):
    config, _ = kind
    together = logits_of(kind, WAVEFORMS, SAMPLES)
    for row, samples in enumerate(SAMPLES):
        alone = logits_of(kind, WAVEFORMS[row : row + 1, :samples], SAMPLES[row : row + 1])
        frames = frames_of(config, int(samples))
        assert alone.shape[1] >= frames
        np.testing.assert_allclose(together[row, :frames], alone[0, :frames], atol=1e-5)


def test_what_is_said_changes_what_is_heard(kind):
    logits = logits_of(kind, WAVEFORMS, SAMPLES)
    other = logits_of(kind, WAVEFORMS[:, ::-1].copy(), np.full(4, 16_000, np.int32))
    assert np.abs(logits[0] - other[0]).max() > 1e-3


@pytest.mark.parametrize("cuts", [[5, 20, 25], [1] * 50])
def test_a_stream_heard_in_blocks_has_the_logits_of_the_whole_recording(cuts):
    config = replace(TINY, kind="streaming", layers=2)
    model = with_weights(build(config, 5))
    waveform = WAVEFORMS[:1]
    edges = FRAME * np.cumsum([0, *cuts])
    blocks = np.split(waveform[:, : edges[-1]], edges[1:-1], axis=1)
    states, heard = zero_states(model, 1), []
    for block in (*blocks, np.zeros((1, SETTLING * FRAME), np.float32)):
        logits, states = step(model, tf.constant(block), states)
        heard.append(logits.numpy())
    whole = model(waveform, training=False).numpy()
    np.testing.assert_allclose(np.concatenate(heard, axis=1), whole, atol=1e-4)


def test_a_streaming_model_does_not_look_ahead():
    model = with_weights(build(replace(TINY, kind="streaming"), 5))
    changed = WAVEFORMS[:1].copy()
    changed[:, 8_000:] = 0
    before = 8_000 // FRAME
    both = [model(waveform, training=False).numpy()[:, :before] for waveform in (WAVEFORMS[:1], changed)]
    np.testing.assert_allclose(*both, atol=1e-5)
