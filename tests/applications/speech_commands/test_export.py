"""What is served answers as the trained model does, the same alone or in a batch, at once or in steps."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from applications.speech_commands.config import PRESETS
from applications.speech_commands.export import export, load_run
from applications.speech_commands.model import attention
from common.data.audio import SAMPLE_RATE, encode_wav
from common.errors import UserError
from common.export.script import ExportOptions
from common.serving.runner import SavedModelError, SavedModelRunner
from common.training.run_folder import open_run

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
OUTPUTS = {"label": (None,), "probabilities": (None, 4)}


def wav(samples, rate=SAMPLE_RATE, **kind):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, **{"format": "WAV", **kind})
    return content.getvalue()


@pytest.fixture(scope="module")
def runner(exported):
    with SavedModelRunner(exported) as model:
        yield model


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
    assert inputs.keys() - {"audio"} == outputs.keys() - {"posteriors"}
    assert all(inputs[name] == ("float32", shape) for name, shape in outputs.items() if name != "posteriors")
    assert all(None not in shape[1:] for name, shape in outputs.items() if name != "posteriors")


@pytest.mark.parametrize("model", ["runner", "streaming"])
def test_a_recording_has_the_same_answer_alone_and_in_a_batch(request, model):
    model = request.getfixturevalue(model)
    together = model.run("serving_default", audio_bytes=FILES)
    for row, file in enumerate(FILES):
        alone = model.run("serving_default", audio_bytes=[file])
        np.testing.assert_allclose(together["probabilities"][row], alone["probabilities"][0], atol=1e-5)
        assert together["label"][row] == alone["label"][0]


def test_attention_is_the_same_alone_and_in_a_batch_and_adds_up_to_1(runner):
    together = runner.run("attention", audio_bytes=FILES)
    np.testing.assert_allclose(together["attention"].sum(axis=1), 1, atol=1e-5)
    for row, file in enumerate(FILES):
        alone = runner.run("attention", audio_bytes=[file])
        for name in ("attention", "log_mel", "probabilities"):
            np.testing.assert_allclose(together[name][row], alone[name][0], atol=1e-4)


@pytest.mark.parametrize("size", [0, 1, 3, 40])
def test_any_batch_size(runner, streaming, size):
    for model in (runner, streaming):
        answers = model.run("serving_default", audio_bytes=(FILES * 10)[:size])
        assert answers["probabilities"].shape == (size, 4)
        assert answers["label"].shape == (size,)
    assert runner.run("attention", audio_bytes=(FILES * 10)[:size])["log_mel"].shape == (size, 98, 40)


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


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (wav(CLIPS[0], 44_100), "row 1: 44100 Hz; expected 16000 Hz"),
        (wav(CLIPS[0], subtype="FLOAT"), "row 1: expected a WAV file of 16-bit PCM, got 32-bit float"),
        (wav(CLIPS[0], subtype="PCM_24"), "row 1: expected a WAV file of 16-bit PCM, got 24-bit"),
        (wav(CLIPS[0], format="FLAC"), "row 1: expected a WAV file"),
        (b"", "row 1: expected a WAV file, got no bytes"),
        (b"some text", "row 1: expected a WAV file"),
        (FILES[0][:9_000], "row 1: truncated WAV file"),
        (wav(np.zeros(0)), "row 1: expected a WAV file with samples, got none"),
    ],
)
def test_a_wrong_rate_or_format_is_refused_in_the_graph_with_its_row(runner, file, message):
    for signature in ("serving_default", "attention"):
        with pytest.raises(SavedModelError, match=message):
            runner.run(signature, audio_bytes=[FILES[0], file, FILES[1]])


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "NaN or an infinite"), (12_000.0, "divide 16-bit samples by 32768")]
)
def test_a_waveform_out_of_range_is_refused_in_the_graph_with_its_row(runner, streaming, value, message):
    waveforms = np.stack([CLIPS[0], CLIPS[1]])
    waveforms[1, 77] = value
    for model, signature in ((runner, "waveform"), (streaming, "waveform"), (streaming, "recording")):
        with pytest.raises(SavedModelError, match=f"row 1: expected samples from -1 to 1, got .*{message}"):
            model.run(signature, waveform=waveforms)


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
        heard.append(outputs.pop("posteriors"))
        states = outputs
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


def test_the_next_export_is_the_next_version(finished_run, exported):
    assert exported.name == "1"
    assert export(ExportOptions(finished_run, exported.parent)).name == "2"
    (exported.parent / "2").rename(exported.parent.parent / "second")


def test_a_failed_export_leaves_nothing_behind(finished_run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.export.saved_model.write_warmup", fail)
    with pytest.raises(OSError, match="No space left"):
        export(ExportOptions(finished_run, tmp_path / "speech_commands"))
    assert list(tmp_path.rglob("*")) == []


def test_a_run_that_is_not_finished_is_not_exported(tmp_path):
    config = PRESETS["tiny"]
    training = replace(config.training, runs=tmp_path)
    folder = open_run("speech_commands", replace(config, training=training), training)
    with pytest.raises(UserError, match="this training is not finished; go on with train --resume"):
        export(ExportOptions(folder, tmp_path / "out"))
