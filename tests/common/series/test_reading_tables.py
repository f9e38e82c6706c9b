"""Tables of readings keep every row as it came, told by pandas alone; what they cannot be is said in one line."""

import gzip
import io
import lzma

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import FlagError, UserError
from common.series.reading_tables import ReadingSource, read_readings, readings_of

SKAB = """datetime;Accelerometer1RMS;Volume Flow RateRMS;anomaly;changepoint
2020-03-09 10:14:33;0.026588;32.0;0.0;0.0
2020-03-09 10:14:34;0.02617;32.0;1.0;1.0
2020-03-09 10:14:36;;31.5;1.0;0.0
2020-03-09 10:14:36;0.0263;31.0;0.0;1.0
"""


def read(text, **flags):
    return read_readings(io.StringIO(text), ReadingSource(**flags), "table.csv")


def refused(text, **flags):
    with pytest.raises(UserError) as error:
        read(text, **flags)
    message = str(error.value)
    assert "\n" not in message
    return message


def seconds(*times):
    return np.asarray(pd.DatetimeIndex(times).as_unit("s").asi8).tolist()


def test_a_table_with_semicolons_keeps_its_rows_and_its_labels_as_they_are():
    readings = read(SKAB)
    (one,) = readings.recordings
    assert readings.sensors == ("Accelerometer1RMS", "Volume Flow RateRMS")
    assert readings.is_labelled
    assert not readings.is_counted
    day = "2020-03-09 10:14:"
    assert one.times.tolist() == seconds(f"{day}33", f"{day}34", f"{day}36", f"{day}36")
    assert (one.times.dtype, one.values.dtype) == (np.int64, np.float32)
    expected = np.array([[0.026588, 32], [0.02617, 32], [np.nan, 31.5], [0.0263, 31]], np.float32)
    np.testing.assert_array_equal(one.values, expected)
    assert one.windows.tolist() == [[1, 2]]
    assert one.remaining is None


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.xz", ".tsv", ".txt", ".parquet"])
def test_every_kind_of_file_a_data_frame_and_an_open_file_hold_the_same(ending, tmp_path):
    frame = pd.read_csv(io.StringIO(SKAB), sep=";", parse_dates=["datetime"])
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(sep="\t" if ending in (".tsv", ".txt") else ",", index=False).encode()
        path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(text))
    (expected,) = read(SKAB).recordings
    for readings in (
        read_readings(path, ReadingSource()),
        readings_of(frame, ReadingSource()),
        readings_of(frame.set_index("datetime"), ReadingSource()),
    ):
        (one,) = readings.recordings
        np.testing.assert_array_equal(one.values, expected.values)
        np.testing.assert_array_equal(one.times, expected.times)
        np.testing.assert_array_equal(one.windows, expected.windows)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "007"]),
            st.integers(0, 400_000),
            st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_rows_of_several_machines_in_any_mixture_are_those_of_each_in_their_order(rows):
    rows = [*sorted(rows, key=lambda row: row[1]), ("a", 500_000, 1.0, True)]
    frame = pd.DataFrame(rows, columns=["machine", "t", "heat", "anomaly"])
    frame["time"] = pd.to_datetime(frame.pop("t"), unit="s").dt.strftime("%Y-%m-%d %H:%M:%S")
    readings = read(frame.to_csv(index=False))
    assert [one.name for one in readings.recordings] == list(dict.fromkeys(frame["machine"]))
    for one in readings.recordings:
        own = frame[frame["machine"] == one.name]
        np.testing.assert_array_equal(one.values[:, 0], own["heat"].to_numpy(np.float32))
        assert one.times.tolist() == seconds(*own["time"])
        assert one.is_anomalous.tolist() == own["anomaly"].tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(
        st.lists(st.sampled_from(["", "time", "y", "a b", "2024-05-01", "3", "-inf", "1e39", "nan"])),
        max_size=6,
    ).map(lambda rows: "\n".join(",".join(row) for row in rows))
)
def test_whatever_a_file_holds_is_read_or_refused_in_a_line(text):
    readings, message = None, "table.csv"
    try:
        readings = read(text)
    except UserError as error:
        message = str(error)
    assert message.startswith("table.csv")
    assert "\n" not in message
    for one in readings.recordings if readings else ():
        assert not np.isinf(one.values).any()
        assert (np.diff(one.times) >= 0).all()


def test_columns_can_be_named():
    text = "when,unit,flow,spare,bad,left\n01/02/2024 10:00,x,1,5,no,3\n"
    with pytest.raises(UserError, match="no column 'wen' for --time-column"):
        read(text, time_column="wen")
    text = text.replace("no", "true")
    readings = read(
        text,
        time_column="when",
        time_format="%d/%m/%Y %H:%M",
        series_column="unit",
        sensor_columns=("flow",),
        label_column="bad",
        remaining_column="left",
    )
    assert readings.sensors == ("flow",)
    (one,) = readings.recordings
    assert (one.name, one.remaining, one.windows.tolist()) == ("x", 3.0, [[0, 0]])
    assert one.times.tolist() == seconds("2024-02-01 10:00")


