"""A table gives a table of dated quantiles, from a file, standard input or Python; a mistake gets one clear line."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from applications import load
from common.errors import UserError

LOOKBACK, HORIZON, HOUR = 24, 8, 3600


@pytest.fixture
def history(made):
    return made.case.history()


def both(made):
    """Both shops, with prices of the hours ahead."""
    table = made.case.table()
    times = table["time"].unique()[-HORIZON:]
    table.loc[table["time"].isin(times), ["sales", "rain"]] = np.nan
    return table, times


def test_a_data_frame_gives_a_data_frame_of_what_the_model_answers(exported, made, runner):
    forecast, (table, times) = load("forecasting", exported.parent), both(made)
    answer = forecast(table, coverage=0.5)
    assert list(answer) == ["time", "series", "target", "median", "lower", "upper"]
    assert answer["series"].tolist() == ["north"] * HORIZON + ["south"] * HORIZON
    assert answer["time"].tolist() == [*pd.to_datetime(times)] * 2
    assert set(answer["target"]) == {"sales"}
    shops = [table[table["shop"] == name].tail(LOOKBACK + HORIZON) for name in ("north", "south")]
    inputs = {
        "values": np.stack([shop[["sales"]].to_numpy(np.float32)[:LOOKBACK] for shop in shops]),
        "past": np.stack([shop[["rain"]].to_numpy(np.float32)[:LOOKBACK] for shop in shops]),
        "known": np.stack([shop[["price"]].to_numpy(np.float32) for shop in shops]),
        "time": np.stack(
            [shop["time"].to_numpy()[:LOOKBACK].astype("datetime64[s]").astype(np.int64) for shop in shops]
        ),
        "series": np.array(["north", "south"]),
    }
    ends = runner.run("interval", **inputs, coverage=np.full(2, 0.5, np.float32))
    median = runner.run("serving_default", **inputs)["median"]
    for name, values in (("median", median), ("lower", ends["lower"]), ("upper", ends["upper"])):
        np.testing.assert_allclose(answer[name], values.reshape(-1), rtol=1e-4)


def test_the_first_steps_of_a_forecast_are_the_same_at_any_horizon(predictor, history):
    whole, some = predictor(history), predictor(history, horizon=3)
    assert len(some) == 3
    np.testing.assert_allclose(some["median"], whole["median"][:3], rtol=0.2)
    assert some["time"].tolist() == whole["time"][:3].tolist()


def test_a_path_a_data_frame_and_standard_input_give_the_same(script, history, tmp_path):
    path, output = tmp_path / "history.csv", tmp_path / "forecast.csv"
    history.to_csv(path, index=False)
    by_path, by_input = script("--input", path), script(data=path.read_bytes())
    assert (by_path.status, by_path.err) == (0, "")
    assert by_input == by_path
    lines = by_path.out.splitlines()
    assert len(lines) == HORIZON
    assert script("--input", path, "--output", output).status == 0
    rows = list(csv.DictReader(io.StringIO(output.read_text("utf-8"))))
    for line, row in zip(lines, rows, strict=True):
        interval = f"{float(row['lower']):g} to {float(row['upper']):g}"
        named = f"{row['series']}\t{row['target']}"
        assert line == f"{row['time']}\t{float(row['median']):g}\t{interval}\t{named}"


def test_a_wider_coverage_gives_wider_intervals(predictor, history):
    widths = [
        (answer["upper"] - answer["lower"]).to_numpy()
        for answer in (predictor(history, coverage=share) for share in (0.5, 0.8, 0.99))
    ]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()


def test_a_chart_is_a_png_and_one_each_of_several_series(script, made, history, tmp_path):
    history.to_csv(tmp_path / "one.csv", index=False)
    both(made)[0].to_csv(tmp_path / "both.csv", index=False)
    for name in ("one", "both"):
        chart = tmp_path / f"{name}.png"
        assert script("--input", tmp_path / f"{name}.csv", "--chart", chart).err == ""
    pictures = sorted(tmp_path.glob("*.png"))
    assert [picture.name for picture in pictures] == ["both_1.png", "both_2.png", "one.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_a_request_of_a_table_is_answered_as_predict_does(predictor, runner, history):
    row = {name: np.array([value]) for name, value in predictor.request(history).items()}
    median = runner.run("serving_default", **row)["median"]
    np.testing.assert_allclose(predictor(history)["median"], median.reshape(-1), rtol=1e-4)


def test_a_shorter_history_and_an_unknown_series_are_answered(predictor, history):
    shorter = history.tail(24 + HORIZON).assign(shop="elsewhere")
    answer = predictor(shorter)
    assert np.isfinite(answer["median"]).all()
    assert set(answer["series"]) == {"elsewhere"}


# --- mistakes


def test_a_horizon_beyond_the_trained_one_is_refused(script, history):
    status, out, err = script("--horizon", "9", data=history.to_csv(index=False).encode())
    assert (status, out) == (2, "")
    assert err == "error: --horizon 9: expected from 1 to 8, for which the model was trained\n"


def test_the_first_time_at_which_a_known_column_lacks_is_named(script, history):
    problem = (
        "error: standard input, series 'north': price not known at 2024-03-13 {}; expected a row for each"
    )
    for frame, time in ((history.iloc[:-3], "21:00:00"), (history.iloc[:-8], "16:00:00")):
        status, out, err = script(data=frame.to_csv(index=False).encode())
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(problem.format(time))
    hole = history.assign(price=history["price"].where(history.index != len(history) - 5))
    status, _, err = script(data=hole.to_csv(index=False).encode())
    assert status == 1
    assert err.startswith(problem.format("19:00:00"))


def test_another_step_than_that_of_the_training_is_refused(script, history):
    other = history.assign(time=pd.date_range("2024-03-04", periods=len(history), freq="D"))
    status, out, err = script(data=other.to_csv(index=False).encode())
    assert (status, out) == (1, "")
    assert err == ("error: standard input: steps of 1 day; expected 1 hour, as the model was trained on\n")


def test_a_series_that_is_too_short_or_empty_is_named(predictor, history):
    with pytest.raises(
        UserError, match="'north': values: too short a history; expected values over 24 steps"
    ):
        predictor(history.tail(10 + HORIZON))
    with pytest.raises(UserError, match=r"no target has a value|has no number"):
        predictor(history.assign(sales=np.nan))


@pytest.mark.parametrize("data", [[1.0, 2.0], pd.Series([1.0, 2.0])])
def test_what_is_no_table_is_refused_in_one_line(predictor, data):
    with pytest.raises(UserError, match=r"^data: got (list|Series); expected a data frame, or the path"):
        predictor(data)


def test_a_chart_by_another_name_is_refused(script):
    assert script("--chart", "chart.pdf") == (
        2,
        "",
        "error: --chart chart.pdf: expected a name that ends in .png\n",
    )
