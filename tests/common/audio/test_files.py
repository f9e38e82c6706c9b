"""A recording of any format, rate and depth gives the same waveform; what is no whole recording is refused by name."""

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import wave
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from common.audio.files import SAMPLE_RATE, AudioError, decode_audio, encode_wav, read_audio
from common.audio.streams import duration_of, file_blocks, read_blocks
from common.errors import UserError

SECONDS = 0.5


def tone(rate, hertz=440.0, loudness=0.5):
    return (loudness * np.sin(2 * np.pi * hertz * np.arange(round(SECONDS * rate)) / rate)).astype(np.float32)


def encoded(samples, rate=SAMPLE_RATE, kind="WAV", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_is_the_same_tone_whatever_the_rate(rate):
    waveform = decode_audio(encoded(tone(rate), rate), "tone.wav")
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - SECONDS * SAMPLE_RATE) <= 1
    inner = slice(500, -500)  # a resampler rings where a tone begins and ends
    np.testing.assert_allclose(waveform[inner], tone(SAMPLE_RATE)[: len(waveform)][inner], atol=2e-3)


def test_what_16_khz_cannot_hold_is_filtered_and_not_folded_into_the_band():
    high = decode_audio(encoded(tone(48_000, hertz=15_000.0), 48_000), "high.wav")
    assert np.abs(high[500:-500]).max() < 1e-3


def test_resampled_noise_of_the_band_of_speech_agrees_with_scipy():
    noise = resample_poly(np.random.default_rng(0).normal(0, 0.1, 4_000), 6, 1)  # from 8 kHz to 48 kHz
    waveform = decode_audio(encoded(noise, 48_000, subtype="FLOAT"), "noise.wav")
    np.testing.assert_allclose(waveform[400:-400], resample_poly(noise, 1, 3)[400:-400], atol=0.02)


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 1 / 100),
        ("WAV", "PCM_16", 1 / 30_000),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_32", 1e-6),
        ("WAV", "FLOAT", 1e-7),
        ("WAV", "DOUBLE", 1e-7),
        ("WAV", "ULAW", 0.03),
        ("WAVEX", "PCM_16", 1 / 30_000),
        ("FLAC", "PCM_16", 1 / 30_000),
        ("AIFF", "PCM_16", 1 / 30_000),
        ("OGG", "VORBIS", 0.05),
    ],
)
def test_formats_and_depths_give_the_samples_that_were_written(kind, subtype, tolerance):
    waveform = decode_audio(encoded(tone(SAMPLE_RATE), kind=kind, subtype=subtype), "tone")
    np.testing.assert_allclose(waveform, tone(SAMPLE_RATE), atol=tolerance)


def test_mp3_is_read():
    waveform = decode_audio(encoded(tone(44_100), 44_100, "MP3", "MPEG_LAYER_III"), "tone.mp3")
    spectrum = np.abs(np.fft.rfft(waveform))
    assert abs(int(spectrum.argmax()) * SAMPLE_RATE / len(waveform) - 440) < 5


def test_channels_are_averaged():
    left, right = tone(SAMPLE_RATE), tone(SAMPLE_RATE, hertz=1_000.0, loudness=0.25)
    waveform = decode_audio(encoded(np.stack([left, right], axis=1), subtype="FLOAT"), "stereo.wav")
    np.testing.assert_allclose(waveform, (left + right) / 2, atol=1e-6)


def test_samples_a_little_too_loud_are_clipped():
    waveform = decode_audio(encoded(tone(SAMPLE_RATE, loudness=1.5), subtype="FLOAT"), "loud.wav")
    assert (waveform.min(), waveform.max()) == (-1.0, 1.0)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_a_written_wav_has_the_16_bit_samples_that_it_was_read_from(integers):
    waveform = np.array(integers, np.float32) / 32768
    content = encode_wav(waveform)
    with wave.open(io.BytesIO(content)) as file:
        assert file.getparams()[:4] == (1, 2, SAMPLE_RATE, len(integers))
        assert np.frombuffer(file.readframes(len(integers)), "<i2").tolist() == integers
    np.testing.assert_array_equal(decode_audio(content, "round.wav"), waveform)


def test_a_waveform_beyond_the_range_is_clipped_when_written():
    np.testing.assert_array_equal(
        decode_audio(encode_wav(np.array([2.0, -3.0, 1.0])), "loud.wav"), [32767 / 32768, -1.0, 32767 / 32768]
    )


def unfinished_header(size):
    """A WAV as a recorder writes it to a pipe: it does not know the length."""
    content = encoded(tone(SAMPLE_RATE))
    place = content.index(b"data") + 4
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_of_unknown_length_from_a_pipe_is_read_whole(size):
    np.testing.assert_allclose(
        decode_audio(unfinished_header(size), "pipe.wav"), tone(SAMPLE_RATE), atol=1 / 30_000
    )


