"""The rows of a file are answered in parts, each row once, whatever ends the work and whoever shares it."""

import csv
import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import cli
from common.errors import FlagError, UserError
from common.inference.refused_rows import RefusedRowsError
from common.predicting import answer_files, scoring, script
from common.predicting.script import Shown, TextFlags, answer_texts
from common.predicting.shards import cut, settings_of
from common.text.tables import TableFormat

COLUMNS = ("text", "length", "together")
SETTINGS = {"model": "saved_models/1", "--beam-width": 4}
WINDOW = 4
PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from common import cli
from common.predicting import locks, script
from common.predicting.script import Shown, TextFlags, answer_texts

script._WRITTEN_AT_ONCE = 4
mode, source, folder, log = sys.argv[1], *map(Path, sys.argv[2:])
if mode != "together":
    locks._UNWRITTEN_SECONDS = 0.05
seconds = {"random": 0.004, "together": 0.002, "each": 0.0}[mode]

def answer(given, show_progress):
    with log.open("a") as file:
        file.writelines(f"{one.text}\\n" for one in given)
    time.sleep(seconds)
    return [Shown({"text": one.text, "length": len(one.text), "together": len(given)}, []) for one in given]

def begun(before=lambda: None):
    child = os.fork()
    if not child:
        before()
        flags = TextFlags(input=source, output=folder, shards=SHARDS, resume=True, batch_size=2)
        os._exit(cli.guarded(lambda: answer_texts(flags, ("text", "length", "together"), answer, SETTINGS), True))
    return child

def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def killed_at(operation):
    count = 0
    def watch(event, arguments):
        nonlocal count
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and (
            isinstance(arguments[0], int) or str(folder) in str(arguments[0])
        ):
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)
    return lambda: sys.addaudithook(watch)
"""
RANDOM = """
draw, killed = random.Random(1), 0
for turn in range(20):
    child = begun()
    time.sleep(draw.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    killed += status_of(child) == -signal.SIGKILL
print(killed, status_of(begun()))
"""
TOGETHER = """
print(*(status_of(child) for child in [begun() for _ in range(3)]))
"""
EACH = """
import shutil
reference = None
for operation in range(1_000):
    shutil.rmtree(folder, ignore_errors=True)
    status = status_of(begun(killed_at(operation)))
    assert status in (0, -signal.SIGKILL), status
    assert status_of(begun()) == 0, operation
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    reference = reference or contents
    assert contents == reference, (operation, sorted(contents))
    if operation and status == 0:
        break
print(operation)
"""
MODES = {"random": RANDOM, "together": TOGETHER, "each": EACH}


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch):
    monkeypatch.setattr(script, "_WRITTEN_AT_ONCE", WINDOW)


@pytest.fixture
def asked():
    """The texts that were asked, in order."""
    return []


@pytest.fixture
def answer(asked):
    """Answers with a text's length and with how many others it was asked, and refuses what is poisoned."""

    def answers(given, show_progress):
        assert not show_progress or len(given) <= WINDOW
        bad = {number: "too bitter" for number, one in enumerate(given) if "poison" in one.text}
        if bad:
            raise RefusedRowsError(bad, {}, None, "")
        for one in given:
            asked.append(one.text)
            yield Shown({"text": one.text, "length": len(one.text), "together": len(given)}, [])

    return answers


@pytest.fixture
def score(tmp_path, answer):
    """Answers a file in parts -> the folder."""

    def run(source, shards=3, folder="answers", settings=SETTINGS, **flags):
        output = tmp_path / folder
        given = TextFlags(input=source, output=output, shards=shards, batch_size=2, **flags)
        answer_texts(given, COLUMNS, answer, settings)
        return output

    return run


def lines_file(path, texts):
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


@pytest.fixture
def source(tmp_path):
    """A file of 30 texts."""
    return lines_file(tmp_path / "in.txt", [f"text {number}" for number in range(30)])


def contents_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def parts_of(folder, kind="part"):
    return sorted(folder.glob(f"{kind}-*"))


def records_of(folder, kind="part"):
    lines = [line for path in parts_of(folder, kind) for line in path.read_text("utf-8").split("\n") if line]
    return [json.loads(line) for line in lines]


def run_program(mode, source, folder, log, shards):
    code = f"SHARDS, SETTINGS = {shards}, {SETTINGS}\n{PROGRAM}\n{MODES[mode]}"
    command = [sys.executable, "-c", code, mode, str(source), str(folder), str(log)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


# --- which rows a part has


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 64))
def test_the_parts_have_all_rows_and_are_as_even_as_windows_allow(rows, shards, window):
    sizes = cut(rows, shards, window)
    assert (len(sizes), sum(sizes)) == (shards, rows)
    unit = window if rows >= shards * window else 1
    assert max(sizes) - min(sizes) < 2 * unit
    assert all(stop % unit == 0 for stop in list(accumulate(sizes))[:-1])


