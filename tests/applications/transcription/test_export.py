"""What is served answers as the trained model does, and a row that cannot be answered harms no other."""

import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.transcription.export import load_run, written
from common.audio.files import SAMPLE_RATE, encode_wav
from common.decoding.ctc import greedy, prefix_beam_search
from common.inference.runner import SavedModelError, SavedModelRunner
from common.text.symbols import Symbols

pytestmark = pytest.mark.slow

FRAME = 320
RNG = np.random.default_rng(2)


def wav(samples, rate=SAMPLE_RATE, **kind):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, **{"format": "WAV", **kind})
    return content.getvalue()


NOISE = RNG.normal(0, 0.05, 16_000).astype(np.float32)
BAD_FILES = {
    wav(NOISE, 44_100): "44100 Hz; expected 16000 Hz",
    wav(NOISE, subtype="FLOAT"): "expected a WAV file of 16-bit PCM, got 32-bit float",
    wav(NOISE, subtype="PCM_24"): "expected a WAV file of 16-bit PCM, got 24-bit",
    wav(NOISE, format="FLAC"): "expected a WAV file",
    b"": "expected a WAV file, got no bytes",
    b"some text": "expected a WAV file",
    encode_wav(NOISE)[:9_000]: "truncated WAV file",
    # Its header promises 2 GB.
    encode_wav(NOISE)[:40] + b"\x00\x00\xff\x7e" + encode_wav(NOISE)[44:]: "truncated WAV file",
    wav(np.zeros(0)): "expected a WAV file with samples, got none",
    encode_wav(np.zeros(61 * SAMPLE_RATE, np.float32)): "expected at most 60 seconds, got 61.0",
}


@pytest.fixture(scope="module")
def files(whistled):
    """Recordings of words, noise and silence of several lengths."""
    spoken = [["lo"], ["hi", "lo", "hi"], ["lo", "lo"]]
    recordings = [whistled(words, np.random.default_rng(seed)) for seed, words in enumerate(spoken)]
    return [
        encode_wav(recording) for recording in (*recordings, NOISE, np.zeros(8_000, np.float32), NOISE[:1])
    ]


@pytest.fixture(scope="module")
def streaming(exported_stream):
    with SavedModelRunner(exported_stream) as model:
        yield model


def test_what_was_whistled_is_written_with_the_time_of_each_word(runner, files):
    answers = runner.run("serving_default", audio_bytes=files)
    texts = [text.decode() for text in answers["text"]]
    assert texts[:3] == ["lo", "hi lo hi", "lo lo"]
    assert texts[4:] == ["", ""]
    assert answers["confidence"][4:].tolist() == [1, 1]
    words = runner.run("words", audio_bytes=files)
    assert [" ".join(word.decode() for word in row if word) for row in words["words"]] == texts
    assert words["count"].tolist() == [len(text.split()) for text in texts]
    for start, end, confidence, count in zip(
        *(words[name] for name in ("start", "end", "confidence", "count")), strict=True
    ):
        assert (start[:count] < end[:count]).all()
        assert (end[: count - 1] <= start[1:count]).all() if count > 1 else True
        assert ((confidence[:count] > 0) & (confidence[:count] <= 1)).all()
        assert not start[count:].any()
        assert not end[count:].any()
        assert not confidence[count:].any()
    # Each whistle lasts 0.2 s, and the pause before it as much at most.
    assert words["start"][1][0] < words["start"][1][1] - 0.2


