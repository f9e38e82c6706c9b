"""What is served answers as the trained model does, the same alone or in a batch, at once or in steps."""

import io
import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.speech_commands.export import load_run
from applications.speech_commands.model import attention
from common.audio.files import SAMPLE_RATE, encode_wav
from common.inference.runner import SavedModelError, SavedModelRunner

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(2)
TIMES = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
CLIPS = [
    (0.2 * np.sin(2 * np.pi * 400 * TIMES[:16_000])).astype(np.float32),
    RNG.normal(0, 0.05, 16_000).astype(np.float32),
    RNG.normal(0, 0.05, 5_000).astype(np.float32),
    (0.3 * np.sin(2 * np.pi * 2_500 * TIMES) * (TIMES > 1.2)).astype(np.float32),
    np.zeros(16_000, np.float32),
]
FILES = [encode_wav(clip) for clip in CLIPS]
OUTPUTS = {"label": (None,), "probabilities": (None, 4), "error": (None,)}


def wav(samples, rate=SAMPLE_RATE, **kind):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, **{"format": "WAV", **kind})
    return content.getvalue()


@pytest.fixture(scope="module")
def streaming(exported_stream):
    with SavedModelRunner(exported_stream) as model:
        yield model


def described(runner):
    return {
        name: (
            {key: (info.dtype, info.shape) for key, info in one.inputs.items()},
            {key: info.shape for key, info in one.outputs.items()},
        )
        for name, one in runner.signatures.items()
    }


def test_the_signatures_are_named_for_what_they_take_and_give(runner, streaming):
    files, waveform = {"audio_bytes": ("string", (None,))}, {"waveform": ("float32", (None, None))}
    attended = {"attention": (None, None), "log_mel": (None, None, 40)}
    both = {"serving_default": (files, OUTPUTS), "waveform": (waveform, OUTPUTS)}
    clip = described(runner)
    attention_shapes = clip["attention"][1]
    assert attention_shapes.keys() == OUTPUTS.keys() | attended.keys()
    assert {name: clip[name] for name in both} == both
    assert clip.keys() == both.keys() | {"attention"}
    stream = described(streaming)
    assert {name: stream[name] for name in both} == both
    assert stream.keys() == both.keys() | {"recording", "step"}
    inputs, outputs = stream["step"]
    assert inputs["audio"] == ("float32", (None, None))
    assert inputs.keys() - {"audio"} == outputs.keys() - {"posteriors", "error"}
    assert all(inputs[name] == ("float32", shape) for name, shape in outputs.items() if name in inputs)
    assert all(None not in shape[1:] for name, shape in outputs.items() if name in inputs)


@pytest.mark.parametrize("size", [0, 1, 3, 33])
def test_a_model_of_streams_gives_a_recording_the_same_answer_alone_and_in_a_batch(streaming, size):
    files = (FILES * 7)[:size]
    together = streaming.run("serving_default", audio_bytes=files)
    assert together["probabilities"].shape == (size, 4)
    for row, file in enumerate(files):
        alone = streaming.run("serving_default", audio_bytes=[file])
        np.testing.assert_allclose(together["probabilities"][row], alone["probabilities"][0], atol=1e-5)
        assert together["label"][row] == alone["label"][0]


def test_attention_adds_up_to_1(runner):
    answers = runner.run("attention", audio_bytes=FILES)
    np.testing.assert_allclose(answers["attention"].sum(axis=1), 1, atol=1e-5)
    assert answers["log_mel"].shape == (len(FILES), 98, 40)


def test_the_answers_are_those_of_the_trained_model_with_its_calibration(runner, finished_run):
    trained = load_run(finished_run)
    heard = np.stack([CLIPS[0], CLIPS[1], CLIPS[4], CLIPS[3][-16_000:]])
    heard = np.round(heard * 32768) / 32768
    logits, weights, spectrum = attention(trained.model, tf.constant(heard, tf.float32))
    expected = tf.nn.softmax(logits / trained.run.outcome["temperature"])
    order = [0, 1, 4, 3]
    answers = runner.run("attention", audio_bytes=[FILES[index] for index in order])
    # The loudest second of two is found to 10 ms; the tone of the last clip fills less than that.
    np.testing.assert_allclose(answers["probabilities"][:3], expected[:3], atol=1e-3)
    np.testing.assert_allclose(answers["attention"][:3], weights[:3], atol=1e-3)
    np.testing.assert_allclose(answers["log_mel"][:3], spectrum[:3], atol=1e-3)
    for name in ("probabilities", "label"):
        np.testing.assert_array_equal(
            answers[name], runner.run("serving_default", audio_bytes=[FILES[index] for index in order])[name]
        )
    assert [label.decode() for label in answers["label"][:3]] == [
        trained.labels[one] for one in np.argmax(logits, axis=1)[:3]
    ]


