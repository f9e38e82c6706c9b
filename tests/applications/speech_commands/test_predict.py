"""Any recording gets an answer, from files, folders, standard input or Python; what is none gets one clear line."""

import csv
import io
import json
import subprocess
import sys
import tarfile
from contextlib import suppress

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from applications import load
from applications.speech_commands.detection import DetectionOptions, Detector
from applications.speech_commands.predict import Predictor
from applications.speech_commands.streaming import StepListener
from common.audio.files import SAMPLE_RATE, encode_wav
from common.errors import UserError

RNG = np.random.default_rng(5)
WORDS = ((1.0, "high"), (3.0, "low"), (5.5, "low"), (7.2, "high"))


def tone(label, seconds=1.0, rate=SAMPLE_RATE, start=0.3):
    """A word of the tiny recognisers: a whistle of 0.3 s over a little noise."""
    times = np.arange(round(0.3 * rate)) / rate
    clip = RNG.normal(0, 0.003, round(seconds * rate))
    first = round(start * rate)
    whistle = 0.25 * np.sin(2 * np.pi * {"low": 400, "high": 2500}[label] * times) * np.hanning(len(times))
    clip[first : first + len(times)] += whistle
    return clip.astype(np.float32)


def long_recording():
    """9 seconds with a word that ends at each of the times of WORDS."""
    recording = RNG.normal(0, 0.003, 9 * SAMPLE_RATE).astype(np.float32)
    for time, label in WORDS:
        first = round((time - 0.6) * SAMPLE_RATE)
        recording[first : first + SAMPLE_RATE] = tone(label)
    return recording


def wav(samples, rate=SAMPLE_RATE, **kind):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="WAV", **kind)
    return content.getvalue()


