"""The SavedModel takes raw values with their times and gives corrected quantiles in the units of the values."""

import json
import shutil
import urllib.error
import urllib.request
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from applications.forecasting.config import LEVELS
from applications.forecasting.export import load_run
from common.serving.client import Client
from common.serving.server.local_server import ServerOptions, running_server

LOOKBACK, HORIZON, HOUR = 24, 8, 3600
NAN = np.float32(np.nan)


def rows_of(inputs, places):
    return {name: values[places] for name, values in inputs.items()}


def same(answers, expected, rows=slice(None)):
    assert answers.keys() == expected.keys()
    for name, values in expected.items():
        if values.dtype == object:
            assert answers[name].tolist() == values[rows].tolist()
        else:
            np.testing.assert_allclose(answers[name], values[rows], rtol=1e-4, atol=1e-3, err_msg=name)


# --- quantiles


def test_the_quantiles_are_those_of_the_trained_model_sorted_corrected_and_in_units_of_the_values(
    runner, finished_run, asked
):
    trained, inputs = load_run(finished_run), asked(day=4)
    later = inputs["time"][:, -1:] + HOUR * np.arange(1, HORIZON + 1)
    given = {name: inputs[name] for name in ("values", "past", "known")}
    given |= {"times": np.concatenate([inputs["time"], later], axis=1), "series": np.array([1, 2], np.int32)}
    outputs = {name: np.asarray(value) for name, value in trained.model(given, training=False).items()}
    ordered = np.sort(outputs["quantiles"], axis=-1)
    width = ordered.max(axis=-1, keepdims=True) - ordered.min(axis=-1, keepdims=True)
    moved = np.sort(ordered + trained.correction[None, :, None] * width, axis=-1)
    expected = moved * outputs["deviation"][..., None] + outputs["mean"][..., None]
    answers = runner.run("serving_default", **inputs)
    np.testing.assert_allclose(answers["quantiles"], expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(answers["median"], answers["quantiles"][..., LEVELS.index(0.5)])
    np.testing.assert_array_equal(answers["time"], later)
    linear = runner.run("linear", **inputs)["median"]
    np.testing.assert_allclose(
        linear, outputs["linear"] * outputs["deviation"] + outputs["mean"], rtol=1e-4, atol=1e-3
    )


def test_the_series_are_told_apart_by_the_statistics_of_their_training_part(finished_run, made):
    table, facts = made.case.table(), load_run(finished_run).facts
    for place, name in enumerate(facts.series):
        train = table[table["shop"] == name]["sales"].iloc[: int(len(table) / 2 * 0.8)]
        assert facts.means[place][0] == pytest.approx(train.mean(), rel=1e-5)
        assert facts.deviations[place][0] == pytest.approx(train.std(ddof=0), rel=1e-5)


def test_every_weight_of_the_model_is_kept_with_the_run(finished_run, asked):
    """Read twice, it is the same model; whatever was not kept would be drawn at random each time."""
    first, second = (load_run(finished_run).model for _ in range(2))
    names = {layer.name for layer in first.layers}
    assert {"future_places", "targets", "series_identity"} <= names
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_quantiles_never_cross_whatever_is_asked(runner, asked):
    inputs, rng = asked(), np.random.default_rng(3)
    for scale in (0.0, 1.0, 1e6):
        values = (scale * rng.standard_normal(inputs["values"].shape)).astype(np.float32)
        quantiles = runner.run("serving_default", **{**inputs, "values": values})["quantiles"]
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_a_row_has_the_same_answer_alone_and_in_a_batch(runner, asked):
    inputs = asked(day=2)
    together = runner.run("serving_default", **inputs)
    for row in (0, 1):
        same(runner.run("serving_default", **rows_of(inputs, [row])), together, [row])


def test_a_gap_is_answered_and_matters(runner, asked):
    inputs = asked(day=4)
    values = inputs["values"].copy()
    values[0, 8:20] = NAN
    whole, gap = (
        runner.run("serving_default", **{**inputs, "values": one}) for one in (inputs["values"], values)
    )
    assert not any(gap["error"])
    assert np.isfinite(gap["quantiles"]).all()
    assert np.abs(gap["median"][0] - whole["median"][0]).max() > 1e-3
    np.testing.assert_allclose(gap["median"][1], whole["median"][1], rtol=1e-5)


def test_of_a_longer_history_the_last_steps_are_read(runner, asked):
    long, short = asked(day=4, steps=48), asked(day=5)
    short["series"] = long["series"]
    same(runner.run("serving_default", **long), runner.run("serving_default", **short))


def test_an_unknown_series_is_scaled_by_its_own_window(runner, asked):
    """A shop ten times as large, in which the same happens, has forecasts ten times as large."""
    inputs = asked(day=4)
    inputs["series"] = np.array(["elsewhere", "elsewhere"])
    inputs = rows_of(inputs, [0, 0])
    one = runner.run("serving_default", **inputs)["quantiles"]
    ten = runner.run("serving_default", **{**inputs, "values": 10 * inputs["values"]})["quantiles"]
    np.testing.assert_allclose(ten, 10 * one, rtol=1e-3)


def test_as_many_steps_are_answered_as_known_columns_hold_ahead(runner, asked):
    inputs = asked(day=4)
    whole = runner.run("serving_default", **inputs)
    some = runner.run("serving_default", **{**inputs, "known": inputs["known"][:, : LOOKBACK + 3]})
    assert some["median"].shape == (2, 3, 1)
    assert some["time"].tolist() == whole["time"][:, :3].tolist()


# --- what is wrong with a row


def _with(inputs, name, row, place, value):
    changed = inputs[name].copy()
    changed[row, place] = value
    return {**inputs, name: changed}


@pytest.mark.parametrize(
    ("name", "place", "value", "problem"),
    [
        ("time", 5, 7, "time: expected one step of 1 hour after another"),
        ("values", 20, np.inf, "values: an infinite one; expected numbers, NaN where one is missing"),
        (
            "values",
            slice(None),
            np.nan,
            "values: too short a history; expected values over 24 steps at least",
        ),
        (
            "values",
            slice(0, 2),
            np.nan,
            "values: too short a history; expected values over 24 steps at least",
        ),
    ],
)
def test_a_row_with_a_fault_says_which_and_leaves_its_neighbour_alone(
    runner, asked, name, place, value, problem
):
    inputs = asked(day=4)
    answers = runner.run("serving_default", **_with(inputs, name, 0, place, value))
    assert answers["error"][0].decode().startswith(problem)
    assert answers["error"][1] == b""
    good = runner.run("serving_default", **inputs)
    np.testing.assert_allclose(answers["quantiles"][1], good["quantiles"][1], rtol=1e-4)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 1.5, np.nan])
