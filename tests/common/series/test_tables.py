"""Tables of every layout become the series they hold, told by pandas alone."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from common.errors import FlagError, UserError
from common.series.collection import Columns
from common.series.frequency import Frequency
from common.series.tables import SeriesSource, load, read_series, series_of
from common.text.tables import TableFormat

DAY = 86_400


def seconds(times):
    return np.asarray(pd.DatetimeIndex(times).as_unit("s").asi8)


def hours(count=48, columns=("load", "oil"), seed=0):
    values = np.random.default_rng(seed).normal(size=(count, len(columns)))
    index = pd.date_range("2016-07-01", periods=count, freq="h", name="date")
    return pd.DataFrame(values, index, list(columns))


def read(text, **flags):
    return read_series(io.StringIO(text), SeriesSource(**flags), "table.csv")


def test_a_wide_table_is_a_series_of_all_its_columns_of_numbers(tmp_path):
    frame = hours()
    frame.to_csv(tmp_path / "ett.csv")
    collection = read_series(tmp_path / "ett.csv", SeriesSource())
    assert collection.columns == Columns(("load", "oil"))
    assert collection.frequency == Frequency(3600)
    (series,) = collection.series
    assert series.name == ""
    np.testing.assert_array_equal(series.times, seconds(frame.index))
    np.testing.assert_array_equal(series.targets, frame.to_numpy(np.float32))
    assert series.times.dtype == np.int64
    assert series.past.shape == series.known.shape == (48, 0)


@pytest.mark.parametrize(
    "ending", [".csv", ".csv.gz", ".csv.xz", ".csv.bz2", ".csv.zip", ".tsv", ".txt", ".parquet"]
)
def test_every_kind_of_file_holds_the_same_series(ending, tmp_path):
    frame = hours()
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(sep="\t" if ending in (".tsv", ".txt") else ",").encode()
        packed = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zip": zipped}
        path.write_bytes(packed.get(path.suffix, bytes)(text))
    collection = read_series(path, SeriesSource())
    np.testing.assert_array_equal(collection.series[0].targets, frame.to_numpy(np.float32))
    np.testing.assert_array_equal(collection.series[0].times, seconds(frame.index))


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("table.csv", content)
    return file.getvalue()


@pytest.mark.parametrize("quoting", [0, 1])
def test_an_open_file_and_a_data_frame_hold_what_the_file_holds(quoting):
    frame = hours()
    text = frame.to_csv(quoting=quoting)
    for collection in (
        read(text),
        read_series(io.BytesIO(text.encode()), SeriesSource()),
        series_of(frame, SeriesSource()),
        series_of(frame.reset_index(), SeriesSource()),
        series_of(frame.to_period("h"), SeriesSource()),
    ):
        np.testing.assert_array_equal(collection.series[0].targets, frame.to_numpy(np.float32))
        np.testing.assert_array_equal(collection.series[0].times, seconds(frame.index))


def test_a_long_table_has_a_series_for_each_name():
    long = pd.DataFrame(
        {
            "unique_id": ["b"] * 4 + ["007"] * 3,
            "ds": [
                *pd.date_range("2020-01-31", periods=4, freq="ME"),
                *pd.date_range("2020-02-29", periods=3, freq="ME"),
            ],
            "y": np.arange(7.0),
        }
    )
    shuffled = long.sample(frac=1, random_state=3)
    for collection in (read(long.to_csv(index=False)), series_of(shuffled, SeriesSource())):
        by_name = {one.name: one for one in collection.series}
        assert by_name.keys() == {"b", "007"}
        assert collection.frequency == Frequency(1, "month")
        for name, rows in long.groupby("unique_id"):
            np.testing.assert_array_equal(by_name[name].targets[:, 0], rows["y"])
            np.testing.assert_array_equal(by_name[name].times, seconds(rows["ds"]))
    assert [one.name for one in read(long.to_csv(index=False)).series] == ["b", "007"]


def test_a_packed_table_has_all_values_of_a_series_in_a_cell():
    collection = read("series,values\nH1,605 586.5 nan 559\nH2,31 29\n", frequency="h")
    assert [one.name for one in collection.series] == ["H1", "H2"]
    np.testing.assert_array_equal(collection.series[0].targets[:, 0], [605, 586.5, np.nan, 559])
    np.testing.assert_array_equal(collection.series[1].times, [0, 3600])
    assert "no times in it: steps of 1 hour from 1970-01-01 on" in collection.describe()


def test_a_table_without_header_and_times_has_a_day_per_row_unless_a_step_is_given():
    text = "0.5,1.5,NaN\n0.25,,2\n"
    collection = read(text)
    assert collection.columns.targets == ("1", "2", "3")
    np.testing.assert_array_equal(collection.series[0].targets, [[0.5, 1.5, np.nan], [0.25, np.nan, 2]])
    np.testing.assert_array_equal(collection.series[0].times, [0, DAY])
    assert "steps of 1 day from 1970-01-01 on" in collection.describe()
    months = read(text, frequency="MS", target_columns=("2",))
    np.testing.assert_array_equal(months.series[0].times, seconds(["1970-01-01", "1970-02-01"]))
    np.testing.assert_array_equal(months.series[0].targets, [[1.5], [np.nan]])


def test_columns_have_the_roles_they_are_given_and_text_is_left_out_and_said():
    text = "time,demand,temperature,holiday,wind\n" + "".join(
        f"2020-01-0{day},{day * 10},{'' if day == 3 else day},{day % 2},{'NW' if day != 4 else ''}\n"
        for day in range(1, 7)
    )
    flags = {"target_columns": ("demand",), "past_columns": ("temperature",), "known_columns": ("holiday",)}
    collection = read(text, **flags)
    assert collection.columns == Columns(("demand",), ("temperature",), ("holiday",))
    (series,) = collection.series
    np.testing.assert_array_equal(series.past[:, 0], [1, 2, np.nan, 4, 5, 6])
    np.testing.assert_array_equal(series.known[:, 0], [1, 0, 1, 0, 1, 0])
    rest = read(text, known_columns=("holiday",))
    assert rest.columns == Columns(("demand", "temperature"), (), ("holiday",))
    assert "no numbers in column wind: it is not used" in rest.describe()


def test_true_and_false_are_one_and_zero():
    rows = zip(["2020-01-01", "2020-01-02", "2020-01-03"], ["True", "", "False"], strict=True)
    collection = read("date,open,y\n" + "".join(f"{day},{one},{len(one)}\n" for day, one in rows))
    np.testing.assert_array_equal(collection.series[0].targets, [[1, 4], [np.nan, 0], [0, 5]])
    frame = pd.DataFrame({"y": [1.5, 2.5], "open": [True, False]})
    np.testing.assert_array_equal(series_of(frame, SeriesSource()).series[0].targets, [[1.5, 1], [2.5, 0]])


def test_the_time_is_found_by_its_name_or_by_how_it_looks():
    assert read("day,ds,y\n2021-01-01,2020-01-01,1\n2021-01-02,2020-01-02,2\n").series[0].times[0] == seconds(
        ["2020-01-01"]
    )
    assert read("y,when\n1,2020-01-01\n2,2020-01-02\n").series[0].times[0] == seconds(["2020-01-01"])
    named = read("ds,day,y\n2020-01-01,2021-01-01,1\n2020-01-02,2021-01-02,2\n", time_column="day")
    assert named.series[0].times[0] == seconds(["2021-01-01"])
    assert named.columns.targets == ("y",)


def test_an_index_that_pandas_wrote_is_no_target():
    frame = hours(5).reset_index()
    assert read(frame.to_csv()).columns.targets == ("load", "oil")
    unnamed = hours(5).rename_axis(None)
    collection = read(unnamed.to_csv())
    assert collection.columns.targets == ("load", "oil")
    np.testing.assert_array_equal(collection.series[0].times, seconds(unnamed.index))


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_other_delimiters_are_given_or_seen_in_a_text_file(delimiter, tmp_path):
    frame = hours(5).rename(lambda time: time.isoformat())
    text = frame.rename_axis("date").to_csv(sep=delimiter)
    (tmp_path / "table.txt").write_text(text)
    (tmp_path / "table.csv").write_text(text)
    for name, form in (("table.txt", TableFormat()), ("table.csv", TableFormat(delimiter))):
        collection = read_series(tmp_path / name, SeriesSource(table=form))
        np.testing.assert_array_equal(collection.series[0].targets, frame.to_numpy(np.float32))


def test_a_file_is_read_in_its_encoding(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("Datum;Außen\n2020-01-01;1\n2020-01-02;2\n".encode("cp1252"))
    collection = read_series(path, SeriesSource(table=TableFormat(";", "cp1252")))
    assert collection.columns.targets == ("Außen",)
    with pytest.raises(
        UserError, match=r"table\.csv, line 1: byte 0xdf is not valid utf-8; give the file's own --encoding"
    ):
        read_series(path, SeriesSource(table=TableFormat(";")))


def test_rows_that_cannot_be_read_become_gaps_and_are_counted_unless_strict():
    text = "date,y\n2020-01-01,1\n2020-01-02\n2020-01-03,3,3\n2020-01-04,4\n\n2020-01-05,5\n"
    collection = read(text)
    np.testing.assert_array_equal(collection.series[0].targets[:, 0], [1, np.nan, np.nan, 4, 5])
    assert sum(collection.left_out.values()) == 2
    assert "line 3" in collection.describe()
    with pytest.raises(UserError, match=r"^table\.csv, line 3: 1 fields; expected 2 as in the first line$"):
        read(text, table=TableFormat(strict=True))


def test_a_hundred_thousand_rows_are_read_exactly():
    frame = hours(100_000, ("a", "b", "c"))
    collection = read(frame.to_csv())
    np.testing.assert_array_equal(collection.series[0].targets, frame.to_numpy(np.float32))


def test_data_is_the_sample_or_a_file(tmp_path):
    made = series_of(hours(), SeriesSource(), "sample")
    assert load(SeriesSource(), lambda: made) is made
    hours().to_csv(tmp_path / "own.csv")
    assert len(load(SeriesSource(data=str(tmp_path / "own.csv")), lambda: made)) == 48
    with pytest.raises(UserError, match=r"^--data absent\.csv: no such file or folder; expected a \.csv, "):
        load(SeriesSource(data="absent.csv"), lambda: made)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"frequency": "fortnight"},
            "--frequency fortnight: no step of that name; expected a step such as s, 30min",
        ),
        (
            {"time_zone": "Melbourne"},
            "--time-zone Melbourne: no zone of that name; did you mean Australia/Melbourne?",
        ),
        (
            {"holidays": "AU-VIX"},
            "--holidays AU-VIX: no holidays of that code are known; did you mean AU-VIC or",
        ),
        (
            {"target_columns": ("y",), "known_columns": ("y",)},
            "--known-columns y: the column is named by --target-columns, too; expected it once",
        ),
    ],
)
def test_a_flag_that_cannot_be_is_refused_before_anything_is_read(flags, message):
    with pytest.raises(FlagError) as error:
        SeriesSource(**flags)
    assert str(error.value).startswith(message)
