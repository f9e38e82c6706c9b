"""M4A, AAC, WMA, WebM and others are read where PyAV is installed; else, and if damaged, they are refused by name."""

import io
import sys

import av
import numpy as np
import pytest

from common.audio.files import SAMPLE_RATE, AudioError, decode_audio
from common.audio.folders import is_recording
from common.audio.labelled import AudioSource, load_evaluation, load_noises

KINDS = {
    "m4a": ("ipod", "aac", 16_000, "AAC in MP4"),
    "mp4": ("mp4", "aac", 44_100, "AAC in MP4"),
    "mov": ("mov", "pcm_s16le", 16_000, "PCM in MP4"),
    "m4b": ("ipod", "alac", 16_000, "ALAC in MP4"),
    "3gp": ("3gp", "libopencore_amrnb", 8_000, "AMR in MP4"),
    "aac": ("adts", "aac", 16_000, "AAC"),
    "wma": ("asf", "wmav2", 16_000, "Windows Media Audio"),
    "webm": ("webm", "libopus", 48_000, "Opus in WebM"),
    "mka": ("matroska", "libopus", 48_000, "Opus in Matroska"),
    "mkv": ("matroska", "aac", 44_100, "AAC in Matroska"),
    "amr": ("amr", "libopencore_amrnb", 8_000, "AMR"),
    "ac3": ("ac3", "ac3", 48_000, "AC-3"),
    "avi": ("avi", "mp3", 44_100, "AVI"),
    "flv": ("flv", "aac", 44_100, "FLV"),
    "ts": ("mpegts", "aac", 44_100, "MPEG transport stream"),
    "wv": ("wv", "wavpack", 16_000, "WavPack"),
}
READ_BY_LIBSNDFILE = {
    "opus": ("opus", "libopus", 48_000),
    "oga": ("ogg", "libopus", 48_000),
    "aiff": ("aiff", "pcm_s16be", 16_000),
    "au": ("au", "pcm_s16be", 16_000),
    "caf": ("caf", "pcm_s16le", 16_000),
    "mp2": ("mp2", "mp2", 44_100),
    "w64": ("w64", "pcm_s16le", 16_000),
}


def tone(rate, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def written(container, encoding, rate, *, has_sound=True, has_picture=False, path=None, **options):
    """A file of a second of a tone of 440 Hz, or of a grey film, or both, written by FFmpeg."""
    buffer = io.BytesIO()
    with av.open(path or buffer, "w", format=container, options=options) as file:
        if has_picture:
            film = file.add_stream("mpeg4", rate=25)
            film.width = film.height = 32
            film.pix_fmt = "yuv420p"
        if has_sound:
            sound = file.add_stream(encoding, rate=rate, layout="mono")
            sound.bit_rate = 12_200 if "amr" in encoding else 64_000
        if has_picture:
            for _ in range(25):
                file.mux(
                    film.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), "rgb24"))
                )
            file.mux(film.encode(None))
        if has_sound:
            frame = av.AudioFrame.from_ndarray(tone(rate)[None], format="fltp", layout="mono")
            frame.sample_rate = rate
            file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return path.read_bytes() if path else buffer.getvalue()


def outcome_of(content):
    try:
        return decode_audio(content, "word")
    except AudioError as error:
        return str(error)


def is_one_line(message):
    return message.startswith("word: ") and "\n" not in message


def assert_is_tone(waveform):
    assert waveform.dtype == np.float32
    assert abs(len(waveform) / SAMPLE_RATE - 1) < 0.15
    inner = waveform[3_000:13_000]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    assert abs(int(spectrum.argmax()) * SAMPLE_RATE / len(inner) - 440) < 4
    assert abs(np.sqrt(np.mean(inner**2)) - 0.5 / np.sqrt(2)) < 0.07


@pytest.mark.parametrize("suffix", KINDS)
def test_the_tone_is_read_with_pyav_whatever_the_file_is_called(suffix):
    content = written(*KINDS[suffix][:3])
    for name in (f"tone.{suffix}", "tone.wav", "recording"):
        assert_is_tone(decode_audio(content, name))


@pytest.mark.parametrize("suffix", KINDS)
def test_without_pyav_the_format_and_what_would_read_it_are_named(suffix, monkeypatch):
    *how, kind = KINDS[suffix]
    content = written(*how)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError) as refused:
        decode_audio(content, f"word.{suffix}")
    install = "pip install 'recurrent-applications[compressed_audio]'"
    assert str(refused.value) == f"word.{suffix}: {kind}; install the extra: {install}"
    assert refused.value.reason == f"{kind} (needs the extra compressed_audio)"


