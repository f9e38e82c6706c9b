"""Any recording is transcribed, short or long, from files or Python; what is none gets one clear line."""

import csv
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

import applications
from applications.transcription.predict import Predictor
from common.audio.files import SAMPLE_RATE, encode_wav
from common.errors import UserError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long_recording(whistled):
    """Half a minute in which something is whistled, between pauses, and the second in which each word begins."""
    rng = np.random.default_rng(11)
    pieces, words, at = [], [], 0
    for number in range(14):
        said = ["hi", "lo"] if number % 2 else ["lo"]
        pause = np.zeros(SAMPLE_RATE * (1 + number % 3), np.float32)
        spoken = whistled(said, rng)
        words += [(word, (at + len(pause)) / SAMPLE_RATE) for word in said]
        pieces += [pause, spoken]
        at += len(pause) + len(spoken)
    noise = rng.normal(0, 0.003, at)
    return (np.concatenate(pieces) + noise).astype(np.float32), words


def test_a_path_bytes_or_a_waveform_gives_a_dictionary_and_a_list_a_list(predictor, whistled, tmp_path):
    recording = whistled(["hi", "lo"], np.random.default_rng(5))
    path = tmp_path / "hilo.wav"
    path.write_bytes(encode_wav(recording))
    answers = [predictor(path), predictor(path.read_bytes()), predictor(recording)]
    assert [answer["text"] for answer in answers] == ["hi lo"] * 3
    assert 0.5 < answers[0]["confidence"] <= 1
    both = predictor([path, recording])
    assert [answer["text"] for answer in both] == ["hi lo"] * 2
    assert both[0]["confidence"] == pytest.approx(answers[0]["confidence"], abs=1e-4)
    assert predictor([]) == []


def test_any_rate_and_number_of_channels_is_heard(predictor, whistled):
    recording = whistled(["hi", "lo"], np.random.default_rng(5))
    stereo = np.stack([recording, 0.5 * recording], axis=1).repeat(2, axis=0)
    assert predictor(stereo, sample_rate=32_000)["text"] == "hi lo"


def test_a_long_recording_is_cut_at_its_pauses_and_its_words_keep_their_times(predictor, long_recording):
    recording, said = long_recording
    assert len(recording) > 30 * SAMPLE_RATE
    assert predictor(recording)["text"] == " ".join(word for word, _ in said)
    words = predictor.words(recording)
    assert [word.word for word in words] == [word for word, _ in said]
    for word, (_, begins) in zip(words, said, strict=True):
        assert begins - 0.3 < word.start < word.end < begins + 1.0
    alone, again = predictor.words([recording, recording[: 3 * SAMPLE_RATE]])
    assert [word.word for word in alone] == [word.word for word in words]
    np.testing.assert_allclose([word[1:] for word in alone], [word[1:] for word in words], atol=1e-4)
    assert len(again) < len(words)


def test_a_stream_is_written_pause_by_pause_whatever_its_blocks(predictor, long_recording):
    recording, said = long_recording
    whole = " ".join(word for word, _ in said)
    pieces = list(predictor.stream(recording))
    assert "".join(pieces) == whole
    assert len(pieces) > 3
    blocks = np.split(recording, range(7_001, len(recording), 7_001))
    assert "".join(predictor.stream(blocks)) == whole


