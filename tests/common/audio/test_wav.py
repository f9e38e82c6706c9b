"""WAV files become the waveforms that a WAV library reads; a row that is none is told why, and no other is harmed."""

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.wav import check_waveform, decode_wav
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner

Array = np.ndarray
BYTES = tf.TensorSpec([None], tf.string)
TONE = (np.sin(np.arange(800) / 5) * 20_000).astype("int16")
decoded = tf.function(decode_wav, input_signature=[BYTES])
checked = tf.function(check_waveform, input_signature=[tf.TensorSpec([None, None])])


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(
    samples: Array,
    rate: int = 16_000,
    encoding: int = 1,
    bits: int = 16,
    before: bytes = b"",
    extra: bytes = b"",
) -> bytes:
    """A WAV file of the samples `[time]` or `[time, channels]`, with chunks `before` those of the samples."""
    channels = samples.shape[1] if samples.ndim == 2 else 1
    frame = channels * bits // 8
    layout = struct.pack("<HHIIHH", encoding, channels, rate, rate * frame, frame, bits)
    body = b"WAVE" + chunk(b"fmt ", layout + extra) + before + chunk(b"data", samples.tobytes())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def written(samples: Array, **options: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, **options)
    return buffer.getvalue()


GOOD = wav(TONE)
REFUSED = {
    "no bytes": (b"", "expected a WAV file, got no bytes"),
    "text": (
        b"hello, this is a text",
        r"expected a WAV file \(one that begins with RIFF and WAVE\), got other",
    ),
    "flac": (written(TONE, format="FLAC"), "expected a WAV file .*, got other bytes"),
    "cut before the format": (GOOD[:30], "expected a WAV file with a format, found none in it"),
    "cut before the samples": (GOOD[:40], "expected a WAV file with samples, found none in it"),
    "cut within the samples": (
        GOOD[:-3],
        "truncated WAV file: .* promises 1600 bytes of samples, it holds 1597",
    ),
    "of 2 GB, as its header says": (
        GOOD[:40] + b"\x00\xef\xff\x7f" + GOOD[44:],
        "truncated WAV file: .* promises 2147479296 bytes of samples, it holds 1600",
    ),
    "float": (written(TONE, format="WAV", subtype="FLOAT"), "16-bit PCM, got 32-bit float"),
    "24 bits": (written(TONE, format="WAV", subtype="PCM_24"), "16-bit PCM, got 24-bit PCM"),
    "8 bits": (written(TONE, format="WAV", subtype="PCM_U8"), "16-bit PCM, got 8-bit PCM"),
    "mu-law": (written(TONE, format="WAV", subtype="ULAW"), "16-bit PCM, got 8-bit mu-law"),
    "unheard of": (wav(TONE, encoding=4711), "16-bit PCM, got 16-bit format 4711"),
    "extensible of 24 bits": (
        written(TONE, format="WAVEX", subtype="PCM_24"),
        "16-bit PCM, got 24-bit PCM",
    ),
    "extensible of float": (
        written(TONE, format="WAVEX", subtype="FLOAT"),
        "16-bit PCM, got 32-bit float",
    ),
    "extensible of no name": (wav(TONE, encoding=0xFFFE), "got 16-bit WAVE_FORMAT_EXTENSIBLE"),
    "of 64 bits": (written(TONE, format="RF64"), "expected a WAV file that begins with RIFF, got RF64"),
    "big-endian": (
        written(TONE, format="WAV", endian="BIG"),
        "expected a WAV file that begins with RIFF, got RIFX, whose numbers are big-endian",
    ),
    "of a format cut short": (
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", GOOD[20:34]) + GOOD[36:],
        "a WAV file with a format, found none",
    ),
    "of 101 chunks": (
        wav(TONE, before=chunk(b"LIST", b"note") * 99),
        "a WAV file of at most 100 chunks, got more",
    ),
    "44.1 kHz": (wav(TONE, rate=44_100), "44100 Hz; expected 16000 Hz"),
    "no channels": (GOOD[:22] + b"\0\0" + GOOD[24:], "1 to 32 channels, got 0"),
    "many channels": (wav(TONE.reshape(-1, 50)), "1 to 32 channels, got 50"),
    "no samples": (wav(TONE[:0]), "expected a WAV file with samples, got none"),
    "half a frame": (wav(TONE[:2].reshape(1, 2))[:-2], "truncated WAV file"),
}


