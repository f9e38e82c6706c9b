"""Pictures of forecasts are whole PNG files that show the given numbers at their times, in words that can be read."""

import datetime
import itertools
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num, num2date

from common.evaluation import forecast_plots
from common.evaluation.forecast_plots import (
    Run,
    plot_backtest,
    plot_coverage_by_step,
    plot_error_by_step,
    plot_fan,
    plot_pit,
    plot_skill_by_series,
)

pytestmark = pytest.mark.slow

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last figure that was drawn, and the figure."""
    figures = []
    monkeypatch.setattr(forecast_plots, "save_figure", lambda figure, path: figures.append(figure))

    def last():
        FigureCanvasAgg(figures[-1]).draw()
        return figures[-1].axes[0], figures[-1]

    return last


def fan(path, times, steps, **options):
    values = np.sin(np.arange(len(times)) / 5.0)
    median, truth = values[-steps:] + 0.1, values[-steps:]
    bands = {0.5: (median - 0.5, median + 0.5), 0.8: (median - 1, median + 1)}
    plot_fan(path, times[:-steps], values[:-steps], times[-steps:], median, bands, truth, **options)
    return values, median


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def test_the_forecast_stands_right_of_the_history(tmp_path, coloured, picture):
    times = pd.date_range("2014-01-01", periods=400, freq="h")
    fan(tmp_path / "fan.png", times, 100, title="$ and $", value="demand (MW)")
    pixels = picture(tmp_path / "fan.png")
    within = pixels[: int(0.85 * len(pixels))]
    median, truth = coloured(within, BLUE)[1], coloured(within, ORANGE)[1]
    assert len(median) > 100
    assert len(truth) > 100
    assert min(median.min(), truth.min()) > 0.7 * pixels.shape[1]


def test_a_fan_shows_the_given_numbers(tmp_path, drawn):
    times = pd.date_range("2014-01-01", periods=60, freq="D")
    values, median = fan(tmp_path, times, 20, value="demand (MW)")
    axes, figure = drawn()
    lines = lines_of(axes)
    np.testing.assert_array_equal(lines["history"].get_ydata(), values[:-20])
    np.testing.assert_array_equal(lines["median"].get_ydata(), median)
    np.testing.assert_array_equal(lines["what came"].get_ydata(), values[-20:])
    np.testing.assert_allclose(lines["median"].get_xdata(), date2num(times[-20:]))
    ends = {band.get_label(): band.get_paths()[0].vertices[:, 1] for band in axes.collections}
    assert list(ends) == ["80% interval", "50% interval"]
    for label, half in (("50% interval", 0.5), ("80% interval", 1)):
        assert ends[label].min() == pytest.approx(min(median) - half)
        assert ends[label].max() == pytest.approx(max(median) + half)
    assert axes.get_ylabel() == "demand (MW)"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["50% interval", "80% interval", "history", "median", "what came"]


@pytest.mark.parametrize(
    ("frequency", "periods"),
    [
        ("s", 90),
        ("10min", 10),
        ("30min", 500),
        ("h", 70),
        ("D", 10),
        ("D", 500),
        ("W", 70),
        ("MS", 40),
        ("YS", 250),
    ],
)
def test_dates_can_be_read_and_do_not_overlap(tmp_path, drawn, frequency, periods):
    times = pd.date_range("1999-12-27 21:00", periods=periods, freq=frequency, unit="s")
    fan(tmp_path, times, 5)
    axes, _ = drawn()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    low, high = axes.get_window_extent().x0 - 40, axes.get_window_extent().x1 + 40
    boxes = sorted((box for box in boxes if low <= box.x0 <= high), key=lambda box: box.x0)
    assert len(boxes) >= 2
    assert all(left.x1 + 2 < right.x0 for left, right in itertools.pairwise(boxes))


def test_times_of_a_zone_are_written_in_its_wall_time(tmp_path, drawn):
    zone = zoneinfo.ZoneInfo("Australia/Melbourne")
    # Clocks go back an hour on the 6th of April.
    times = pd.date_range("2014-04-03", "2014-04-09", freq="30min", tz=zone)
    fan(tmp_path, times, 96)
    axes, _ = drawn()
    ticks = [num2date(place, zone) for place in axes.get_xticks()]
    assert {(tick.hour, tick.minute) for tick in ticks} == {(0, 0)}
    assert "Australia/Melbourne" in axes.get_xlabel()
    median = lines_of(axes)["median"].get_xdata()
    np.testing.assert_allclose(np.diff(median), 1 / 48)


def test_python_and_numpy_times_are_taken_alike(tmp_path, drawn):
    start = datetime.datetime(2020, 1, 1)
    times = [start + datetime.timedelta(days=day) for day in range(30)]
    places = []
    for each in (times, np.array(times, "datetime64[s]")):
        fan(tmp_path, each, 5)
        places.append(lines_of(drawn()[0])["median"].get_xdata())
    np.testing.assert_array_equal(*places)


def test_one_step_without_a_title_is_seen(tmp_path, coloured, picture):
    fan(tmp_path / "fan.png", pd.date_range("2020-01-01", periods=20, freq="D"), 1)
    pixels = picture(tmp_path / "fan.png")
    for colour in (BLUE, ORANGE):
        assert (coloured(pixels[: int(0.85 * len(pixels))], colour)[1] > 0.9 * pixels.shape[1]).sum() > 10
    bluish = (pixels[..., 2] - pixels[..., 0] > 0.1)[: int(0.85 * len(pixels)), int(0.9 * pixels.shape[1]) :]
    assert bluish.sum() > 1000


def test_a_backtest_shows_every_forecast_over_what_came(tmp_path, drawn):
    times = pd.date_range("2014-01-01", periods=96, freq="h")
    truth = np.arange(96.0)
    truth[5:9] = np.nan
    medians = {start: truth[start : start + 24] + 3 for start in (24, 48, 72)}
    runs = [Run(times[start : start + 24], each, each - 2, each + 2) for start, each in medians.items()]
    plot_backtest(tmp_path, times, truth, runs, 0.8, "a backtest", "MW")
    axes, figure = drawn()
    curves = [line for line in axes.lines if len(line.get_xdata()) == 24]
    for line, (start, median) in zip(curves, medians.items(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), median)
        assert line.get_xdata()[0] == date2num(times[start])
    assert curves[0].get_color() != curves[1].get_color()
    np.testing.assert_array_equal(lines_of(axes)["what came"].get_ydata(), truth)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["80% interval", "first step of a forecast", "median", "what came"]
    assert (axes.get_title(), axes.get_ylabel()) == ("a backtest", "MW")


def test_errors_by_step_are_told_apart_by_more_than_colour(tmp_path, drawn):
    errors = {"model": [1, 2, 3], "naive": [3, 3, 3], "seasonal_naive": [2, 2, 2], "linear": [1, 2, 4]}
    plot_error_by_step(tmp_path, errors, "MW")
    axes, _ = drawn()
    lines = lines_of(axes)
    assert list(lines) == ["model", "naive", "seasonal naive", "linear"]
    for line, values in zip(lines.values(), errors.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    assert len({line.get_linestyle() for line in lines.values()}) == 4
    assert axes.get_ylabel() == "mean absolute error (MW)"


def test_coverage_stands_beside_what_was_promised(tmp_path, drawn):
    plot_coverage_by_step(tmp_path, {0.5: [0.4, 0.6, np.nan], 0.8: [0.7, 0.7, 0.7], 0.95: [np.nan] * 3})
    axes, figure = drawn()
    promised = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert promised == [0.95, 0.8, 0.5]
    assert axes.get_ylim()[0] == pytest.approx(0.3)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        "95% interval: nothing came",
        "80% interval: 70.0% on average",
        "50% interval: 50.0% on average",
    ]


def test_the_places_in_the_distribution_are_shares(tmp_path, drawn):
    counts = np.arange(20)
    plot_pit(tmp_path, counts)
    axes, _ = drawn()
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], counts / counts.sum())
    np.testing.assert_allclose([bar.get_x() for bar in axes.patches], np.arange(20) / 20)
    assert lines_of(axes)["calibrated"].get_ydata()[0] == 0.05


def test_skills_are_sorted_and_none_is_lost_in_silence(tmp_path, drawn):
    plot_skill_by_series(tmp_path, {"a": 0.1, "flat": np.nan, "b": 0.5, "c": -7.0}, "the last season")
    axes, _ = drawn()
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["c", "a", "b"]
    assert [bar.get_width() for bar in axes.patches] == [-1.0, 0.1, 0.5]
    assert {"-700%", "10%", "50%"} == {text.get_text() for text in axes.texts}
    assert axes.get_title() == "Better than the last season in 2 of 3 series\n(1 without a skill left out)"


def test_many_series_stay_one_page(tmp_path, picture):
    skills = {f"series {number}": number / 414 - 0.3 for number in range(414)}
    plot_skill_by_series(tmp_path / "skill.png", skills)
    assert max(picture(tmp_path / "skill.png").shape) < 1200


def test_nothing_measured_is_drawn_as_nothing(tmp_path, picture):
    plot_error_by_step(tmp_path / "error.png", {"model": [np.nan], "naive": [1.0]})
    plot_coverage_by_step(tmp_path / "coverage.png", {0.8: [np.nan]})
    plot_pit(tmp_path / "pit.png", [np.nan] * 20)
    plot_skill_by_series(tmp_path / "skill.png", {"a": np.nan})
    for path in tmp_path.glob("*.png"):
        picture(path)