def test_a_stream_is_answered_as_soon_as_a_pause_has_lasted_for_a_moment(predictor, whistled):
    rng = np.random.default_rng(5)
    spoken = [np.zeros(SAMPLE_RATE, np.float32), whistled(["hi", "lo"], rng)]
    ends = sum(map(len, spoken))
    recording = np.concatenate([*spoken, np.zeros(20 * SAMPLE_RATE, np.float32)])
    recording += rng.normal(0, 0.003, len(recording)).astype(np.float32)
    given = []

    def microphone():
        for first in range(0, len(recording), SAMPLE_RATE // 10):
            given.append(recording[first : first + SAMPLE_RATE // 10])
            yield given[-1]

    assert next(predictor.stream(microphone())) == "hi lo"
    assert sum(map(len, given)) < ends + SAMPLE_RATE


def test_silence_is_an_empty_text_and_no_error(predictor):
    assert predictor(np.zeros(SAMPLE_RATE, np.float32)) == {"text": "", "confidence": 1.0}
    assert predictor.words(np.zeros(SAMPLE_RATE, np.float32)) == []
    assert predictor(np.zeros(40 * SAMPLE_RATE, np.float32)) == {"text": "", "confidence": 1.0}
    assert list(predictor.stream(np.zeros(SAMPLE_RATE, np.float32))) == []


def test_the_best_transcripts_come_with_their_scores(predictor, whistled):
    best = predictor.n_best(whistled(["hi", "lo"], np.random.default_rng(5)))
    assert best[0][0] == "hi lo"
    assert [score for _, score in best] == sorted((score for _, score in best), reverse=True)
    # The model was exported with a length bonus of 0.
    longer = predictor.n_best(whistled(["hi", "lo"], np.random.default_rng(5)), length_bonus=2.0)
    assert dict(longer)["hi lo"] == pytest.approx(best[0][1] + 4, abs=0.1)  # the search is not exact


def test_a_streaming_model_writes_the_same_however_the_stream_is_cut(exported_stream, long_recording):
    recording = long_recording[0][: 6 * SAMPLE_RATE]
    with Predictor(exported_stream) as streaming:
        texts = {
            "".join(streaming.stream(np.split(recording, range(size, len(recording), size))))
            for size in (500, 16_000)
        }
        assert len(texts) == 1
        with pytest.raises(UserError, match="exported with --beam-width 1, it has no n_best"):
            streaming.n_best(recording)


@pytest.mark.parametrize("value", [3, None, {"a": 1}, np.zeros((2, 3, 4))])
def test_what_is_no_recording_is_refused_in_one_line(predictor, value):
    with pytest.raises(UserError) as refused:
        predictor(value)
    assert "\n" not in str(refused.value)


# --- the script


@pytest.fixture
def file(tmp_path, whistled):
    """A recording in which "hi lo" is whistled."""
    path = tmp_path / "hilo.wav"
    path.write_bytes(encode_wav(whistled(["hi", "lo"], np.random.default_rng(5))))
    return path


def test_files_folders_tars_and_standard_input_give_a_line_each(script, file, tmp_path):
    (tmp_path / "folder").mkdir()
    samples, rate = soundfile.read(file)
    soundfile.write(tmp_path / "folder" / "a.flac", samples, rate)
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(file, "b.wav")
    assert script(file) == (0, "hi lo\n", "")
    assert script("-", data=file.read_bytes())[1] == "hi lo\n"
    status, out, _ = script(tmp_path / "folder", tmp_path / "all.tar", tmp_path / "absent.wav")
    assert status == 1
    assert out == f"{tmp_path}/folder/a.flac\thi lo\n{tmp_path}/all.tar/b.wav\thi lo\n"


def test_words_are_printed_and_written_with_their_times(script, file, tmp_path):
    _, out, _ = script(file, "--words")
    assert re.fullmatch(r"(\d\.\d\ds  \d\.\d\ds  [01]\.\d\d  (hi|lo)\n){2}", out)
    script(file, "--words", "--output", tmp_path / "words.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "words.csv").read_text())))
    assert [row["word"] for row in rows] == ["hi", "lo"]
    assert list(rows[0]) == ["file", "word", "start", "end", "confidence"]
    script(file, "--words", "--output", tmp_path / "words.jsonl")
    record = json.loads((tmp_path / "words.jsonl").read_text())
    assert [word["word"] for word in record["words"]] == ["hi", "lo"]


def test_subtitles_of_a_long_recording_follow_its_words(script, tmp_path, long_recording):
    recording, said = long_recording
    path = tmp_path / "talk.wav"
    path.write_bytes(encode_wav(recording))
    assert script(path, "--output", tmp_path / "talk.srt")[0] == 0
    assert script(path, "--output", tmp_path / "talk.vtt")[0] == 0
    cues = (tmp_path / "talk.srt").read_text().strip().split("\n\n")
    assert " ".join(" ".join(cue.split("\n")[2:]) for cue in cues) == " ".join(word for word, _ in said)
    starts = [re.match(r"\d+\n00:00:(\d\d),(\d{3}) --> ", cue) for cue in cues]
    seconds = [int(start[1]) + int(start[2]) / 1000 for start in starts]
    assert seconds == sorted(seconds)
    assert abs(seconds[0] - said[0][1]) < 0.4
    assert (tmp_path / "talk.vtt").read_text().startswith("WEBVTT\n\n")


def test_a_stream_prints_what_it_hears_from_a_file_too(script, tmp_path, long_recording):
    path = tmp_path / "talk.wav"
    path.write_bytes(encode_wav(long_recording[0]))
    status, out, err = script(path, "--stream")
    assert (status, err) == (0, "")
    assert out == " ".join(word for word, _ in long_recording[1]) + "\n"


def test_a_picture_shows_what_was_heard_where(script, file, tmp_path):
    assert script(file, "--picture", tmp_path / "heard.png")[0] == 0
    assert (tmp_path / "heard.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_more_than_a_minute_is_refused_before_anything_is_heard(script, tmp_path):
    path = tmp_path / "long.wav"
    path.write_bytes(encode_wav(np.zeros(61 * SAMPLE_RATE, np.float32)))
    status, out, err = script(path, "--picture", tmp_path / "long.png")
    assert (status, out) == (1, "")
    assert (
        f"--picture {tmp_path / 'long.png'}: {path} lasts 61.0 seconds; expected a recording of 60 at most"
        in err
    )


def test_a_model_of_another_application_is_refused_in_one_line(script, file):
    models = Path(applications.__file__).parents[1] / "saved_models"
    status, out, err = script(file, model=models / "speech_commands")
    assert (status, out) == (1, "")
    assert err.endswith(
        "a model of another application; expected a model exported by applications.transcription.export\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.wav", "b.wav", "--output", "talk.srt"], "--output talk.srt: subtitles are of one recording"),
        (["a.wav", "--words", "--output", "talk.vtt"], "--output talk.vtt: subtitles have the words' times"),
        (["a.wav", "--stream", "--words"], "--words: with --stream the text is printed as it is heard"),
        (["a.wav", "--stream", "--output", "a.csv"], "--output a.csv: with --stream the text is printed"),
        (["a.wav", "--stream", "--picture", "a.png"], "--picture a.png: expected a single recording"),
        (["a.wav", "--picture", "a.jpg"], "--picture a.jpg: "),
    ],
)
def test_flags_that_do_not_go_together_are_refused_in_one_line(script, arguments, expected):
    status, out, err = script(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {expected}")
    assert err.count("\n") == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(script, file, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing else")
    (tmp_path / "empty.flac").write_bytes(b"")
    status, out, err = script(tmp_path / "broken.wav", file, tmp_path / "empty.flac")
    assert status == 1
    assert out == f"{file}\thi lo\n"
    assert [line.split(":")[1].strip() for line in err.splitlines()] == [
        str(tmp_path / name) for name in ("broken.wav", "empty.flac")
    ]


def test_float_samples_in_a_file_are_heard(predictor, whistled):
    content = io.BytesIO()
    soundfile.write(
        content, whistled(["hi", "lo"], np.random.default_rng(5)), SAMPLE_RATE, "FLOAT", format="WAV"
    )
    assert predictor(content.getvalue())["text"] == "hi lo"
