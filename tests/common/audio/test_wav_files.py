"""A WAV file as programs leave it is read alike by the loader and in the served graph, and by a WAV library's rules."""

import io
import struct
import wave

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.files import SAMPLE_RATE, AudioError, decode_audio
from common.audio.wav import decode_wav
from common.audio.wav_files import MOST_CHUNKS

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(3)
TONE = (np.sin(np.arange(801) / 5) * 20_000).astype("<i2")
STEREO = RANDOM.integers(-(2**15), 2**15, (300, 2)).astype("<i2")
FORMAT = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
STEREO_FORMAT = struct.pack("<HHIIHH", 1, 2, SAMPLE_RATE, 4 * SAMPLE_RATE, 4, 16)
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
decoded = tf.function(decode_wav, input_signature=[tf.TensorSpec([None], tf.string)])


def chunk(name, content, size=None, padding=b"\0"):
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + padding * (len(content) % 2)


def riff(*chunks, size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def extensible(bits=16, valid=16, guid=PCM_GUID):
    frame = bits // 8
    layout = struct.pack("<HHIIHH", 0xFFFE, 1, SAMPLE_RATE, frame * SAMPLE_RATE, frame, bits)
    return layout + struct.pack("<HHI", 22, valid, 4) + guid


FMT, DATA = chunk(b"fmt ", FORMAT), TONE.tobytes()
SOUND = chunk(b"data", DATA)
LIST = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0")
BEXT = chunk(b"bext", bytes(602) + b"history\r\n")
QUIET = np.zeros(500, "<i2")
LETTERS = np.frombuffer(b"Is it text, or a sound that looks like text? " * 20, "<i2")

READ = {
    "as it should be": (riff(FMT, SOUND), TONE),
    "data size 0": (riff(FMT, chunk(b"data", DATA, 0)), TONE),
    "data size 0, and silence": (riff(FMT, chunk(b"data", QUIET.tobytes(), 0)), QUIET),
    "data size 0, and samples that are letters": (riff(FMT, chunk(b"data", LETTERS.tobytes(), 0)), LETTERS),
    "data size 2^32 - 1": (riff(FMT, chunk(b"data", DATA, 0xFFFFFFFF)), TONE),
    "data size 2^32 - 1 of stereo, half a frame at the end": (
        riff(chunk(b"fmt ", STEREO_FORMAT), chunk(b"data", STEREO.tobytes()[:-2], 0xFFFFFFFF)),
        STEREO[:-1],
    ),
    "as ffmpeg writes it to a pipe": (
        riff(FMT, LIST, chunk(b"data", DATA, 0xFFFFFFFF), size=0xFFFFFFFF),
        TONE,
    ),
    "as sox writes it to a pipe": (riff(FMT, chunk(b"data", DATA, 0x7FFFF000), size=0x7FFFF024), TONE),
    "RIFF size 0": (riff(FMT, SOUND, size=0), TONE),
    "RIFF size too small": (riff(FMT, SOUND, size=100), TONE),
    "two data chunks": (riff(FMT, chunk(b"data", DATA[:800]), chunk(b"data", DATA[800:])), TONE),
    "data chunks around others": (
        riff(
            BEXT, chunk(b"data", DATA[:2]), LIST, FMT, chunk(b"data", DATA[2:900]), chunk(b"data", DATA[900:])
        ),
        TONE,
    ),
    "the second data chunk open": (
        riff(FMT, chunk(b"data", DATA[:800]), chunk(b"data", DATA[800:], 0xFFFFFFFF)),
        TONE,
    ),
    "an empty data chunk before that of the samples": (riff(FMT, chunk(b"data", b""), SOUND), TONE),
    "an empty data chunk after that of the samples": (riff(FMT, SOUND, chunk(b"data", b"")), TONE),
    "each data chunk with a part of a frame": (
        riff(
            chunk(b"fmt ", STEREO_FORMAT),
            chunk(b"data", STEREO[:100].tobytes() + b"abc"),
            chunk(b"data", STEREO[100:].tobytes() + b"de"),
        ),
        STEREO,
    ),
    "format after the samples": (riff(SOUND, FMT), TONE),
    "others before, between and after": (riff(BEXT, FMT, LIST, SOUND, BEXT, LIST), TONE),
    "odd chunks with a zero after": (riff(FMT, chunk(b"LIST", b"odd"), chunk(b"note", b"x"), SOUND), TONE),
    "odd chunks with nothing after": (
        riff(chunk(b"LIST", b"odd", padding=b""), FMT, chunk(b"bext", b"x", padding=b""), SOUND),
        TONE,
    ),
    "odd chunks with a letter after": (riff(FMT, chunk(b"LIST", b"odd", padding=b"x"), SOUND), TONE),
    "an odd chunk without name with nothing after": (
        riff(FMT, chunk(b"note", b"odd", padding=b""), chunk(b"more", b"even", padding=b""), SOUND),
        TONE,
    ),
    "an odd data chunk with a zero after": (riff(FMT, chunk(b"data", DATA + b"x"), LIST), TONE),
    "an odd data chunk with nothing after": (
        riff(FMT, chunk(b"data", DATA[:800] + b"x", padding=b""), chunk(b"data", DATA[800:])),
        TONE,
    ),
    "zeros after the samples": (riff(FMT, SOUND) + bytes(4_096), TONE),
    "a text after the samples": (riff(FMT, SOUND) + b"recorded by hand " * 90, TONE),
    "another file after it": (riff(FMT, SOUND) + riff(FMT, SOUND), TONE),
    "a chunk after the samples cut": (riff(FMT, SOUND, BEXT)[:-400], TONE),
    "extensible": (riff(chunk(b"fmt ", extensible()), SOUND), TONE),
    "extensible of 12 bits in 16": (riff(chunk(b"fmt ", extensible(valid=12)), SOUND), TONE),
    "a format with an empty extension": (riff(chunk(b"fmt ", FORMAT + b"\0\0"), SOUND), TONE),
    "frames and bytes per second of another format": (
        riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 7, 9, 16)), SOUND),
        TONE,
    ),
    "two formats": (riff(FMT, chunk(b"fmt ", STEREO_FORMAT), SOUND), TONE),
    f"{MOST_CHUNKS} chunks": (riff(FMT, chunk(b"LIST", b"note") * (MOST_CHUNKS - 2), SOUND), TONE),
}
REFUSED = {
    "no samples": (riff(FMT, chunk(b"data", b"")), "no samples", "with samples, got none"),
    "no samples, but a list": (riff(FMT, chunk(b"data", b""), LIST), "no samples", "with samples, got none"),
    "no data": (riff(FMT, LIST), "a WAV file without samples", "with samples, found none in it"),
    "no format": (riff(SOUND), "a WAV file without a format", "with a format, found none in it"),
    "half a frame": (
        riff(chunk(b"fmt ", STEREO_FORMAT), chunk(b"data", b"ab")),
        "no samples",
        "with samples, got none",
    ),
    "cut within the samples": (
        riff(FMT, SOUND)[:-1],
        "truncated: the header promises 1,602 bytes of samples, 1,601 are there",
        "truncated WAV file: its header promises 1602 bytes of samples, it holds 1601",
    ),
    "cut within the second data chunk": (
        riff(FMT, SOUND, SOUND)[:-100],
        "promises 3,204 bytes of samples, 3,104 are there",
        "promises 3204 bytes of samples, it holds 3104",
    ),
    "an empty data chunk, then one that is cut": (
        riff(FMT, chunk(b"data", b""), SOUND)[:-100],
        "promises 1,602 bytes of samples, 1,502 are there",
        "promises 1602 bytes of samples, it holds 1502",
    ),
    "0 channels": (
        riff(chunk(b"fmt ", FORMAT[:2] + b"\0\0" + FORMAT[4:]), SOUND),
        "0 channels",
        "channels, got 0",
    ),
    "too many chunks": (
        riff(FMT, chunk(b"LIST", b"note") * (MOST_CHUNKS - 1), SOUND),
        "expected a WAV file of at most 100 chunks, got more",
        "expected a WAV file of at most 100 chunks, got more",
    ),
}


