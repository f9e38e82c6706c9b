"""Features equal their published formulas in NumPy; no row, no padding and no later sample has a say in them."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.features import FitLength, LogMel, MeanNormalization, SpecAugment
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner

Array = np.ndarray
GENERATOR = np.random.default_rng(0)
SPEECH = (GENERATOR.normal(size=(3, 4000)) * np.hanning(4000) * [[0.3], [0.01], [1e-4]]).astype("float32")
FEATURES = GENERATOR.normal(-4, 3, size=(3, 50, 12)).astype("float32")


def _triangle(hertz: Array, low: float, centre: float, high: float) -> Array:
    mel, low, centre, high = (
        1127 * np.log1p(np.asarray(value) / 700) for value in (hertz, low, centre, high)
    )
    return np.clip(np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)), 0, None)


def _log_mel(samples: Array, mel_bins: int, lowest: float, highest: float) -> Array:
    """The features of one frame of 400 samples at 16 kHz."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(samples.astype("float64") * hann, 512)) ** 2
    edges = np.expm1(np.linspace(*np.log1p(np.array([lowest, highest]) / 700), mel_bins + 2)) * 700
    hertz = np.arange(1, 257) * 16000 / 512
    return np.log(
        [1e-6 + power[1:] @ _triangle(hertz, *edges[place : place + 3]) for place in range(mel_bins)]
    )


@pytest.mark.parametrize(("mel_bins", "lowest", "highest"), [(40, 60.0, 7600.0), (16, 125.0, 4000.0)])
def test_a_frame_is_the_log_mel_spectrum_of_its_own_samples(
    mel_bins: int, lowest: float, highest: float
) -> None:
    features = LogMel(mel_bins, lowest=lowest, highest=highest)(SPEECH)
    expected = [
        [_log_mel(row[start : start + 400], mel_bins, lowest, highest) for start in range(0, 3601, 160)]
        for row in SPEECH
    ]
    np.testing.assert_allclose(features, expected, atol=2e-3)


@pytest.mark.parametrize("window", [255, 256, 257, 400])
@pytest.mark.parametrize("hop", [100, 160, 255])
def test_samples_outside_a_frame_have_no_say_in_it(window: int, hop: int) -> None:
    layer = LogMel(8, window, hop)
    features = layer(SPEECH)
    assert features.shape[1] == layer.frames(4000) == (4000 - window) // hop + 1
    for frame in (0, 1, features.shape[1] - 1):
        alone = layer(SPEECH[:, frame * hop : frame * hop + window])
        np.testing.assert_allclose(alone[:, 0], features[:, frame], atol=1e-4)


def test_the_sample_rate_says_where_a_frequency_lies() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype("float32")[None]
    low = LogMel(30, 200, 80, lowest=100, highest=3800, sample_rate=8000)(tone)
    edges = np.expm1(np.linspace(*np.log1p(np.array([100, 3800]) / 700), 32)) * 700
    assert set(np.argmax(low[0], -1)) == {np.argmin(np.abs(edges[1:-1] - 1000))}


@pytest.mark.parametrize("causal", [False, True])
def test_any_waveform_makes_as_many_frames_as_promised(causal: bool) -> None:
    layer = LogMel(5, causal=causal)
    traced = tf.function(layer, input_signature=[tf.TensorSpec([None, None])])
    for samples in (0, 1, 159, 160, 256, 257, 399, 400, 559, 560, 1500):
        assert traced(SPEECH[:, :samples]).shape == (3, layer.frames(samples), 5)
        expected = samples // 160 if causal else len(range(400, samples + 1, 160))
        assert layer.frames(samples) == expected


def test_silence_is_finite() -> None:
    np.testing.assert_allclose(LogMel(5)(np.zeros((1, 800), "float32")), np.log(1e-6), rtol=1e-6)


def test_a_causal_run_is_the_run_after_silence() -> None:
    causal, plain = LogMel(causal=True), LogMel()
    assert causal.context == 240
    after_silence = np.pad(SPEECH, ((0, 0), (240, 0)))
    np.testing.assert_allclose(causal(SPEECH), plain(after_silence), atol=1e-5)