@settings(max_examples=25)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5)), max_size=4),
    before=st.lists(st.binary(max_size=5), max_size=3),
    extra=st.sampled_from([b"", b"\0\0"]),
    trailing=st.binary(max_size=9),
    seed=st.integers(0, 99),
)
def test_a_wav_file_becomes_the_mean_of_its_channels(
    shapes: list[tuple[int, int]], before: list[bytes], extra: bytes, trailing: bytes, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = [random.integers(-(2**15), 2**15, shape, dtype="int16") for shape in shapes]
    chunks = b"".join(chunk(b"LIST", content) for content in before)
    files = [wav(row, before=chunks, extra=extra) for row in rows]
    waveforms, lengths, error = decoded(tf.constant([file + trailing for file in files], tf.string))
    assert error.numpy().tolist() == [b""] * len(rows)
    assert lengths.numpy().tolist() == [len(row) for row in rows]
    assert waveforms.shape == (len(rows), max(map(len, rows), default=0))
    for waveform, file, row in zip(waveforms.numpy(), files, rows, strict=True):
        reference = soundfile.read(io.BytesIO(file), always_2d=True)[0].mean(1)
        np.testing.assert_allclose(waveform[: len(row)], reference, atol=1e-6)
        assert not waveform[len(row) :].any()


def test_mono_files_keep_every_bit() -> None:
    every = np.arange(-(2**15), 2**15, dtype="int16")
    waveforms, _, _ = decoded(tf.constant([wav(every)]))
    np.testing.assert_array_equal(waveforms[0], every / np.float32(2**15))


def test_what_a_library_wrote_is_read() -> None:
    stereo = np.random.default_rng(0).uniform(-1, 1, (999, 2))
    file = written(stereo, format="WAV", subtype="PCM_16")
    waveforms, _, _ = decoded(tf.constant([GOOD, file]))
    np.testing.assert_allclose(waveforms[1], soundfile.read(io.BytesIO(file))[0].mean(1), atol=1e-6)


def test_another_rate_can_be_asked_for() -> None:
    waveforms, _, error = decode_wav(tf.constant([GOOD, wav(TONE, rate=8000)]), sample_rate=8000)
    np.testing.assert_array_equal(waveforms[1], TONE / np.float32(2**15))
    assert error.numpy().tolist() == [b"16000 Hz; expected 8000 Hz", b""]


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_cannot_be_read_is_told_why_and_is_silent(name: str) -> None:
    file, message = REFUSED[name]
    waveforms, lengths, error = decoded(tf.constant([GOOD, wav(TONE[:90]), file, GOOD]))
    assert re.search(message, error[2].numpy().decode())
    assert lengths.numpy().tolist() == [800, 90, 0, 800]
    assert not waveforms[2].numpy().any()
    for row in (0, 3):
        np.testing.assert_array_equal(waveforms[row], TONE / np.float32(2**15))
        assert error[row] == b""


def test_where_no_row_can_be_read_each_has_its_own_reason() -> None:
    waveforms, lengths, error = decoded(tf.constant([file for file, _ in REFUSED.values()]))
    assert waveforms.shape == (len(REFUSED), 0)
    assert not lengths.numpy().any()
    for told, (_, message) in zip(error.numpy(), REFUSED.values(), strict=True):
        assert re.search(message, told.decode())


@settings(max_examples=60)
@given(place=st.integers(0, len(GOOD) - 1), values=st.binary(min_size=1, max_size=4), end=st.integers(0, 100))
def test_a_damaged_file_is_read_or_told_of_and_harms_no_other(place: int, values: bytes, end: int) -> None:
    place %= 50
    damaged = (GOOD[:place] + values + GOOD[place + len(values) :])[: len(GOOD) - end]
    waveforms, lengths, error = decoded(tf.constant([damaged, wav(TONE[:7])]))
    assert (lengths[0] == 0) == (error[0] != b"")
    assert waveforms.shape == (2, max(int(lengths[0]), 7))
    assert not np.any(np.abs(waveforms) > 1)
    np.testing.assert_array_equal(waveforms[1, :7], TONE[:7] / np.float32(2**15))


def test_a_waveform_from_minus_1_to_1_passes() -> None:
    waveforms = np.array([[0.5, -1.0, 1.0], [1.1, 0.0, -1.1]], "float32")
    passed, error = checked(waveforms)
    np.testing.assert_array_equal(passed, waveforms)
    assert error.numpy().tolist() == [b"", b""]
    assert checked(np.zeros((0, 5), "float32"))[0].shape == (0, 5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.0, np.nan], "expected samples from -1 to 1, got NaN or an infinite number"),
        ([-np.inf, 0.0], "expected samples from -1 to 1, got NaN or an infinite number"),
        (
            [3.0, -3000.0],
            "expected samples from -1 to 1, got one of magnitude 3000 (divide 16-bit samples by 32768)",
        ),
    ],
)
def test_any_other_waveform_is_told_why_and_becomes_silent(row: list[float], message: str) -> None:
    passed, error = checked(np.array([[0.5, 0.25], row, [0.0, 1.0]], "float32"))
    np.testing.assert_array_equal(passed, [[0.5, 0.25], [0.0, 0.0], [0.0, 1.0]])
    assert [one.decode() for one in error.numpy()] == ["", message, ""]