@pytest.mark.parametrize("model", ["runner", "streaming"])
def test_waveforms_have_the_answers_of_files(request, model):
    model = request.getfixturevalue(model)
    for clip, file in zip(CLIPS, FILES, strict=True):
        answers = model.run("waveform", waveform=clip[None])["probabilities"]
        expected = model.run("serving_default", audio_bytes=[file])["probabilities"]
        np.testing.assert_allclose(answers, expected, atol=0.02)


BAD_FILES = {
    wav(CLIPS[0], 44_100): "44100 Hz; expected 16000 Hz",
    wav(CLIPS[0], subtype="FLOAT"): "expected a WAV file of 16-bit PCM, got 32-bit float",
    wav(CLIPS[0], subtype="PCM_24"): "expected a WAV file of 16-bit PCM, got 24-bit",
    wav(CLIPS[0], format="FLAC"): "expected a WAV file",
    b"": "expected a WAV file, got no bytes",
    b"some text": "expected a WAV file",
    FILES[0][:9_000]: "truncated WAV file",
    # Its header promises 2 GB.
    FILES[0][:40] + b"\x00\x00\xff\x7e" + FILES[0][44:]: "truncated WAV file",
    wav(np.zeros(0)): "expected a WAV file with samples, got none",
}
BAD_SAMPLES = {
    np.nan: "expected samples from -1 to 1, got NaN or an infinite number",
    -np.inf: "expected samples from -1 to 1, got NaN or an infinite number",
    12_000.0: "expected samples from -1 to 1, got one of magnitude 12000 (divide 16-bit samples by 32768)",
}


def is_neutral(values):
    return all(value == b"" for value in values.flat) if values.dtype == object else not values.any()


def assert_rows_are_as_alone(model, signature, inputs, bad):
    """Each row is answered as alone; those of `bad`, from the row to the beginning of its error, are neutral."""
    together = model.run(signature, **inputs)
    for row in range(len(next(iter(inputs.values())))):
        alone = model.run(signature, **{name: values[row : row + 1] for name, values in inputs.items()})
        assert together["error"][row] == alone["error"][0]
        assert together["error"][row].decode().startswith(bad.get(row, ""))
        assert bool(together["error"][row]) == (row in bad)
        for name, values in together.items():
            if row in bad and name != "error":
                assert is_neutral(values[row : row + 1])
            elif values.dtype == object:
                assert values[row] == alone[name][0]
            else:
                assert values[row].shape == alone[name][0].shape
                np.testing.assert_allclose(values[row], alone[name][0], atol=1e-4)


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.sampled_from(FILES) | st.sampled_from(sorted(BAD_FILES)), min_size=1, max_size=7))
@pytest.mark.parametrize(
    ("model", "signature"),
    [("runner", "serving_default"), ("runner", "attention"), ("streaming", "serving_default")],
)
def test_a_bad_file_is_told_of_and_its_neighbours_are_answered_as_alone(request, model, signature, rows):
    bad = {row: BAD_FILES[file] for row, file in enumerate(rows) if file in BAD_FILES}
    assert_rows_are_as_alone(request.getfixturevalue(model), signature, {"audio_bytes": rows}, bad)


@settings(max_examples=12, deadline=None)
@given(
    samples=st.sampled_from([640, 16_000, 20_000]),
    bad=st.dictionaries(st.integers(0, 4), st.sampled_from(list(BAD_SAMPLES)), max_size=5),
    place=st.integers(0, 639),
)
@pytest.mark.parametrize(
    ("model", "signature"),
    [("runner", "waveform"), ("streaming", "waveform"), ("streaming", "recording")],
)
def test_a_bad_waveform_is_told_of_and_its_neighbours_are_answered_as_alone(
    request, model, signature, samples, bad, place
):
    waveforms = np.random.default_rng(place).normal(0, 0.1, (5, samples)).astype(np.float32)
    for row, value in bad.items():
        waveforms[row, place] = value
    told = {row: BAD_SAMPLES[value] for row, value in bad.items()}
    assert_rows_are_as_alone(request.getfixturevalue(model), signature, {"waveform": waveforms}, told)


