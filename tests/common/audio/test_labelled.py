"""Labelled clips come from any source alike; no speaker stands in two parts; what is left out is counted."""

import io
import re
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.audio import tfds as recordings_of_sets
from common.audio.files import encode_wav
from common.audio.labelled import AudioSource, Clips, load_evaluation, load_noises, load_training
from common.data import tfds as source_of_sets
from common.errors import FlagError, UserError

DIGITS = r"(?P<label>\d)_(?P<speaker>[a-z]+)_"


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def wav(name, samples=80):
    """A recording that tells its name: all samples have the name's own level."""
    return encode_wav(np.full(samples, level(name)))


def level(name):
    return (sum(name.rpartition("/")[2].encode()) % 1000) / 2000


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_tar(path, files, top=""):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(top + name, content)
        return path
    with tarfile.open(path, f"w:{path.name.rpartition('.tar')[2].lstrip('.')}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def commands(speakers=40):
    names = [
        f"{word}/{n:08x}_nohash_{take}.wav"
        for word in ("yes", "no", "bed")
        for n in range(speakers)
        for take in (0, 1)
    ]
    return {name: wav(name) for name in names}


@pytest.fixture(params=["folder", "tar.gz", "tar.xz", "zip", "tar within a folder"])
def store(request, tmp_path):
    """Writes the same files as a folder, a tar or a zip."""

    def write(files):
        if request.param == "folder":
            return str(write_folder(tmp_path / "data", files))
        kind, top = (request.param, "") if "within" not in request.param else ("tar", "./speech_v2/")
        return str(write_tar(tmp_path / f"data.{kind}", files, top))

    return write


def names(clips):
    return {Path(origin).parent.name + "/" + Path(origin).name for origin in clips.origins}


def test_a_folder_or_a_tar_gives_waveforms_with_labels_and_speakers(store):
    files = commands(3)
    clips = load_evaluation(AudioSource(store(files)), no_sample)
    assert names(clips) == set(files)
    for waveform, label, speaker, origin in zip(
        clips.waveforms, clips.labels, clips.speakers, clips.origins, strict=True
    ):
        assert f"{label}/{speaker}_nohash_" in origin
        np.testing.assert_allclose(waveform, np.full(80, level(origin)), atol=1e-4)
    assert clips.describe().endswith("18 clips by 3 speakers (6 bed, 6 no, 6 yes)")


def test_no_speaker_is_in_training_and_in_validation(store):
    source = AudioSource(store(commands()))
    train, held_out = load_training(source, no_sample, validation_fraction=0.25)
    assert not set(train.speakers) & set(held_out.speakers)
    assert len(train) + len(held_out) == 240
    assert 4 <= len(set(held_out.speakers)) <= 20
    assert len(load_evaluation(source, no_sample)) == 240


def test_a_speaker_keeps_the_side_when_others_join(tmp_path):
    few = AudioSource(str(write_folder(tmp_path / "few", commands(20))))
    many = AudioSource(str(write_folder(tmp_path / "many", commands(40))))
    (_, before), (_, after) = (
        load_training(source, no_sample, validation_fraction=0.3) for source in (few, many)
    )
    assert set(before.speakers) == set(after.speakers) & {f"{n:08x}" for n in range(20)}


def test_clips_of_unknown_speakers_are_divided_one_by_one(tmp_path):
    files = {f"yes/recording {n}.wav": wav(str(n)) for n in range(200)}
    train, held_out = load_training(
        AudioSource(str(write_folder(tmp_path, files))), no_sample, validation_fraction=0.2
    )
    assert set(train.speakers) == {""}
    assert names(train) | names(held_out) == set(files)
    assert 20 <= len(held_out) <= 60
    assert re.search(r": \d+ clips \(\d+ yes\)$", train.describe())


def test_a_word_that_few_say_is_validated_too_and_its_speakers_stay_on_one_side(tmp_path):
    files = {**commands(40), **{f"rarely/{n:08x}_nohash_0.wav": wav(f"{n}") for n in range(12)}}
    source = AudioSource(str(write_folder(tmp_path, files)))
    train, held_out = load_training(source, no_sample, validation_fraction=0.2)
    assert not set(train.speakers) & set(held_out.speakers)
    assert set(train.labels) == set(held_out.labels) == {"yes", "no", "bed", "rarely"}
    assert len(train) + len(held_out) == len(files)


def test_of_few_speakers_one_is_held_out_and_of_few_clips_of_a_word_none_is_lost(tmp_path):
    files = {
        f"{d}_{who}_{n}.wav": wav(f"{d}{n}") for d in "01" for who in ("anna", "bo", "cy") for n in range(3)
    }
    source = AudioSource(str(write_folder(tmp_path / "digits", files)), name_pattern=DIGITS)
    train, held_out = load_training(source, no_sample)
    assert (len(set(train.speakers)), len(set(held_out.speakers))) == (2, 1)
    rare = {
        "rare/1.wav": wav("1"),
        **{f"{word}/{n}.wav": wav(f"{n}") for word in ("yes", "no") for n in range(40)},
    }
    train, held_out = load_training(AudioSource(str(write_folder(tmp_path / "rare", rare))), no_sample)
    assert "rare" in train.labels
    assert set(held_out.labels) == {"yes", "no"}


def test_the_speaker_of_a_word_gathered_as_unknown_is_told_too(tmp_path):
    files = {"_unknown_/backward_0c540988_nohash_0.wav": wav("a"), "_silence_/1043.wav": wav("b")}
    clips = load_evaluation(AudioSource(str(write_folder(tmp_path, files))), no_sample)
    assert list(zip(clips.labels, clips.speakers, strict=True)) == [
        ("_silence_", ""),
        ("_unknown_", "0c540988"),
    ]


def test_the_split_lists_of_the_data_decide(store):
    files = commands(6)
    validation, test = sorted(files)[::4], sorted(files)[1::4]
    lists = {"validation_list.txt": "\n".join(validation), "testing_list.txt": "\r\n".join(test)}
    source = AudioSource(store({**files, **{name: text.encode() for name, text in lists.items()}}))
    train, held_out = load_training(source, no_sample)
    assert names(held_out) == set(validation)
    assert names(train) == set(files) - set(validation) - set(test)
    assert names(load_evaluation(source, no_sample)) == set(test)


def test_given_split_lists_decide_rather_than_those_of_the_data(tmp_path):
    files = commands(6)
    data = write_folder(tmp_path / "data", {**files, "testing_list.txt": "\n".join(files).encode()})
    (tmp_path / "mine.txt").write_text("yes/00000001_nohash_0.wav\nno/00000002_nohash_1.wav\n")
    source = AudioSource(str(data), test_list=tmp_path / "mine.txt")
    assert names(load_evaluation(source, no_sample)) == {
        "yes/00000001_nohash_0.wav",
        "no/00000002_nohash_1.wav",
    }
    source = AudioSource(str(data), validation_list=tmp_path / "mine.txt")
    assert names(load_training(source, no_sample)[1]) == names(
        load_evaluation(replace(source, validation_list=None, test_list=tmp_path / "mine.txt"), no_sample)
    )
    (tmp_path / "mine.txt").write_text("maybe/1.wav\n")
    with pytest.raises(
        UserError, match=r"mine\.txt: names none of the recordings; expected a line such as bed/"
    ):
        load_training(source, no_sample)
    with pytest.raises(
        UserError, match=r"--test-list mine\.txt: expected --data to be a folder, a tar or a zip"
    ):
        AudioSource(test_list=Path("mine.txt"))


@pytest.mark.parametrize("validation", ["val", "validation", "dev"])
def test_train_val_and_test_folders_are_the_parts(store, validation):
    files = {f"{part}/{name}": wav(part) for part in ("train", validation, "test") for name in commands(2)}
    source = AudioSource(store(files))
    train, held_out = load_training(source, no_sample)
    test = load_evaluation(source, no_sample)
    for clips, part in ((train, "train"), (held_out, validation), (test, "test")):
        assert set(clips.labels) == {"yes", "no", "bed"}
        assert len(clips) == 12
        np.testing.assert_allclose(np.stack(clips.waveforms), level(part), atol=1e-4)


def test_a_test_folder_stays_out_of_a_validation_part_by_speaker(tmp_path):
    files = {f"{part}/{name}": content for part in ("train", "test") for name, content in commands().items()}
    train, held_out = load_training(AudioSource(str(write_folder(tmp_path, files))), no_sample)
    assert len(train) + len(held_out) == 240
    assert all(origin.startswith("train/") for clips in (train, held_out) for origin in clips.origins)


def test_classes_named_train_and_test_are_classes(tmp_path):
    files = {f"{word}/{n}.wav": wav(str(n)) for word in ("train", "test") for n in range(3)}
    clips = load_evaluation(AudioSource(str(write_folder(tmp_path, files))), no_sample)
    assert sorted(set(clips.labels)) == ["test", "train"]


def test_validation_data_of_ones_own_leaves_all_the_rest_for_training(store, tmp_path):
    other = write_tar(tmp_path / "other.tar.xz", commands(2))
    train, held_out = load_training(AudioSource(store(commands(5))), no_sample, other)
    assert (len(train), len(held_out)) == (30, 12)


def test_labels_and_speakers_of_a_flat_folder_are_found_by_a_pattern(store):
    files = {
        f"{digit}_{speaker}_{n}.wav": wav(f"{digit}")
        for digit in "01"
        for speaker in ("anna", "bo")
        for n in range(2)
    }
    clips = load_evaluation(AudioSource(store(files), name_pattern=DIGITS), no_sample)
    assert sorted(zip(clips.labels, clips.speakers, strict=True)) == sorted(
        (digit, speaker) for digit in "01" for speaker in ("anna", "bo") for _ in range(2)
    )
    with pytest.raises(
        UserError, match=r"no label in the name of '.*0_anna_0\.wav', nor of any other|too few speakers"
    ):
        load_training(AudioSource(clips.name), no_sample, validation_fraction=1e-9)


def digits(*folders):
    return {
        f"{folder}{digit}_{speaker}_{n}.wav": wav(f"{digit}")
        for folder in folders
        for digit in "012"
        for speaker in ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
        for n in range(2)
    }


@pytest.mark.parametrize("folder", ["", "recordings/", "free-spoken-digit-dataset/recordings/"])
def test_the_flat_folder_of_spoken_digits_has_its_labels_and_speakers_in_the_names(store, folder):
    clips = load_evaluation(AudioSource(store(digits(folder))), no_sample)
    assert sorted(set(clips.labels)) == ["0", "1", "2"]
    assert len(set(clips.speakers)) == 6
    train, held_out = load_training(AudioSource(store(digits(folder))), no_sample, validation_fraction=0.6)
    assert not set(train.speakers) & set(held_out.speakers)


@pytest.mark.parametrize(
    "parts", [("train", "val", "test"), ("train", "validation", "test"), ("training", "dev")]
)
def test_folders_of_parts_are_no_classes(store, parts):
    source = AudioSource(store(digits(*(f"{part}/" for part in parts))))
    train, held_out = load_training(source, no_sample)
    assert set(train.labels) == set(held_out.labels) == {"0", "1", "2"}
    assert (len(train), len(held_out)) == (36, 36)


def test_flat_parts_of_speech_commands_are_no_classes(tmp_path):
    files = {
        f"{part}/{word}_{n:08x}_nohash_0.wav": wav(part)
        for part in ("train", "val", "test")
        for word in ("yes", "no")
        for n in range(4)
    }
    train, _ = load_training(AudioSource(str(write_folder(tmp_path, files))), no_sample)
    assert (sorted(set(train.labels)), len(set(train.speakers))) == (["no", "yes"], 4)


def test_parts_whose_names_tell_no_label_are_refused(tmp_path):
    files = {f"{part}/clip{n}.wav": wav(str(n)) for part in ("train", "val", "test") for n in range(3)}
    with pytest.raises(
        UserError, match=r"test, train, val are parts of the data, not labels; expected .*--name-pattern"
    ):
        load_training(AudioSource(str(write_folder(tmp_path, files))), no_sample)


def test_flat_parts_are_found_by_a_pattern_too(tmp_path):
    files = {f"{part}/0_anna_{n}.wav": wav(part) for part in ("train", "test") for n in range(2)}
    source = AudioSource(str(write_folder(tmp_path, files)), name_pattern=DIGITS)
    assert names(load_evaluation(source, no_sample)) == {"test/0_anna_0.wav", "test/0_anna_1.wav"}


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a regular expression"), (r"\d_", r"expected a group \(\?P<label>")]
)
def test_a_pattern_that_can_find_no_label_is_refused(pattern, message):
    with pytest.raises(FlagError, match=f"--name-pattern .*: {message}"):
        AudioSource(name_pattern=pattern)


def test_labels_not_asked_for_become_unknown(store):
    files = {**commands(3), "_silence_/1.wav": wav("1"), "_unknown_/2.wav": wav("2")}
    source = AudioSource(store(files), labels=("yes", "no"))
    clips = load_evaluation(source, no_sample)
    assert {label: clips.labels.count(label) for label in set(clips.labels)} == {
        "yes": 6,
        "no": 6,
        "_silence_": 1,
        "_unknown_": 7,
    }
    with pytest.raises(
        UserError, match=r"--labels maybe: .* has no such label; it has _silence_, _unknown_, bed"
    ):
        load_training(replace(source, labels=("yes", "maybe")), no_sample, Path(source.data))


def test_background_noise_is_never_a_class_and_is_read_as_noise(store):
    noise = {"_background_noise_/hum.wav": wav("hum", 4000), "_background_noise_/README.md": b"of noise"}
    source = AudioSource(store({**commands(2), **noise}))
    assert set(load_evaluation(source, no_sample).labels) == {"yes", "no", "bed"}
    (found,) = load_noises(source)
    np.testing.assert_allclose(found, np.full(4000, level("hum")), atol=1e-4)


def test_noises_of_a_folder_a_tar_or_a_file_that_is_given(tmp_path):
    files = {"a.wav": wav("a", 50), "deep/b.flac": flac(60)}
    folder = write_folder(tmp_path / "noises", files)
    for path, lengths in (
        (folder, [50, 60]),
        (write_tar(tmp_path / "noises.tar", files), [50, 60]),
        (write_tar(tmp_path / "more.tar", {**files, "_background_noise_/c.wav": wav("c", 70)}), [70]),
        (folder / "a.wav", [50]),
    ):
        assert [len(noise) for noise in load_noises(AudioSource(), path)] == lengths
    assert load_noises(AudioSource()) == load_noises(AudioSource("speech_commands")) == []
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="nothing: no recordings of noise"):
        load_noises(AudioSource(), tmp_path / "nothing")
    write_folder(tmp_path / "broken", {"a.wav": wav("a")[:60]})
    with pytest.raises(UserError, match=r"broken/a\.wav: truncated"):
        load_noises(AudioSource(), tmp_path / "broken")