def in_graph(content):
    """What the served graph reads of a file, and what it says of it."""
    waveforms, lengths, error = decoded(tf.constant([content, riff(FMT, SOUND)]))
    assert error[1] == b""
    return waveforms[0, : int(lengths[0])].numpy(), error[0].numpy().decode()


def mono(samples):
    return (samples / 2**15).reshape(len(samples), -1).mean(axis=1)


@pytest.mark.parametrize("name", READ)
def test_loader_and_graph_read_the_same_samples(name):
    content, samples = READ[name]
    waveform, error = in_graph(content)
    assert error == ""
    np.testing.assert_allclose(waveform, mono(samples), atol=1e-7)
    np.testing.assert_allclose(decode_audio(content, "a.wav"), mono(samples), atol=1e-7)


@pytest.mark.parametrize("name", REFUSED)
def test_loader_and_graph_refuse_the_same_files(name):
    content, by_loader, by_graph = REFUSED[name]
    waveform, error = in_graph(content)
    assert by_graph in error
    assert len(waveform) == 0
    with pytest.raises(AudioError) as refused:
        decode_audio(content, "a.wav")
    assert by_loader in str(refused.value)


@pytest.mark.parametrize(
    "name", ["as it should be", "RIFF size 0", "others before, between and after", "extensible"]
)
def test_what_a_library_reads_too_it_reads_alike(name):
    content, samples = READ[name]
    np.testing.assert_allclose(soundfile.read(io.BytesIO(content))[0], mono(samples), atol=1e-7)


