"""Simple rules score what they say, from the past alone, row by row as by hand, and what they are known to score."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from applications.anomaly_detection.simple_rules import RULES, WARM_UP, range_rule, refractory, seasonal_rule
from common.evaluation.nab import ScoredFile, best_nab_scores

BENCHMARK = Path("../shared/data/nab")
HOUR = 3600


@pytest.fixture(scope="module")
def readings():
    """A week of hourly values with a season, noise, a gap in time and missing values."""
    rng = np.random.default_rng(7)
    times = HOUR * np.delete(np.arange(168), np.arange(100, 105))
    values = 5 * np.sin(2 * np.pi * times / 86400) + rng.normal(size=len(times))
    values[rng.choice(len(values), 12, replace=False)] = np.nan
    values[150:] += 4
    return times, values


@pytest.mark.parametrize("name", RULES)
def test_a_score_does_not_know_the_future(name, readings):
    times, values = readings
    whole = RULES[name](times, values)
    assert whole.shape == values.shape
    assert np.isfinite(whole).all()
    for rows in (1, 2, WARM_UP + 5, 101, 155):
        np.testing.assert_allclose(RULES[name](times[:rows], values[:rows]), whole[:rows], atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_units_do_not_matter_and_missing_values_score_nothing(name, readings):
    times, values = readings
    scores = RULES[name](times, values)
    np.testing.assert_allclose(RULES[name](times + 10**9, 1e6 * values + 7e8), scores, rtol=1e-3, atol=1e-3)
    assert not scores[np.isnan(values)].any()


def standardised(values, row):
    """By hand: a value against those before."""
    before = values[:row][~np.isnan(values[:row])]
    return (values[row] - before.mean()) / max(before.std(), 1e-9) if len(before) else np.nan


def cut(errors):
    return np.array([np.clip(standardised(errors, row), -5, 5) for row in range(len(errors))])


def oddness(values, row):
    """By hand: the mean of the last 10 against such means before."""
    last = [values[max(end - 9, 0) : end + 1] for end in range(row + 1)]
    means = np.array([np.nan if np.isnan(ten).all() else np.nanmean(ten) for ten in last])
    return -np.log10(2 * norm.sf(abs(standardised(means, row))))


@pytest.mark.parametrize("name", ["level", "persistence", "seasonal_naive"])
def test_a_score_is_what_its_rule_says_by_hand(name, readings):
    times, values = readings
    last = pd.Series(values).ffill().shift().to_numpy()
    value_at = dict(zip(times.tolist(), values, strict=True))
    earlier = np.array(
        [[value_at.get(time - days * 24 * HOUR, np.nan) for days in (1, 2, 3)] for time in times.tolist()]
    )
    errors = {
        "level": values,
        "persistence": cut(np.abs(values - last)),
        "seasonal_naive": cut(values - pd.DataFrame(earlier).median(axis=1).to_numpy()),
    }[name]
    scores, inside = RULES[name](times, values), range_rule(times, values) == 0
    rows = [row for row in range(110, len(values), 3) if inside[row] and not np.isnan(errors[row])]
    assert len(rows) > 8
    for row in rows:
        assert scores[row] == pytest.approx(oddness(errors, row), rel=1e-6)


def test_out_of_range_is_5_percent_beyond_all_values_before():
    values = np.append(np.arange(WARM_UP + 1) % 11.0, [10.4, 11, 11.3, -0.6, -1.1, 99])
    assert range_rule(np.arange(len(values)), values)[-6:].tolist() == [0, 10, 0, 10, 0, 10]


def test_a_lost_season_is_odd_to_the_seasonal_rule_alone():
    times = HOUR * np.arange(24 * 14)
    values = np.sin(2 * np.pi * times / 86400) + 0.05 * np.random.default_rng(0).normal(size=len(times))
    values[300:312] = 0
    assert seasonal_rule(times, values)[300:312].max() > 4
    assert RULES["level"](times, values)[300:312].max() < 2


@given(
    st.lists(st.integers(0, 5), max_size=30),
    st.integers(1, 5),
    st.integers(0, 8),
)
def test_after_an_alarm_a_detector_is_silent(scores, threshold, rows):
    raised, silent_until = [], -1
    for row, score in enumerate(scores):
        speaks = score >= threshold and row > silent_until
        raised.append(score if speaks else 0)
        silent_until = row + rows if speaks else silent_until
    assert refractory(np.array(scores, float), threshold, rows).tolist() == raised


def test_a_threshold_at_which_silence_is_an_alarm_is_refused():
    with pytest.raises(ValueError, match="expected above 0"):
        refractory(np.zeros(3), 0.0, 2)


@pytest.fixture(scope="module")
def benchmark():
    """Name, times, values and rows of the windows of each file of NAB."""
    if not BENCHMARK.is_dir():
        pytest.skip("the benchmark's files are not here")
    series = []
    for name, windows in json.loads((BENCHMARK / "combined_windows.json").read_text()).items():
        path = BENCHMARK / f"{name}.gz"
        if path.is_file():
            table = pd.read_csv(path)
            rows = [[table.index[table.timestamp == edge[:19]][0] for edge in window] for window in windows]
            times = pd.to_datetime(table.timestamp).to_numpy("datetime64[s]").astype(np.int64)
            series.append((name, times, table.value.to_numpy(float), rows))
    return series


@pytest.fixture(scope="module")
def on_the_benchmark(benchmark):
    """The standard score of a rule that is silent for 5% of the file after an alarm, at the best of some thresholds."""

    def score(name):
        scored = [(file, RULES[name](times, values), windows) for file, times, values, windows in benchmark]

        def alarms(threshold):
            for file, scores, windows in scored:
                yield ScoredFile(file, refractory(scores, threshold, int(0.05 * len(scores))), windows)

        return best_nab_scores(alarms, (2, 3, 4, 10))["standard"]

    return score


def test_the_range_alone_is_worth_31_points_on_the_benchmark(on_the_benchmark):
    score = on_the_benchmark("range")
    assert score.score == pytest.approx(31.7, abs=0.3)
    assert score.hits == 15
    assert score.false_rows <= 6


def test_a_forecast_that_does_not_see_the_last_values_is_best_on_the_benchmark(on_the_benchmark):
    seasonal, level, persistence = (
        on_the_benchmark(name).score for name in ("seasonal_naive", "level", "persistence")
    )
    assert seasonal > level > persistence > 35
