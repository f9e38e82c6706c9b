"""Recordings with transcripts are read from the files people have; what is wrong in them is said with its place."""

import io
import re
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio.files import decode_audio, encode_wav
from common.audio.transcript_files import find_recordings
from common.audio.transcript_folders import kaldi_folders, read_kaldi
from common.audio.transcript_parts import Forms, spoken_data
from common.audio.transcript_tables import Columns, read_spoken_table
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
    """A tar, or a zip where the name says so."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, f"w:{path.name.rpartition('.tar')[2].lstrip('.')}") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def read(table, form=None, recordings=None, **columns):
    """(path, text, speaker) of each row of a table."""
    spoken = read_spoken_table(table, Columns(**columns), form or TableFormat(), recordings)
    for file in spoken.files:
        name = file.name.replace("\\", "/").rpartition("/")[2]
        recorded = wav(name if "." in name else f"{name}.wav")
        np.testing.assert_array_equal(decode_audio(file.read(), "it"), decode_audio(recorded, "it"))
    return [(file.name, file.text, file.speaker) for file in spoken.files]


def parts_of(path, **forms):
    """(name, text, speaker, reason) of each recording, by part."""
    return {
        part: [(file.name, file.text, file.speaker, file.reason) for file in read_part().files]
        for part, read_part in spoken_data(path, Forms(**forms)).parts.items()
    }


LJSPEECH = """LJ1-1|"Printing, of 3 kinds"|"Printing, of three kinds"
LJ1-2|a "quoted" word, no more|a "quoted" word, no more
LJ1-3|"is open|"is open
"""


@pytest.mark.parametrize(
    ("table", "content", "expected"),
    [
        (
            "deepspeech.csv",
            "wav_filename,wav_filesize,transcript\na.wav,204,yes\nb.wav,204,no more\n",
            [("a.wav", "yes", ""), ("b.wav", "no more", "")],
        ),
        (
            "common_voice.tsv",
            'client_id\tpath\tsentence\tup_votes\nx1\ta.wav\t"Yes," he said\t2\nx2\tb.wav\tNo\t0\n',
            [("a.wav", '"Yes," he said', "x1"), ("b.wav", "No", "x2")],
        ),
        ("plain.csv", "Text, File\nyes, a.wav\n", [("a.wav", "yes", "")]),
        ("spoken.csv", "audio,Transcript,speaker\na.wav,yes,ann\n", [("a.wav", "yes", "ann")]),
        (
            "nemo.jsonl",
            '{"audio_filepath": "a.wav", "duration": 1.5, "text": "yes"}\n',
            [("a.wav", "yes", "")],
        ),
        ("windows.csv", "path,text\nsub\\c.wav,see\n", [("sub\\c.wav", "see", "")]),
    ],
)
def test_tables_of_usual_columns_are_read(tmp_path, table, content, expected):
    write_files(tmp_path, {name: wav(name) for name in ("a.wav", "b.wav", "sub/c.wav")})
    assert read(write_files(tmp_path, {table: content}) / table) == expected


def test_ljspeech_has_no_header_and_quotes_are_characters(tmp_path):
    write_files(tmp_path, {f"wavs/LJ1-{n}.wav": wav(f"LJ1-{n}.wav") for n in (1, 2, 3)})
    write_files(tmp_path, {"metadata.csv": LJSPEECH})
    expected = [
        ("LJ1-1", '"Printing, of three kinds"', ""),
        ("LJ1-2", 'a "quoted" word, no more', ""),
        ("LJ1-3", '"is open', ""),
    ]
    assert read(tmp_path / "metadata.csv") == expected
    assert parts_of(tmp_path) == {"": [(*row, "") for row in expected]}


def test_a_manifest_without_a_header_names_files_of_texts(tmp_path):
    write_files(tmp_path, {"w/a.wav": wav("a.wav"), "w/b.wav": wav("b.wav")})
    write_files(
        tmp_path, {"t/a.txt": "yes\n", "t/b.txt": "no", "m.csv": "w/a.wav,t/a.txt\nw/b.wav,t/b.txt\n"}
    )
    assert read(tmp_path / "m.csv") == [("w/a.wav", "yes\n", ""), ("w/b.wav", "no", "")]


def test_columns_can_be_given_by_name_and_by_number(tmp_path):
    write_files(
        tmp_path, {"a.wav": wav("a.wav"), "h.csv": "take,said,who,path\na.wav,yes,ann,\na.wav,no,bob,\n"}
    )
    named = read(tmp_path / "h.csv", path="take", text="said", speaker="who")
    assert named == [("a.wav", "yes", "ann"), ("a.wav", "no", "bob")]
    write_files(tmp_path, {"n.tsv": "yes\t1\ta.wav\nno\t2\ta.wav\n"})
    assert read(tmp_path / "n.tsv", path="3", text="1") == [("a.wav", "yes", ""), ("a.wav", "no", "")]
    write_files(tmp_path, {"b.txt": "path;text\na.wav;yes\n"})
    assert read(tmp_path / "b.txt", TableFormat(";")) == [("a.wav", "yes", "")]


def test_numbers_count_the_columns_beneath_a_header_of_usual_names_too(tmp_path):
    write_files(tmp_path, {name: wav(name) for name in ("a.wav", "b.wav")})
    write_files(tmp_path, {"h.csv": "path,text,speaker\na.wav,yes,ann\nb.wav,no,bob\n"})
    named = read(tmp_path / "h.csv")
    assert read(tmp_path / "h.csv", path="1", text="2") == named
    assert read(tmp_path / "h.csv", TableFormat(strict=True), path="1", text="2") == named
    assert read(tmp_path / "h.csv", path="1", text="text", speaker="3") == named
    write_files(tmp_path, {"w.tsv": "who\t Sentence\tPath\nann\tyes\ta.wav\nbob\tno\tb.wav\n"})
    assert read(tmp_path / "w.tsv", path="3", text="2", speaker="1") == named


def test_numbers_count_the_columns_of_a_table_without_a_header_whatever_is_said(tmp_path):
    write_files(tmp_path, {name: wav(name) for name in ("a.wav", "path.wav")})
    write_files(tmp_path, {"t.csv": "a.wav,text\n", "p.csv": "path,yes\na.wav,text\n"})
    assert read(tmp_path / "t.csv", path="1", text="2") == [("a.wav", "text", "")]
    assert read(tmp_path / "p.csv", path="1", text="2") == [("path", "yes", ""), ("a.wav", "text", "")]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (
            "take,what is said\na.wav,yes\n",
            {"path": "1", "text": "2"},
            ", line 1: no recording 'take'; expected it in .*; if this line is a header, name the columns by it: "
            "--path-column take --text-column 'what is said'$",
        ),
        (
            "a.wav,yes\nb,no\n",
            {"path": "1", "text": "2"},
            ", line 2: no recording 'b'; expected it in .* that has it$",
        ),
        ("path,text\na.wav,yes\n", {"path": "1", "text": "7"}, ", line 1: 2 fields; expected at least 7$"),
        (
            "path,text\na.wav,yes\n",
            {"path": "7"},
            ": no column '7'; the columns are 'path', 'text'; name the two with --path-column and --text-column",
        ),
        (
            "a.wav,yes\na.wav,no\n",
            {"path": "1"},
            ": no column of transcripts; .* are 'a.wav', 'yes'; name it with --text-column, or give its number$",
        ),
    ],
)
def test_a_table_that_numbers_do_not_fit_is_refused_with_what_would(tmp_path, content, columns, message):
    write_files(tmp_path, {"a.wav": wav("a.wav"), "t.csv": content})
    with pytest.raises(UserError, match=f"^{re.escape(str(tmp_path / 't.csv'))}{message}") as refusal:
        read(tmp_path / "t.csv", **columns)
    assert "\n" not in str(refusal.value)


def test_a_column_of_number_nought_is_a_wrong_flag(tmp_path):
    write_files(tmp_path, {"a.wav": wav("a.wav"), "t.csv": "path,text\na.wav,yes\n"})
    with pytest.raises(FlagError, match=r"^--text-column 0: expected at least 1$"):
        read(tmp_path / "t.csv", path="1", text="0")


@pytest.mark.parametrize(
    "place",
    [
        "clips/a.wav",
        "wavs/a.wav",
        "wav/a.wav",
        "audio/a.wav",
        "a.wav",
        "mine.zip",
        "mine_audio.tar",
        "mine.tar.gz",
    ],
)
def test_recordings_are_found_beside_their_table(tmp_path, place):
    content = {"a.wav": wav("a.wav")}
    if place.endswith(".wav"):
        write_files(tmp_path, {place: content["a.wav"]})
    else:
        write_tar(tmp_path / place, {f"inner/{name}": data for name, data in content.items()})
    write_files(tmp_path, {"mine.csv": "file,text\na.wav,yes\na,yes too\n"})
    assert read(tmp_path / "mine.csv") == [("a.wav", "yes", ""), ("a", "yes too", "")]


def test_recordings_that_are_given_are_looked_for_there_alone(tmp_path):
    write_files(
        tmp_path, {"t.csv": "file,text\na.wav,yes\n", "a.wav": wav("other"), "far/a.wav": wav("a.wav")}
    )
    archive = write_tar(tmp_path / "b.tar.xz", {"deep/er/a.wav": wav("a.wav")})
    for place in (tmp_path / "far", archive):
        assert read(tmp_path / "t.csv", recordings=place) == [("a.wav", "yes", "")]
    (tmp_path / "no").mkdir()
    message = f"no recording 'a.wav'; expected it in {tmp_path / 'no'}, or --recordings"
    with pytest.raises(UserError, match=re.escape(message)):
        read(tmp_path / "t.csv", recordings=tmp_path / "no")
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        read(tmp_path / "t.csv", recordings=tmp_path / "nowhere")


def test_absolute_paths_and_those_of_other_folders_are_read_as_they_are(tmp_path):
    write_files(
        tmp_path, {"x/a.wav": wav("a.wav"), "tables/t.csv": f"file,text\n../x/a.wav,yes\n{tmp_path}/x/a,no\n"}
    )
    assert read(tmp_path / "tables" / "t.csv") == [
        ("../x/a.wav", "yes", ""),
        (f"{tmp_path}/x/a", "no", ""),
    ]


@given(st.lists(st.text("ab._-é ", min_size=1, max_size=6), min_size=1, max_size=6, unique=True))
def test_a_path_finds_its_recording_with_and_without_the_suffix_in_folders_and_archives(
    tmp_path_factory, stems
):
    folder = tmp_path_factory.mktemp("paths")
    names = [f"clip{one}" for one in stems]
    contents = {f"top/in/{name}.flac": name.encode() for name in names}
    write_files(folder, contents)
    archive = write_tar(folder / "all.zip", contents)
    for place, lead in ((folder, "top/in/"), (archive, ""), (archive, "in/"), (archive, "top/in/")):
        for suffix in ("", ".flac"):
            paths = {f"{lead}{name}{suffix}": name.encode() for name in names}
            reads = find_recordings(list(paths), [place])
            assert {path: read_one() for path, read_one in reads.items()} == paths
        assert find_recordings(["nothing", "lip.flac", f"{lead}clip.wav"], [place]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "file,text\na.wav,yes\nb.wav,no\nc.wav,no\n",
            r", line 3: no recording 'b.wav' \(nor 1 more that it names\)",
        ),
        (
            "file,text\na.wav,yes\na.wav, \n",
            ", line 3: nothing in column 'text'; expected what is said in a.wav",
        ),
        ("file,text\n,yes\n", ", line 2: nothing in column 'file'; expected the path of a recording"),
        (
            "file,word\na.wav,yes\n",
            ": no column of transcripts; .* the columns are 'file', 'word'; name it with --t",
        ),
        (
            "take,text\na.wav,yes\n",
            ": no column of recordings; .* the columns are 'take', 'text'; name it with --p",
        ),
        ("path;text\na.wav;yes\n", ": no column of recordings; .*; a semicolon stands .* --delimiter ';'"),
        ("file,text\n", ": no rows below the header"),
        ("", ": the file is empty; expected a header line$"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_place(tmp_path, content, message):
    write_files(tmp_path, {"a.wav": wav("a.wav"), "t.csv": content})
    with pytest.raises(UserError, match=f"^{re.escape(str(tmp_path / 't.csv'))}{message}") as refusal:
        read(tmp_path / "t.csv")
    assert "\n" not in str(refusal.value)


def test_other_refusals_of_tables(tmp_path):
    write_files(tmp_path, {"t.csv": "file,text\na.wav,yes\n", "e.jsonl": ""})
    write_tar(tmp_path / "t.tar", {"b.wav": wav("b.wav")})
    with pytest.raises(
        UserError, match=r"no recording 'a.wav'; expected it in .*, .*t\.tar, or --recordings"
    ):
        read(tmp_path / "t.csv")
    with pytest.raises(
        UserError, match="no column 'said'; the columns are 'file', 'text'; name the two with --path"
    ):
        read(tmp_path / "t.csv", text="said")
    with pytest.raises(UserError, match=r"the file is empty; expected objects$"):
        read(tmp_path / "e.jsonl")


LIBRISPEECH = {
    "84/121/84-121-0000.flac": wav("0"),
    "84/121/84-121-0001.flac": wav("1"),
    "84/121/84-121.trans.txt": "84-121-0000 GO DO YOU HEAR\n84-121-0001 BUT\n",
}
OTHER_VOICE = {
    "9/1/9-1-0000.flac": wav("2"),
    "9/1/9-1.trans.txt": "9-1-0000 YES\n",
    "9/1/9-1-0001.flac": wav("3"),
}
SPOKEN = [("84-121-0000", "GO DO YOU HEAR", "84", ""), ("84-121-0001", "BUT", "84", "")]
UNTOLD = [("9-1-0000", "YES", "9", ""), ("9-1-0001", "", "", "no transcript")]


def short(parts):
    return {
        part: [(row[0].rpartition("/")[2].partition(".")[0], *row[1:]) for row in rows]
        for part, rows in parts.items()
    }


@pytest.mark.parametrize("kind", ["folder", "all.tar.gz", "all.zip"])
def test_librispeech_tells_speakers_and_parts(tmp_path, kind):
    files = {f"LibriSpeech/train-clean-100/{name}": data for name, data in LIBRISPEECH.items()}
    files |= {f"LibriSpeech/test-other/{name}": data for name, data in OTHER_VOICE.items()}
    files |= {"LibriSpeech/README.TXT": "about", "LibriSpeech/SPEAKERS.TXT": "84 | F"}
    path = write_files(tmp_path / kind, files) if kind == "folder" else write_tar(tmp_path / kind, files)
    assert short(parts_of(path)) == {"train": SPOKEN, "test": UNTOLD}


def test_one_part_of_librispeech_alone_is_not_divided(tmp_path):
    files = {f"LibriSpeech/dev-clean/{name}": data for name, data in (LIBRISPEECH | OTHER_VOICE).items()}
    assert short(parts_of(write_tar(tmp_path / "dev-clean.tar.gz", files))) == {"": [*SPOKEN, *UNTOLD]}
    assert short(
        parts_of(
            write_files(
                tmp_path / "flat", {name.rpartition("/")[2]: data for name, data in LIBRISPEECH.items()}
            )
        )
    ) == {"": SPOKEN}


def test_a_line_of_librispeech_without_its_recording_is_refused(tmp_path):
    write_files(tmp_path, LIBRISPEECH | {"84/121/84-121.trans.txt": "84-121-0000 GO\n84-121-0007 BUT\n"})
    with pytest.raises(
        UserError, match=r"84-121\.trans\.txt, line 2: no recording '84-121-0007'; expected 84-121-0007"
    ):
        parts_of(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "all.tar", "all.zip"])
def test_a_text_beside_each_recording_is_what_is_said(tmp_path, kind):
    files = {
        "a.wav": wav("a"),
        "a.txt": "\ufeffYes, it is.\n",
        "sub/b.ogg": wav("b"),
        "sub/b.TXT": "no",
        "c.wav": b"",
        "notes.txt": "c",
    }
    path = write_files(tmp_path / kind, files) if kind == "folder" else write_tar(tmp_path / kind, files)
    assert parts_of(path) == {
        "": [
            ("a.wav", "Yes, it is.\n", "", ""),
            ("c.wav", "", "", "no transcript"),
            ("sub/b.ogg", "no", "", ""),
        ]
    }


def test_folders_of_parts_are_parts_and_a_recording_named_like_one_is_none(tmp_path):
    names = ["train/a", "train/test", "val/b", "test/c"]
    write_files(tmp_path / "parts", {f"{name}{end}": "x" for name in names for end in (".wav", ".txt")})
    assert {part: len(rows) for part, rows in parts_of(tmp_path / "parts").items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    write_files(
        tmp_path / "flat", {f"{name}{end}": "x" for name in ("test", "a") for end in (".wav", ".txt")}
    )
    assert {part: len(rows) for part, rows in parts_of(tmp_path / "flat").items()} == {"": 2}


def test_a_text_in_another_encoding_is_refused_unless_that_is_given(tmp_path):
    write_files(tmp_path, {"a.wav": wav("a"), "a.txt": "schön".encode("cp1252")})
    with pytest.raises(UserError, match=r"a\.txt: not valid utf-8; give the file's own --encoding"):
        parts_of(tmp_path)
    assert parts_of(tmp_path, table=TableFormat(encoding="cp1252"))[""][0][1] == "schön"


KALDI = {
    "wav.scp": "u1 a.wav\nu2\tsub/b.wav\nu3 a.wav\n",
    "text": "u1 yes\nu2 no more\n",
    "utt2spk": "u1 ann\nu2 bob\nu3 bob\n",
    "a.wav": wav("a"),
    "sub/b.wav": wav("b"),
}
UTTERANCES = [("u1", "yes", "ann", ""), ("u2", "no more", "bob", ""), ("u3", "", "", "no transcript")]


def test_kaldi_folders_are_read_and_may_be_parts(tmp_path):
    write_files(tmp_path / "one", KALDI)
    assert parts_of(tmp_path / "one") == {"": UTTERANCES}
    for part in ("train_si84", "test_dev93", "local"):
        write_files(tmp_path / "data" / part, KALDI)
    assert parts_of(tmp_path / "data") == {"train": UTTERANCES, "test": UTTERANCES}
    assert kaldi_folders(tmp_path / "data") == {
        "train": tmp_path / "data" / "train_si84",
        "test": tmp_path / "data" / "test_dev93",
    }


def test_the_recordings_of_kaldi_may_lie_elsewhere(tmp_path):
    lists = {name: KALDI[name] for name in ("wav.scp", "text")}
    archive = write_tar(tmp_path / "corpus.tar", {name: KALDI[name] for name in ("a.wav", "sub/b.wav")})
    files = read_kaldi(write_files(tmp_path / "lists", lists), archive).files
    assert [(file.text, file.speaker, file.read()) for file in files[:2]] == [
        ("yes", "", wav("a")),
        ("no more", "", wav("b")),
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"segments": "u1 r1 0 1\n"}, "/segments: segments of recordings are not read; expected wav.scp"),
        ({"wav.scp": "u1 a.wav\nu2 sph2pipe b.sph |\n"}, r"/wav.scp, line 2: a command, 'sph2pipe b.sph \|'"),
        ({"wav.scp": "u1 a.wav\nu2\n"}, "/wav.scp, line 2: nothing behind 'u2'; expected the path"),
        ({"wav.scp": "u1 a.wav\nu2 c.wav\n"}, "/wav.scp, line 2: no recording 'c.wav'; expected it in"),
        ({"wav.scp": "u1 a.wav\n"}, "/text, line 2: no recording of 'u2' in wav.scp"),
        ({"wav.scp": "\n"}, "/wav.scp: no rows; expected lines <utterance> <path>"),
        ({"text": "u1 yes\nu2 \n"}, "/text, line 2: nothing behind 'u2'; expected what is said"),
        ({"text": None}, "/text: no such file"),
    ],
)
def test_a_folder_of_kaldi_that_is_wrong_is_refused_with_its_place(tmp_path, changed, message):
    write_files(tmp_path, {name: data for name, data in (KALDI | changed).items() if data is not None})
    with pytest.raises(UserError, match=f"^{re.escape(str(tmp_path))}{message}"):
        parts_of(tmp_path)