def chunks_of_any_kind():
    names = st.sampled_from([b"LIST", b"bext", b"fact", b"JUNK", b"id3 ", b"abcd"])
    other = st.builds(chunk, names, st.binary(max_size=40))
    return st.lists(other, max_size=4).map(b"".join)


@settings(max_examples=60)
@given(
    cuts=st.lists(st.integers(0, 300), max_size=3).map(sorted),
    others=st.lists(chunks_of_any_kind(), min_size=5, max_size=5),
    is_open=st.booleans(),
    is_mono=st.booleans(),
    trailing=st.binary(max_size=3),
)
def test_samples_in_any_number_of_chunks_are_joined(cuts, others, is_open, is_mono, trailing):
    samples = STEREO[:, 0] if is_mono else STEREO
    layout = chunk(b"fmt ", FORMAT if is_mono else STEREO_FORMAT)
    parts = [part.tobytes() for part in np.split(samples, cuts)]
    sizes = [None] * (len(parts) - 1) + [0xFFFFFFFF if is_open and parts[-1] else None]
    data = [chunk(b"data", part, size) for part, size in zip(parts, sizes, strict=True)]
    body = [layout, *(piece for pair in zip(others, data, strict=False) for piece in pair)]
    # An empty data chunk with some bytes after it is that of a program that never wrote its size.
    content = riff(*body) + (b"" if is_open or not parts[-1] else trailing)
    waveform, error = in_graph(content)
    assert error == ""
    np.testing.assert_allclose(waveform, mono(samples), atol=1e-7)
    np.testing.assert_allclose(decode_audio(content, "a.wav"), waveform, atol=1e-7)


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(READ)),
    places=st.lists(st.integers(4, 120), max_size=3),
    values=st.lists(st.sampled_from([0, 1, 2, 0x20, 0x61, 0x7F, 0xFF]), min_size=3, max_size=3),
    cut=st.integers(0, 60) | st.integers(0, 1_600),
)
def test_a_damaged_file_is_read_alike_or_refused_by_both(name, places, values, cut):
    content = bytearray(READ[name][0])
    for place, value in zip(places, values, strict=False):
        content[place] = value
    damaged = bytes(content[: len(content) - cut])
    waveform, error = in_graph(damaged)
    # The graph knows no other encoding, rate and number of channels than it serves, and no other kind of WAV.
    is_beyond_the_graph = any(
        mark in error for mark in ("16-bit PCM", " Hz; ", "1 to 32 channels", "begins with")
    )
    if is_beyond_the_graph:
        return
    try:
        by_loader = decode_audio(damaged, "a.wav")
    except AudioError:
        assert error
    else:
        assert error == ""
        np.testing.assert_allclose(by_loader, waveform, atol=1e-6)


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "ULAW", "PCM_U8", "MS_ADPCM"])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_other_encodings_of_unknown_length_are_read_whole(subtype, size):
    buffer = io.BytesIO()
    soundfile.write(buffer, mono(TONE), SAMPLE_RATE, format="WAV", subtype=subtype)
    content, expected = buffer.getvalue(), soundfile.read(io.BytesIO(buffer.getvalue()))[0]
    at = content.index(b"data") + 4
    content = content[:at] + struct.pack("<I", size) + content[at + 4 :]
    samples = decode_audio(content, "a.wav")
    assert len(samples) >= len(expected)
    np.testing.assert_allclose(samples[: len(expected)], expected, atol=1e-7)


@pytest.mark.parametrize(("kind", "endian"), [("RF64", "FILE"), ("WAV", "BIG")])
def test_rf64_and_rifx_are_read_by_the_loader_and_refused_by_name_in_the_graph(kind, endian):
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE, SAMPLE_RATE, format=kind, endian=endian)
    content = buffer.getvalue()
    np.testing.assert_allclose(decode_audio(content, "a.wav"), mono(TONE), atol=1e-7)
    assert f"begins with RIFF, got {content[:4].decode()}" in in_graph(content)[1]
    with pytest.raises(AudioError, match="truncated: the header promises 1,602 bytes"):
        decode_audio(content[:-2], "a.wav")


def test_what_python_wrote_is_read_by_both():
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(STEREO.tobytes())
    np.testing.assert_allclose(in_graph(buffer.getvalue())[0], mono(STEREO), atol=1e-7)
    np.testing.assert_allclose(decode_audio(buffer.getvalue(), "a.wav"), mono(STEREO), atol=1e-7)