@pytest.fixture(scope="module")
def streamed() -> tuple[Any, Any, Any]:
    """A causal layer, and its whole and stepwise runs traced once for any length."""
    layer = LogMel(12, causal=True)
    samples = tf.TensorSpec([None, None])
    return (
        layer,
        tf.function(layer, input_signature=[samples]),
        tf.function(layer.step, input_signature=[samples, samples]),
    )


@settings(max_examples=25)
@given(hops=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_blocks_of_a_stream_make_the_features_of_the_whole(
    streamed: tuple[Any, Any, Any], hops: list[int]
) -> None:
    layer, whole, step = streamed
    ends = np.cumsum([0, *hops])[:, None] * 160
    state, pieces = layer.zero_states(3), []
    waveforms = np.resize(SPEECH, (3, ends[-1, 0]))
    for start, end in zip(ends[:-1, 0], ends[1:, 0], strict=True):
        features, state = step(waveforms[:, start:end], state)
        assert features.shape == (3, (end - start) // 160, 12)
        pieces.append(features)
    np.testing.assert_allclose(np.concatenate(pieces, 1), whole(waveforms), atol=1e-5)


def test_a_hop_wider_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="hop from 1 to the window's 400"):
        LogMel(hop=401)


def _fitted(row: Array, samples: int, grid: int) -> Array:
    """One row's loudest stretch by brute force, in exact arithmetic."""
    if len(row) <= samples:
        return np.pad(row, (0, samples - len(row)))
    steps = [round(float(sample) * 2**15) ** 2 for sample in row]
    starts = range(0, len(row) - samples + 1, grid)
    best = max(starts, key=lambda start: sum(steps[start : start + samples]))
    return row[best : best + samples]


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    samples=st.integers(1, 40),
    grid=st.integers(1, 9),
    padding=st.sampled_from([0.0, 1.0, float("nan")]),
    levels=st.sampled_from([1, 2, 1000]),
    seed=st.integers(0, 99),
)
def test_a_row_becomes_its_loudest_stretch_or_is_followed_by_zeros(
    lengths: list[int], samples: int, grid: int, padding: float, levels: int, seed: int
) -> None:
    integers = np.random.default_rng(seed).integers(-levels, levels + 1, (len(lengths), 60))
    rows = (integers / levels).astype("float32")
    mask = np.arange(60) < np.array(lengths)[:, None]
    fitted = FitLength(samples, grid)(np.where(mask, rows, padding).astype("float32"), np.array(lengths))
    expected = [_fitted(row[:length], samples, grid) for row, length in zip(rows, lengths, strict=True)]
    np.testing.assert_array_equal(fitted, expected)


def test_without_lengths_all_samples_are_real() -> None:
    layer = FitLength(1000)
    np.testing.assert_array_equal(layer(SPEECH), layer(SPEECH, np.full(3, 4000)))
    np.testing.assert_array_equal(layer(SPEECH[:, :1000]), SPEECH[:, :1000])


def test_the_loudest_stretch_of_a_long_recording_is_found_exactly() -> None:
    long = np.zeros((1, 3_000_000), "float32")
    long[:, :2_000_000] = 1.0
    long[:, :1_990_000:2] = -1.0
    long[:, 2_900_000:2_916_000] = 0.1
    fitted = FitLength(16000)(long[:, 2_000_000:])
    np.testing.assert_array_equal(fitted, np.full((1, 16000), 0.1, "float32"))
    np.testing.assert_array_equal(FitLength(16000)(long), long[:, :16000])


def test_each_feature_s_mean_is_subtracted_in_each_row() -> None:
    expected = (FEATURES - FEATURES.mean(1, keepdims=True)) / 2
    layer = MeanNormalization(2.0)
    np.testing.assert_allclose(layer(FEATURES), expected, atol=1e-5)
    np.testing.assert_allclose(layer(FEATURES[:1]), expected[:1], atol=1e-5)


def _runs(masked: Array) -> int:
    return int(np.diff(np.concatenate([[0], masked.astype(int)])).clip(0).sum())