def test_a_coverage_that_is_no_share_is_the_rows_own_fault(runner, asked, coverage):
    inputs = asked(day=4)
    answers = runner.run("interval", **inputs, coverage=np.array([coverage, 0.8], np.float32))
    assert answers["error"].tolist() == [b"coverage: expected between 0 and 1", b""]
    good = runner.run("interval", **inputs, coverage=np.array([0.5, 0.8], np.float32))
    np.testing.assert_allclose(answers["upper"][1], good["upper"][1], rtol=1e-4)


@pytest.mark.parametrize("paths", [0, -1, 1001])
def test_a_number_of_paths_out_of_range_is_the_rows_own_fault(runner, asked, paths):
    inputs = asked(day=4)
    drawn = {"paths": np.array([paths, 2]), "seed": np.array([1, 2])}
    answers = runner.run("sample", **inputs, **drawn)
    assert answers["error"].tolist() == [b"paths: expected from 1 to 1000", b""]
    good = runner.run("sample", **inputs, paths=np.array([2, 2]), seed=np.array([1, 2]))
    np.testing.assert_allclose(answers["paths"][1], good["paths"][1], rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"values": 0, "past": 0, "time": 0, "known": HORIZON}, "values: no steps; expected a history"),
        ({"time": 20}, "time: expected as many as steps of values"),
        ({"past": 20}, "past: expected as many as steps of values"),
        ({"known": LOOKBACK}, "known: expected the steps of values and those ahead"),
        ({"known": 7}, "known: expected the steps of values and those ahead"),
    ],
)
def test_inputs_that_do_not_fit_together_are_a_fault_of_their_rows(runner, asked, changes, problem):
    inputs = asked(day=4)
    cut = {name: inputs[name][:, :steps] for name, steps in changes.items()}
    for name in ("serving_default", "linear"):
        assert runner.run(name, **{**inputs, **cut})["error"].tolist() == [problem.encode()] * 2


# --- intervals and paths


def test_the_interval_of_four_fifths_lies_between_the_first_and_the_last_tenth(runner, asked):
    inputs = asked(day=4)
    quantiles = runner.run("serving_default", **inputs)["quantiles"]
    for coverage, low, high in ((0.8, 0.1, 0.9), (0.5, 0.25, 0.75), (0.95, 0.025, 0.975)):
        ends = runner.run("interval", **inputs, coverage=np.full(2, coverage, np.float32))
        for name, level in (("lower", low), ("upper", high)):
            expected = quantiles[..., LEVELS.index(level)]
            np.testing.assert_allclose(ends[name], expected, rtol=1e-4, atol=1e-3)


def test_an_interval_beyond_the_outermost_quantiles_is_that_of_a_normal_distribution(runner, asked):
    inputs = asked(day=4)
    quantiles = runner.run("serving_default", **inputs)["quantiles"]
    ends = runner.run("interval", **inputs, coverage=np.full(2, 0.998, np.float32))
    median, highest = quantiles[..., LEVELS.index(0.5)], quantiles[..., -1]
    expected = median + (highest - median) * norm.ppf(0.999) / norm.ppf(0.975)
    np.testing.assert_allclose(ends["upper"], expected, rtol=1e-3)


