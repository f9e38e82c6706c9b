"""A table gives a table of alarms, from a file, standard input, Python, or row by row as another program writes it."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from applications.anomaly_detection.alarm_lines import COLUMNS
from applications.anomaly_detection.follow import FOLLOWED_COLUMNS, followed_alarms
from applications.anomaly_detection.growing_tables import Lines, lines_of
from applications.anomaly_detection.predict import Options
from common.errors import FlagError, UserError
from common.text.tables import TableFormat


@pytest.fixture(scope="module")
def model(predictor):
    return predictor


def test_a_data_frame_gives_a_data_frame_of_alarms(model, made):
    alarms = model(made.case.table())
    assert list(alarms) == list(COLUMNS)
    fault = alarms[alarms["series"] == "pump"].iloc[-1]
    assert fault["opened"] == made.case.START + made.case.FAULT.start * made.case.STEP
    assert fault["closed"] > fault["opened"]
    assert fault["sensor"] == "heat"
    assert fault["value"] > fault["upper"] > fault["expected"] > fault["lower"]


def test_a_table_of_other_sensors_in_other_units_is_judged_too(model, made):
    table = made.case.pump().rename(columns={"heat": "fahrenheit"}).drop(columns="shake")
    table["fahrenheit"] = 1.8 * table["fahrenheit"] + 32
    assert model(table)["opened"].iloc[-1] == made.case.START + made.case.FAULT.start * made.case.STEP


def test_history_teaches_what_is_normal_and_its_own_alarms_are_not_told(model, made):
    pump = made.case.pump()
    early, late = pump.iloc[:500], pump.iloc[500:]
    alarms = model(late, history=early)
    assert len(alarms) == 1
    assert model(late).empty  # a few rows alone say nothing


def test_a_history_that_ends_later_is_one_line(model, made):
    pump = made.case.pump()
    with pytest.raises(UserError, match="ends after the data frame begins; expected what came before"):
        model(pump.iloc[:100], history=pump)


def test_a_history_without_a_series_of_the_name_is_warned_of(model, made, capsys):
    table = made.case.table()
    early, late = table[table["machine"] == "fan"], table[table["machine"] == "pump"]
    assert model(late, history=early).equals(model(late))
    assert "of 1 of 1 series nothing is known from before, such as 'pump'; the history has 'fan'" in (
        capsys.readouterr().err
    )


def test_more_false_alarms_allowed_never_means_a_higher_threshold(model, made):
    readings = model.read(made.case.pump())
    few, many = (model.judged(readings, alarms_per_week=budget)[0] for budget in (0.1, 10))
    assert (few.answer["threshold"][:300] >= many.answer["threshold"][:300]).all()
    with pytest.raises(UserError, match="alarms per week: got 0; expected a number above 0"):
        model(made.case.pump(), alarms_per_week=0)
    with pytest.raises(FlagError, match="--alarms-per-week 0"):
        Options(alarms_per_week=0)


def test_a_table_without_times_counts_its_rows(model, made):
    alarms = model(made.case.pump()[["heat", "shake"]])
    assert alarms["opened"].tolist()[-1] == made.case.FAULT.start


def test_a_stream_says_of_each_row_what_the_table_says(model, made):
    readings = model.read(made.case.pump())
    (judged,) = model.judged(readings)
    stream, recording = model.stream(sensors=2), readings.recordings[0]
    for row, (seconds, values) in enumerate(zip(recording.times, recording.values, strict=True)):
        told = stream.read(int(seconds), values)
        assert told["severity"] == pytest.approx(judged.answer["severity"][row], abs=1e-4)
    assert told["alarm"]


def test_a_row_that_a_stream_refuses_leaves_it_as_it_was(model):
    stream = model.stream()
    first = stream.read(1000, [1.0])
    with pytest.raises(UserError, match="the row: value: an infinite one"):
        stream.read(1300, [np.inf])
    with pytest.raises(UserError, match="time: got '2024-01-01'; expected Unix seconds"):
        stream.read("2024-01-01", [1.0])
    with pytest.raises(UserError, match="of 2 sensors; expected 1"):
        stream.read(1300, [1.0, 2.0])
    with pytest.raises(UserError, match="values: got \\['hot'\\]; expected numbers"):
        stream.read(1300, ["hot"])
    assert stream.read(1300, [1.0]).keys() == first.keys()
    assert json.loads(json.dumps(first)) == first


def test_of_a_short_table_it_is_said_that_nothing_is_said_and_repeated_times_are_warned_of(
    script, made, tmp_path
):
    path = tmp_path / "two.csv"
    both = made.case.table().query("machine == 'pump'").head(50).drop(columns=["anomaly", "machine"])
    pd.concat([both, both]).sort_values("time").to_csv(path, index=False)
    shown = script("--input", path)
    assert (shown.status, shown.out) == (0, "")
    assert "1 of 1 series have fewer than 300 rows, of which nothing is said" in shown.err
    assert "rows at the time of the row before: 50" in shown.err


def test_the_script_writes_a_table_json_lines_and_pictures(script, made, tmp_path):
    path = tmp_path / "pump.csv"
    made.case.pump().to_csv(path, index=False)
    table, lines, picture = (tmp_path / name for name in ("a.csv", "a.jsonl", "a.png"))
    assert script("--input", path, "--output", table, "--picture", picture).status == 0
    alarms = pd.read_csv(table)
    assert list(alarms) == list(COLUMNS)
    assert picture.stat().st_size > 5000
    assert script("--input", path, "--output", lines).status == 0
    last = json.loads(lines.read_text("utf-8").splitlines()[-1])
    assert last["closed"] is None
    assert last["opened"] == alarms["opened"].iloc[-1] == "2024-03-09 10:00:00"


def test_a_table_that_is_not_there_is_named_and_the_forms_that_are_read(script, tmp_path):
    shown = script("--input", tmp_path / "gone.csv")
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.startswith(f"error: {tmp_path / 'gone.csv'}: no such file or folder; expected a .csv")


def test_what_is_read_is_not_written_over(tmp_path):
    path = tmp_path / "pump.csv"
    for flags in ({"input": path}, {"input": tmp_path / "b.csv", "history": path}):
        with pytest.raises(FlagError, match="this is what is read; expected another file"):
            Options(output=tmp_path / "." / "pump.csv", **flags)


def test_rows_that_cannot_be_read_are_counted_and_no_alarm_is_said_to_be_none(script, made, tmp_path):
    path = tmp_path / "pump.csv"
    lines = made.case.pump().iloc[:400].to_csv(index=False).splitlines()
    lines[100] += ",7,7"
    path.write_text("\n".join(lines), "utf-8")
    shown = script("--input", path)
    assert (shown.status, shown.out) == (0, "")
    assert f"warning: {path}: 1 left out: " in shown.err
    assert "line 101" in shown.err
    assert "no alarm in 399 rows" in shown.err


def test_a_table_without_rows_is_one_line(script, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("time,heat\n", "utf-8")
    shown = script("--input", path)
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.startswith(f"error: {path}")
    assert shown.err.count("\n") == 1


# --- following


def chunks_of(table: pd.DataFrame, size: int):
    """Portions of a table as a file that grows gives them."""
    header, *rows = table.to_csv(index=False).encode().splitlines(keepends=True)
    for first in range(0, len(rows), size):
        yield Lines(header, rows[first : first + size], first + 2)


def test_followed_rows_give_the_alarms_of_the_whole_table_as_they_open_and_close(model, made):
    table = made.case.table().drop(columns="anomaly").sort_values("time", kind="stable")
    told = [shown.record for shown in followed_alarms(model, Options(), None, chunks_of(table, 37))]
    whole = model(table)
    opened = [(one["series"], one["opened"]) for one in told if one["closed"] is None]
    assert sorted(opened) == sorted(zip(whole["series"], whole["opened"].astype(str), strict=True))
    closed = [(one["series"], one["closed"]) for one in told if one["closed"] is not None]
    over = whole.dropna(subset="closed")
    assert sorted(closed) == sorted(zip(over["series"], over["closed"].astype(str), strict=True))


def test_history_is_read_before_the_rows_that_are_followed(model, made):
    pump = made.case.pump()
    history = model.read(pump.iloc[:500])
    told = list(followed_alarms(model, Options(), history, chunks_of(pump.iloc[500:], 5)))
    assert [one.record["opened"] for one in told] == ["2024-03-09 10:00:00"]


def test_a_followed_row_that_cannot_be_read_is_left_out_with_its_line_and_the_rest_is_told(
    model, made, capsys
):
    def portions():
        for portion in chunks_of(made.case.pump(), 40):
            bad = (
                []
                if portion.first < 400
                else [b"2024-03-09 00:00:00,pump,hot,1\n", b"2024-03-01 00:00:00,pump,1,1\n"]
            )
            yield Lines(portion.header, [*bad, *portion.rows], portion.first)

    told = [shown.record for shown in followed_alarms(model, Options(), None, portions())]
    assert told[0]["opened"] == "2024-03-09 10:00:00"
    err = capsys.readouterr().err
    assert "warning: standard input, line 402: --sensor-columns heat is text ('hot'); expected numbers" in err
    assert "series pump, 2024-03-01 00:00:00: the row: time: more than an hour before" in err
    strict = Options(table=TableFormat(strict=True))
    with pytest.raises(UserError, match="standard input, line 402: 'hot' in sensor column 'heat'"):
        list(followed_alarms(model, strict, None, portions()))


def test_a_sensor_that_gives_no_value_any_more_is_told_of_while_it_is_followed_and_of_a_table(
    model, script, made, capsys, tmp_path
):
    pump, path = made.case.pump(), tmp_path / "pump.csv"
    pump.loc[pump.index[400:430], "shake"] = np.nan
    list(followed_alarms(model, Options(), None, chunks_of(pump, 40)))
    err = capsys.readouterr().err
    assert "warning: series pump, sensor shake has had no value for 20 rows at 2024-03-08 08:45:00" in err
    assert "warning: series pump, sensor shake has a value again at 2024-03-08 11:30:00" in err
    pump.loc[pump.index[400:], "shake"] = np.nan
    pump.to_csv(path, index=False)
    assert (
        f"warning: {path}: series pump: sensor shake has had no value since 2024-03-08 04:00:00"
        in script("--input", path).err
    )


def test_lines_are_numbered_as_in_their_file_and_come_whole(tmp_path):
    path = tmp_path / "grows.csv"
    path.write_bytes(b"time,heat\n1,2\n2,")
    lines = lines_of(path)
    assert next(lines) == Lines(b"time,heat\n", [b"1,2\n"], 2)
    with path.open("ab") as file:
        file.write(b"3\n3,4\n")
    assert next(lines) == Lines(b"time,heat\n", [b"2,3\n", b"3,4\n"], 3)


@pytest.mark.parametrize("begins", [b"time,heat\n", b""])
@pytest.mark.parametrize("how", ["cut", "replaced", "gone and there again"])
def test_a_file_that_is_cut_or_replaced_is_read_from_its_beginning(tmp_path, capsys, how, begins):
    path = tmp_path / "grows.csv"
    path.write_bytes(b"time,heat\n1,2\n2,3\n")
    lines = lines_of(path)
    next(lines)
    new = begins + b"3,4\n"
    if how == "cut":
        path.write_bytes(new)
    elif how == "replaced":
        (tmp_path / "new").write_bytes(new)
        (tmp_path / "new").replace(path)
    else:
        path.unlink()
        threading.Timer(0.5, path.write_bytes, [new]).start()
    assert next(lines) == Lines(b"time,heat\n", [b"3,4\n"], 2 if begins else 1)
    assert f"warning: {path}: was cut or replaced; it is read from its beginning" in capsys.readouterr().err


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path, capsys):
    path = tmp_path / "later.csv"
    threading.Timer(0.5, path.write_bytes, [b"time,heat\n1,2\n"]).start()
    assert next(lines_of(path)).rows == [b"1,2\n"]
    assert f"waiting for {path}" in capsys.readouterr().err


def test_a_table_of_followed_alarms_says_which_open_and_which_close(model, made):
    told = [
        shown.record for shown in followed_alarms(model, Options(), None, chunks_of(made.case.pump(), 50))
    ]
    assert {(one["state"], one["closed"] is None) for one in told} <= {("opened", True), ("closed", False)}
    assert {*told[0]} == {*FOLLOWED_COLUMNS}


def test_standard_input_is_followed_to_its_end(script, made):
    table = made.case.pump().to_csv(index=False).encode()
    shown = script("--follow", data=table)
    assert shown.status == 0, shown.err
    assert shown.out.startswith("2024-03-09 10:00:00 on\tseverity ")


@pytest.mark.parametrize("output", ["", "alarms.jsonl"])
def test_a_file_to_which_another_process_appends_is_followed(made, exported, tmp_path, output):
    path, pump = tmp_path / "pump.csv", made.case.pump()
    pump.iloc[:450].to_csv(path, index=False)
    arguments = ["--input", str(path), "--follow", "--model", str(exported)]
    arguments += ["--output", str(tmp_path / output)] if output else []
    with subprocess.Popen(
        [sys.executable, "-m", "applications.anomaly_detection.predict", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as following:
        rest = pump.iloc[450:].to_csv(index=False, header=False).encode()
        with path.open("ab") as file:
            file.write(rest[:1000])  # somewhere within a row
            file.flush()
            time.sleep(0.5)
            file.write(rest[1000:])
        line = first_line_of(tmp_path / output) if output else following.stdout.readline()
        following.kill()
    if output:
        alarm = json.loads(line)
        assert (alarm["opened"], alarm["closed"]) == ("2024-03-09 10:00:00", None)
    else:
        assert line.startswith("2024-03-09 10:00:00 on\tseverity ")


def first_line_of(path):
    """Of a file that is being written, as soon as it is there."""
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text("utf-8").endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return path.read_text("utf-8")


@pytest.mark.parametrize("odd", ["dies", "repeats", "slower", "constant"])
def test_odd_streams_have_an_answer(model, made, odd):
    table = made.case.pump()
    if odd == "dies":
        table.loc[table.index[400:], "shake"] = np.nan
    elif odd == "repeats":
        table = table.iloc[np.repeat(np.arange(len(table)), 2)]
    elif odd == "slower":
        table.loc[table.index[300:], "time"] += pd.to_timedelta(45 * np.arange(len(table) - 300), unit="min")
    else:
        table["shake"] = 5.0
        table.loc[table.index[-2:], "shake"] = 6.0
    readings = model.read(table)
    (judged,) = model.judged(readings)
    assert np.isfinite(judged.answer["severity"]).all()
    if odd == "constant":
        assert judged.answer["severity"][-1] > 5
    assert len(model(table)) >= 1