def flac(samples):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(samples), 16_000, format="FLAC")
    return buffer.getvalue()


def test_recordings_that_cannot_be_used_are_left_out_and_counted(store):
    broken = {
        "yes/text.wav": b"no audio at all",
        "yes/empty.wav": b"",
        "no/short.wav": wav("short")[:-20],
        "no/shorter.wav": wav("short")[:-30],
        "lost.wav": wav("lost"),
        "README.md": b"read me",
    }
    clips = load_evaluation(AudioSource(store({**commands(1), **broken})), no_sample)
    assert len(clips) + sum(clips.left_out.values()) == 6 + 5
    assert {"not audio": 1, "empty": 1, "truncated": 2}.items() <= clips.left_out.items()
    assert "; 2 left out: truncated" in clips.describe()


def test_nothing_of_use_is_refused(tmp_path):
    data = write_folder(tmp_path / "data", {"yes/a.wav": b"", "yes/b.wav": b"text", "yes/c.wav": b""})
    with pytest.raises(UserError, match=r"data: no clip can be used \(2 empty, 1 not audio\)"):
        load_evaluation(AudioSource(str(data)), no_sample)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.txt": b"text"}, r"no recordings; expected <label>/<name>\.wav"),
        ({"train.tar.xz": b"x", "val.tar": b"x"}, r"or one of its archives: train\.tar\.xz, val\.tar"),
        ({"a.wav": wav("a")}, r"no label in the name of 'a\.wav'"),
    ],
)
def test_a_folder_without_labelled_recordings_is_refused(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        load_evaluation(AudioSource(str(write_folder(tmp_path / "data", files))), no_sample)


@pytest.mark.parametrize(
    "data", ["/nowhere", "nowhere.tar.gz", "./nowhere/x", "~/nowhere", "~no-such-user/nowhere"]
)
def test_a_path_that_is_not_there_is_named(data):
    with pytest.raises(UserError, match=r"nowhere.*: no such file or folder; expected a folder, a \.tar"):
        load_evaluation(AudioSource(data), no_sample)


def test_too_few_speakers_to_hold_any_out_is_said(tmp_path):
    source = AudioSource(str(write_folder(tmp_path, commands(1))))
    with pytest.raises(UserError, match="6 clips by too few speakers to have some for validation; give"):
        load_training(source, no_sample, validation_fraction=1e-9)


def test_data_of_test_clips_alone_is_not_trained_on(tmp_path):
    files = commands(3)
    source = AudioSource(
        str(write_folder(tmp_path, {**files, "testing_list.txt": "\n".join(files).encode()}))
    )
    assert len(load_evaluation(source, no_sample)) == 18
    with pytest.raises(UserError, match="no part to train on"):
        load_training(source, no_sample)


def test_the_sample_is_made_by_part():
    def sample(part):
        return Clips(part, [np.zeros(1)] * 2, ["yes", "bed"], ["a", "b"], ["1", "2"])

    train, held_out = load_training(AudioSource(labels=("yes",)), sample)
    assert (train.name, held_out.name) == ("train", "validation")
    assert train.labels == ["yes", "_unknown_"]
    assert load_evaluation(AudioSource(), sample).labels == ["yes", "bed"]


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """The real builder of speech_commands, on tiny archives."""
    pytest.importorskip("pydub")
    import tensorflow_datasets as tfds

    files = {**commands(2), "_background_noise_/running_tap.wav": wav("tap", 33_000)}
    held_out = {
        "validation_list.txt": "yes/00000000_nohash_0.wav\n",
        "testing_list.txt": "no/00000001_nohash_0.wav\n",
    }
    train = write_tar(
        tmp_path / "train.tar.gz", {**files, **{name: text.encode() for name, text in held_out.items()}}
    )
    test = write_tar(
        tmp_path / "test.tar.gz", {"no/00000001_nohash_0.wav": wav("x"), "_silence_/1.wav": wav("y")}
    )
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda *_: [train, test])
    monkeypatch.setattr(source_of_sets, "_require_network", lambda *_: None)
    return AudioSource("speech_commands", data_dir=tmp_path / "data")


