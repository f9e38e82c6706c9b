"""Folders of readings, windows and lives, as NAB, SKAB and C-MAPSS lay them out, are read as they are."""

import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.series.reading_sources import load_readings, parts_in
from common.series.reading_tables import ReadingSource
from common.series.reading_windows import WindowFile, labelled_by, without_ending
from common.series.readings import Readings, Recording


def no_sample(part):
    raise AssertionError(part)


def load(path, part="test", **flags):
    return load_readings(ReadingSource(str(path), **flags), part, no_sample)


def refused(path, part="test", **flags):
    with pytest.raises(UserError) as error:
        load(path, part, **flags)
    message = str(error.value)
    assert "\n" not in message
    return message


def stamps(start, rows, freq="5min"):
    return pd.date_range(start, periods=rows, freq=freq).strftime("%Y-%m-%d %H:%M:%S")


def series(path, start="2014-04-01", rows=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"timestamp": stamps(start, rows), "value": np.arange(rows, dtype=float)})
    text = frame.to_csv(index=False).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


@pytest.fixture
def nab(tmp_path):
    """A folder as that of the benchmark: two files and one that is packed, one of them with two windows."""
    data = tmp_path / "data"
    series(data / "realKnownCause" / "taxi.csv")
    series(data / "realKnownCause" / "pump.csv.gz")
    series(data / "artificial" / "taxi.csv")
    windows = {
        "realKnownCause/taxi.csv": [
            ["2014-04-01 00:10:00.000000", "2014-04-01 00:30:00.000000"],
            ["2014-04-01 01:01:00.000000", "2014-04-01 01:10:00.900000"],
        ],
        "realKnownCause/pump.csv": [],
        "artificial/taxi.csv": [["2014-04-01 00:00:00", "2014-04-01 00:00:00"]],
        "held/back.csv": [["2015-01-01 00:00:00", "2015-01-02 00:00:00"]],
    }
    (data / "combined_windows.json").write_text(json.dumps(windows))
    (data / "combined_labels.json").write_text(
        json.dumps({"realKnownCause/taxi.csv": ["2014-04-01 00:10:00"]})
    )
    return data


def windows_by_name(readings):
    return {one.name: one.windows.tolist() for one in readings.recordings}


def test_nabs_folder_is_read_with_its_windows(nab):
    readings = load(nab)
    assert windows_by_name(readings) == {
        "artificial/taxi": [[0, 0]],
        "realKnownCause/pump": [],
        "realKnownCause/taxi": [[2, 6], [13, 14]],
    }
    assert readings.is_labelled
    assert readings.sensors == ("value",)
    assert parts_in(ReadingSource(str(nab))) == ()


@pytest.mark.parametrize("place", [".", "..", "labels", "../labels"])
def test_the_windows_are_found_wherever_the_benchmark_keeps_them(nab, place):
    file = nab / place / "combined_windows.json"
    file.parent.mkdir(exist_ok=True)
    (nab / "combined_windows.json").rename(file)
    assert windows_by_name(load(nab))["realKnownCause/taxi"] == [[2, 6], [13, 14]]


def test_a_category_and_a_file_alone_have_their_windows_too(nab):
    assert windows_by_name(load(nab / "realKnownCause")) == {"pump": [], "taxi": [[2, 6], [13, 14]]}
    assert windows_by_name(load(nab / "artificial")) == {"": [[0, 0]]}
    assert windows_by_name(load(nab / "realKnownCause" / "taxi.csv")) == {"": [[2, 6], [13, 14]]}


def test_a_file_without_an_entry_is_named(nab):
    series(nab / "realKnownCause" / "new.csv")
    assert refused(nab) == (
        f"{nab}/realKnownCause/new.csv: no entry in {nab}/combined_windows.json; expected one for every file, [] where "
        "nothing is anomalous"
    )
    assert not load(nab / "realKnownCause" / "new.csv").is_labelled


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([["2014-04-01 00:10:00", "2014-05-01 00:00:00"]], "is outside the times of "),
        (
            [["2014-03-31 23:00:00", "2014-04-01 00:00:00"]],
            "expected it within 2014-04-01 00:00:00 to 2014-04-01 08:15",
        ),
        (
            [["2014-04-01 00:10:00", "2014-04-01 00:05:00"]],
            "ends before it begins; expected the first time first",
        ),
        ([["2014-04-01 00:11:00", "2014-04-01 00:12:00"]], "has no row of "),
        ([["2014-04-01 00:11:00"]], "is no window; expected pairs of a first and a last time"),
        (["2014-04-01 00:11:00"], "is no window; expected pairs of a first and a last time"),
        ([["soon", "later"]], "'pump.csv': \"soon\" is no time; expected such as"),
    ],
)
def test_windows_that_fit_no_rows_are_refused_by_name(tmp_path, windows, message):
    series(tmp_path / "pump.csv")
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"pump.csv": windows}))
    said = refused(tmp_path / "pump.csv", windows=file)
    assert message in said
    assert said.startswith(f"{file}, 'pump")