WHOLE = encoded(tone(SAMPLE_RATE))


@pytest.mark.parametrize(
    ("content", "message", "reason"),
    [
        (b"", "the file is empty", "empty"),
        (b"This is a text.\n" * 100, "not audio, or damaged; expected WAV, FLAC", "not audio"),
        (WHOLE[:20], "not audio, or damaged", "not audio"),
        (WHOLE[:44], "truncated: the header promises 16,000 bytes of samples, 0 are there", "truncated"),
        (WHOLE[:10_044], "the header promises 16,000 bytes of samples, 10,000 are there", "truncated"),
        (WHOLE[:-1], "promises 16,000 bytes of samples, 15,999 are there", "truncated"),
        (encoded(tone(SAMPLE_RATE), kind="AIFF")[:-500], "truncated", "truncated"),
        (encoded(tone(SAMPLE_RATE), kind="FLAC")[:-500], "not audio, or damaged", "not audio"),
        (encoded(np.zeros(0)), "no samples", "empty"),
        (encoded(np.array([0, np.nan]), subtype="FLOAT"), "NaN or infinite", "NaN or infinite samples"),
        (encoded(np.array([0, np.inf]), subtype="FLOAT"), "NaN or infinite", "NaN or infinite samples"),
        (encoded(np.array([0, 12000.0]), subtype="FLOAT"), "samples up to 12,000; expected", "out of range"),
        (encoded(np.zeros(9), rate=3), "3 samples per second; expected from 1,000", "absurd rate"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_is_no_whole_recording_is_refused_in_one_line_with_its_name(content, message, reason):
    with pytest.raises(AudioError) as error:
        decode_audio(content, "clips/a.wav")
    assert str(error.value).startswith("clips/a.wav: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.reason == reason


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, 60))
def test_damaged_files_give_a_waveform_or_one_clear_line(noise, cut, place):
    damaged = WHOLE[:place] + noise + WHOLE[place + len(noise) : cut]
    try:
        waveform = decode_audio(damaged, "damaged.wav")
    except UserError as error:
        message = str(error)
        assert message.startswith("damaged.wav: ")
        return
    assert waveform.ndim == 1
    assert len(waveform)
    assert np.isfinite(waveform).all()


def test_files_are_read_and_a_missing_one_or_a_folder_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(WHOLE)
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav"), decode_audio(WHOLE, "a.wav"))
    with pytest.raises(UserError, match=r"b\.wav: No such file or directory; expected an audio file"):
        read_audio(tmp_path / "b.wav")
    with pytest.raises(UserError, match="Is a directory; expected an audio file"):
        read_audio(tmp_path)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (16_000, 2), (44_100, 2), (8_000, 1)])
def test_blocks_from_a_pipe_come_while_it_is_written_and_make_up_the_whole_recording(rate, channels):
    content = encoded(np.random.default_rng(0).normal(0, 0.1, (round(1.7 * rate), channels)), rate)
    out, into = os.pipe()
    half = len(content) // 2
    halves = threading.Event()

    def write():
        os.write(into, content[:half])
        halves.wait(60)
        for first in range(half, len(content), 4096):
            os.write(into, content[first : first + 4096])
        os.close(into)

    writer = threading.Thread(target=write)
    writer.start()
    blocks = []
    for block in read_blocks(out, 0.1, "pipe"):
        blocks.append(block)
        if sum(map(len, blocks)) > 0.4 * SAMPLE_RATE:
            halves.set()
    writer.join()
    os.close(out)
    assert len(blocks) >= 17
    np.testing.assert_allclose(np.concatenate(blocks), decode_audio(content, "whole"), atol=1e-6)


def test_blocks_of_what_is_no_audio_are_refused_by_name(tmp_path):
    (tmp_path / "notes.wav").write_bytes(b"a note, not a sound\n" * 9)
    with (tmp_path / "notes.wav").open("rb") as file, pytest.raises(AudioError, match="pipe: not audio"):
        list(read_blocks(file.fileno(), 0.1, "pipe"))


def test_blocks_of_what_is_no_audio_in_a_pipe_are_refused_by_name():
    with piped(b"a note, not a sound\n" * 9) as out, pytest.raises(AudioError, match="pipe: not audio"):
        list(read_blocks(out, 0.1, "pipe"))


@contextmanager
def piped(content):
    """The end of a pipe to read, into which all is written at once and which is closed then."""
    out, into = os.pipe()

    def write():
        with os.fdopen(into, "wb") as file, suppress(BrokenPipeError):
            file.write(content)

    threading.Thread(target=write, daemon=True).start()
    yield out
    os.close(out)