def test_times_with_offsets_are_instants_and_others_are_taken_as_they_stand():
    readings = read("time,y\n2024-05-01 10:00:00+02:00,1\n2024-05-01 10:00:00+01:00,1\n")
    assert readings.recordings[0].times.tolist() == seconds("2024-05-01 08:00", "2024-05-01 09:00")
    for stamp in ("1714557600", "1714557600.75", "1714557600750", "2024-05-01 10:00:00.75"):
        assert read(f"time,y\n{stamp},1\n").recordings[0].times.tolist() == seconds("2024-05-01 10:00"), stamp


@pytest.mark.parametrize("column", ["cycle", "time", "index"])
def test_whole_numbers_count_rows(column):
    readings = read(f"{column},y\n3,1\n4,2\n9,2\n")
    assert readings.is_counted
    assert readings.sensors == ("y",)
    assert readings.recordings[0].times.tolist() == [3, 4, 9]


def test_rows_without_times_are_counted_in_each_series():
    readings = read("unit,y,z\n1,5,6\n2,7,8\n1,9,\n")
    assert [one.times.tolist() for one in readings.recordings] == [[0, 1], [0]]
    assert readings.is_counted
    assert "no times in it: rows are counted" in readings.describe()


def test_the_life_left_is_that_of_each_series_last_row():
    readings = read("unit,cycle,y,RUL\na,1,1,30\nb,1,1,8\na,2,2,29\nb,2,4,\n")
    assert [one.remaining for one in readings.recordings] == [29.0, None]
    assert readings.sensors == ("y",)
    assert "line 3: -1 in remaining life column 'RUL'" in refused("y,RUL\n1,0\n1,-1\n")


def test_rows_of_an_hour_that_a_clock_repeats_are_kept_in_their_order():
    times = ["01:50", "02:50", "02:00", "02:30", "02:55"]
    readings = read("time,y\n" + "".join(f"2024-10-27 {time}:00,{row}\n" for row, time in enumerate(times)))
    (one,) = readings.recordings
    assert one.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    held = ["01:50", "02:50", "02:50", "02:50", "02:55"]
    assert one.times.tolist() == seconds(*(f"2024-10-27 {time}" for time in held))
    assert "rows of a clock set back, held at the time before: 2" in readings.describe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv: the file is empty; expected a table with a time and numbers in its columns"),
        ("time,y\n", "table.csv: no rows below the header"),
        (
            "time,y\n2024-05-02,1\n2024-05-03,1\n2024-05-01,1\n",
            "table.csv, line 4: time 2024-05-01 is before 2024-05-03 in line 3; expected rows in the order of their "
            "times, or a --series-column",
        ),
        (
            "time,unit,y\n2024-05-02,a,1\n2024-05-03,b,1\n2024-05-01,a,1\n",
            "table.csv, line 4: time 2024-05-01 of series 'a' is before 2024-05-02 in line 2; expected rows in the "
            "order of their times",
        ),
        ("cycle,unit,y\n2,a,1\n1,b,1\n1,a,1\n", "line 4: time 1 of series 'a' is before 2 in line 2"),
        ("time,y\n2024-05-01,1\n2024-05-02,inf\n", "line 3: inf in sensor column 'y' is infinite"),
        (
            "time,y\n2024-05-01,1\n2024-05-02,x\n2024-05-03,2\n2024-05-04,3\n",
            "table.csv, line 3: 'x' in sensor column 'y' is no number; expected numbers, and empty cells for missing",
        ),
        (
            "time,y\n2024-05-01,a\n2024-05-02,b\n",
            "table.csv: no column of numbers that a sensor gave; the columns",
        ),
        (
            "time,y\n2024-05-01,\n2024-05-02,\n",
            "table.csv: no number in column y; expected readings of sensors",
        ),
        (
            "time,y,label\n2024-05-01,1,0\n2024-05-02,1,2\n",
            "table.csv, line 3: '2' in label column 'label'; expected 0 or 1, or true or false",
        ),
        ("time,y,anomaly\n2024-05-01,1,yes\n2024-05-02,1,1\n", "line 2: 'yes' in label column 'anomaly'"),
        (
            "time,y,anomaly\n2024-05-01,1,1\n2024-05-02,1,\n",
            "line 3: label column 'anomaly' is empty; expected 0",
        ),
        ("time,unit,y\n2024-05-01,,1\n", "line 2: series column 'unit' is empty; expected a name"),
        ("time,y\n2024-05-01,1\n,1\n", "line 3: column 'time' is empty"),
    ],
)
def test_what_a_table_cannot_be_is_said_in_a_line(text, message):
    assert message in refused(text)


def test_many_rows_out_of_order_are_no_clock_set_back():
    rows = [f"2024-05-01 10:00:{second:02}" for second in (1, 0, 3, 2, 5, 4)]
    assert "line 3: time 2024-05-01 10:00:00 is before" in refused("time,y\n" + ",1\n".join([*rows, ""]))


def test_a_column_of_words_called_label_is_no_label():
    readings = read("time,y,label\n2024-05-01,1,pump\n2024-05-02,2,pump\n")
    assert not readings.is_labelled
    assert "line 2: 'pump' in label column" in refused(
        "time,y,label\n2024-05-01,1,pump\n", label_column="label"
    )


def test_a_column_has_one_flag_and_labels_one_place(tmp_path):
    with pytest.raises(FlagError, match="--label-column x: the column is named by --time-column, too"):
        ReadingSource(time_column="x", label_column="x")
    with pytest.raises(FlagError, match=r"--windows .*: labels are in --label-column"):
        ReadingSource(label_column="x", windows=tmp_path)