def test_waveforms_without_samples_are_told_so() -> None:
    passed, error = checked(np.zeros((2, 0), "float32"))
    assert passed.shape == (2, 0)
    assert error.numpy().tolist() == [b"expected samples, got none"] * 2


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedModelRunner]:
    def decode(audio_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        waveforms, lengths, error = decode_wav(audio_bytes)
        return {"waveform": waveforms, "length": lengths, "error": error}

    def check(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        waveform, error = check_waveform(waveform)
        return {"loudest": tf.reduce_max(waveform, axis=1), "error": error}

    folder: Path = tmp_path_factory.mktemp("models") / "wav"
    signatures = [
        Signature("serving_default", decode, {"audio_bytes": BYTES}, {"audio_bytes": [GOOD, wav(TONE[:90])]}),
        Signature(
            "waveform",
            check,
            {"waveform": tf.TensorSpec([None, None])},
            {"waveform": [[0.0, 0.1], [1.0, 0.2]]},
        ),
    ]
    with SavedModelRunner(export_saved_model(signatures, folder)) as loaded:
        yield loaded


def test_the_server_reads_and_refuses_alike(runner: SavedModelRunner) -> None:
    bad = list(REFUSED.values())
    answer = runner.run("serving_default", audio_bytes=[wav(TONE[:90]), *(file for file, _ in bad), GOOD])
    np.testing.assert_array_equal(answer["waveform"][-1], TONE / np.float32(2**15))
    assert answer["length"].tolist() == [90, *[0] * len(bad), 800]
    assert (answer["error"][0], answer["error"][-1]) == (b"", b"")
    for told, (_, message) in zip(answer["error"][1:-1], bad, strict=True):
        assert re.search(message, told.decode())
    heard = runner.run("waveform", waveform=[[0.0, 0.5], [0.0, np.nan]])
    assert heard["loudest"].tolist() == [0.5, 0.0]
    assert heard["error"][1].startswith(b"expected samples from -1 to 1, got NaN")