def in_two_data_chunks(content):
    at, half = content.index(b"data"), 4_001
    samples = content[at + 8 :]
    chunks = (b"LIST" + struct.pack("<I", 3) + b"odd\0", samples[:half], samples[half - 1 :])
    first, second = (b"data" + struct.pack("<I", len(part)) + part for part in chunks[1:])
    return content[:at] + chunks[0] + first + b"\0" + second


@pytest.mark.parametrize(
    "content",
    [
        unfinished_header(0),
        unfinished_header(0xFFFFFFFF),
        in_two_data_chunks(WHOLE),
        WHOLE + b"LIST" + struct.pack("<I", 4) + b"note",
        WHOLE + bytes(4_096),
        encoded(tone(SAMPLE_RATE), subtype="PCM_24"),
        encoded(tone(44_100), 44_100, subtype="FLOAT"),
        encoded(tone(8_000), 8_000, subtype="ULAW"),
        encoded(tone(SAMPLE_RATE), subtype="MS_ADPCM"),
        encoded(tone(SAMPLE_RATE), subtype="IMA_ADPCM"),
        encoded(tone(SAMPLE_RATE), kind="WAVEX"),
        encoded(tone(SAMPLE_RATE), kind="AU"),
    ],
    ids=lambda content: f"{content[:4].decode()} {len(content)}",
)
def test_blocks_of_any_wav_from_a_pipe_make_up_the_whole_recording(content, tmp_path):
    whole = decode_audio(content, "whole")
    with piped(content) as out:
        np.testing.assert_allclose(np.concatenate(list(read_blocks(out, 0.1, "pipe"))), whole, atol=1e-6)
    (tmp_path / "sound").write_bytes(content)
    with (tmp_path / "sound").open("rb") as file:
        blocks = list(read_blocks(file.fileno(), 0.1, "file"))
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


@pytest.mark.parametrize("kind", ["FLAC", "OGG"])
def test_a_file_in_place_of_a_pipe_is_read_whatever_its_format(kind, tmp_path):
    content = encoded(tone(SAMPLE_RATE), kind=kind, subtype={"FLAC": "PCM_16", "OGG": "VORBIS"}[kind])
    (tmp_path / "sound").write_bytes(content)
    with (tmp_path / "sound").open("rb") as file:
        blocks = list(read_blocks(file.fileno(), 0.1, "file"))
    np.testing.assert_allclose(np.concatenate(blocks), decode_audio(content, "whole"), atol=1e-6)


@pytest.mark.parametrize("kind", ["WAV", "AU"])
def test_ctrl_c_ends_the_wait_for_a_pipe_that_stays_open_and_silent(kind):
    code = (
        "import sys; from common.audio.streams import read_blocks\n"
        "for block in read_blocks(0, 0.1, 'pipe'): print(len(block), flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    process.stdin.write(encoded(tone(SAMPLE_RATE), kind=kind)[:-4_000])
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(30) != 0
        assert b"KeyboardInterrupt" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [
        *(
            ("WAV", "PCM_16", 16_000),
            ("WAV", "PCM_24", 44_100),
            ("WAV", "ULAW", 8_000),
            ("WAVEX", "FLOAT", 22_050),
        ),
        *(("FLAC", "PCM_16", 44_100), ("OGG", "VORBIS", 48_000), ("MP3", "MPEG_LAYER_III", 44_100)),
    ],
)
def test_a_long_file_is_read_block_by_block_and_gives_the_same_waveform(kind, subtype, rate, tmp_path):
    content = encoded(np.tile(tone(rate), 10), rate, kind=kind, subtype=subtype)
    (tmp_path / "sound").write_bytes(content)
    blocks = list(file_blocks(tmp_path / "sound", 0.5, "sound"))
    assert len(blocks) >= 10
    assert max(map(len, blocks)) < 1.5 * SAMPLE_RATE
    np.testing.assert_allclose(np.concatenate(blocks), decode_audio(content, "whole"), atol=1e-6)
    assert duration_of(tmp_path / "sound") == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[: len(WHOLE) // 2],
        unfinished_header(0),
        encoded(tone(SAMPLE_RATE), kind="AIFF"),
        encoded(tone(SAMPLE_RATE), kind="RF64"),
        b"\0\0\0\x20ftypM4A " + bytes(64) + b"mp4a",
        b"",
    ],
    ids=["truncated", "length not told", "AIFF", "RF64", "M4A", "empty"],
)
def test_a_file_that_must_be_seen_whole_is_not_cut_into_blocks(content, tmp_path):
    (tmp_path / "sound").write_bytes(content)
    assert file_blocks(tmp_path / "sound", 0.5, "sound") is None
