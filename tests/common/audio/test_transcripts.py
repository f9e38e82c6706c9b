"""Recordings with transcripts come from any source alike; no speaker stands in two parts; refusals name the place."""

import io
import re
import tarfile
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from common.audio import tfds as recordings_of_sets
from common.audio.files import encode_wav
from common.audio.transcripts import TranscriptSource, load_evaluation, load_training
from common.audio.utterances import Utterances
from common.data import tfds as source_of_sets
from common.errors import FlagError, UserError
from common.text.tables import TableFormat


def level(name):
    """What all samples of a recording of that name have."""
    return (sum(name.rpartition("/")[2].encode()) % 1000) / 2000


def wav(name, samples=80):
    """A recording that tells its name: all samples have the name's own level."""
    return encode_wav(np.full(samples, level(name)))


def write_files(folder, files):
    """Files of bytes or text, by their names in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_tar(path, files):
    with tarfile.open(path, f"w:{path.name.rpartition('.tar')[2].lstrip('.')}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_zip_or_tar(path, files):
    contents = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
    if path.suffix != ".zip":
        return write_tar(path, contents)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def sides(source, **options):
    return load_training(source, no_sample, **options)


def test_the_sample_is_asked_for_its_parts():
    def sample(part):
        return Utterances(part, [np.zeros(10, np.float32)], ["yes"], [""], [part])

    assert [side.name for side in load_training(TranscriptSource(), sample)] == ["train", "validation"]
    assert load_evaluation(TranscriptSource(), sample).name == "test"


def test_a_table_for_each_part_is_that_part(tmp_path):
    rows = {"train": ["a", "b", "c"], "dev": ["d"], "test_dev": ["e", "f"], "validated": ["a"]}
    for part, names in rows.items():
        (tmp_path / f"{part}.tsv").write_text(
            "file\ttranscript\n" + "".join(f"{n}\tWord {n}.\n" for n in names)
        )
        write_tar(tmp_path / f"{part}_audio.tar", {f"{name}.ogg": wav(name) for name in names})
        write_tar(tmp_path / f"{part}_video.tar", {f"{name}.mp4": b"none" for name in names})
    source = TranscriptSource(str(tmp_path))
    train, held_out = sides(source)
    test = load_evaluation(source, no_sample)
    assert [side.texts for side in (train, held_out, test)] == [
        ["word a", "word b", "word c"],
        ["word d"],
        ["word e", "word f"],
    ]
    assert train.name == f"{tmp_path} (train)"
    assert train.origins[0] == "a (train.tsv, line 2)"
    np.testing.assert_allclose(test.waveforms[1], np.full(80, level("f")), atol=1e-4)


def test_the_parts_that_are_not_asked_for_are_not_read(tmp_path):
    write_files(tmp_path, {"a.wav": wav("a"), "b.wav": wav("b"), "train.csv": "file,text\na.wav,a\n"})
    write_files(tmp_path, {"val.csv": "file,text\nb.wav,b\n", "test.csv": "file,text\nmissing.wav,c\n"})
    assert sides(TranscriptSource(str(tmp_path)))[0].texts == ["a"]


def speakers_table(folder, speakers, takes=4):
    rows = [(f"{speaker}_{take}.wav", speaker) for speaker in speakers for take in range(takes)]
    write_files(folder, {name: wav(name) for name, _ in rows})
    lines = [f"{name},one two,{speaker}\n" for name, speaker in rows]
    write_files(folder, {"all.csv": "path,sentence,client_id\n" + "".join(lines)})
    return TranscriptSource(str(folder / "all.csv"))


def test_no_speaker_is_on_both_sides(tmp_path):
    source = speakers_table(tmp_path, [f"s{number}" for number in range(60)])
    train, held_out = sides(source, validation_fraction=0.2)
    assert not set(train.speakers) & set(held_out.speakers)
    assert len(train) + len(held_out) == 240
    assert 0.1 * 240 <= len(held_out) <= 0.3 * 240


def test_of_few_speakers_one_is_held_out_and_of_one_speaker_recordings_are(tmp_path):
    train, held_out = sides(speakers_table(tmp_path / "two", ["ann", "bob"], 10))
    assert {*train.speakers} | {*held_out.speakers} == {"ann", "bob"}
    assert len(train) == len(held_out) == 10
    train, held_out = sides(speakers_table(tmp_path / "one", ["ann"], 40))
    assert set(train.speakers) == set(held_out.speakers) == {"ann"}
    assert len(held_out) == pytest.approx(4, abs=2)
    assert not set(train.origins) & set(held_out.origins)


def test_the_division_stays_as_the_table_grows_and_is_sorted_anew(tmp_path):
    source = speakers_table(tmp_path, [f"s{number}" for number in range(60)])
    held_out = set(sides(source, validation_fraction=0.2)[1].speakers)
    table = tmp_path / "all.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]))
    assert set(sides(source, validation_fraction=0.2)[1].speakers) == held_out


def test_a_table_is_evaluated_as_a_whole_and_given_validation_is_all_of_it(tmp_path):
    source = speakers_table(tmp_path / "mine", ["ann", "bob"])
    other = speakers_table(tmp_path / "other", ["eve"])
    assert len(load_evaluation(source, no_sample)) == 8
    train, held_out = sides(source, validation=tmp_path / "other" / "all.csv")
    assert len(train) == 8
    assert held_out.speakers == ["eve"] * 4
    assert held_out.name == other.data


def test_recordings_that_cannot_be_decoded_are_left_out_and_counted(tmp_path):
    write_files(tmp_path, {"a.wav": wav("a"), "b.wav": b"", "c.wav": b"none", "d.wav": wav("d")[:60]})
    write_files(tmp_path, {"t.csv": "file,text\na.wav,a\nb.wav,b\nc.wav,c\nd.wav,d\n"})
    utterances = load_evaluation(TranscriptSource(str(tmp_path / "t.csv")), no_sample)
    assert utterances.texts == ["a"]
    assert sum(utterances.left_out.values()) == 3
    assert "1 left out: empty" in utterances.describe()


def test_a_row_that_cannot_be_read_is_left_out_and_counted(tmp_path):
    write_files(tmp_path, {"a.wav": wav("a"), "t.csv": "file,text\na.wav,a\na.wav\n"})
    utterances = load_evaluation(TranscriptSource(str(tmp_path / "t.csv")), no_sample)
    assert utterances.left_out == {"too few fields (line 3)": 1}


@pytest.mark.parametrize("kind", ["folder", "all.tar", "all.zip"])
def test_a_text_without_its_recording_and_a_recording_without_its_text_are_left_out_and_counted(
    tmp_path, kind
):
    names = ("a.wav", "a.txt", "b.wav", "sub/c.TXT", "d.txt", "e.wav", "e.txt")
    files = {name: "yes" if name.lower().endswith(".txt") else wav(name) for name in names}
    path = (
        write_files(tmp_path / kind, files) if kind == "folder" else write_zip_or_tar(tmp_path / kind, files)
    )
    utterances = load_evaluation(TranscriptSource(str(path)), no_sample)
    assert utterances.origins == ["a.wav", "e.wav"]
    assert utterances.left_out == {"no transcript": 1, "a .txt without its recording": 2}
    assert "; 2 left out: a .txt without its recording" in utterances.describe()


def test_a_text_without_its_recording_counts_in_its_own_part_and_else_in_training(tmp_path):
    pairs = [f"{part}/{name}" for part in ("train", "val", "test") for name in ("a", "b")]
    write_files(tmp_path, {f"{pair}.wav": wav(pair) for pair in pairs})
    write_files(tmp_path, {f"{pair}.txt": "yes" for pair in (*pairs, "train/x", "val/x", "val/y")})
    write_files(tmp_path, {"about.txt": "Recorded in 2020."})
    source = TranscriptSource(str(tmp_path))
    train, held_out = sides(source)
    assert (train.left_out, held_out.left_out) == (
        {"a .txt without its recording": 2},
        {"a .txt without its recording": 2},
    )
    assert load_evaluation(source, no_sample).left_out == {}


def test_names_tell_what_is_said(tmp_path):
    names = [f"{digit}_{speaker}_0.wav" for digit in range(3) for speaker in ("ann", "bob")]
    archive = write_tar(tmp_path / "digits.tar.xz", {name: wav(name) for name in names})
    source = TranscriptSource(
        str(archive), name_pattern=r"(?P<label>\d)_(?P<speaker>[a-z]+)_", numbers_as_words="en"
    )
    utterances = load_evaluation(source, no_sample)
    assert utterances.texts == ["zero", "zero", "one", "one", "two", "two"]
    assert utterances.speakers == ["ann", "bob"] * 3


def test_labels_that_are_no_words_and_names_without_one_are_left_out(tmp_path):
    names = [
        "yes/1_nohash_0.wav",
        "_silence_/2.wav",
        "_unknown_/3_nohash_1.wav",
        "_unknown_/4_nohash_1.wav",
        "5.wav",
    ]
    write_files(tmp_path, {name: wav(name) for name in names})
    utterances = load_evaluation(
        TranscriptSource(str(tmp_path), name_pattern=r"(?P<label>[^/]+)/"), no_sample
    )
    assert utterances.texts == ["yes"]
    assert utterances.left_out == {
        "_silence_ is no transcript": 1,
        "_unknown_ is no transcript": 2,
        "no label in the name": 1,
    }


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"numbers_as_words": "klingon"}, "--numbers-as-words klingon: num2words has no such language"),
        ({"text_column": "said"}, "--text-column said: expected --data to be a file or folder of your own"),
        ({"name_pattern": "(?P<label>x)"}, r"--name-pattern \(\?P<label>x\): expected --data to be a file"),
    ],
)
def test_flags_that_fit_nothing_are_refused(flags, message):
    with pytest.raises(FlagError, match=message):
        TranscriptSource(**flags)


KALDI = {"wav.scp": "u1 a.wav\n", "text": "u1 yes\n", "a.wav": wav("a.wav")}
BESIDE = {"a.wav": wav("a.wav"), "a.txt": "yes"}
LIBRISPEECH = {"a.wav": wav("a.wav"), "1-2.trans.txt": "a YES\n"}
FORMS = {
    "a folder of Kaldi": KALDI,
    "recordings with their transcripts beside them": BESIDE,
    "recordings with their transcripts beside them in lists": LIBRISPEECH,
}


FLAGS = {
    "--path-column path": {"path_column": "path"},
    "--text-column 2": {"text_column": "2"},
    "--speaker-column who": {"speaker_column": "who"},
    "--delimiter ;": {"table": TableFormat(";")},
    "--strict": {"table": TableFormat(strict=True)},
    "--recordings far": {"recordings": Path("far")},
}
# The recordings of Kaldi may lie elsewhere.
WITHOUT_EFFECT = [pair for pair in product(FORMS, FLAGS) if pair != ("a folder of Kaldi", "--recordings far")]


@pytest.mark.parametrize(("form", "shown"), WITHOUT_EFFECT)
def test_a_flag_without_effect_on_the_form_that_is_found_is_refused(tmp_path, form, shown):
    source = TranscriptSource(str(write_files(tmp_path, FORMS[form])), **FLAGS[shown])
    found = f"{form.removesuffix(' in lists')}, as in {tmp_path}; expected it with a table"
    for load in (load_evaluation, load_training):
        with pytest.raises(FlagError, match=f"^{re.escape(f'{shown}: has no effect on {found}')}"):
            load(source, no_sample)


def test_a_flag_without_effect_beside_name_pattern_is_refused_before_anything_is_read(tmp_path):
    nowhere, pattern = str(tmp_path / "nowhere"), r"(?P<label>\d)_"
    for flags in ({"text_column": "said"}, {"table": TableFormat(encoding="cp1252")}):
        with pytest.raises(
            FlagError, match=r"^--(text-column said|encoding cp1252): has no effect beside --name-p"
        ):
            TranscriptSource(nowhere, name_pattern=pattern, **flags)


def test_a_pattern_for_names_is_refused_with_a_table(tmp_path):
    table = write_files(tmp_path, {"a.wav": wav("a.wav"), "t.csv": "path,text\na.wav,yes\n"}) / "t.csv"
    message = (
        rf"^--name-pattern \(\?P<label>.\): has no effect on a table, as {re.escape(str(table))} is; expected"
    )
    with pytest.raises(FlagError, match=message):
        load_evaluation(TranscriptSource(str(table), name_pattern="(?P<label>.)"), no_sample)


def test_a_flag_with_effect_on_the_data_or_on_the_validation_is_none_without(tmp_path):
    write_files(tmp_path / "k", KALDI)
    table = write_files(tmp_path / "t", {"b.wav": wav("b.wav"), "t.csv": "path,said\nb.wav,no\n"}) / "t.csv"
    for data, validation in ((table, tmp_path / "k"), (tmp_path / "k", table)):
        both = sides(TranscriptSource(str(data), text_column="said"), validation=validation)
        assert {text for side in both for text in side.texts} == {"yes", "no"}
    latin = write_files(tmp_path / "latin", BESIDE | {"a.txt": "schön".encode("cp1252")})
    source = TranscriptSource(str(latin), table=TableFormat(encoding="cp1252"))
    assert load_evaluation(source, no_sample).texts == ["schön"]


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a regular"), ("x", r"expected a group \(\?P<label>")]
)
def test_a_pattern_that_tells_no_label_is_refused(pattern, message):
    with pytest.raises(FlagError, match=rf"--name-pattern {re.escape(pattern)}: {message}"):
        TranscriptSource("./mine", name_pattern=pattern)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.md": "none"}, "{path}: no recordings with transcripts; expected a table"),
        ({"a.csv": "x", "b.csv": "x"}, "{path}: no recordings .*, or one of its tables: a.csv, b.csv"),
        ({"train.csv": "x", "train.tsv": "x"}, "{path}: train.csv and train.tsv; expected one of them"),
        ({"test.csv": "x"}, "{path}: no part to train on, but test; expected one for train"),
    ],
)
def test_a_folder_of_no_known_form_is_refused(tmp_path, files, message):
    write_files(tmp_path, files)
    with pytest.raises(UserError, match=message.format(path=re.escape(str(tmp_path)))):
        sides(TranscriptSource(str(tmp_path)))


def test_nothing_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--data \./nothing\.csv: no such file or folder; expected a table"):
        sides(TranscriptSource("./nothing.csv"))
    with pytest.raises(UserError, match=r"none\.tsv: no such file or folder"):
        sides(speakers_table(tmp_path, ["ann", "bob"]), validation=tmp_path / "none.tsv")


def test_a_single_recording_is_said_to_be_one(tmp_path):
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    with pytest.raises(
        UserError, match=r"talk\.wav: a single recording; expected recordings with what is said"
    ):
        sides(TranscriptSource(str(tmp_path / "talk.wav")))


def test_one_recording_is_too_few_to_validate_on(tmp_path):
    with pytest.raises(UserError, match="1 recordings by too few speakers to have some for validation"):
        sides(speakers_table(tmp_path, ["ann"], 1))


def test_a_transcript_without_words_is_refused_unless_punctuation_stays(tmp_path):
    source = speakers_table(tmp_path, ["ann"], 2)
    (tmp_path / "all.csv").write_text('path,sentence\nann_0.wav,yes\nann_1.wav,"?!"\n')
    message = r"all\.csv, ann_1\.wav \(all\.csv, line 3\): the transcript '\?!' has no words; expected"
    with pytest.raises(UserError, match=message):
        load_evaluation(source, no_sample)
    assert load_evaluation(replace(source, keep_punctuation=True), no_sample).texts == ["yes", "?!"]


def transcribed(speakers):
    def read(name, split, data_dir):
        for speaker in range(speakers):
            samples = np.full((800, 2), speaker / speakers, np.float32)
            text = f"Said in {split}." if speaker else "..."
            yield recordings_of_sets.TranscribedAudio(samples, 8_000, text, str(speaker))

    return read


def test_a_data_set_with_training_data_alone_keeps_speakers_for_validation_and_test(monkeypatch):
    monkeypatch.setattr(source_of_sets, "splits_of", lambda *_: ["train"])
    monkeypatch.setattr(recordings_of_sets, "read_transcribed_audio", transcribed(100))
    train, held_out = sides(TranscriptSource("ljspeech"))
    test = load_evaluation(TranscriptSource("ljspeech"), no_sample)
    speakers = [set(side.speakers) for side in (train, held_out, test)]
    assert min(map(len, speakers)) > 0
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == 99
    assert {len(waveform) for waveform in train.waveforms} == {1_600}
    assert train.left_out == {"empty transcript": 1}


def test_librispeech_has_its_first_splits_as_parts(monkeypatch):
    splits = ["train_other500", "train_clean100", "dev_clean", "dev_other", "test_clean", "test_other"]
    monkeypatch.setattr(source_of_sets, "splits_of", lambda *_: splits)
    monkeypatch.setattr(recordings_of_sets, "read_transcribed_audio", transcribed(3))
    train, held_out = sides(TranscriptSource("librispeech"))
    test = load_evaluation(TranscriptSource("librispeech"), no_sample)
    assert [side.texts[0] for side in (train, held_out, test)] == [
        "said in train clean100",
        "said in dev clean",
        "said in test clean",
    ]


class Prepared:
    """A prepared data set, as far as it is read."""

    def __init__(self, features, examples):
        self.info = SimpleNamespace(name="made", features=features, splits=["train"])
        self._examples = examples

    def as_dataset(self, split, shuffle_files):
        return SimpleNamespace(as_numpy_iterator=lambda: iter(self._examples))


def test_audio_text_and_speaker_of_a_data_set_are_found_by_what_they_are(monkeypatch):
    import tensorflow_datasets as tfds

    text, audio = tfds.features.Text(), tfds.features.Audio(sample_rate=22_050, dtype=np.int16)
    samples = np.array([0, 16384, -32768], np.int16)
    example = {
        "speech": samples,
        "text": b"3 men",
        "text_normalized": "drei Männer".encode(),
        "speaker_id": 84,
    }
    features = {"text": text, "speech": audio, "text_normalized": text}
    monkeypatch.setattr(
        recordings_of_sets,
        "prepared_builder",
        lambda *_: Prepared(features, [example, {**example, "speaker_id": b"x"}]),
    )
    first, second = recordings_of_sets.read_transcribed_audio("made", "train")
    assert (first.text, first.rate, first.speaker, second.speaker) == ("drei Männer", 22_050, "84", "x")
    np.testing.assert_array_equal(first.samples, np.array([[0], [0.5], [-1]], np.float32))
    with pytest.raises(UserError, match="--data made: no split 'test'; it has train"):
        next(recordings_of_sets.read_transcribed_audio("made", "test"))
    monkeypatch.setattr(recordings_of_sets, "prepared_builder", lambda *_: Prepared({"speech": audio}, []))
    with pytest.raises(
        UserError, match=r"--data made: expected a data set .* and a text; its features are \['speech'\]"
    ):
        next(recordings_of_sets.read_transcribed_audio("made", "train"))
