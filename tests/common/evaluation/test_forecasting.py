"""The figures of forecasts are what their definitions say, counted value by value, however windows come in chunks."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from common.evaluation.forecasting import ForecastErrors, skill, verdict

LEVELS = (0.025, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.975)
SERIES = ["a", "b", "c"]
DEVIATIONS = [[2.0, 3.0], [0.5, 0.0], [1.0, 4.0]]
SCALES = [[1.5, 0.0], [np.nan, 2.0], [0.7, 3.0]]
WINDOWS, HORIZON, TARGETS = 40, 5, 2


@pytest.fixture
def windows():
    generator = np.random.default_rng(3)
    series = generator.integers(0, len(SERIES), WINDOWS)
    truth = generator.normal(10, 5, (WINDOWS, HORIZON, TARGETS))
    truth[generator.random(truth.shape) < 0.2] = np.nan
    quantiles = np.sort(generator.normal(10, 5, (*truth.shape, len(LEVELS))), axis=-1)
    quantiles[3, 1] = np.nan
    return series, truth, quantiles


def figures_of(windows, horizons=(2, 5, 96), chunk=WINDOWS, levels=LEVELS):
    errors = ForecastErrors(SERIES, HORIZON, DEVIATIONS, SCALES, levels)
    for start in range(0, WINDOWS, chunk):
        errors.add(*(each[start : start + chunk] for each in windows))
    return errors.metrics(horizons)


def values_of(series, truth, quantiles, steps=range(HORIZON), only=None):
    """Every value that counts: its series, target, truth and quantiles."""
    for window, step, target in itertools.product(range(WINDOWS), steps, range(TARGETS)):
        value, forecast = truth[window, step, target], quantiles[window, step, target]
        if not (math.isnan(value) or np.isnan(forecast).any() or only not in (None, series[window])):
            yield series[window], target, value, forecast


def by_series_and_target(values, of):
    grouped = {}
    for series, target, value, forecast in values:
        grouped.setdefault((series, target), []).append(of(value, forecast[4]))
    return {key: np.mean(each) for key, each in grouped.items()}


def mase_of(values):
    errors = by_series_and_target(values, lambda value, median: abs(value - median))
    return np.mean(
        [error / SCALES[row][target] for (row, target), error in errors.items() if SCALES[row][target] > 0]
    )


def expected(values):
    truth, quantiles = np.array([one[2] for one in values]), np.array([one[3] for one in values])
    # The mean by the trapezoidal rule on a quantile function that is constant beyond the outermost.
    ends = np.concatenate([quantiles[:, :1], quantiles, quantiles[:, -1:]], axis=1)
    means = np.trapezoid(ends, np.array([0, *LEVELS, 1]), axis=1)
    deviations = np.array([DEVIATIONS[one[0]][one[1]] for one in values])
    usable = deviations > 0
    pinball = [mean_pinball_loss(truth, quantiles[:, k], alpha=level) for k, level in enumerate(LEVELS)]
    percents = by_series_and_target(values, lambda a, f: 200 * abs(a - f) / (abs(a) + abs(f)))
    wanted = {
        "values": len(truth),
        "mae": mean_absolute_error(truth, quantiles[:, 4]),
        "mse": mean_squared_error(truth, means),
        "mae_z": np.mean(np.abs(truth - quantiles[:, 4])[usable] / deviations[usable]),
        "mse_z": np.mean((truth - means)[usable] ** 2 / deviations[usable] ** 2),
        "mase": mase_of(values),
        "smape": np.mean(list(percents.values())),
        "crps": np.mean(2 * np.array(pinball)),
        "weighted_quantile_loss": np.mean(2 * np.array(pinball)) * len(truth) / np.abs(truth).sum(),
    }
    for coverage, low, high in ((50, 2, 6), (80, 1, 7), (95, 0, 8)):
        lower, upper = quantiles[:, low], quantiles[:, high]
        wanted[f"coverage_{coverage}"] = np.mean((lower <= truth) & (truth <= upper))
        wanted[f"width_{coverage}"] = np.mean(upper - lower)
    return wanted


def test_every_figure_is_its_definition_overall_and_up_to_each_horizon(windows):
    figures = figures_of(windows)
    for found, steps in (
        (figures, range(5)),
        (figures["by_horizon"]["2"], range(2)),
        (figures["by_horizon"]["5"], range(5)),
    ):
        wanted = expected(list(values_of(*windows, steps)))
        assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    assert list(figures["by_horizon"]) == ["2", "5"]
    assert figures["without_scale"] == 2
    assert figures["without_deviation"] == 1
    assert figures["unanswered"] == np.count_nonzero(~np.isnan(windows[1][3, 1])) == 2


def test_figures_by_step_are_those_of_the_step_alone(windows):
    by_step = figures_of(windows)["by_step"]
    for step in range(HORIZON):
        wanted = expected(list(values_of(*windows, [step])))
        assert {name: by_step[name][step] for name in wanted} == pytest.approx(wanted)


def test_figures_by_series_are_those_of_the_series_alone(windows):
    by_series = figures_of(windows)["by_series"]
    for row, name in enumerate(SERIES):
        wanted = expected(list(values_of(*windows, only=row)))
        for figure in ("values", "mae", "mase", "smape", "coverage_80"):
            assert by_series[name][figure] == pytest.approx(wanted[figure])


def flat(table, *path):
    """All numbers of nested tables and lists, by where they stand."""
    if not isinstance(table, dict | list):
        return {path: table}
    items = table.items() if isinstance(table, dict) else enumerate(table)
    return {place: number for key, each in items for place, number in flat(each, *path, key).items()}


@pytest.mark.parametrize("chunk", [1, 7])
def test_chunks_change_nothing(windows, chunk):
    assert flat(figures_of(windows, chunk=chunk)) == pytest.approx(flat(figures_of(windows)))


def test_points_are_measured_like_distributions_all_in_one_place(windows):
    series, truth, quantiles = windows
    points = quantiles[..., 4]
    figures = figures_of((series, truth, points), levels=())
    repeated = figures_of((series, truth, np.repeat(points[..., None], len(LEVELS), axis=-1)))
    shared = set(figures) - {"by_horizon", "by_step", "by_series"}
    assert {name: figures[name] for name in shared} == pytest.approx(
        {name: repeated[name] for name in shared}
    )
    assert figures["crps"] == pytest.approx(figures["mae"])
    assert not any(name.startswith(("coverage", "width", "pit")) for name in figures)


def test_mase_and_smape_of_a_case_by_hand():
    errors = ForecastErrors(["long", "short", "flat"], 2, np.ones((3, 1)), [[2.0], [10.0], [0.0]])
    errors.add([0, 0, 1, 2], [[[4], [6]], [[8], [10]], [[20], [0]], [[5], [5]]], [[[2], [6]]] * 4)
    figures = errors.metrics()
    # Series "long": errors 2, 0, 6, 4 over 2; "short": 18, 6 over 10; "flat" has no scale.
    assert figures["mase"] == pytest.approx((3 / 2 + 12 / 10) / 2)
    long = np.mean([400 / 6, 0, 1200 / 10, 800 / 16])
    short, flat = np.mean([3600 / 22, 1200 / 6]), np.mean([600 / 7, 200 / 11])
    assert figures["smape"] == pytest.approx(np.mean([long, short, flat]))
    assert figures["without_scale"] == 1
    assert math.isnan(figures["by_series"]["flat"]["mase"])


def test_a_zero_forecast_as_zero_is_right():
    errors = ForecastErrors(["rain"], 1, [[1.0]], [[1.0]])
    errors.add([0], [[[0.0]]], [[[0.0]]])
    figures = errors.metrics()
    assert figures["smape"] == figures["mae"] == 0
    assert math.isnan(figures["weighted_quantile_loss"])


def test_no_values_have_no_figures():
    errors = ForecastErrors(SERIES, HORIZON, DEVIATIONS, SCALES, LEVELS)
    errors.add([], np.zeros((0, 5, 2)), np.zeros((0, 5, 2, 9)))
    errors.add([1], np.full((1, 5, 2), np.nan), np.zeros((1, 5, 2, 9)))
    figures = errors.metrics([2])
    assert figures["values"] == figures["by_horizon"]["2"]["values"] == 0
    assert all(math.isnan(figures[name]) for name in ("mae", "mse_z", "mase", "crps", "coverage_80"))


def test_a_calibrated_forecast_covers_what_it_says():
    generator = np.random.default_rng(0)
    normal = [NormalDist().inv_cdf(level) for level in LEVELS]
    errors = ForecastErrors(["a"], 1, [[1.0]], [[1.0]], LEVELS)
    truth = generator.normal(size=(100_000, 1, 1))
    errors.add(np.zeros(len(truth), int), truth, np.broadcast_to(normal, (*truth.shape, len(LEVELS))))
    figures = errors.metrics()
    for coverage in (50, 80, 95):
        assert figures[f"coverage_{coverage}"] == pytest.approx(coverage / 100, abs=0.006)
    shares = np.cumsum([0, *figures["pit"]])
    for level in (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9):
        assert shares[round(20 * level)] == pytest.approx(level, abs=0.006)
    # The pinball loss of the right quantile of a normal distribution is its density there.
    assert figures["crps"] == pytest.approx(np.mean([2 * NormalDist().pdf(z) for z in normal]), rel=0.01)


@pytest.mark.parametrize(
    ("series", "truth", "forecast", "message"),
    [
        ([3], (1, 5, 2), (1, 5, 2, 9), "series 3 to 3; expected 0 to 2"),
        ([-1], (1, 5, 2), (1, 5, 2, 9), "series -1 to -1"),
        ([0], (1, 4, 2), (1, 5, 2, 9), r"truth \(1, 4, 2\)"),
        ([0], (1, 5, 2), (1, 5, 2), r"expected \(1, 5, 2\) and \(1, 5, 2, 9\)"),
    ],
)
def test_windows_that_do_not_fit_are_refused(series, truth, forecast, message):
    errors = ForecastErrors(SERIES, HORIZON, DEVIATIONS, SCALES, LEVELS)
    with pytest.raises(ValueError, match=message):
        errors.add(series, np.zeros(truth), np.zeros(forecast))


def test_crossing_quantiles_and_impossible_levels_are_refused():
    errors = ForecastErrors(SERIES, HORIZON, DEVIATIONS, SCALES, LEVELS)
    with pytest.raises(ValueError, match="cross"):
        errors.add([0], np.zeros((1, 5, 2)), np.broadcast_to(np.arange(9.0)[::-1], (1, 5, 2, 9)))
    for levels in ([0.1, 0.9], [0.5, 0.1], [0.0, 0.5], [0.5, 50]):
        with pytest.raises(ValueError, match="expected ascending ones"):
            ForecastErrors(SERIES, HORIZON, DEVIATIONS, SCALES, levels)
    with pytest.raises(ValueError, match="3 series"):
        ForecastErrors(SERIES, HORIZON, DEVIATIONS[:2], SCALES[:2], LEVELS)


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
@settings(max_examples=50)
def test_skill_is_the_share_of_the_error_that_is_gone(error, baseline):
    assert skill(error, baseline) * baseline == pytest.approx(baseline - error, abs=1e-6)
    assert math.isnan(skill(error, 0.0))


@pytest.mark.parametrize(
    ("model", "baselines", "words"),
    [
        (
            0.99,
            {"naive": 1.0, "linear": 1.1},
            "no skill over the last value: these series cannot be predicted",
        ),
        (1.05, {"naive": 1.0}, "of use are the intervals alone"),
        (1.05, {"naive": 1.0, "seasonal_naive": 0.7}, "the seasonal naive forecast is 30.0% better than it"),
        (0.5, {"naive": 1.0, "linear": 0.501}, "no better than the linear model (MAE 0.5 against 0.501)"),
        (0.5, {"naive": 1.0, "linear": 0.496}, "no better than the linear model"),
        (0.5, {"naive": 1.0, "seasonal_naive": 0.498}, "no better than the seasonal naive forecast"),
        (0.6, {"naive": 1.0, "linear": 0.5}, "20.0% worse than the best baseline, the linear model"),
        (
            160.0,
            {"naive": 900.0, "seasonal_naive": 239.6, "linear": 200.0},
            "20.0% better than the best baseline, the linear model (MAE 160 against 200)",
        ),
        (0.4, {"last_week": 0.8, "linear": math.nan}, "50.0% better than the best baseline, last week"),
        (0.1, {"naive": 0.0, "linear": 0.2}, "the last value makes no error"),
        (math.nan, {"naive": 1.0}, "nothing to judge by"),
        (1.0, {}, "nothing to judge by"),
    ],
)
def test_the_verdict_says_it_in_words(model, baselines, words):
    assert words in verdict({"mae": model}, {name: {"mae": error} for name, error in baselines.items()})