HARD = ["plain", "two\nlines", 'a "quoted" one, with commas', "", "tab\tbed", "é \u2028", "x" * 70, "end"] * 3


def written_csv(path, texts, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("id", "text"), *enumerate(texts)])


def written_json(path, texts):
    lines_file(path, (json.dumps({"id": number, "text": text}) for number, text in enumerate(texts)))


def written_parquet(path, texts):
    pa.parquet.write_table(pa.table({"id": range(len(texts)), "text": texts}), path)


def written_gzip(path, texts):
    plain = path.with_suffix("")
    written_csv(plain, texts)
    path.write_bytes(gzip.compress(plain.read_bytes()))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("in.csv", written_csv),
        ("in.csv.gz", written_gzip),
        ("in.tsv", lambda path, texts: written_csv(path, texts, "\t")),
        ("in.jsonl", written_json),
        ("in.parquet", written_parquet),
    ],
)
def test_the_parts_joined_are_the_one_file_whatever_the_input_is(tmp_path, score, answer, name, write):
    write(tmp_path / name, HARD)
    whole = tmp_path / "whole.jsonl"
    answer_texts(TextFlags(input=tmp_path / name, output=whole, batch_size=2), COLUMNS, answer, SETTINGS)
    for shards in (1, 3, 5):
        folder = score(tmp_path / name, shards, f"answers{shards}")
        paths = parts_of(folder)
        assert [path.name for path in paths] == [
            f"part-{part:05}-of-{shards:05}.jsonl" for part in range(shards)
        ]
        assert b"".join(path.read_bytes() for path in paths) == whole.read_bytes()
    records = records_of(folder)
    assert [record["text"] for record in records] == HARD
    assert [int(record["id"]) for record in records] == list(range(len(HARD)))


def test_each_line_of_a_text_file_is_a_row(score, source):
    assert [one["text"] for one in records_of(score(source))] == source.read_text().splitlines()


def test_a_folder_whose_name_ends_in_csv_has_tables(tmp_path, score):
    written_csv(tmp_path / "in.csv", HARD)
    folder = score(tmp_path / "in.csv", 2, "answers.csv")
    tables = []
    for path in parts_of(folder):
        assert path.suffix == ".csv"
        with path.open(newline="", encoding="utf-8") as file:
            tables.append(list(csv.DictReader(file)))
    assert [list(table[0]) for table in tables] == [[*COLUMNS, "id"]] * 2
    assert [(row["text"], int(row["id"])) for table in tables for row in table] == [
        (text, number) for number, text in enumerate(HARD)
    ]


def test_there_may_be_more_parts_than_rows(tmp_path, score):
    folder = score(lines_file(tmp_path / "in.txt", "ab"), 5)
    assert len(parts_of(folder)) == 5
    assert [one["text"] for one in records_of(folder)] == ["a", "b"]


def test_an_empty_text_has_parts_without_answers(tmp_path, score):
    folder = score(lines_file(tmp_path / "in.txt", []), 2)
    assert [path.read_bytes() for path in parts_of(folder)] == [b"", b""]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ("id,text\n", "no rows below the header"),
        ("id,review\n1,a\n", "no column 'text'"),
        ("id,text\n1\n2\n", "no row can be used"),
        ("id,caf\udce9\n1,a\n", "line 1: byte 0xe9 is not valid in the file's --encoding"),
        (
            "id,text\n1,caf\udce9\n",
            r"line 2: byte 0xe9 is not valid in the file's --encoding .*; no row can be used",
        ),
    ],
)
def test_where_the_input_cannot_be_used_nothing_is_made(tmp_path, score, content, reason):
    (tmp_path / "in.csv").write_text(content, "utf-8", "surrogateescape")
    with pytest.raises(UserError, match=reason):
        score(tmp_path / "in.csv")
    assert not (tmp_path / "answers").exists()