@pytest.mark.parametrize("suffix", READ_BY_LIBSNDFILE)
def test_what_libsndfile_reads_needs_no_pyav(suffix, monkeypatch):
    content = written(*READ_BY_LIBSNDFILE[suffix])
    monkeypatch.setitem(sys.modules, "av", None)
    assert_is_tone(decode_audio(content, f"tone.{suffix}"))


def test_the_samples_of_a_lossless_file_are_those_that_were_written():
    content = written("mov", "pcm_s16le", 16_000)
    np.testing.assert_allclose(decode_audio(content, "a.mov"), tone(16_000), atol=1 / 30_000)


def test_the_sound_of_a_film_is_read_and_a_film_without_sound_refused():
    film = written("mp4", "aac", 44_100, has_picture=True)
    assert_is_tone(decode_audio(film, "film.mp4"))
    for container, kind in (("mp4", "MP4"), ("matroska", "Matroska"), ("avi", "AVI")):
        silent = written(container, "", 0, has_sound=False, has_picture=True)
        with pytest.raises(AudioError, match=f"^film: {kind} without sound; expected audio$") as refused:
            decode_audio(silent, "film")
        assert refused.value.reason == "no sound"


@pytest.mark.parametrize("suffix", ["m4a", "3gp", "wma", "webm", "mkv", "wv"])
def test_a_file_that_is_cut_is_refused(suffix):
    content = written(*KINDS[suffix][:3])
    for share in (0.1, 0.5, 0.8):
        with pytest.raises(AudioError, match=r"^word: .*truncated") as refused:
            decode_audio(content[: round(len(content) * share)], "word")
        assert refused.value.reason in ("damaged", "truncated")


def test_a_cut_file_whose_header_comes_first_is_refused(tmp_path):
    content = written("mp4", "aac", 44_100, path=tmp_path / "word.mp4", movflags="faststart")
    assert_is_tone(decode_audio(content, "word"))
    with pytest.raises(AudioError, match=r"word: (truncated: the header promises 1\.0 seconds|.*truncated;)"):
        decode_audio(content[: len(content) * 2 // 3], "word")


@pytest.mark.parametrize("suffix", KINDS)
def test_damaged_bytes_give_a_waveform_or_one_clear_line(suffix):
    content, random = written(*KINDS[suffix][:3]), np.random.default_rng(0)
    for _ in range(10):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 20):
            damaged[place] = random.integers(256)
        outcome = outcome_of(bytes(damaged))
        assert np.isfinite(outcome).all() if isinstance(outcome, np.ndarray) else is_one_line(outcome)


@pytest.mark.parametrize(
    "name",
    [
        *(f"yes/a.{suffix}" for suffix in (*KINDS, *READ_BY_LIBSNDFILE) if suffix != "ts"),
        *(
            f"a.{suffix}"
            for suffix in ("M4A", "WebM", "weba", "awb", "aifc", "snd", "wav", "mpga", "3g2", "wmv")
        ),
    ],
)
def test_such_files_count_as_recordings(name):
    assert is_recording(name)
    assert not is_recording(name + ".txt")


def folder_of_all(folder, wanted=("m4a", "aac", "wma", "webm", "amr")):
    for label in ("yes", "no"):
        (folder / label).mkdir(parents=True)
        for suffix in wanted:
            (folder / label / f"word.{suffix}").write_bytes(written(*KINDS[suffix][:3]))
    (folder / "_background_noise_").mkdir()
    (folder / "_background_noise_" / "hum.webm").write_bytes(written(*KINDS["webm"][:3]))
    return AudioSource(str(folder))


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def test_a_folder_of_compressed_recordings_is_read_whole(tmp_path):
    source = folder_of_all(tmp_path / "data")
    clips = load_evaluation(source, no_sample)
    assert sorted(clips.labels) == ["no"] * 5 + ["yes"] * 5
    for waveform in (*clips.waveforms, *load_noises(source)):
        assert_is_tone(waveform)


def test_without_pyav_a_folder_tells_what_was_left_out(tmp_path, monkeypatch):
    source = folder_of_all(tmp_path / "data", ("m4a", "webm"))
    buffer = written("aiff", "pcm_s16be", 16_000)
    (tmp_path / "data" / "yes" / "word.aiff").write_bytes(buffer)
    monkeypatch.setitem(sys.modules, "av", None)
    described = load_evaluation(source, no_sample).describe()
    assert "1 clips (1 yes); 2 left out: AAC in MP4 (needs the extra compressed_audio)" in described
    assert "; 2 left out: Opus in WebM (needs the extra compressed_audio)" in described
    with pytest.raises(AudioError, match=r"hum\.webm: Opus in WebM; install the extra"):
        load_noises(source)
