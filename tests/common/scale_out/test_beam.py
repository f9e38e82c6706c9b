"""Texts in any number of files are answered by Beam as `predict` answers them, each row once, whatever is wrong with
others."""

import csv
import gzip
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("apache_beam", reason="the extra scale_out is not installed")

import pyarrow as pa
import pyarrow.parquet
from apache_beam.io.localfilesystem import LocalFileSystem

from applications.sentiment_analysis.sample import sample
from common import cli
from common.inference.refused_rows import RefusedRowsError
from common.predicting.script import Shown, TextAnswers, TextFlags
from common.scale_out import text_application
from common.scale_out.beam import Options, main

BATCH = 4
ELSEWHERE = "elsewhere://"


class Predictor:
    """Stands for a model."""

    def __init__(self, model, batch_size):
        self.path, self.batch_size = Path("model"), batch_size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        """Nothing is loaded."""


@dataclass(frozen=True)
class PredictOptions:
    given: TextFlags = field(default_factory=TextFlags)
    times: int = 1


def text_answers(predictor, options):
    """Answers with a text's length, and refuses what is poisoned."""

    def answer(given, show_progress):
        bad = {number: "too bitter" for number, one in enumerate(given) if "poison" in one.text}
        if bad:
            raise RefusedRowsError(bad, {}, None, "")
        for one in given:
            length = len(one.text) * options.times
            warning = "" if one.text else f"{one.place}: nothing"
            record = {"text": one.text, "length": length, "probabilities": {"a": 0.25}}
            yield Shown(record, ["line"], warning=warning)

    return TextAnswers(("text", "length", "probability_a"), answer)


@pytest.fixture
def stand_in(monkeypatch):
    """An application that needs no model."""
    module = SimpleNamespace(Predictor=Predictor, Options=PredictOptions, text_answers=text_answers)
    monkeypatch.setattr(text_application, "_predict", lambda name: module)