# --- rows without an answer


def test_a_refused_row_is_told_of_and_loses_none_of_its_neighbours(tmp_path, score, capsys):
    texts = [f"text {number}" for number in range(20)]
    texts[5], texts[6], texts[17] = "poison a", "poison b", "poison c"
    written_csv(tmp_path / "in.csv", texts)
    with pytest.raises(
        UserError,
        match=r"3 rows not answered, such as .*in\.csv, row 6: too bitter; .*errors-\*\.jsonl say which and why",
    ):
        score(tmp_path / "in.csv", 2)
    folder = tmp_path / "answers"
    assert [one["text"] for one in records_of(folder)] == [text for text in texts if "poison" not in text]
    assert records_of(folder, "errors") == [
        {
            "row": number + 1,
            "place": f"{tmp_path / 'in.csv'}, row {number + 1}",
            "reason": "too bitter",
            "text": texts[number],
            "others": {"id": str(number)},
        }
        for number in (5, 6, 17)
    ]
    assert "17 rows answered in 2 parts" in capsys.readouterr().err


def test_only_parts_with_errors_have_a_file_of_them(tmp_path, score):
    with pytest.raises(UserError, match="1 row not answered"):
        score(lines_file(tmp_path / "in.txt", ["a", "b", "poison"]), 3)
    assert [path.name for path in parts_of(tmp_path / "answers", "errors")] == ["errors-00002-of-00003.jsonl"]


def test_a_row_that_cannot_be_read_is_told_of_in_its_place(tmp_path, score):
    path = lines_file(tmp_path / "in.csv", ["id,text", "1,a", "2", "3,poison", "4,d", "5,e,f"])
    with pytest.raises(UserError, match="3 rows not answered"):
        score(path, 2)
    folder = tmp_path / "answers"
    assert [one["text"] for one in records_of(folder)] == ["a", "d"]
    assert [(one["row"], one["reason"]) for one in records_of(folder, "errors")] == [
        (2, "1 fields; expected 2 as in the header"),
        (3, "too bitter"),
        (5, "3 fields; expected 2 as in the header"),
    ]
    assert records_of(folder, "errors")[0]["place"] == f"{path}, row 2 (line 3)"


@pytest.mark.parametrize(
    ("name", "lines", "place"),
    [
        ("in.csv", ["id,text", "1,a", "2,caf\udce9", "3,c", '4,"d', 'd"'], "row 2 (line 3)"),
        ("in.csv", ["id,text", "1,a", "\udce9,b", "3,c", '4,"d', 'd"'], "row 2 (line 3)"),
        ("in.tsv", ["id\ttext", "1\ta", "2\tcaf\udce9", "3\tc", '4\t"d', 'd"'], "row 2 (line 3)"),
        (
            "in.jsonl",
            ['{"text": "a"}', '{"text": "b", "caf\udce9": 1}', '{"text": "c"}', '{"text": "d\\nd"}'],
            "row 2 (line 2)",
        ),
        ("in.txt", ["a", "caf\udce9", "c", "d"], "line 2"),
    ],
)
@pytest.mark.parametrize("folder", ["answers", "answers.csv"])
def test_a_byte_that_is_not_in_the_encoding_costs_its_row_alone(tmp_path, score, name, lines, place, folder):
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8", "surrogateescape")
    with pytest.raises(UserError, match=r"1 row not answered, such as .*: byte 0xe9 is not valid"):
        score(path, 2, folder)
    (error,) = records_of(tmp_path / folder, "errors")
    assert (error["row"], error["place"]) == (2, f"{path}, {place}")
    rows = []
    for part in parts_of(tmp_path / folder):
        with part.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file) if part.suffix == ".csv" else map(json.loads, file)
    assert [row["text"] for row in rows] == ["a", "c", "d\nd" if path.suffix != ".txt" else "d"]


def test_an_interrupt_says_how_to_go_on(tmp_path, source):
    def answer(given, show_progress):
        raise KeyboardInterrupt

    flags = TextFlags(input=source, output=tmp_path / "answers", shards=3)
    with pytest.raises(KeyboardInterrupt, match="interrupted; go on with the same command and --resume"):
        answer_texts(flags, COLUMNS, answer, SETTINGS)


