"""What a table of series cannot be is said in one line: the file, its row, and what was expected."""

import io
import re

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.series.tables import SeriesSource, read_series, series_of

MELBOURNE = "Australia/Melbourne"


def read(text, **flags):
    return read_series(io.StringIO(text), SeriesSource(**flags), "table.csv")


def table(times, values=None, header="date,y"):
    values = range(len(times)) if values is None else values
    return "\n".join([header, *(f"{time},{value}" for time, value in zip(times, values, strict=True))]) + "\n"


def refused(text, **flags):
    with pytest.raises(UserError) as error:
        read(text, **flags)
    message = str(error.value)
    assert "\n" not in message
    return message


def days(count, start="2020-01-01"):
    return pd.date_range(start, periods=count).strftime("%Y-%m-%d").tolist()


def test_a_time_that_is_twice_in_a_series_is_refused_with_both_rows():
    message = refused(table(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-02"]))
    assert message == (
        "table.csv, line 5: time 2020-01-02 is in line 3 already; expected one row for each time, or a --series-column"
    )
    long = (
        "unique_id,ds,y\na,2020-01-01,1\nb,2020-01-01,1\nb,2020-01-02,1\na,2020-01-02,1\n\na,2020-01-01,3\n"
    )
    assert refused(long) == (
        "table.csv, line 7: time 2020-01-01 of series 'a' is in line 2 already; expected one row for each time"
    )


def test_rows_in_any_order_are_sorted():
    texts = days(40, "2020-01-20")
    order = np.random.default_rng(1).permutation(40)
    collection = read(table([texts[row] for row in order], order))
    np.testing.assert_array_equal(collection.series[0].targets[:, 0], np.arange(40))


def test_dates_that_are_in_order_only_with_day_and_month_swapped_are_asked_for():
    swapped = [f"2020-{day:02}-{month:02}" for month in (1, 2) for day in range(1, 13)]
    message = refused(table(swapped))
    assert message == (
        "table.csv, line 14: 2020-01-02 is before the row above it, unless day and month change places; "
        "give --time-format, such as %Y-%d-%m or %d/%m/%Y"
    )
    with pytest.raises(UserError, match=r"^table\.csv: 313 of 337 steps of 1 day have no row"):
        read(table(swapped), time_format="%Y-%m-%d")
    read(table([f"2020-{day:02}-01" for day in range(1, 13)]), time_format="%Y-%d-%m")


def test_dates_that_a_program_swapped_where_it_could_are_found():
    real = pd.date_range("2020-01-01", periods=60)
    written = [f"{day:%Y-%d-%m}" if day.day <= 12 else f"{day:%Y-%m-%d}" for day in real]
    assert re.match(r"table\.csv, line \d+: .* unless day and month change places", refused(table(written)))


def test_day_and_month_that_may_be_either_are_asked_for():
    either = ["01/02/2020", "02/02/2020", "03/02/2020"]
    assert refused(table(either)) == (
        "table.csv, line 2: '01/02/2020' may begin with the day or with the month; "
        "give --time-format: %d/%m/%Y or %m/%d/%Y"
    )
    by_day = read(table(either), time_format="%d/%m/%Y")
    assert by_day.frequency.name == "1 day"
    assert read(table(either), time_format="%m/%d/%Y").frequency.name == "1 month"


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y", "%m/%d/%Y", "%m/%d/%y %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y", "%m/%d/%Y %I:%M %p"]
)
def test_day_and_month_are_told_apart_where_a_day_is_over_twelve(form):
    real = pd.date_range("2020-01-01", periods=40, freq="D" if "H" not in form and "I" not in form else "13h")
    collection = read(table(real.strftime(form)))
    np.testing.assert_array_equal(collection.series[0].times, real.as_unit("s").asi8)


def test_mixed_forms_of_dates_are_refused():
    mixed = ["13/01/2020", "14/01/2020", "01/15/2020"]
    assert refused(table(mixed)) == (
        "table.csv, line 4: '13/01/2020' (line 2) begins with the day, '01/15/2020' (line 4) with the month; "
        "expected one form, named by --time-format"
    )
    assert refused(table([*days(3), "Jan 4 2020"])).startswith(
        "table.csv, line 5: column 'date' has 'Jan 4 2020', which is no time in the form of '2020-01-01'; "
    )
    assert refused(table([*days(3), "", *days(2, "2020-01-05")])).startswith(
        "table.csv, line 5: column 'date' is empty"
    )


def test_times_with_and_without_an_offset_are_not_mixed():
    times = ["2020-01-01T00:00:00+01:00", "2020-01-01T01:00:00", "2020-01-01T02:00:00+01:00"]
    assert refused(table(times)) == (
        "table.csv, line 3: '2020-01-01T01:00:00' (line 3) has no offset, but '2020-01-01T00:00:00+01:00' (line 2) "
        "has one; expected all times alike"
    )


def test_offsets_that_change_need_the_zone_whose_hours_count():
    berlin = pd.date_range("2020-03-28", periods=48, freq="h", tz="Europe/Berlin")
    times = [time.isoformat() for time in berlin]
    assert refused(table(times)) == (
        "table.csv, line 28: offset +02:00, but +01:00 in line 2; give --time-zone, the zone whose hours count"
    )
    collection = read(table(times), time_zone="Europe/Berlin")
    np.testing.assert_array_equal(collection.series[0].times, berlin.as_unit("s").asi8)


def test_local_hours_that_daylight_saving_time_doubles_or_skips_are_refused():
    doubled = pd.date_range("2012-03-31 20:00", periods=12, freq="h").strftime("%Y-%m-%d %H:%M")
    advice = "for daylight saving time changes; give times with offsets, or in UTC with --utc"
    assert refused(table(doubled), time_zone=MELBOURNE) == (
        f"table.csv, line 8: 2012-04-01 02:00:00 is there twice in {MELBOURNE}, {advice}"
    )
    skipped = pd.date_range("2012-10-06 20:00", periods=12, freq="h").strftime("%Y-%m-%d %H:%M")
    assert refused(table(skipped), time_zone=MELBOURNE) == (
        f"table.csv, line 8: 2012-10-07 02:00:00 does not exist in {MELBOURNE}, {advice}"
    )
    for times in (doubled, skipped):
        assert len(read(table(times), time_zone=MELBOURNE, utc=True)) == len(read(table(times))) == 12


def test_a_target_that_is_no_number_is_refused_with_its_first_cell():
    assert refused(table(days(5), [1, 2, "?", 4, "?"])) == (
        "table.csv, line 4: '?' in target column 'y' is no number; expected numbers, and empty cells for missing values"
    )
    assert refused(table(days(3), ['"1,5"', '"2,5"', '"3,5"']), target_columns=("y",)) == (
        "table.csv, line 2: '1,5' in target column 'y' is no number; expected a decimal point and no comma"
    )
    assert refused("series,values\na,1 2 3\nb,4 x 6\n").startswith(
        "table.csv, line 3: 'x' in target column 'values' is"
    )
    assert refused(table(days(3), ["NW", "N", "S"])) == (
        "table.csv: no column of numbers to forecast; the columns are 'date', 'y'"
    )


def test_a_decimal_comma_is_told_though_no_column_is_named():
    text = "date;y\n" + "".join(f"{day};{number},5\n" for number, day in enumerate(days(5)))
    assert refused(text) == (
        "table.csv, line 2: '0,5' in target column 'y' is no number; expected a decimal point and no comma"
    )


def test_a_target_without_any_number_is_refused():
    assert refused(table(days(3), ["", "NaN", ""])) == (
        "table.csv: target 'y' has no number; expected values to learn from"
    )
    assert refused("series,values\na,1 2 3\nb,\n") == (
        "table.csv, line 3: target column 'values' is empty; expected numbers with blanks between"
    )


def test_steps_that_would_fill_the_memory_are_refused_before():
    times = ["2020-01-01 00:00:00", "2020-01-01 00:00:01", "2520-01-01 00:00:00"]
    assert " steps of 1 second have no row; expected half of them at least" in refused(table(times))


def test_a_covariate_of_text_is_refused():
    text = "date,y,wind\n2020-01-01,1,\n2020-01-02,2,NW\n"
    for flag in ("past_columns", "known_columns"):
        assert refused(text, **{flag: ("wind",)}) == (
            f"table.csv, line 3: --{flag.replace('_', '-')} wind is text ('NW'); expected numbers, such as a column of "
            "0 and 1 for each of its values"
        )


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e39"])
def test_infinite_values_are_refused(value):
    message = refused(table(days(5), [1, 2, value, 4, 5]))
    assert message.startswith("table.csv, line 4: ")
    assert message.endswith(
        "in target column 'y' is infinite, or too large for a float32; leave the cells of missing values empty"
    )
    assert refused(f"series,values\na,1 2\nb,3 {value}\n").startswith("table.csv, line 3: ")


def test_a_series_that_never_changes_is_warned_of(capsys):
    read(
        "unique_id,ds,y\n"
        + "".join(f"{name},{day},{value}\n" for name, value in (("a", 5), ("b", "")) for day in days(3))
    )
    assert capsys.readouterr().err == (
        "warning: table.csv: 'y' of series 'a', 'y' of series 'b' never changes: there is nothing to learn from it\n"
    )
    read(table(days(3)))
    assert capsys.readouterr().err == ""


def test_a_known_column_that_is_the_target_is_refused():
    rows = "".join(
        f"{day},{value},{'' if value == 2 else value},{7 * value}\n" for value, day in enumerate(days(6))
    )
    text = f"date,y,plan,price\n{rows}"
    flags = {"target_columns": ("y",), "known_columns": ("price", "plan")}
    assert refused(text, **flags) == (
        "table.csv: known column 'plan' is the same as target 'y': it would tell what is to be forecast; "
        "expected what is known before"
    )
    assert read(
        text, target_columns=("y",), past_columns=("plan",), known_columns=("price",)
    ).columns.past == ("plan",)


@pytest.mark.parametrize(
    ("first", "second", "words"), [("h", "D", "1 hour to 1 day"), ("D", "h", "1 day to 1 hour")]
)
def test_a_step_that_changes_midway_is_refused_with_its_row(first, second, words):
    head = pd.date_range("2020-01-01", periods=30, freq=first)
    tail = pd.date_range(head[-1], periods=31, freq=second)[1:]
    text = table([*head.strftime("%Y-%m-%d %H:%M"), *tail.strftime("%Y-%m-%d %H:%M")])
    assert refused(text) == (
        f"table.csv, line 32: the step changes here, from {words}; expected one step, or a longer one by --frequency"
    )
    assert read(text, frequency="D").frequency.name == "1 day"


def test_a_table_with_few_of_its_steps_is_refused():
    rows = [*days(5), *days(2, "2020-02-01")]
    assert refused(table(rows)) == (
        "table.csv: 26 of 33 steps of 1 day have no row; expected half of them at least: give a longer --frequency"
    )
    assert refused(table(days(10)), frequency="h").startswith(
        "table.csv: 207 of 217 steps of 1 hour have no row"
    )


def test_a_column_that_is_not_there_is_refused_with_those_that_are():
    text = table(days(3), header="Date,Sales")
    assert refused(text, target_columns=("sales",)) == (
        "table.csv: no column 'sales' for --target-columns; the columns are 'Date', 'Sales'; did you mean \"Sales\"?"
    )
    for flag in ("time_column", "series_column"):
        assert refused(text, **{flag: "x"}).startswith(
            f"table.csv: no column 'x' for --{flag.replace('_', '-')}; the"
        )


def test_another_delimiter_is_told(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("Date;Sales\n2020-01-01;1\n2020-01-02;2\n")
    for flags in ({"target_columns": ("Sales",)}, {}):
        with pytest.raises(UserError, match=r"; a semicolon stands between them: give --delimiter ';'$"):
            read_series(path, SeriesSource(**flags))


def test_series_without_a_name_or_with_two_packed_rows_are_refused():
    assert refused("unique_id,ds,y\na,2020-01-01,1\n,2020-01-02,2\n") == (
        "table.csv, line 3: series column 'unique_id' is empty; expected a name"
    )
    assert refused("series,values\na,1 2\nb,3 4\na,5 6\n") == (
        "table.csv, line 4: series 'a' is in line 2 already; expected a row for each series"
    )
    assert refused("series,values,price\na,1 2,1 2\nb,3 4,5\n", known_columns=("price",)) == (
        "table.csv, line 3: 1 numbers in 'price', but 2 in 'values'; expected as many"
    )


def test_steps_that_cannot_be_told_are_asked_for():
    assert (
        refused(table(["2020-01-01"])) == "table.csv: no two times in a series; give the step by --frequency"
    )
    assert len(read(table(["2020-01-01"]), frequency="D")) == 1
    tenths = pd.date_range("2020-01-01", periods=30, freq="100ms").strftime("%Y-%m-%dT%H:%M:%S.%f")
    assert refused(table(tenths)).startswith("table.csv: steps of 0.1 seconds; expected a second or longer")
    assert len(read(table(tenths), frequency="s")) == 3


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "the file is empty; expected a table"),
        (b"date,y\n", "a.csv", "no rows below the header"),
        (
            b"2020-01-01,5\n2020-01-02,6\n",
            "a.csv",
            "'2020-01-01' among the names of columns; expected a header line",
        ),
        (b"date,y,y\n2020-01-01,5,5\n", "a.csv", "two columns are called 'y'; expected different names"),
        ("date,y\n2020-01-01,5\n".encode("utf-16"), "a.csv", "give --encoding utf-16"),
        (b"date,y\n", "a.xlsx", "unknown kind of file; expected a .csv, .tsv or .txt"),
        (b"no", "a.csv.gz", "not a whole .gz file"),
        (b"no", "a.csv.xz", "not a whole .xz file"),
        (b"no", "a.csv.bz2", "not a whole .bz2 file"),
        (b"no", "a.csv.zip", "not a whole .zip file"),
        (b"no", "a.parquet", "not a whole Parquet file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(content, name, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_series(path, SeriesSource())
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for name in ("absent.csv", "absent.parquet", "absent.csv.xz"):
        with pytest.raises(UserError, match=r"no such file; expected a \.csv, "):
            read_series(tmp_path / name, SeriesSource())


def test_rows_of_a_data_frame_count_from_one():
    frame = pd.DataFrame(
        {"ds": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"]), "y": [1.0, 2, 3]}, index=[7, 8, 9]
    )
    with pytest.raises(UserError, match=r"^sales, row 3: time 2020-01-01 00:00:00 is in row 1 already; "):
        series_of(frame, SeriesSource(), "sales")
    frame["ds"] = [pd.Timestamp("2020-01-01"), pd.NaT, pd.Timestamp("2020-01-02")]
    with pytest.raises(UserError, match=r"^sales, row 2: column 'ds' is empty"):
        series_of(frame, SeriesSource(), "sales")