@pytest.fixture(scope="module")
def streaming(exported_stream):
    return Predictor(exported_stream)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Files that are no recordings, by what is wrong with them."""
    folder, whole = tmp_path_factory.mktemp("broken"), wav(tone("low"))
    contents = {
        "a_note.wav": b"This is a text and no sound.\n",
        "empty.wav": wav(np.zeros(0)),
        "no_bytes.wav": b"",
        "truncated.wav": whole[: len(whole) // 2],
        "nan.wav": wav(np.where(np.arange(16_000) == 77, np.nan, 0.1), subtype="FLOAT"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_path_bytes_or_a_waveform_gives_a_dictionary_and_a_list_a_list(exported, tmp_path):
    recognise = load("speech_commands", exported.parent)
    waveform = tone("high")
    (tmp_path / "one.wav").write_bytes(encode_wav(waveform))
    answers = [
        recognise(given)
        for given in (str(tmp_path / "one.wav"), tmp_path / "one.wav", encode_wav(waveform), waveform)
    ]
    for answer in answers:
        assert answer["label"] == "high"
        assert answer["probability"] == max(answer["probabilities"].values())
        assert answer["probabilities"].keys() == {"_silence_", "_unknown_", "high", "low"}
        assert answer["probabilities"] == pytest.approx(answers[0]["probabilities"], abs=0.02)
    together = recognise([waveform, tmp_path / "one.wav", encode_wav(tone("low"))])
    assert [answer["label"] for answer in together] == ["high", "high", "low"]
    assert recognise([]) == []


@pytest.mark.parametrize(
    ("rate", "channels", "kind"), [(44_100, 2, "PCM_24"), (22_050, 1, "PCM_16"), (48_000, 6, "FLOAT")]
)
def test_any_rate_depth_and_number_of_channels_is_heard(predictor, rate, channels, kind):
    for label in ("low", "high"):
        samples = np.repeat(tone(label, rate=rate)[:, None], channels, axis=1)
        assert predictor(wav(samples, rate, subtype=kind))["label"] == label


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [1.0, 2.0],
        ["one.wav", None],
        {"a": "one.wav"},
        {"one.wav"},
        pd.DataFrame({"file": ["one.wav"]}),
        np.zeros((2, 16_000), np.float32),
        np.zeros(16_000, np.int64),
        np.zeros(0, np.float32),
        np.full(100, np.nan, np.float32),
        np.full(100, 12_000.0, np.float32),
        b"",
        b"RIFF",
        "nowhere.wav",
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(predictor, value):
    for ask in (predictor, predictor.attend):
        with pytest.raises(UserError, match=r"^(recording|nowhere|one\.wav).*: .*") as caught:
            ask(value)
        assert "\n" not in str(caught.value)


def test_waveforms_open_files_and_columns_have_the_answer_of_the_file(predictor, tmp_path):
    clips = [tone(label, rate=22_050) for label in ("low", "high")]
    paths = [tmp_path / "low.wav", tmp_path / "high.wav"]
    for path, clip in zip(paths, clips, strict=True):
        path.write_bytes(wav(clip, 22_050, subtype="FLOAT"))
    expected = predictor(paths)
    assert [one["label"] for one in expected] == ["low", "high"]
    frame = pd.DataFrame({"file": [str(path) for path in paths]})
    frame["open"] = [path.open("rb") for path in paths]
    frame["array"] = clips
    frame["decoded"] = [{"array": clip.tolist(), "sampling_rate": 22_050, "path": None} for clip in clips]
    frame["int16"] = [np.round(clip * 2**15).astype(np.int16)[:, None] for clip in clips]
    for column in frame:
        for answers in (
            predictor(frame, column=column, sample_rate=22_050),
            predictor(list(frame[column]), sample_rate=22_050),
            [predictor(one, sample_rate=22_050) for one in frame[column]],
        ):
            for one, other in zip(answers, expected, strict=True):
                assert one["probabilities"] == pytest.approx(other["probabilities"], abs=0.01), column
    for file in frame["open"]:
        file.close()


def test_a_stream_of_another_rate_or_type_has_the_words_of_the_file(streaming):
    recording = long_recording()
    whole = [(one.label, one.time) for one in streaming.stream(recording)]
    assert [label for label, _ in whole] == [label for _, label in WORDS]
    faster = np.round(2**15 * soxr.resample(recording, SAMPLE_RATE, 48_000)).astype(np.int16)[:, None]
    for sound in (faster, (faster[first : first + 4_801] for first in range(0, len(faster), 4_801))):
        heard = list(streaming.stream(sound, sample_rate=48_000))
        assert [one.label for one in heard] == [label for label, _ in whole]
        np.testing.assert_allclose([one.time for one in heard], [time for _, time in whole], atol=0.05)
    for sound in ({"a"}, pd.DataFrame({"a": [1.0]}), ["a.wav"], 7):
        with pytest.raises(UserError, match=r"^(recording|block 0): got .*; expected "):
            list(streaming.stream(sound))


def test_the_most_probable_classes_alone_are_told_in_their_order(predictor):
    whole = predictor(tone("high"))["probabilities"]
    for count in (1, 3, 99):
        found = predictor([tone("high")], top_k=count)[0]["probabilities"]
        assert len(found) == min(count, len(whole))
        assert list(found.values()) == sorted(found.values(), reverse=True)
    with pytest.raises(UserError, match="--top-k 0: expected at least 1"):
        predictor(tone("high"), top_k=0)


def test_a_waveform_that_the_model_refuses_is_named(predictor, streaming):
    waveforms = [tone("low"), np.full(16_000, np.nan, np.float32), tone("high", 2.0)]
    for one in (predictor, streaming):
        with pytest.raises(UserError, match=r"^waveforms\[1\]: expected samples from -1 to 1, got NaN"):
            one.probabilities(waveforms)


def test_what_a_stream_cannot_hear_is_named(predictor, streaming):
    for one in (predictor, streaming):
        with pytest.raises(UserError, match=r"^recording: expected samples from -1 to 1, got NaN"):
            one._listener().process(np.full(16_000, np.nan, np.float32))


def test_a_model_exported_without_errors_of_rows_answers_too(predictor, monkeypatch):
    def run(signature, **inputs):
        answer = dict(asked(signature, **inputs))
        assert not any(answer.pop("error"))
        return answer

    asked = predictor._runner.run
    monkeypatch.setattr(predictor._runner, "run", run)
    assert [one["label"] for one in predictor([tone("low"), tone("high")])] == ["low", "high"]
    assert predictor.attend(tone("high"))["label"] == "high"
    assert [label for _, label, _ in predictor.stream(long_recording())] == [label for _, label in WORDS]


def test_sound_as_telephones_and_browsers_record_it_is_answered(script, tmp_path, monkeypatch):
    for suffix, kind, encoding in (("m4a", "ipod", "aac"), ("webm", "webm", "libopus")):
        with av.open(tmp_path / f"word.{suffix}", "w", format=kind) as file:
            sound = file.add_stream(encoding, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(tone("high", rate=48_000)[None], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    status, out, err = script(tmp_path)
    assert (status, err) == (0, "")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["high", "high"]
    monkeypatch.setitem(sys.modules, "av", None)
    status, out, err = script(tmp_path)
    install = "install the extra: pip install 'recurrent-applications[compressed_audio]'"
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        f"error: {tmp_path}/word.m4a: AAC in MP4; {install}",
        f"error: {tmp_path}/word.webm: Opus in WebM; {install}",
    ]


def test_recordings_of_all_lengths_are_answered_together_as_alone(predictor):
    waveforms = [
        np.pad(tone("low" if index % 2 else "high"), (index * 977 % 4_000, index * 3_331 % 20_000))[
            : 3_000 + index * 1_699
        ]
        for index in range(23)
    ]
    # Followed by zeros, the click at its end would be in the loudest second.
    clicking = np.append(tone("low", 1.5), np.full(79, 0.9, np.float32))
    waveforms += [clicking, tone("high", 3.0)]
    together = predictor.probabilities(waveforms)
    alone = np.concatenate([predictor.probabilities([waveform]) for waveform in waveforms])
    # The tiny model is so sure that only the logarithms tell.
    np.testing.assert_allclose(*(np.log(np.maximum(one, 1e-30)) for one in (together, alone)), atol=0.02)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 90))
def test_any_bytes_are_answered_or_refused(predictor, noise, kept):
    content = wav(tone("low", 0.7))[:kept] + noise
    with suppress(UserError):
        assert sum(predictor(content)["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_attention_and_spectrum_are_of_what_was_heard(predictor):
    waveforms = [tone("high", start=0.05), tone("high", start=0.6)]
    attended = predictor.attend(waveforms)
    for answer, alone in zip(attended, predictor(waveforms), strict=True):
        assert answer["probabilities"] == pytest.approx(alone["probabilities"], abs=0.02)
        assert answer["attention"].sum() == pytest.approx(1, abs=1e-5)
        assert answer["log_mel"].shape == (98, 40)
    early, late = (
        int(np.argmax(answer["log_mel"].max(axis=1))) / len(answer["log_mel"]) for answer in attended
    )
    assert early < 0.4 < 0.55 < late


def test_a_streaming_model_has_no_attention(streaming):
    with pytest.raises(
        UserError, match="a model of the kind streaming has no attention; expected the kind clip"
    ):
        streaming.attend(tone("low"))


def found(detections):
    return [(label, time) for time, label, _ in detections]


@pytest.mark.parametrize("kind", ["predictor", "streaming"])
def test_the_words_of_a_long_recording_are_found_at_their_times(request, kind):
    detections = list(request.getfixturevalue(kind).stream(long_recording()))
    assert [label for label, _ in found(detections)] == [label for _, label in WORDS]
    for (_, time), (said, _) in zip(found(detections), WORDS, strict=True):
        assert -0.35 < time - said < 0.6


@pytest.mark.parametrize("kind", ["predictor", "streaming"])
def test_a_stream_gives_the_same_words_however_it_is_cut_into_blocks(request, kind):
    predictor, recording = request.getfixturevalue(kind), long_recording()[: 4 * SAMPLE_RATE]
    whole = list(predictor.stream(encode_wav(recording)))
    assert len(whole) == 2
    for cuts in (np.arange(1_000, 64_000, 1_000), np.sort(RNG.integers(0, 64_000, 40)), [7]):
        blocks = iter(np.split(recording, cuts))
        detections = list(predictor.stream(blocks))
        assert [one.label for one in detections] == [one.label for one in whole]
        np.testing.assert_allclose([one.time for one in detections], [one.time for one in whole], atol=1e-9)
        np.testing.assert_allclose(
            [one.probability for one in detections], [one.probability for one in whole], atol=1e-3
        )


def test_a_word_is_told_before_the_stream_ends(streaming):
    def endless():
        yield from np.split(long_recording(), 90)
        raise AssertionError("the word was not told in time")

    assert next(streaming.stream(endless())).label == "high"


def test_a_stream_is_what_the_detector_makes_of_the_models_posteriors(streaming, exported_stream):
    recording, options = long_recording(), DetectionOptions(smoothing=0.1, threshold=0.5, refractory=0.3)
    padded = np.concatenate([recording, np.zeros(4_800, np.float32)])
    posteriors = streaming._runner.run("recording", waveform=padded[None])["posteriors"][0]
    times = 0.02 * np.arange(1, len(posteriors) + 1)
    detector = Detector(streaming.labels, options)
    expected = detector.feed(posteriors, times) + detector.finish()
    detections = list(streaming.stream(recording, options))
    assert found(detections) == [(label, pytest.approx(time)) for label, time in found(expected)]


def test_nothing_is_heard_in_noise(predictor, streaming):
    for one in (predictor, streaming):
        assert list(one.stream(RNG.normal(0, 0.003, 5 * SAMPLE_RATE).astype(np.float32))) == []


def test_files_folders_and_tars_give_a_line_for_each_recording_in_order(script, tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    for name, label in (("b.wav", "low"), ("a.wav", "high")):
        (folder / name).write_bytes(encode_wav(tone(label)))
    soundfile.write(folder / "c.flac", np.repeat(tone("high", rate=44_100)[:, None], 2, axis=1), 44_100)
    (folder / "notes.txt").write_text("not a recording", "utf-8")
    with tarfile.open(tmp_path / "words.tar.gz", "w:gz") as archive:
        archive.add(folder / "b.wav", "in/b.wav")
    status, out, err = script(folder / "b.wav", folder, tmp_path / "words.tar.gz")
    assert (status, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [(label, name) for label, _, name in lines] == [
        ("low", str(folder / "b.wav")),
        ("high", str(folder / "a.wav")),
        ("low", str(folder / "b.wav")),
        ("high", str(folder / "c.flac")),
        ("low", f"{tmp_path}/words.tar.gz/in/b.wav"),
    ]
    assert all(0 <= float(probability) <= 1 for _, probability, _ in lines)


def test_what_cannot_be_read_is_named_in_a_line_each_and_the_rest_is_answered(script, broken, tmp_path):
    good = tmp_path / "good.wav"
    good.write_bytes(encode_wav(tone("low")))
    (tmp_path / "hollow").mkdir()
    status, out, err = script(broken, tmp_path / "nowhere.wav", tmp_path / "hollow", good)
    assert status == 1
    assert [line.split("\t")[0::2] for line in out.splitlines()] == [["low", str(good)]]
    told = {
        f"{broken}/a_note.wav": "not audio",
        f"{broken}/empty.wav": "no samples",
        f"{broken}/nan.wav": "samples that are NaN or infinite",
        f"{broken}/no_bytes.wav": "the file is empty",
        f"{broken}/truncated.wav": "truncated",
        f"{tmp_path}/nowhere.wav": "no such file",
        f"{tmp_path}/hollow": "no recordings",
    }
    assert len(err.splitlines()) == len(told)
    for line, (name, problem) in zip(err.splitlines(), told.items(), strict=True):
        assert line.startswith(f"error: {name}: {problem}")


def test_standard_input_is_a_recording(script):
    for arguments in ((), ("-",)):
        status, out, err = script(*arguments, data=encode_wav(tone("high")))
        assert (status, err) == (0, "")
        assert out.split("\t")[0::2] == ["high", "-\n"]
    status, out, err = script(data=b"no recording")
    assert (status, out) == (1, "")
    assert err.startswith("error: standard input: not audio")
    assert err.count("\n") == 1


def test_answers_go_to_files(script, tmp_path):
    for name in ("x.wav", "y.wav"):
        (tmp_path / name).write_bytes(encode_wav(tone("low")))
    for name in ("answers.csv", "answers.jsonl"):
        status, out, err = script(tmp_path, "--output", tmp_path / name)
        assert (status, out, err) == (0, "", f"2 answers written to {tmp_path / name}\n")
    with (tmp_path / "answers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    records = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert (
        [row["file"] for row in rows]
        == [one["file"] for one in records]
        == [f"{tmp_path}/x.wav", f"{tmp_path}/y.wav"]
    )
    assert {row["label"] for row in rows} == {one["label"] for one in records} == {"low"}
    assert records[0]["probabilities"].keys() == {"_silence_", "_unknown_", "high", "low"}


@pytest.mark.parametrize("model", ["exported", "exported_stream"])
def test_a_stream_prints_each_word_with_its_time(script, request, model, tmp_path):
    path, version = tmp_path / "long.wav", request.getfixturevalue(model)
    path.write_bytes(encode_wav(long_recording()))
    status, out, err = script("--stream", path, "--threshold", "0.6", model=version)
    assert (status, err) == (0, "")
    lines = [line.split("  ") for line in out.splitlines()]
    assert [label for _, label, _ in lines] == [label for _, label in WORDS]
    assert all(time.endswith("s") and 0.6 <= float(probability) <= 1 for time, _, probability in lines)
    command = (sys.executable, "-m", "applications.speech_commands.predict", "--model", version)
    with path.open("rb") as pipe:
        flags = ("--stream", "--threshold", "0.6")
        piped = subprocess.run([*command, *flags], stdin=pipe, capture_output=True, text=True, timeout=240)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, out, "")
    table = tmp_path / "words.csv"
    assert script("--stream", path, path, "--threshold", "0.6", "--output", table, model=version)[0] == 0
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(f"{float(row['time']):.2f}s", row["label"]) for row in rows] == [
        tuple(line[:2]) for line in lines
    ] * 2
    assert {row["file"] for row in rows} == {str(path)}


def test_a_picture_of_the_attention_is_drawn(script, tmp_path):
    (tmp_path / "one.wav").write_bytes(encode_wav(tone("low")))
    picture = tmp_path / "one.png"
    status, out, err = script(tmp_path / "one.wav", "--attention", picture)
    assert (status, err, out.split("\t")[0]) == (0, "", "low")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a.wav", "b.wav", "--attention", "p.png"), "--attention p.png: expected a single recording"),
        (("a.wav", "--attention", "p.jpg"), "expected a name that ends in .png"),
        (("a.wav", "--stream", "--threshold", "1.5"), "--threshold 1.5: expected from 0 to 1"),
        (("a.wav", "--threshold", "0.5"), "--smoothing, --threshold and --refractory say when"),
        (("a.wav", "--output", "answers.tsv"), "answers.tsv: expected a name in .csv for a table"),
        (("a.wav", "--batch-size", "0"), "--batch-size 0: expected at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(script, arguments, expected):
    status, out, err = script(*arguments)
    is_wrong_flag = err.startswith("error: --")
    assert (status, out, len(err.splitlines())) == (2 if is_wrong_flag else 1, "", 1)
    assert expected in err


def test_a_long_file_is_heard_in_blocks_and_what_is_wrong_with_it_is_said(
    script, exported_stream, tmp_path, monkeypatch
):
    """No waveform is ever longer than a block; a file that turns out to be damaged leaves the others alone."""
    fine, broken, cut = (tmp_path / name for name in ("fine.flac", "nan.wav", "cut.wav"))
    soundfile.write(fine, np.tile(long_recording(), 4), SAMPLE_RATE)
    soundfile.write(broken, np.full(SAMPLE_RATE, np.nan), SAMPLE_RATE, subtype="FLOAT")
    cut.write_bytes(encode_wav(long_recording())[:-1000])
    longest, process = [], StepListener.process

    def measured(self, block):
        longest.append(len(block))
        return process(self, block)

    monkeypatch.setattr(StepListener, "process", measured)
    status, out, err = script("--stream", "--threshold", "0.6", broken, cut, fine, model=exported_stream)
    assert (status, len(err.splitlines())) == (1, 2)
    assert "NaN" in err.splitlines()[0]
    assert "truncated" in err.splitlines()[1]
    assert [line.split("  ")[1] for line in out.splitlines()] == [label for _, label in WORDS] * 4
    assert max(longest) <= 4 * SAMPLE_RATE