@settings(max_examples=12, deadline=None)
@given(
    bad_audio=st.dictionaries(st.integers(0, 4), st.sampled_from(list(BAD_SAMPLES)), max_size=3),
    bad_states=st.dictionaries(
        st.integers(0, 4), st.tuples(st.integers(0, 99), st.sampled_from([np.nan, np.inf])), max_size=3
    ),
    frames=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_bad_step_is_told_of_and_the_other_streams_go_on_as_alone(
    streaming, bad_audio, bad_states, frames, seed
):
    random = np.random.default_rng(seed)
    specs = {name: info for name, info in streaming.signatures["step"].inputs.items() if name != "audio"}
    states = {name: random.uniform(0, 0.5, (5, *info.shape[1:])) for name, info in specs.items()}
    inputs = {"audio": random.normal(0, 0.1, (5, 320 * frames)), **states}
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    told = {}
    for row, (number, value) in bad_states.items():
        name = sorted(specs)[number % len(specs)]
        inputs[name][row].flat[-1] = value
        told[row] = f"{name}: expected the states of a step before, got NaN or an infinite number"
    for row, value in bad_audio.items():
        inputs["audio"][row, seed] = value
        told[row] = BAD_SAMPLES[value]
    assert_rows_are_as_alone(streaming, "step", inputs, told)


def test_states_too_large_to_go_on_from_are_told_of(streaming):
    specs = {name: info for name, info in streaming.signatures["step"].inputs.items() if name != "audio"}
    states = {name: np.zeros((2, *info.shape[1:]), np.float32) for name, info in specs.items()}
    for state in states.values():
        state[1] = 3e38
    answer = streaming.run("step", audio=np.zeros((2, 320), np.float32), **states)
    assert answer["error"][0] == b""
    assert answer["error"][1] == b"expected the states of a step before, got too large numbers"
    assert np.isfinite(answer["posteriors"]).all()


@pytest.mark.parametrize("samples", [1, 319, 500])
def test_a_step_of_no_whole_frames_is_refused_in_one_line(streaming, samples):
    specs = {name: info for name, info in streaming.signatures["step"].inputs.items() if name != "audio"}
    states = {name: np.zeros((2, *info.shape[1:]), np.float32) for name, info in specs.items()}
    with pytest.raises(SavedModelError, match=f"audio: expected a multiple of 320 samples, got {samples}"):
        streaming.run("step", audio=np.zeros((2, samples), np.float32), **states)


def test_waveforms_without_samples_are_told_so(runner, streaming):
    nothing = np.zeros((2, 0), np.float32)
    for model, signature in ((runner, "waveform"), (streaming, "waveform"), (streaming, "recording")):
        assert model.run(signature, waveform=nothing)["error"].tolist() == [b"expected samples, got none"] * 2
    specs = {name: info for name, info in streaming.signatures["step"].inputs.items() if name != "audio"}
    states = {name: np.zeros((2, *info.shape[1:]), np.float32) for name, info in specs.items()}
    assert (
        streaming.run("step", audio=nothing, **states)["error"].tolist()
        == [b"expected samples, got none"] * 2
    )


def test_a_recording_shorter_than_a_frame_has_none(streaming):
    answer = streaming.run("recording", waveform=np.full((2, 319), 0.1, np.float32))
    assert answer["posteriors"].shape == (2, 0, 4)
    assert answer["error"].tolist() == [b"", b""]
    assert streaming.run("recording", waveform=np.full((2, 320), 0.1, np.float32))["posteriors"].shape[1] == 1


@pytest.mark.parametrize("block", [320, 960, 3_200])
def test_the_served_steps_have_the_posteriors_of_the_whole_recording(streaming, block):
    recordings = np.stack([CLIPS[3], RNG.normal(0, 0.05, 32_000).astype(np.float32)])
    whole = streaming.run("recording", waveform=recordings)["posteriors"]
    assert whole.shape == (2, 100, 4)
    np.testing.assert_allclose(whole.sum(axis=2), 1, atol=1e-5)
    inputs = streaming.signatures["step"].inputs
    states = {
        name: np.zeros((2, *info.shape[1:]), np.float32) for name, info in inputs.items() if name != "audio"
    }
    heard = []
    for audio in np.split(recordings, range(block, 32_000, block), axis=1):
        outputs = streaming.run("step", audio=audio, **states)
        heard.append(outputs["posteriors"])
        states = {name: outputs[name] for name in states}
    np.testing.assert_allclose(np.concatenate(heard, axis=1), whole, atol=1e-4)


def test_the_labels_card_and_warm_up_travel_with_the_model(exported, exported_stream):
    for version, kind in ((exported, "clip"), (exported_stream, "streaming")):
        extra = version / "assets.extra"
        assert json.loads((extra / "model.json").read_text("utf-8")) == {
            "labels": ["_silence_", "_unknown_", "high", "low"],
            "kind": kind,
            "sample_rate": 16_000,
            "clip_seconds": 1.0,
            "hop_seconds": 0.02,
        }
        manifest = json.loads((extra / "manifest.json").read_text("utf-8"))
        assert manifest["training_examples"] == 72
        assert manifest["data"] == "beeps"
        assert "/" not in json.dumps(manifest["configuration"]["training"])
        assert (extra / "README.md").read_text("utf-8").startswith("# speech_commands")
        assert (extra / "tf_serving_warmup_requests").stat().st_size > 0