def test_strict_refuses_a_file_with_such_a_byte(tmp_path, score):
    (tmp_path / "in.csv").write_bytes(b"id,text\n1,a\n2,caf\xe9\n")
    with pytest.raises(UserError, match=r"in\.csv, line 3: byte 0xe9 is not valid UTF-8"):
        score(tmp_path / "in.csv", table=TableFormat(strict=True))
    assert not (tmp_path / "answers").exists()


def test_warnings_of_rows_are_told_thrice_and_counted(tmp_path, capsys):
    def answer(given, show_progress):
        return [Shown({"text": one.text}, [], warning=f"{one.place}: odd") for one in given]

    source = lines_file(tmp_path / "in.txt", "abcde")
    told = [f"warning: {source}, line {line}: odd" for line in (1, 2, 3)] + [
        "warning: 5 rows have such a warning in all"
    ]
    for output in (tmp_path / "answers.jsonl", tmp_path / "answers"):
        shards = None if output.suffix else 2
        answer_texts(TextFlags(input=source, output=output, shards=shards), COLUMNS, answer, SETTINGS)
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if line.startswith("warning")] == told


def test_a_header_over_columns_that_are_given_by_number_is_no_row(tmp_path, score, capsys):
    path = lines_file(tmp_path / "in.csv", ["id,text", *(f"{number},a film" for number in range(9))])
    folder = score(path, 2, text_column="2")
    assert len(records_of(folder)) == 9
    assert capsys.readouterr().err.count("is a header") == 1


def test_a_mistake_that_is_no_row_s_ends_the_work_and_leaves_no_half_part(tmp_path, source):
    def answer(given, show_progress):
        if given[0].number > 15:
            raise UserError("no memory")
        return [Shown({"text": one.text}, []) for one in given]

    flags = TextFlags(input=source, output=tmp_path / "answers", shards=3, batch_size=2)
    with pytest.raises(UserError, match="no memory"):
        answer_texts(flags, COLUMNS, answer, SETTINGS)
    names = [path.name for path in sorted((tmp_path / "answers").iterdir())]
    assert names == ["job.json", "part-00000-of-00003.jsonl"]


# --- work that goes on


def test_parts_that_are_there_are_left_alone(score, source, asked, tmp_path):
    whole = contents_of(score(source))
    middle = parts_of(tmp_path / "answers")[1]
    middle.unlink()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "answers").iterdir()}
    asked.clear()
    assert contents_of(score(source, resume=True)) == whole
    assert asked == [json.loads(line)["text"] for line in middle.read_text().splitlines()]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_work_that_is_done_is_done_and_tells_of_its_errors_again(tmp_path, score, asked):
    path = lines_file(tmp_path / "in.txt", ["a", "poison"])
    for resume in (False, True):
        with pytest.raises(UserError, match="1 row not answered"):
            score(path, resume=resume)
    assert asked == ["a"]


def test_resume_begins_where_nothing_is_there(score, source):
    assert len(records_of(score(source, resume=True))) == 30


def test_a_folder_that_is_not_empty_is_refused_without_resume(score, source):
    folder = score(source)
    with pytest.raises(FlagError, match="not empty; expected a new folder, or --resume to go on"):
        TextFlags(input=source, output=folder, shards=3)


def test_a_folder_in_which_another_process_has_just_begun_is_refused_without_resume(
    tmp_path, score, source, answer
):
    flags = TextFlags(input=source, output=tmp_path / "answers", shards=3, batch_size=2)
    before = contents_of(score(source))
    with pytest.raises(FlagError, match="not empty; expected a new folder, or --resume"):
        answer_texts(flags, COLUMNS, answer, SETTINGS)
    assert contents_of(tmp_path / "answers") == before