@settings(max_examples=8, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("signature", ["serving_default", "words", "attend"])
def test_a_bad_file_is_told_of_and_its_neighbours_are_answered_as_alone(runner, files, signature, data):
    rows = data.draw(
        st.lists(st.sampled_from(files) | st.sampled_from(sorted(BAD_FILES)), min_size=1, max_size=5)
    )
    together = runner.run(signature, audio_bytes=rows)
    for row, file in enumerate(rows):
        error = together["error"][row].decode()
        assert error.startswith(BAD_FILES.get(file, ""))
        assert bool(error) == (file in BAD_FILES)
        alone = runner.run(signature, audio_bytes=[file])
        for name, values in together.items():
            size = tuple(slice(length) for length in alone[name].shape[1:])
            if values.dtype == object:
                assert (
                    values[row][size].tolist() == alone[name][0].tolist()
                    if size
                    else values[row] == alone[name][0]
                )
            else:
                np.testing.assert_allclose(values[row][size], alone[name][0], atol=1e-4)


def test_waveforms_have_the_answers_of_files_whatever_follows_them(runner, files, whistled):
    recordings = [
        whistled(["hi", "lo"], np.random.default_rng(7)),
        whistled(["lo"], np.random.default_rng(8)),
    ]
    lengths = np.array([len(recording) for recording in recordings], np.int32)
    waveforms = np.full((2, lengths.max() + 100), np.nan, np.float32)
    for row, recording in zip(waveforms, recordings, strict=True):
        row[: len(recording)] = recording
    answers = runner.run("waveform", waveform=waveforms, lengths=lengths)
    expected = runner.run("serving_default", audio_bytes=[encode_wav(recording) for recording in recordings])
    assert answers["text"].tolist() == expected["text"].tolist()
    np.testing.assert_allclose(answers["confidence"], expected["confidence"], atol=0.01)
    wrong = runner.run("waveform", waveform=waveforms, lengths=np.array([0, lengths[1]], np.int32))
    assert wrong["error"][0].decode().startswith("lengths: expected 1 to ")
    assert wrong["text"].tolist() == [b"", expected["text"][1]]


def test_the_best_texts_are_those_of_a_search_over_the_models_frames(runner, files, finished_run):
    answers = runner.run(
        "n_best",
        audio_bytes=files[:3],
        lm_weight=np.zeros(3, np.float32),
        length_bonus=np.zeros(3, np.float32),
    )
    assert (
        answers["texts"][:, 0].tolist()
        == runner.run("serving_default", audio_bytes=files[:3])["text"].tolist()
    )
    assert (np.diff(answers["scores"], axis=1) <= 0).all()
    trained = load_run(finished_run)
    samples = np.frombuffer(files[1][44:], "<i2").astype(np.float32)[None] / 32768
    logits = trained.model((samples, np.array([samples.shape[1]], np.int32)), training=False)
    found = prefix_beam_search(logits, np.array([logits.shape[1]]), beam_width=3)
    assert answers["texts"][1].tolist() == trained.symbols.texts(found.labels)[0].numpy().tolist()
    np.testing.assert_allclose(answers["scores"][1], found.scores[0], atol=1e-2)


def test_weights_that_are_no_numbers_are_told_of_in_their_row(runner, files):
    weights = {"lm_weight": np.array([0, np.nan], np.float32), "length_bonus": np.zeros(2, np.float32)}
    answers = runner.run("n_best", audio_bytes=files[:2], **weights)
    assert [bool(error) for error in answers["error"]] == [False, True]
    assert b"lm_weight" in answers["error"][1]


@pytest.mark.parametrize("cuts", [(40, 10), (7, 1, 12, 30)])
def test_a_stream_writes_what_the_whole_recording_says(streaming, cuts, whistled):
    recording = whistled(["hi", "lo", "hi"], np.random.default_rng(3))[: 50 * FRAME]
    recording = np.pad(recording, (0, 50 * FRAME - len(recording)))
    inputs = streaming.signatures["step"].inputs
    states = {
        name: np.zeros((1, *info.shape[1:]), np.float32) for name, info in inputs.items() if name != "audio"
    }
    text, start = "", 0
    for frames in (*cuts, 20):
        audio = np.pad(recording, (0, 20 * FRAME))[None, start : start + frames * FRAME]
        outputs = streaming.run("step", audio=audio, **states)
        states = {name: outputs[name] for name in states}
        text += outputs["text"][0].decode()
        assert outputs["log_probabilities"].shape == (1, frames, 3)
        np.testing.assert_allclose(np.exp(outputs["log_probabilities"]).sum(axis=-1), 1, atol=1e-4)
        start += frames * FRAME
    lengths = np.array([len(recording)], np.int32)
    assert (
        text.strip()
        == streaming.run("waveform", waveform=recording[None], lengths=lengths)["text"][0].decode()
    )


def test_a_step_of_half_a_frame_is_refused_and_a_broken_state_told_of(streaming):
    inputs = streaming.signatures["step"].inputs
    states = {
        name: np.zeros((2, *info.shape[1:]), np.float32) for name, info in inputs.items() if name != "audio"
    }
    with pytest.raises(SavedModelError, match="expected a multiple of 320 samples, got 100"):
        streaming.run("step", audio=np.zeros((2, 100), np.float32), **states)
    states["state_symbol"][1] = np.nan
    outputs = streaming.run("step", audio=np.zeros((2, FRAME), np.float32), **states)
    assert outputs["error"][0] == b""
    assert outputs["error"][1].startswith(b"state_symbol: expected the states of a step before")


@given(
    path=st.lists(st.integers(0, 3), min_size=2, max_size=12),
    cut=st.integers(1, 11),
    kind=st.sampled_from(["characters", "words"]),
)
def test_the_pieces_of_a_stream_make_the_text_of_a_greedy_reading(path, cut, kind):
    names = (" ", "a", "b") if kind == "characters" else ("no", "so", "yes")
    symbols = Symbols(kind, names)
    logits = 9 * tf.one_hot([path], 4)
    text, state = "", tf.zeros([1, 1])
    for block in (logits[:, :cut], logits[:, cut:]):
        outputs = written(symbols, block, {"state_symbol": state})
        state = outputs["state_symbol"]
        text += outputs["text"][0].numpy().decode()
    whole = symbols.texts(greedy(logits, tf.constant([len(path)])).labels)[0].numpy().decode()
    assert text.strip() == whole.strip()