def test_masks_cover_at_most_what_was_asked_for_and_hold_the_row_s_mean() -> None:
    layer = SpecAugment(2, 7, 1, 3, seed=1)
    time_widths, band_widths = [], []
    for _ in range(30):
        augmented = layer(FEATURES, training=True).numpy()
        for row, original in zip(augmented, FEATURES, strict=True):
            masked = row != original
            np.testing.assert_allclose(row[masked], original.mean(), atol=1e-5)
            frames, bins = masked.all(1), masked.all(0)
            np.testing.assert_array_equal(masked, frames[:, None] | bins)
            assert _runs(frames) <= 2
            assert _runs(bins) <= 1
            time_widths.append(frames.sum())
            band_widths.append(bins.sum())
    assert set(band_widths) == {0, 1, 2, 3}
    assert 10 < max(time_widths) <= 14


def test_a_mask_is_as_likely_to_have_any_width_and_to_lie_anywhere() -> None:
    features = np.arange(20000 * 5, dtype="float32").reshape(20000, 5, 1)
    layer = SpecAugment(1, 2, 0, 0, seed=2)
    masked = (layer(features + 0.5 * (features % 5 == 2), training=True).numpy() != features)[..., 0]
    masked[:, 2] = False
    shares = masked.mean(0)
    # Width 1 at 5 places and width 2 at 4 places, a third of the rows each.
    expected = [1 / 15 + 1 / 12, 1 / 15 + 1 / 6, 0, 1 / 15 + 1 / 6, 1 / 15 + 1 / 12]
    np.testing.assert_allclose(shares, expected, atol=0.015)


def test_rows_have_masks_of_their_own_and_none_outside_training() -> None:
    layer = SpecAugment(1, 10, 1, 5, seed=3)
    same = np.repeat(FEATURES[:1], 8, axis=0)
    augmented = layer(same, training=True).numpy()
    assert len({row.tobytes() for row in augmented}) > 4
    np.testing.assert_array_equal(layer(same), same)
    np.testing.assert_array_equal(layer(same, training=False), same)


def test_masks_wider_than_the_features_are_cut_to_them() -> None:
    augmented = SpecAugment(1, 99, 1, 99, seed=4)(FEATURES, training=True)
    assert augmented.shape == FEATURES.shape
    assert np.isfinite(augmented).all()


def _model(policy: str) -> keras.Model:
    inputs = keras.Input([None])
    outputs = FitLength(3000, dtype=policy)(inputs)
    for layer in (
        LogMel(10, 256, 128, 100.0, 7000.0, dtype=policy),
        MeanNormalization(2.5, dtype=policy),
        SpecAugment(dtype=policy),
    ):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def test_a_model_from_samples_is_saved_and_loaded_with_its_front_end(tmp_path: Path) -> None:
    model = _model("float32")
    assert model.output_shape == (None, LogMel(10, 256, 128).frames(3000), 10)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(SPEECH), model(SPEECH))
    for layer, copy in zip(model.layers, loaded.layers, strict=True):
        assert layer.get_config() == copy.get_config()


def test_mixed_precision_rounds_the_normalised_features_alone() -> None:
    mixed, full = _model("mixed_bfloat16")(SPEECH), _model("float32")(SPEECH)
    assert mixed.dtype == tf.bfloat16
    np.testing.assert_array_equal(mixed, tf.cast(full, tf.bfloat16))


def test_the_front_end_is_served_for_clips_and_for_streams(tmp_path: Path) -> None:
    model, causal = _model("float32"), LogMel(10, causal=True)

    def clip(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"features": model(waveform)}

    def step(block: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
        features, after = causal.step(block, state)
        return {"features": features, "after": after}

    clips, state = tf.TensorSpec([None, None]), tf.TensorSpec([None, causal.context])
    blocks = {"block": SPEECH[:, :320], "state": np.zeros((3, causal.context), "float32")}
    signatures = [
        Signature("serving_default", clip, {"waveform": clips}, {"waveform": SPEECH}),
        Signature("step", step, {"block": clips, "state": state}, blocks),
    ]
    with SavedModelRunner(export_saved_model(signatures, tmp_path / "front")) as runner:
        short = runner.run("serving_default", waveform=SPEECH[:, :500])["features"]
        np.testing.assert_allclose(short, model(SPEECH[:, :500]), atol=1e-5)
        first = runner.run("step", **blocks)
        second = runner.run("step", block=SPEECH[:, 320:640], state=first["after"])
    features = np.concatenate([first["features"], second["features"]], 1)
    np.testing.assert_allclose(features, causal(SPEECH[:, :640]), atol=1e-5)