@pytest.fixture
def shipped(monkeypatch, loaded_once):
    """Shipped models are loaded once, by this process and by the pipelines in it."""
    monkeypatch.setattr("common.predicting.predictor.SavedModelRunner", loaded_once)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the script -> its exit status, its folder, and what it says on standard error."""

    def script(*flags, application="stand_in", output="out"):
        folder = tmp_path / output
        given = ["--application", application, "--batch-size", str(BATCH), "--output", str(folder)]
        before, after = (
            (flags[: flags.index("--")], flags[flags.index("--") :]) if "--" in flags else (flags, ())
        )
        monkeypatch.setattr(sys, "argv", ["beam", *given, *map(str, before), *after])
        with pytest.raises(SystemExit) as ended:
            cli.run(main, Options)
        return ended.value.code, folder, capsys.readouterr().err

    return script


def objects_of(folder, name="part"):
    lines = "".join(path.read_text("utf-8") for path in folder.glob(f"{name}-*.jsonl")).split("\n")
    return sorted(map(json.loads, filter(None, lines)), key=lambda one: one["place"])


def example_of(folder):
    """What the first line of the files of errors says, as the script tells it."""
    first = min(path for path in folder.glob("errors-*.jsonl") if path.stat().st_size)
    error = json.loads(first.read_text("utf-8").split("\n")[0])
    place, reason = error["place"], error["reason"]
    return reason if reason.startswith(place) else f"{place}: {reason}"


def csv_file(path, header, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def example(**features):
    """A record of a `tf.Example`, by TensorFlow itself."""
    import tensorflow as tf

    def of(values):
        if isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    message = tf.train.Example(
        features=tf.train.Features(feature={name: of(values) for name, values in features.items()})
    )
    return message.SerializeToString()


def write_records(path, records, compression=""):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path


# --- answers


@pytest.mark.slow
def test_answers_are_those_of_predict_in_every_column(tmp_path, shipped, run, monkeypatch):
    from applications.sentiment_analysis import predict

    texts = [*sample("train").texts[:298], "", 'a "quoted",\nbroken line; é 你']
    source = csv_file(tmp_path / "in.csv", ["id", "text"], *enumerate(texts))
    expected = tmp_path / "expected.csv"
    monkeypatch.setattr(sys, "argv", ["predict", "--input", str(source), "--output", str(expected)])
    with pytest.raises(SystemExit) as ended:
        cli.run(predict.main, predict.Options)
    assert not ended.value.code
    status, folder, _ = run("--input", source, "--format", "csv", application="sentiment_analysis")
    assert status in (None, 0)

    def rows(path):
        with path.open(encoding="utf-8", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    whole, (part,) = rows(expected), sorted(folder.iterdir())
    answered = rows(part)
    assert len(whole) == len(texts)
    assert answered.keys() == whole.keys()
    for number, row in whole.items():
        other = answered[number]
        assert other.pop("place") == f"{source}, row {int(number) + 1}"
        assert [other[name] for name in ("text", "label")] == [row[name] for name in ("text", "label")]
        for name in ("probability", "probability_negative", "probability_positive"):
            assert float(other[name]) == pytest.approx(float(row[name]), abs=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "more", "key", "count"),
    [("keyboard", "--count 2", "words", 2), ("translation", "--n-best", "n_best", None)],
)
def test_other_applications_of_texts_answer_with_the_flags_of_their_predict(
    tmp_path, shipped, run, application, more, key, count
):
    from applications import load

    (tmp_path / "in.txt").write_text("two dogs are\n", "utf-8")
    status, folder, _ = run("--input", tmp_path / "in.txt", f"--predict={more}", application=application)
    assert status in (None, 0)
    (answer,) = objects_of(folder)
    with load(application) as predictor:
        if application == "keyboard":
            assert answer["words"] == predictor("two dogs are", count=2)["words"]
            assert len(answer[key]) == count
        else:
            best = [one["translation"] for one in predictor.n_best("two dogs are")]
            assert [one["translation"] for one in answer[key]] == best


@pytest.mark.slow
def test_workers_need_neither_tensorflow_nor_keras():
    code = "import sys, common.scale_out.pipeline; print({'tensorflow', 'keras'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_every_kind_of_file_is_read_and_each_row_says_where_it_stood(tmp_path, stand_in, run):
    csv_file(tmp_path / "a.csv", ["text", "id"], ["one", 1])
    (tmp_path / "b.jsonl").write_text('{"text": "two!", "tags": ["x"]}\n', "utf-8")
    with gzip.open(tmp_path / "c.txt.gz", "wt", encoding="utf-8") as file:
        file.write("three\n")
    records = [example(text=["fünf".encode()], n=[7], w=[0.5, 1.5])]
    write_records(tmp_path / "d.tfrecord-00000-of-00001", records)
    write_records(tmp_path / "e.tfrecord.gz", [example(text=[b"six"])], "GZIP")
    pa.parquet.write_table(pa.table({"text": ["seven"]}), tmp_path / "f.parquet")
    status, folder, told = run("--input", tmp_path / "*", "--predict=--times 10")
    assert status in (None, 0)
    assert "6 rows answered" in told
    places = ["a.csv, row 1", "b.jsonl, row 1", "c.txt.gz, line 1", "d.tfrecord-00000-of-00001, record 1"]
    places += ["e.tfrecord.gz, record 1", "f.parquet, row 1"]
    beside = [{"id": "1"}, {"tags": ["x"]}, {}, {"n": 7, "w": [0.5, 1.5]}, {}, {}]
    texts = ["one", "two!", "three", "fünf", "six", "seven"]
    assert objects_of(folder) == [
        {
            "text": text,
            "length": 10 * len(text),
            "probabilities": {"a": 0.25},
            "place": f"{tmp_path}/{place}",
            **others,
        }
        for text, place, others in zip(texts, places, beside, strict=True)
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_has_the_columns_of_all_files(tmp_path, stand_in, run, form):
    first = csv_file(tmp_path / "a.csv", ["text", "id", "length"], ["one", "1", "long"])
    (tmp_path / "b.jsonl").write_text('{"text": "two!"}\n{"text": "", "stars": 5}\n', "utf-8")
    write_records(tmp_path / "c.tfrecord", [example(text=[b"x"], place=[b"Rome"])])
    status, folder, _ = run("--input", first, tmp_path / "b.jsonl", tmp_path / "c.tfrecord", "--format", form)
    assert status in (None, 0)
    (part,) = folder.iterdir()
    expected = [
        {"text": "one", "length": 3, "id": "1", "input_length": "long"},
        {"text": "two!", "length": 4},
        {"text": "", "length": 0, "stars": "5"},
        {"text": "x", "length": 1, "input_place": "Rome"},
    ]
    places = [
        f"{tmp_path}/{place}"
        for place in ("a.csv, row 1", "b.jsonl, row 1", "b.jsonl, row 2", "c.tfrecord, record 1")
    ]
    if form == "csv":
        with part.open(encoding="utf-8", newline="") as file:
            rows, missing, number = list(csv.DictReader(file)), "", str
    else:
        rows, missing, number = pa.parquet.read_table(part).to_pylist(), None, lambda value: value
    names = ["text", "length", "probability_a", "place", "id", "input_length", "stars", "input_place"]
    assert [list(row) for row in rows] == [names] * 4
    empty = dict.fromkeys(names, missing)
    assert sorted(rows, key=lambda row: row["place"]) == [
        empty | row | {"length": number(row["length"]), "probability_a": number(0.25), "place": place}
        for row, place in zip(expected, places, strict=True)
    ]


# --- what cannot be answered


def test_bad_rows_cost_no_neighbour_and_are_told_with_place_and_reason(tmp_path, stand_in, run):
    rows = [[f"text {number}", number] for number in range(20)]
    rows[7][0] = "poison"
    csv_file(tmp_path / "a.csv", ["text", "id"], *rows[:10], ["too", "many", "fields"], *rows[10:])
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "good"}\n{"text"\n{"text": "bad \xff"}\n{"text": "last"}\n')
    (tmp_path / "c.txt").write_bytes(b"good\nbad \xe9\nlast\n\n")
    good, bad = example(text=[b"good"]), example(text=[b"bad byte"])
    path = write_records(
        tmp_path / "d.tfrecord", [good, b"\xff", example(title=[b"x"]), example(text=[b"\xff"]), bad, good]
    )
    path.write_bytes(path.read_bytes().replace(b"bad byte", b"bad bite"))
    csv_file(tmp_path / "e.csv", ["title"], ["x"])
    csv_file(tmp_path / "f.csv", ["text", "id"], ["a", "b", "c"], ["d", "e", "f"])
    status, folder, told = run("--input", tmp_path / "*")
    assert status == 1
    assert told.splitlines()[-1] == (
        f"error: 11 rows and 1 file not answered, such as {example_of(folder)}; {folder}/errors-*.jsonl say which "
        "and why"
    )
    assert "26 rows answered in" in told
    assert "1 of them with a warning" in told
    answered = [one["text"] for one in objects_of(folder)]
    assert sorted(answered) == sorted(
        [*(text for text, _ in rows if text != "poison"), *["good", "last"] * 2, "good", "good", ""]
    )
    errors = {one["place"].rpartition("/")[2]: one for one in objects_of(folder, "errors")}
    assert {place: one["reason"].rpartition("/")[2] for place, one in errors.items()} == {
        "a.csv, row 8": "too bitter",
        "a.csv, row 11 (line 12)": "3 fields; expected 2 as in the header",
        "b.jsonl, row 2 (line 2)": errors["b.jsonl, row 2 (line 2)"]["reason"],
        "b.jsonl, row 3 (line 3)": "byte 0xff is not valid in the file's --encoding (utf-8 unless given)",
        "c.txt, line 2": "byte 0xe9 is not valid in the file's --encoding (utf-8 unless given)",
        "d.tfrecord, record 2": "expected a tf.Example, got other bytes",
        "d.tfrecord, record 3": "no feature 'text'; the features are 'title'",
        "d.tfrecord, record 4": "feature 'text': not valid UTF-8",
        "d.tfrecord, record 5": "its check sum is not that of its bytes",
        "f.csv, row 1 (line 2)": "3 fields; expected 2 as in the header",
        "f.csv, row 2 (line 3)": "3 fields; expected 2 as in the header",
        "e.csv": "e.csv: no column 'text'; the columns are 'title'; name it with --text-column, or give "
        "numbers, from 1, if the file has no header",
    }
    assert "not valid JSON" in errors["b.jsonl, row 2 (line 2)"]["reason"]
    assert errors["a.csv, row 8"]["text"] == "poison"
    assert errors["a.csv, row 8"]["others"] == {"id": "7"}
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"part", "errors"}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "a.csv: no column 'text'; the columns are 'title', 'id'; name it with --text-column, or give"),
        (["--text-column", "review"], "a.csv: no column 'review'; the columns are 'title', 'id'"),
    ],
)
def test_a_column_that_no_file_has_is_told_before_anything_is_made(tmp_path, stand_in, run, flags, says):
    csv_file(tmp_path / "a.csv", ["title", "id"], ["one", 1])
    csv_file(tmp_path / "b.csv", ["title", "id"], ["two", 2])
    (tmp_path / "c.csv").touch()
    status, folder, told = run("--input", tmp_path / "*.csv", *flags)
    assert status == 1
    assert told.startswith(f"error: {tmp_path}/{says}")
    assert told.endswith("; no row of --input can be read\n")
    assert not folder.exists()


def test_a_file_that_breaks_off_is_told_and_what_stands_before_is_answered(tmp_path, stand_in, run):
    path = write_records(tmp_path / "a.tfrecord", [example(text=[b"good"]), example(text=[b"gone"])])
    path.write_bytes(path.read_bytes()[:-3])
    packed = gzip.compress(b"".join(b"%d\n" % number**9 for number in range(1000)))
    (tmp_path / "b.txt.gz").write_bytes(packed[: len(packed) // 2])
    status, folder, _ = run("--input", tmp_path / "*")
    assert status == 1
    first, second = objects_of(folder, "errors")
    assert first["reason"] == f"{path}, record 2: expected TFRecords, got a file that is cut off"
    assert "not a whole gzip file" in second["reason"]
    first, *others = objects_of(folder)
    assert first["text"] == "good"
    assert [int(one["text"]) for one in others][:1] == [0]


def test_empty_files_have_no_rows_and_are_no_fault(tmp_path, stand_in, run):
    for name in ("a.csv", "b.jsonl", "c.txt", "d.tfrecord"):
        (tmp_path / name).touch()
    csv_file(tmp_path / "e.csv", ["text"])
    status, folder, told = run("--input", tmp_path / "*", "--format", "csv")
    assert status in (None, 0)
    assert told.startswith("0 rows answered")
    (part,) = folder.iterdir()
    assert part.read_text("utf-8").split() == ["text,length,probability_a,place"]


class Elsewhere(LocalFileSystem):
    """Stands for a bucket: files of this machine by names that only Beam can open."""

    @classmethod
    def scheme(cls):
        return "elsewhere"

    def match(self, patterns, limits=None):
        results = super().match([pattern.removeprefix(ELSEWHERE) for pattern in patterns], limits)
        for metadata in (one for result in results for one in result.metadata_list):
            metadata.path = f"{ELSEWHERE}{metadata.path}"
        return results

    def open(self, path, *arguments, **settings):
        return super().open(path.removeprefix(ELSEWHERE), *arguments, **settings)


def test_files_that_lie_elsewhere_are_read_and_told_by_their_own_names(tmp_path, stand_in, run):
    csv_file(tmp_path / "a.csv", ["text", "id"], ["one", 1], ["poison", 2], ["too", "many", "fields"])
    (tmp_path / "b.jsonl").touch()
    with gzip.open(tmp_path / "c.txt.gz", "wt", encoding="utf-8") as file:
        file.write("three\n")
    (tmp_path / "d.tfrecord").write_bytes(b"PAR1")
    status, folder, _ = run("--input", f"{ELSEWHERE}{tmp_path}/*", "--format", "csv")
    assert status == 1
    (part,) = folder.glob("part-*.csv")
    with part.open(encoding="utf-8", newline="") as file:
        answers = {row["place"]: (row["text"], row["id"]) for row in csv.DictReader(file)}
    where = f"{ELSEWHERE}{tmp_path}"
    assert answers == {f"{where}/a.csv, row 1": ("one", "1"), f"{where}/c.txt.gz, line 1": ("three", "")}
    assert {one["place"]: one["reason"] for one in objects_of(folder, "errors")} == {
        f"{where}/a.csv, row 2": "too bitter",
        f"{where}/a.csv, row 3 (line 4)": "3 fields; expected 2 as in the header",
        f"{where}/d.tfrecord": f"{where}/d.tfrecord, record 1: expected TFRecords, got a file that is cut off",
    }


def test_a_job_that_fails_leaves_nothing_behind(tmp_path, stand_in, run, monkeypatch):
    (tmp_path / "in.txt").write_text("one\n", "utf-8")

    def fail(*_):
        raise RuntimeError("the machine burns")

    monkeypatch.setattr(f"{__name__}.TextAnswers.beside", fail)
    status, folder, told = run("--input", tmp_path / "in.txt")
    assert status == 1
    assert told.startswith("error: ")
    assert "the machine burns" in told
    assert len(told.splitlines()) == 1
    assert not folder.exists() or not list(folder.iterdir())


# --- flags


@pytest.mark.parametrize(
    ("flags", "application", "message"),
    [
        ([], "astrology", "--application astrology: no application of that name"),
        ([], "forecasting", "--application forecasting: its rows are no texts"),
        (["--strict"], "sentiment_analysis", "--strict: rows that cannot be read go to errors-*.jsonl"),
        (["--batch-size", "0"], "sentiment_analysis", "--batch-size 0: expected at least 1"),
        (["--predict=--explain"], "sentiment_analysis", "--explain: colours words in the terminal"),
        (["--predict=--count 0"], "keyboard", "--count 0: expected from 1 to 100"),
        (["--predict='"], "keyboard", '--predict "\'": No closing quotation'),
        (["--", "--runer=FlinkRunner"], "sentiment_analysis", "--runer: no option of Beam's"),
        (["--", "--direct_num_workers=two"], "sentiment_analysis", "-- --direct_num_workers=two: argument"),
    ],
)
def test_a_wrong_flag_is_told_in_one_line_before_anything_is_made(tmp_path, run, flags, application, message):
    (tmp_path / "in.txt").write_text("one\n", "utf-8")
    status, folder, told = run("--input", tmp_path / "in.txt", *flags, application=application)
    assert (status, told[: 7 + len(message)]) == (2, f"error: {message}")
    assert len(told.splitlines()) == 1
    assert not folder.exists()


def test_a_folder_that_is_not_empty_and_a_pattern_without_files_are_told(tmp_path, stand_in, run):
    status, folder, told = run("--input", tmp_path / "*.csv")
    assert status == 1
    assert told == f"error: --input {tmp_path}/*.csv: no such file\n"
    assert not folder.exists()
    (tmp_path / "in.txt").write_text("one\n", "utf-8")
    folder.mkdir()
    (folder / "part-1.jsonl").touch()
    status, _, told = run("--input", tmp_path / "in.txt")
    assert status == 2
    assert told == f"error: --output {folder}: not empty; expected a new folder\n"
