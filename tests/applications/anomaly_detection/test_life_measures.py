"""Errors of remaining lives are those of their definitions, and simple rules stand beside them."""

import math

import numpy as np
import pytest
from PIL import Image

from applications.anomaly_detection.life_measures import (
    LifeAnswers,
    LifePath,
    SimpleLives,
    errors_of,
    life_metrics,
    phm_score,
    plot_life_paths,
    plot_lives,
)
from common.series.readings import Readings, Recording

TRUTH = np.array([10.0, 60.0, 125.0, 140.0])
TOLD = np.array([14.0, 50.0, 125.0, 120.0])
ANSWERS = LifeAnswers(TRUTH, TOLD, TOLD - 5, np.minimum(TOLD + 5, 125))


def machine(rows, remaining=0.0, seed=0):
    left = remaining + np.arange(rows - 1, -1, -1)
    noise = np.random.default_rng(seed).normal(0, 0.3, rows)
    values = np.stack([500 - 2 * np.minimum(left, 30) + noise, np.full(rows, 7.0)], axis=1)
    return Recording(f"m{seed}", np.arange(rows), values.astype(np.float32), remaining=remaining)


@pytest.fixture(scope="module")
def train():
    return Readings("lives", [machine(rows, seed=rows) for rows in (40, 60, 80)], ("heat", "mode"))


def test_errors_are_against_what_is_true_up_to_the_cap_and_all_of_it():
    errors = errors_of(TRUTH, TOLD, 125)
    assert errors["rmse"] == pytest.approx(math.sqrt((16 + 100 + 0 + 25) / 4))
    assert errors["rmse_uncapped"] == pytest.approx(math.sqrt((16 + 100 + 0 + 400) / 4))
    assert errors["mae"] == pytest.approx((4 + 10 + 0 + 5) / 4)
    expected = (math.exp(4 / 10) - 1) + (math.exp(10 / 13) - 1) + (math.exp(5 / 13) - 1)
    assert errors["phm_score"] == pytest.approx(expected)


def test_to_say_too_much_costs_more_than_to_say_too_little():
    assert phm_score([50], [60]) > phm_score([50], [40]) > phm_score([50], [50]) == 0


def test_coverage_counts_machines_whose_capped_life_is_within_the_interval():
    metrics = life_metrics(ANSWERS, 125)
    # 10 in 9..19; 60 not in 45..55; 125 in 120..125; 140, capped at 125, in 115..125.
    assert metrics["coverage_90"] == 0.75
    assert metrics["width_90"] == pytest.approx((10 + 10 + 5 + 10) / 4)
    assert metrics["machines"] == 4


def test_the_mean_life_of_an_age_is_of_those_that_live_then(train):
    rules = SimpleLives.of(train, cap=50)
    # Aged 10 rows, they have 30, 50 and 70 left, of which 50 count; aged 40, one has none; aged 50, two live on.
    told = rules.mean_at_age([machine(10), machine(40), machine(50), machine(300)])
    np.testing.assert_allclose(told, [(30 + 50 + 50) / 3, (0 + 20 + 40) / 3, (10 + 30) / 2, 0])


def test_the_linear_rule_is_least_squares_on_the_sensors_that_change(train):
    rules = SimpleLives.of(train, cap=50)
    heat = np.concatenate([one.values[:, 0] for one in train.recordings]).astype(np.float64)
    left = np.concatenate([np.minimum(np.arange(len(one) - 1, -1, -1), 50) for one in train.recordings])
    slope, offset = np.polyfit(heat, left, 1)
    cut = [machine(30, remaining=12.0, seed=1), machine(30, remaining=25.0, seed=2)]
    expected = [slope * one.values[-1, 0] + offset for one in cut]
    np.testing.assert_allclose(rules.linear(cut), np.clip(expected, 0, 50), rtol=0.01)


def test_a_machine_with_missing_sensors_has_an_answer_of_the_linear_rule(train):
    lost = machine(30)
    lost.values[-1] = np.nan
    assert 0 <= SimpleLives.of(train, cap=50).linear([lost])[0] <= 50


def test_simple_rules_are_measured_as_the_model_is(train):
    machines = [machine(30, remaining=12.0), machine(20, remaining=90.0)]
    rules = SimpleLives.of(train, cap=50)
    errors = rules.errors(machines)
    assert errors.keys() == {"mean_at_age", "linear"}
    assert errors["linear"] == errors_of([12.0, 90.0], rules.linear(machines), 50)


def test_pictures_are_drawn_of_one_machine_and_of_many(tmp_path):
    plot_lives(tmp_path / "lives.png", ANSWERS, 125)
    path = LifePath("a $b$", np.arange(9, -1, -1), np.arange(10), np.arange(10) - 1, np.arange(10) + 1)
    for count in (1, 9):
        plot_life_paths(tmp_path / f"{count}.png", [path] * count, 125)
    plot_life_paths(tmp_path / "bare.png", [LifePath("c", (), np.arange(10))], 125)
    for picture in tmp_path.iterdir():
        with Image.open(picture) as image:
            assert len(image.convert("L").getcolors()) > 20