def test_a_folder_with_other_things_is_refused(tmp_path, score, source):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "letter.txt").touch()
    with pytest.raises(UserError, match=r"holds no job\.json; expected a new folder"):
        score(source, resume=True)
    (tmp_path / "answers" / "job.json").write_text("{}")
    with pytest.raises(UserError, match="not what --shards writes"):
        score(source, resume=True)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"shards": 4}, "shards: 3 there, 4 asked"),
        ({"settings": {**SETTINGS, "--beam-width": 8}}, "--beam-width: 4 there, 8 asked"),
        (
            {"settings": {**SETTINGS, "model": "saved_models/2"}},
            'model: "saved_models/1" there, "saved_models/2"',
        ),
        ({"settings": {**SETTINGS, "--prefix": "a"}}, '--prefix: null there, "a" asked'),
    ],
)
def test_another_job_is_refused_in_a_line_that_says_what_differs(score, source, change, difference):
    before = contents_of(score(source))
    with pytest.raises(UserError) as refused:
        score(source, resume=True, **change)
    assert difference in str(refused.value)
    assert str(refused.value).count(";") == 1
    assert contents_of(refused_folder := source.parent / "answers") == before, refused_folder


def test_a_changed_input_is_refused(score, source):
    score(source)
    with source.open("a") as file:
        file.write("more\n")
    with pytest.raises(UserError, match="input bytes: 230 there, 235 asked; input modified: "):
        score(source, resume=True)


def test_an_input_that_changes_while_it_is_read_ends_the_work(tmp_path, source):
    def answer(given, show_progress):
        if given[0].number > 10:
            os.utime(source, (1, 1))
        return [Shown({"text": one.text}, []) for one in given]

    flags = TextFlags(input=source, output=tmp_path / "answers", shards=3, batch_size=2)
    with pytest.raises(UserError, match="has changed since the work began"):
        answer_texts(flags, COLUMNS, answer, SETTINGS)
    assert len(parts_of(tmp_path / "answers")) == 1


def test_a_full_disk_leaves_no_half_part_and_the_work_goes_on_later(tmp_path, score, source, monkeypatch):
    whole = contents_of(score(source, folder="whole"))
    write = answer_files.answer_writer
    count = 0

    def filling(file, kind, columns):
        add = write(file, kind, columns)

        def put(*answer):
            nonlocal count
            count += 1
            if count > 14:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            add(*answer)

        return put

    with monkeypatch.context() as patch:
        patch.setattr(answer_files, "answer_writer", filling)
        with pytest.raises(OSError, match="No space left"):
            score(source)
    assert [path.name for path in sorted((tmp_path / "answers").iterdir())] == [
        "job.json",
        "part-00000-of-00003.jsonl",
    ]
    assert contents_of(score(source, resume=True)) == whole


def test_a_disk_that_is_full_when_a_part_is_to_reach_it_leaves_no_half_part(
    tmp_path, score, source, monkeypatch
):
    sync, count = os.fsync, 0

    def filling(descriptor):
        nonlocal count
        count += 1
        if count == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", filling)
    with pytest.raises(OSError, match="No space left"):
        score(source)
    assert [path.name for path in sorted((tmp_path / "answers").iterdir())] == [
        "job.json",
        "part-00000-of-00003.jsonl",
    ]


# --- killed, and together


def test_killed_twenty_times_the_answers_are_those_of_a_run_that_was_let_be(tmp_path, answer):
    source = lines_file(tmp_path / "in.txt", [f"text {number}" for number in range(600)])
    flags = TextFlags(input=source, output=tmp_path / "whole", shards=40, batch_size=2)
    answer_texts(flags, COLUMNS, answer, SETTINGS)
    killed, status = run_program("random", source, tmp_path / "answers", tmp_path / "log", 40)
    assert status == 0
    assert killed >= 10
    assert contents_of(tmp_path / "answers") == contents_of(tmp_path / "whole")


def test_killed_before_any_file_operation_the_work_goes_on(tmp_path):
    path = lines_file(tmp_path / "in.csv", ["text", "a", "b", "c", "d"])
    (operations,) = run_program("each", path, tmp_path / "answers", tmp_path / "log", 2)
    assert operations > 20


def test_processes_that_work_together_do_each_row_once(tmp_path, answer):
    texts = [f"text {number}" for number in range(600)]
    source = lines_file(tmp_path / "in.txt", texts)
    flags = TextFlags(input=source, output=tmp_path / "whole", shards=40, batch_size=2)
    answer_texts(flags, COLUMNS, answer, SETTINGS)
    assert run_program("together", source, tmp_path / "answers", tmp_path / "log", 40) == [0, 0, 0]
    assert contents_of(tmp_path / "answers") == contents_of(tmp_path / "whole")
    assert sorted((tmp_path / "log").read_text().splitlines()) == sorted(texts)