@pytest.fixture(scope="module")
def paths(runner, made):
    """A thousand futures of a shop `[paths, horizon]`, and its quantiles `[horizon, levels]`."""
    shop = made.case.table().query("shop == 'north'").iloc[96 : 96 + LOOKBACK + HORIZON]
    inputs = {
        "values": shop[["sales"]].to_numpy(np.float32)[None, :LOOKBACK],
        "past": shop[["rain"]].to_numpy(np.float32)[None, :LOOKBACK],
        "known": shop[["price"]].to_numpy(np.float32)[None],
        "time": shop["time"].to_numpy()[None, :LOOKBACK].astype("datetime64[s]").astype(np.int64),
        "series": np.array(["north"]),
    }
    drawn = runner.run("sample", **inputs, paths=np.array([1000]), seed=np.array([5]))["paths"]
    return drawn[0, :, :, 0], runner.run("serving_default", **inputs)["quantiles"][0, :, 0]


def test_as_many_paths_lie_below_each_quantile_as_its_level_says(paths):
    drawn, quantiles = paths
    shares = (drawn[:, :, None] <= quantiles[None]).mean(axis=0)
    # Five standard deviations of the mean of a thousand draws.
    wide = 5 * np.sqrt(np.array(LEVELS) * (1 - np.array(LEVELS)) / len(drawn))
    assert (np.abs(shares - LEVELS) < wide).all()


def test_neighbouring_steps_of_a_path_hang_together_as_validation_showed(paths, finished_run):
    drawn, _ = paths
    ranks = pd.DataFrame(drawn).rank()
    persistence = load_run(finished_run).persistence
    assert 0 < persistence < 1
    for step in range(HORIZON - 1):
        together = ranks[step].corr(ranks[step + 1])
        # Of a normal pair, Spearman's correlation follows from Pearson's.
        assert together == pytest.approx(6 / np.pi * np.arcsin(persistence / 2), abs=0.12)


def test_the_same_seed_gives_the_same_paths_however_many_are_drawn(runner, asked):
    inputs = asked(day=4)
    few, many, other = (
        runner.run("sample", **inputs, paths=np.array(count), seed=np.array(seeds))["paths"]
        for count, seeds in (([3, 2], [7, 7]), ([9, 2], [7, 7]), ([3, 2], [8, 8]))
    )
    np.testing.assert_allclose(few[0], many[0, :3], rtol=1e-4)
    assert np.isnan(few[1, 2:]).all()
    assert np.isfinite(few[1, :2]).all()
    assert (np.abs(few[0] - other[0]) > 1e-6).all()


# --- streaming


def test_update_step_by_step_forecasts_as_the_whole_window_does(runner, asked):
    inputs, steps = asked(day=4, steps=30), 30
    columns = np.concatenate([inputs["values"], inputs["past"], inputs["known"][:, :steps]], axis=-1)
    window = np.full((2, LOOKBACK, 3), NAN)
    for step in range(steps):
        streamed = runner.run(
            "update",
            window=window,
            value=columns[:, step],
            time=inputs["time"][:, step],
            series=inputs["series"],
            ahead=inputs["known"][:, step + 1 : step + 1 + HORIZON],
        )
        window = streamed.pop("window")
        assert not any(streamed["error"])
        assert np.isnan(streamed["quantiles"]).all() == (step < LOOKBACK - 1)
    np.testing.assert_array_equal(window, columns[:, -LOOKBACK:])
    same(streamed, runner.run("serving_default", **inputs))


# --- over a server


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(exported.parent, folder / "forecasting")
    with running_server(ServerOptions(folder, rest_port=0, grpc_port=0)) as running:
        yield running


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_gap_is_sent_as_nan_over_rest_and_grpc(server, runner, asked, protocol):
    inputs = asked(day=4)
    inputs["values"][0, 5:9] = NAN
    address = {"grpc": f"127.0.0.1:{server.grpc_port}", "rest": f"http://127.0.0.1:{server.rest_port}"}
    with Client(address[protocol], timeout=120) as ask:
        answers = ask("forecasting", inputs)
    expected = runner.run("serving_default", **inputs)
    np.testing.assert_allclose(answers["quantiles"], expected["quantiles"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("token", "outcome"),
    [("NaN", nullcontext()), ("null", pytest.raises(urllib.error.HTTPError, match="400"))],
)
def test_over_rest_the_token_is_nan_and_null_is_refused(server, asked, token, outcome):

    inputs = asked(day=4)
    inputs["values"][0, 5] = NAN
    row = {name: values[0].tolist() for name, values in inputs.items()}
    body = json.dumps({"instances": [row]}).replace("NaN", token).encode()
    address = f"http://127.0.0.1:{server.rest_port}/v1/models/forecasting:predict"
    with outcome:
        urllib.request.urlopen(urllib.request.Request(address, body), timeout=120).close()
