"""Pieces come from any source alike; no melody stands in two parts; what cannot be used is counted or refused."""

import gzip
import io
import json
import re
import tarfile
import zipfile

import mido
import numpy as np
import pytest

from applications.music.piece import Piece
from applications.music.piece_sources import PieceSource, load_evaluation, load_training
from common.errors import FlagError, UserError
from common.text.tables import TableFormat


def midi(*notes, at_once=False):
    """The bytes of a file of quarter notes, one after another or all at once."""
    track = mido.MidiTrack()
    for note in notes:
        track.append(mido.Message("note_on", note=note))
        if not at_once:
            track.append(mido.Message("note_off", note=note, time=480))
    content = io.BytesIO()
    mido.MidiFile(tracks=[track, mido.MidiTrack([mido.MetaMessage("end_of_track", time=480)])]).save(
        file=content
    )
    return content.getvalue()


def tune(number):
    """A melody of a few steps, another one for each number."""
    intervals = [1 + (number // 7**place) % 7 for place in range(4)]
    return [[note] for note in (60 + np.cumsum([0, *intervals])).tolist()]


def write_files(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_bytes = isinstance(content, bytes)
        path.write_bytes(content if is_bytes else json.dumps(content).encode())
    return folder


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def sides(path, source=None, **options):
    return load_training(source or PieceSource(str(path)), no_sample, **options)


def evaluated(path, *options, **flags):
    return load_evaluation(PieceSource(str(path), **flags), no_sample, *options)


def tunes(pieces):
    """The highest notes of each piece."""
    return [piece.notes.max(axis=1).tolist() for piece in pieces.pieces]


def test_the_sample_is_asked_for_its_parts():
    def sample(part):
        return [Piece(f"{part} 1", np.int32([[67, 60, 48]])), Piece(f"{part} 2", np.int32([[60, 48, 0]]))]

    training, validation = load_training(PieceSource(), sample)
    assert [training.name, validation.name] == ["sample (train)", "sample (validation)"]
    assert load_evaluation(PieceSource(), sample).pieces[0].name == "test 1"
    assert len(load_evaluation(PieceSource(), sample, "all")) == 6
    assert load_evaluation(PieceSource(), sample, "train").name == "sample (train)"
    two = load_evaluation(PieceSource(voices=2), sample)
    assert [piece.notes.tolist() for piece in two.pieces] == [[[67, 48]], [[60, 48]]]
    assert two.left_out == {"notes beyond 2 at once": 1}
    assert load_evaluation(PieceSource(voices=5), sample).voices == 5


PARTS = {"train": [tune(0), tune(1)], "valid": [tune(2)], "test_dev": [tune(3), tune(4)]}


def test_a_file_that_holds_parts_is_divided_by_them(tmp_path):
    path = write_files(tmp_path, {"a.json.gz": gzip.compress(json.dumps(PARTS).encode())}) / "a.json.gz"
    training, validation = sides(path)
    assert tunes(training) == [[note for (note,) in tune(number)] for number in (0, 1)]
    assert tunes(validation) == [[note for (note,) in tune(2)]]
    assert [training.name, validation.name] == [f"{path} (train)", f"{path} (validation)"]
    assert training.pieces[1].name == "a.json.gz, piece 2 of train"
    measured = evaluated(path)
    assert (len(measured), measured.name) == (2, f"{path} (test)")
    assert measured.describe() == f"{path} (test): 2 pieces, 10 steps of sixteenths, 10 notes"
    assert [len(evaluated(path, part)) for part in ("train", "validation", "test", "all")] == [2, 1, 2, 5]


def test_files_of_different_grids_are_read_together_part_by_part(tmp_path):
    write_files(
        tmp_path,
        {
            "jsb_quarter.json": PARTS,
            "others.json": {**PARTS, "steps_per_quarter": 2},
            "more.json": PARTS,
            "notes.md": b"",
        },
    )
    training, validation = sides(tmp_path)
    assert [piece.steps_per_quarter for piece in training.pieces] == [1, 1, 4, 4, 2, 2]
    assert [piece.name for piece in validation.pieces] == [
        "jsb_quarter.json, piece 1 of valid",
        "more.json, piece 1 of valid",
        "others.json, piece 1 of valid",
    ]
    assert "30 steps of quarters and eighths and sixteenths" in evaluated(tmp_path).describe()
    usual = load_evaluation(PieceSource(str(tmp_path)), no_sample, steps_per_quarter=1)
    assert {piece.steps_per_quarter for piece in usual.pieces} == {1, 2}
    flag = evaluated(tmp_path, steps_per_quarter=2)
    assert {piece.steps_per_quarter for piece in flag.pieces} == {2}


@pytest.mark.parametrize(
    "files",
    [
        {
            "tunes_train.json": [tune(0), tune(1)],
            "tunes_val.json.gz": gzip.compress(json.dumps([tune(2)]).encode()),
            "tunes_test_dev.csv": b"piece,step,voice\nx,0,60\nx,1,64",
            "other.json": [tune(7)],
        },
        {
            "train/0.mid": midi(60, 61, 62),
            "train/deep/1.midi": midi(60, 64),
            "validation/train.mid": midi(60, 65),
            "test/1.json": [tune(3)],
        },
    ],
)
def test_a_folder_has_a_file_or_a_folder_for_each_part(tmp_path, files):
    training, validation = sides(write_files(tmp_path, files))
    assert [len(training), len(validation), len(evaluated(tmp_path))] == [2, 1, 1]
    assert len(evaluated(tmp_path, "all")) == 4


def test_files_of_parts_that_are_not_wanted_are_not_read(tmp_path):
    write_files(tmp_path, {"train/a.mid": midi(60), "train/b.mid": midi(62, 64), "test/c.mid": midi(65)})
    (tmp_path / "train/bad.json.gz").write_bytes(b"no gzip")
    assert len(evaluated(tmp_path)) == 1
    with pytest.raises(UserError, match=r"train/bad.json.gz: not a whole .gz file"):
        evaluated(tmp_path, "all")


def test_a_folder_without_parts_is_one_and_files_may_be_called_anything(tmp_path):
    write_files(
        tmp_path,
        {"train.mid": midi(60, 62), "deep/test.MID": midi(60, 63), "x/val.mid": midi(60, 64), ".b.mid": b""},
    )
    assert sorted(piece.name for piece in evaluated(tmp_path).pieces) == [
        "deep/test.MID",
        "train.mid",
        "x/val.mid",
    ]
    training, validation = sides(tmp_path, validation_fraction=0.3)
    assert [len(training), len(validation)] == [2, 1]


def test_pieces_that_tell_no_part_are_trained_on_beside_those_that_do(tmp_path):
    training, validation = sides(write_files(tmp_path, {"a.json": PARTS, "b.mid": midi(60, 64)}))
    assert [piece.name for piece in training.pieces][-1] == "b.mid"
    assert [len(training), len(validation), len(evaluated(tmp_path))] == [3, 1, 2]


def test_archives_are_read_like_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train/a.mid", midi(60, 62))
        archive.writestr("val/b.json", json.dumps([tune(1)]))
        archive.writestr("test/c.mid", midi(64, 65))
    training, validation = sides(tmp_path / "a.zip")
    assert [len(training), len(validation)] == [1, 1]
    assert [piece.name for piece in evaluated(tmp_path / "a.zip").pieces] == ["test/c.mid"]
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(write_files(tmp_path / "files", {"x/a.mid": midi(60, 62)}), "music")
    assert len(evaluated(tmp_path / "b.tar.gz")) == 1


def test_validation_has_its_share_and_no_melody_is_on_both_sides(tmp_path):
    """A copy in another key, twice as slow or with other voices below is held out with the melody."""

    def copies(number):
        melody = tune(number)
        return [
            melody,
            [[note + 7] for (note,) in melody for _ in range(2)],
            [[note, note - 12, 30] for (note,) in melody],
        ]

    path = (
        write_files(tmp_path, {"a.json": [piece for number in range(150) for piece in copies(number)]})
        / "a.json"
    )
    for fraction in (0.1, 0.3):
        training, validation = sides(path, validation_fraction=fraction)
        of_sides = [
            {tuple(np.diff(line)[np.diff(line) > 0]) for line in tunes(side)}
            for side in (training, validation)
        ]
        assert not of_sides[0] & of_sides[1]
        assert len(training) + len(validation) == 450
        assert 0.5 * fraction < len(validation) / 450 < 1.5 * fraction
        assert training.voices == validation.voices == 3


def test_the_division_stays_as_data_grow(tmp_path):
    write_files(tmp_path, {"a.json": [tune(n) for n in range(200)], "b.json": [tune(n) for n in range(400)]})
    small, large = (set(map(tuple, tunes(sides(tmp_path / name)[1]))) for name in ("a.json", "b.json"))
    assert small == large & set(map(tuple, tunes(evaluated(tmp_path / "a.json"))))


def test_validation_may_be_given(tmp_path):
    write_files(tmp_path, {"a.json": [tune(0), tune(1)], "b.json": PARTS, "c.json": [[[60, 50, 40]]]})
    training, validation = sides(tmp_path / "a.json", validation=tmp_path / "b.json")
    assert [len(training), len(validation), validation.name] == [2, 1, f"{tmp_path}/b.json (validation)"]
    training, validation = sides(tmp_path / "a.json", validation=tmp_path / "c.json")
    assert [training.voices, validation.voices, validation.name] == [3, 3, f"{tmp_path}/c.json"]


def test_voices_may_be_given(tmp_path):
    chord = midi(60, 64, 67, 72, 76, at_once=True)
    write_files(tmp_path, {"a.mid": chord, "b.json": [[[60, 64, 67]], [[60]]], "c.csv": b"x,0,60,62,64\n"})
    pieces = evaluated(tmp_path, voices=2)
    assert [piece.notes[0].tolist() for piece in pieces.pieces] == [[76, 60], [67, 60], [60, 0], [64, 60]]
    assert pieces.left_out == {"notes beyond 2 at once": 5}
    assert pieces.describe().endswith(", 7 notes; 5 left out: notes beyond 2 at once")
    assert evaluated(tmp_path).voices == 5
    for voices in (0, 16):
        with pytest.raises(FlagError, match=f"^--voices {voices}: expected from 1 to 15"):
            PieceSource(voices=voices)


def test_midi_is_brought_to_the_grid_that_is_asked_for(tmp_path):
    write_files(tmp_path, {"a.mid": midi(60, 62)})
    for grid in (1, 2, 4):
        (piece,) = evaluated(tmp_path / "a.mid", steps_per_quarter=grid).pieces
        assert (piece.steps, piece.steps_per_quarter) == (2 * grid, grid)
    (piece,) = load_evaluation(PieceSource(str(tmp_path)), no_sample, steps_per_quarter=2).pieces
    assert piece.steps == 4


def test_what_cannot_be_used_is_counted_with_its_first_place(tmp_path):
    write_files(
        tmp_path,
        {
            "a.json": {"train": [tune(0), [], tune(1), [[200]]], "valid": [tune(2), [[7]]]},
            "b.mid": b"MThd",
            "c.mid": midi(60, 20),
            "info.json": {"title": "no music"},
            "d.mid": midi(64, 69),
            "table.csv": b"title,composer\nFugue,Bach\n",
        },
    )
    training, validation = sides(tmp_path)
    assert len(training) == 3
    assert training.left_out == {
        "no note (a.json, piece 2 of train)": 1,
        "notes outside 21 to 108 (first a.json, piece 4 of train, step 1)": 2,
        "not a whole MIDI file (b.mid)": 1,
        "no list of pieces (info.json)": 1,
        "not a table of steps (table.csv, line 1)": 1,
    }
    assert validation.left_out == {"notes outside 21 to 108 (a.json, piece 2 of valid, step 1)": 1}
    strict = PieceSource(str(tmp_path), table=TableFormat(strict=True))
    with pytest.raises(
        UserError, match=rf"^{re.escape(str(tmp_path))}/a.json, piece 2 of train: no note in 0"
    ):
        sides(tmp_path, strict)


def test_a_table_may_have_another_delimiter(tmp_path):
    write_files(tmp_path, {"a.txt": b"x;0;60;62\n", "b/a.csv": b"x;0;60;62\n", "b/a.mid": midi(60)})
    form = TableFormat(delimiter=";")
    assert len(evaluated(tmp_path / "a.txt", table=form)) == 1
    assert len(evaluated(tmp_path / "b", table=form)) == 2


@pytest.mark.parametrize(
    ("data", "files", "message"),
    [
        ("./nowhere.mid", {}, r"--data \./nowhere.mid: no such file or folder; expected MIDI"),
        ("maestro", {}, "--data maestro: no such data set of music; expected sample, or MIDI"),
        ("./data", {"data/notes.md": b""}, "data: no files of music; expected MIDI"),
        ("./a.mid", {"a.mid": b"RIFF"}, "a.mid: does not begin with MThd; expected a Standard MIDI file"),
        ("./a.txt", {"a.txt": b"C4 E4"}, "a.txt: does not begin with MThd"),
        ("./a.json", {"a.json": []}, r"a.json \(train\): no piece can be used \(there are none\)"),
        (
            "./a.json",
            {"a.json": [[]]},
            r"a.json \(train\): no piece can be used \(1 no note \(a.json, piece 1\)\)",
        ),
        (
            "./a.json",
            {"a.json": {"test": [tune(0)]}},
            "a.json: no part to train on, but test; expected one for",
        ),
        ("./data", {"data/test/a.mid": b"x"}, "data: no part to train on, but test; expected one for train"),
        (
            "./data",
            {"data/train.json": [], "data/train.csv": b""},
            "data: train.csv and train.json; expected one of",
        ),
        ("./a.json", {"a.json": [tune(0)]}, "1 pieces are too few to have some for validation; give more"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(tmp_path, monkeypatch, data, files, message):
    monkeypatch.chdir(write_files(tmp_path, files))
    with pytest.raises(UserError, match=message) as error:
        sides(data)
    assert "\n" not in str(error.value)


def test_a_part_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    write_files(tmp_path, {"a.json": {"train": [tune(0)], "valid": [tune(1)]}, "b.json": [tune(0)]})
    with pytest.raises(
        UserError, match=r"^--part test: .*a.json has no such part; expected one of all, train, vali"
    ):
        evaluated(tmp_path / "a.json", "test")
    with pytest.raises(UserError, match=r"^--part train: .*b.json has no such part; expected one of all$"):
        evaluated(tmp_path / "b.json", "train")
    with pytest.raises(UserError, match=r"^--data maestro: no such data set of music"):
        load_evaluation(PieceSource("maestro"), no_sample)


def test_a_grid_for_the_sample_is_refused():
    with pytest.raises(
        FlagError, match=r"^--steps-per-quarter 4: expected --data to be a file or folder of your own"
    ):
        PieceSource(steps_per_quarter=4)