@pytest.mark.filterwarnings("ignore:Couldn't find ffmpeg")
def test_speech_commands_of_tfds_has_its_own_parts(prepared):
    train, held_out = load_training(prepared, no_sample)
    test = load_evaluation(prepared, no_sample)
    assert sorted(train.labels) == ["_unknown_"] * 4 + ["no"] * 3 + ["yes"] * 3
    assert sorted(set(held_out.labels)) == ["_silence_", "yes"]
    assert sorted(test.labels) == ["_silence_", "no"]
    spoken = test.waveforms[test.labels.index("no")]
    np.testing.assert_allclose(spoken, np.full(80, level("x")), atol=1e-4)
    assert train.origins[0] == "train example 0"


def test_a_data_set_of_tfds_with_training_data_alone_keeps_speakers_for_validation_and_test(monkeypatch):
    def recordings(name, split, data_dir):
        for take in range(2):
            for speaker in range(100):
                samples = np.full((800, 2), speaker / 100, np.float32)
                yield recordings_of_sets.LabelledAudio(samples, 8_000, str(take), str(speaker))

    monkeypatch.setattr(source_of_sets, "splits_of", lambda *_: ["train"])
    monkeypatch.setattr(recordings_of_sets, "read_labelled_audio", recordings)
    source = AudioSource("spoken_digit")
    train, held_out = load_training(source, no_sample)
    test = load_evaluation(source, no_sample)
    speakers = [set(clips.speakers) for clips in (train, held_out, test)]
    assert min(map(len, speakers)) > 0
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == 100
    assert {len(waveform) for waveform in train.waveforms} == {1_600}


def test_without_pydub_the_extra_is_named_before_anything_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydub", None)
    with pytest.raises(
        UserError,
        match=r"--data speech_commands: building it needs the package pydub; .* '\.\[speech_commands\]'",
    ):
        load_training(AudioSource("speech_commands", data_dir=tmp_path), no_sample)


def test_a_data_set_without_labelled_audio_is_refused(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    builder = tfds.builder("mnist", data_dir=tmp_path)
    monkeypatch.setattr(recordings_of_sets, "prepared_builder", lambda *_: builder)
    with pytest.raises(
        UserError, match="--data mnist: expected a data set with audio of a known rate and a label"
    ):
        list(recordings_of_sets.read_labelled_audio("mnist", "train"))