@pytest.mark.parametrize("text", ["", "[1]", "{", "3"])
def test_what_is_no_file_of_windows_is_said(tmp_path, text):
    series(tmp_path / "pump.csv")
    (tmp_path / "own.json").write_text(text)
    assert "own.json: " in refused(tmp_path / "pump.csv", windows=tmp_path / "own.json")
    assert "No such file" in refused(tmp_path / "pump.csv", windows=tmp_path / "none.json")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=15), st.integers(0, 20), st.integers(0, 20))
def test_a_window_marks_the_rows_whose_times_it_holds(steps, first, last):
    times = np.cumsum(steps)
    one = Recording("a", times, np.zeros((len(times), 1), np.float32))
    inside = (times >= first) & (times <= last)
    fits = first <= last and times[0] <= first and last <= times[-1] and inside.any()
    file = WindowFile("windows.json", {"a": [(first, last)]})
    if fits:
        assert labelled_by(one, file, "a", "a.csv", True).is_anomalous.tolist() == inside.tolist()
    else:
        with pytest.raises(UserError, match=r"windows.json, 'a': window from"):
            labelled_by(one, file, "a", "a.csv", True)


@given(
    st.text(st.characters(exclude_characters="./"), min_size=1),
    st.sampled_from(["", ".csv", ".tsv.gz", ".CSV.XZ"]),
)
def test_endings_are_no_part_of_a_name(stem, ending):
    assert without_ending(f"one/{stem}{ending}") == f"one/{stem}"


def test_windows_may_be_named_by_the_series_of_a_table(tmp_path):
    (tmp_path / "both.csv").write_text("unit,cycle,y\na,1,0\nb,1,0\na,2,5\na,3,5\nb,2,0\n")
    (tmp_path / "own.json").write_text('{"a": [[2, 3]], "b": []}')
    readings = load(tmp_path / "both.csv", windows=tmp_path / "own.json")
    assert windows_by_name(readings) == {"a": [[1, 2]], "b": []}
    (tmp_path / "own.json").write_text('{"a": [[2, 3]]}')
    said = refused(tmp_path / "both.csv", windows=tmp_path / "own.json")
    assert said.startswith(f"{tmp_path}/both.csv, series 'b': no entry in ")


def skab(rows, fault):
    anomaly = np.zeros(rows)
    anomaly[fault] = 1
    return pd.DataFrame(
        {
            "datetime": stamps("2020-03-09 10:14:33", rows, "s"),
            "Current": np.linspace(0, 1, rows),
            "Pressure": np.linspace(1, 2, rows),
            "anomaly": anomaly,
            "changepoint": np.abs(np.diff(anomaly, prepend=0)),
        }
    )


