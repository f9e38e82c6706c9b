"""Recordings as Hugging Face's data sets give them have the waveform of their samples."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr

from common.audio.files import encode_wav
from common.errors import UserError
from common.predicting import recordings
from common.predicting.recordings import recording_of, recordings_of, stream_of

WAVEFORM = (0.3 * np.sin(np.arange(22_050) / 9)).astype(np.float32)
EXPECTED = soxr.resample(WAVEFORM, 22_050, 16_000, quality="HQ")


class Decoder:
    """As `datasets` gives a sound that is decoded when it is asked for."""

    def get_all_samples(self):
        return SimpleNamespace(data=np.stack([WAVEFORM, WAVEFORM]), sample_rate=22_050)


@pytest.mark.parametrize(
    "recording",
    [
        {"array": WAVEFORM, "sampling_rate": 22_050, "path": "lost.wav"},
        {"array": WAVEFORM.tolist(), "sampling_rate": 22_050},
        {"array": np.stack([WAVEFORM, WAVEFORM]), "sampling_rate": 22_050},
        Decoder(),
    ],
    ids=["array", "list", "channels first", "decoder"],
)
def test_what_hugging_face_gives_has_a_rate_of_its_own(recording):
    for given in (recording, [recording]):
        (found,) = recordings_of(given, sample_rate=8_000)
        np.testing.assert_allclose(found, EXPECTED, atol=1e-6)


def test_a_file_in_a_dictionary_is_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(encode_wav(EXPECTED))
    for given in (
        {"bytes": encode_wav(EXPECTED), "path": None},
        {"bytes": None, "path": str(tmp_path / "a.wav")},
    ):
        np.testing.assert_allclose(recording_of(given, "x"), EXPECTED, atol=1e-4)


@pytest.mark.parametrize(
    "recording",
    [{}, {"array": None}, {"array": "abc"}, {"array": [[0.0], [0.0, 1.0]]}, {"bytes": None, "path": None}],
)
def test_a_dictionary_of_anything_else_is_refused(recording):
    with pytest.raises(UserError, match=r"^recording: got .* \(dict\); expected a path") as error:
        recordings_of(recording)
    assert "\n" not in str(error.value)


def test_blocks_of_another_rate_are_the_whole_in_other_pieces():
    blocks = np.array_split(WAVEFORM, [1, 700, 9_000])
    joined = np.concatenate(list(stream_of(iter(blocks), 22_050)))
    np.testing.assert_allclose(joined, EXPECTED, atol=1e-3)
    whole = list(stream_of(WAVEFORM, 22_050, size=1_000))
    assert {len(block) for block in whole[:-1]} == {1_000}
    np.testing.assert_allclose(np.concatenate(whole), EXPECTED, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "is_cut"), [("sound.wav", True), ("sound.flac", True), ("sound.aiff", False)]
)
@pytest.mark.parametrize("form", [str, Path])
def test_a_file_of_any_format_comes_in_blocks_that_are_its_waveform(
    name, is_cut, form, tmp_path, monkeypatch
):
    """One of which only the whole can be decoded is read at once; the others never are."""
    soundfile.write(tmp_path / name, WAVEFORM, 22_050, subtype="PCM_16")
    whole = recording_of(tmp_path / name, "sound")
    if is_cut:
        monkeypatch.setattr(recordings, "decode_audio", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (tmp_path / name, Path("~") / name):
        blocks = list(stream_of(form(path), size=2_000))
        assert len(blocks) > 5
        assert max(map(len, blocks)) < 4_000
        np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


@pytest.mark.parametrize("path", ["nowhere.wav", "a\0b.wav", "~nobody-of-that-name/a.wav"])
def test_a_file_that_is_not_there_has_no_blocks(path):
    with pytest.raises(UserError, match=r"nowhere|a.*b|nobody"):
        next(stream_of(path))