def test_a_process_waits_for_a_part_that_another_works_on(tmp_path, score, source, monkeypatch, capsys):
    whole = contents_of(score(source, folder="whole"))
    folder = tmp_path / "answers"
    shutil.copytree(tmp_path / "whole", folder)
    for path in parts_of(folder):
        path.unlink()
    lock = folder / ".part-00001-of-00003.lock"
    lock.write_text(json.dumps({"pid": 7, "host": "elsewhere", "started": "1"}))
    waited = []

    def wait(seconds):
        waited.append([path.name for path in parts_of(folder)])
        if len(waited) == 2:
            lock.unlink()

    monkeypatch.setattr(scoring.time, "sleep", wait)
    assert contents_of(score(source, resume=True)) == whole
    assert waited == [["part-00000-of-00003.jsonl", "part-00002-of-00003.jsonl"]] * 2
    assert (
        capsys.readouterr().err.count("waiting for 1 part that others work on, such as process 7 on else")
        == 1
    )


# --- flags


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"resume": True}, "--resume: goes on with parts; expected --shards"),
        ({"shards": 2}, "--shards 2: expected --input with a file of rows, and --output with a folder"),
        ({"shards": 0, "input": Path("a.csv"), "output": Path("b")}, "--shards 0: expected from 1 to 10000"),
        (
            {"shards": 2, "input": Path("a.csv"), "output": Path("b.parquet")},
            "--output b.parquet: expected the",
        ),
        (
            {"shards": 2, "input": Path("/dev/null"), "output": Path("b")},
            "--shards 2: expected --input with a f",
        ),
        ({"shards": 2, "input": Path("a.csv"), "output": Path(__file__)}, f"--output {__file__}: "),
    ],
)
def test_a_wrong_flag_is_refused_before_anything_is_read(flags, expected):
    with pytest.raises(FlagError) as refused:
        TextFlags(**flags)
    assert str(refused.value).startswith(expected)


@dataclass(frozen=True)
class Options:
    given: TextFlags = field(default_factory=TextFlags)
    n_best: bool = False
    user: Path | None = None


def test_settings_are_the_model_and_all_flags_that_change_answers(tmp_path):
    source, user = lines_file(tmp_path / "in.csv", ["text", "a"]), lines_file(tmp_path / "me.json", "{}")
    given = TextFlags(input=source, model=Path("m"), output=tmp_path / "a", shards=2, batch_size=8)
    options = Options(given, user=user)
    settings = settings_of(options, tmp_path / "m" / "3")
    assert settings["model"] == str(tmp_path / "m" / "3")
    same = replace(options, given=replace(given, model=None, output=tmp_path / "b", shards=3, resume=True))
    assert settings_of(same, tmp_path / "m" / "3") == settings
    for other in (
        replace(options, n_best=True),
        replace(options, user=None),
        replace(options, given=replace(given, batch_size=4)),
        replace(options, given=replace(given, text_column="1")),
        replace(options, given=replace(given, table=replace(given.table, strict=True))),
    ):
        assert settings_of(other, tmp_path / "m" / "3") != settings
    user.write_text("{'known': 'more'}")
    assert settings_of(options, tmp_path / "m" / "3") != settings
    json.dumps(settings)


# --- a model


@pytest.mark.slow
def test_a_model_s_answers_are_those_of_one_file(tmp_path, monkeypatch):
    from applications.sentiment_analysis import predict

    words = ["good", "bad", "not", "a", "film", "dull", "bright", "plot", "never"]
    texts = [" ".join(words[(seed * step) % len(words)] for step in range(seed % 23)) for seed in range(50)]
    written_csv(tmp_path / "in.csv", texts)
    monkeypatch.setattr(script, "_WRITTEN_AT_ONCE", 8)
    flags = TextFlags(input=tmp_path / "in.csv", output=tmp_path / "whole.jsonl", batch_size=4)
    assert cli.guarded(lambda: predict.main(predict.Options(flags)), True) == cli.OK
    flags = replace(flags, output=tmp_path / "answers", shards=4)
    assert cli.guarded(lambda: predict.main(predict.Options(flags)), True) == cli.OK
    parts = b"".join(path.read_bytes() for path in parts_of(tmp_path / "answers"))
    assert parts == (tmp_path / "whole.jsonl").read_bytes()
    assert [one["text"] for one in records_of(tmp_path / "answers")] == texts