def test_skabs_own_folders_are_read_file_after_file(tmp_path):
    for name, fault in (("valve1/0", slice(5, 8)), ("other/3", slice(2, 4))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        skab(20, fault).to_csv(tmp_path / f"{name}.csv", sep=";", index=False)
    (tmp_path / "anomaly-free").mkdir()
    normal = skab(9, slice(0)).drop(columns=["anomaly", "changepoint"])[["Pressure", "datetime", "Current"]]
    normal.to_csv(tmp_path / "anomaly-free" / "anomaly-free.csv", sep=";", index=False)
    readings = load(tmp_path)
    assert windows_by_name(readings) == {
        "anomaly-free/anomaly-free": [],
        "other/3": [[2, 3]],
        "valve1/0": [[5, 7]],
    }
    assert set(readings.sensors) == {"Current", "Pressure"}
    for one in readings.recordings:
        assert one.values[0].tolist() == [{"Current": 0, "Pressure": 1}[name] for name in readings.sensors]
    assert "no labels in 1 of 3 files: taken as normal" in readings.describe()


def test_a_packed_table_of_files_is_a_series_for_each(tmp_path):
    frames = [skab(6, slice(1, 3)).assign(file="other/11"), skab(4, slice(0)).assign(file="valve1/0")]
    text = pd.concat(frames).to_csv(index=False).encode()
    (tmp_path / "test_dev.csv.xz").write_bytes(lzma.compress(text))
    (tmp_path / "train_free.csv.xz").write_bytes(lzma.compress(frames[1].to_csv(index=False).encode()))
    assert parts_in(ReadingSource(str(tmp_path))) == ("train", "test")
    assert windows_by_name(load(tmp_path)) == {"other/11": [[1, 2]], "valve1/0": []}
    assert windows_by_name(load(tmp_path, "train")) == {"valve1/0": []}
    assert set(windows_by_name(load(tmp_path, "all"))) == {"train/valve1/0", "test/other/11", "test/valve1/0"}
    assert refused(tmp_path, "validation") == (
        f"--part validation: {tmp_path} has no such part; expected one of all, train, test"
    )


@pytest.fixture
def turbofan():
    """Two units of 3 and 2 cycles."""
    rng = np.random.default_rng(0)
    return [
        [unit, cycle, *rng.normal(size=24).round(4)]
        for unit, cycles in ((1, 3), (2, 2))
        for cycle in range(1, 1 + cycles)
    ]


def test_turbofan_texts_are_read_with_the_life_that_is_left(tmp_path, turbofan):
    text = "".join(" ".join(map(str, row)) + "  \n" for row in turbofan)
    (tmp_path / "train_FD001.txt").write_text(text)
    (tmp_path / "test_FD001.txt").write_text(text)
    (tmp_path / "RUL_FD001.txt").write_text("112 \n98 \n")
    (tmp_path / "readme.txt").write_text("Data Set: FD001\n")
    test, train = load(tmp_path), load(tmp_path, "train")
    for readings in (test, load(tmp_path / "test_FD001.txt")):
        assert [(one.name, one.remaining) for one in readings.recordings] == [("1", 112.0), ("2", 98.0)]
    assert [one.remaining for one in train.recordings] == [0.0, 0.0]
    assert test.is_counted
    assert test.sensors == ("setting1", "setting2", "setting3", *(f"s{number}" for number in range(1, 22)))
    assert [one.times.tolist() for one in test.recordings] == [[1, 2, 3], [1, 2]]
    np.testing.assert_array_equal(
        np.concatenate([one.values for one in test.recordings]), np.array(turbofan, np.float32)[:, 2:]
    )
    (tmp_path / "RUL_FD001.txt").write_text("112 \n")
    assert refused(tmp_path) == f"{tmp_path}/RUL_FD001.txt: 1 numbers; expected one for each of 2 units"


def test_turbofan_tables_are_read_with_the_table_of_the_life_that_is_left(tmp_path, turbofan):
    names = ["unit", "cycle", *(f"setting{n}" for n in range(1, 4)), *(f"s{n}" for n in range(1, 22))]
    frame = pd.DataFrame(turbofan, columns=names)
    frame.to_csv(tmp_path / "train.csv.xz", index=False)
    frame.to_csv(tmp_path / "test_dev.csv", index=False)
    (tmp_path / "test_dev_rul.csv").write_text("unit,rul\n2,7\n1,9\n")
    assert [one.remaining for one in load(tmp_path).recordings] == [9.0, 7.0]
    assert [one.remaining for one in load(tmp_path, "train").recordings] == [0.0, 0.0]
    (tmp_path / "test_dev_rul.csv").write_text("unit,rul\n2,7\n")
    assert "test_dev_rul.csv: no row for unit '1'; expected one for each of the data" in refused(tmp_path)
    (tmp_path / "test_dev_rul.csv").write_text("unit,rul\n1,7\n2,-1\n")
    assert "test_dev_rul.csv, line 3: no life left in column 'rul'; expected 0 or more" in refused(tmp_path)
    (tmp_path / "test_dev_rul.csv").unlink()
    assert [one.remaining for one in load(tmp_path).recordings] == [None, None]


def test_a_series_is_called_alike_in_every_part(tmp_path):
    for part in ("train", "val", "test"):
        series(tmp_path / part / "hall" / "pump 1.csv")
        series(tmp_path / part / "fan.csv")
    for part in ("train", "validation", "test"):
        assert [one.name for one in load(tmp_path, part).recordings] == ["fan", "hall/pump 1"]


def test_files_of_other_sensors_are_refused_unless_those_of_all_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("time,heat,flow\n2024-05-01,1,2\n")
    (tmp_path / "b.csv").write_text("time,heat,noise\n2024-05-01,1,2\n")
    assert refused(tmp_path) == (
        f"{tmp_path}/b.csv: sensors heat, noise, but heat, flow in {tmp_path}/a.csv; expected the same in every file, "
        "or those that all have by --sensor-columns"
    )
    assert len(load(tmp_path, sensor_columns=("heat",))) == 2
    (tmp_path / "b.csv").write_text("heat,flow\n1,2\n")
    assert (
        refused(tmp_path)
        == f"{tmp_path}/b.csv: no times, but {tmp_path}/a.csv has some; expected them in every file"
    )


def test_rows_at_a_time_given_twice_are_kept_and_counted(tmp_path):
    (tmp_path / "a.csv").write_text("time,heat\n2024-05-01,1\n2024-05-01,2\n2024-05-02,2\n")
    readings = load(tmp_path / "a.csv")
    assert len(readings) == 3
    assert "rows at the time of the row before: 1" in readings.describe()


def test_what_is_not_there_is_said(tmp_path):
    assert refused(tmp_path / "none.csv").startswith(
        f"--data {tmp_path}/none.csv: no such file or folder; expected "
    )
    assert refused(tmp_path).startswith(f"{tmp_path}: no table in the folder; expected a .csv")
    assert refused("pumps").startswith("--data pumps: no such file or folder; expected sample, a .csv")
    (tmp_path / "a.csv").write_text("unit,heat\nb/c,1\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.csv").write_text("unit,heat\nc,1\n")
    assert refused(tmp_path) == (
        f"{tmp_path}/a/b.csv: series 'a/b/c' is in {tmp_path}/a.csv already; expected each in one file"
    )


def test_the_sample_is_made_by_whoever_has_one():
    made = Readings("made", [], ("heat",))
    parts = []
    for part in ("train", "all"):
        assert load_readings(ReadingSource(), part, lambda part: parts.append(part) or made) is made
    assert parts == ["train", "test"]
    assert parts_in(ReadingSource()) == ("train", "validation", "test")
