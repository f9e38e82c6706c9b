"""The served model of remaining life answers machines of any length, and refuses a bad row alone."""

import numpy as np
import pytest

from applications.anomaly_detection.config import Config
from applications.anomaly_detection.life_export import life_signatures
from applications.anomaly_detection.life_model import build_life
from applications.anomaly_detection.life_sensors import LifeFacts
from common.export.saved_model import export_saved_model
from common.inference.runner import SavedModelRunner

FACTS = LifeFacts(("heat", "mode", "noise"), (400.0, 3.0, -1.0), (0.05, 0.0, 2.0))
NAN, CAP = np.nan, 60
OUTPUTS = ("remaining", "lower", "upper")
BY_STEP = {"remaining": "by_step", "lower": "lower_by_step", "upper": "upper_by_step"}


@pytest.fixture(scope="module")
def model():
    config = Config(units=4, layers=1, life_cap=CAP)
    model = build_life(config, FACTS, correction=[-0.2, -0.1, 0.0, 0.1, 0.2])
    rng = np.random.default_rng(5)
    for weight in model.weights:
        size = 0.15 if "head" in weight.path else 0.6
        weight.assign(size * rng.standard_normal(weight.shape))
    told = model.predict_on_batch(readings())
    assert np.ptp(told[..., 2]) > 5  # rows differ
    assert told[:, -1, 4].min() > 1
    return model


@pytest.fixture(scope="module")
def runner(model, tmp_path_factory, quickly_traced):
    folder = export_saved_model(life_signatures(model, FACTS), tmp_path_factory.mktemp("lives") / "lives")
    with SavedModelRunner(folder) as runner:
        yield runner


def readings(machines=3, rows=14, seed=0):
    rng = np.random.default_rng(seed)
    values = np.array(FACTS.means) + rng.standard_normal((machines, rows, 3)) * [20.0, 0.0, 0.5]
    return values.astype(np.float32)


def test_remaining_life_is_that_of_the_model_at_the_last_row(model, runner):
    values = readings()
    answers, told = runner.run("remaining_life", values=values), model.predict_on_batch(values)
    for name, level in zip(OUTPUTS, (2, 0, 4), strict=True):
        np.testing.assert_allclose(answers[name], told[:, -1, level], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(answers[BY_STEP[name]], told[..., level], rtol=1e-4, atol=1e-3)
    assert (answers["lower"] <= answers["remaining"]).all()
    assert (answers["remaining"] <= answers["upper"]).all()
    assert answers["error"].tolist() == [b""] * 3


def test_the_default_signature_is_remaining_life(runner):
    default, named = (runner.run(name, values=readings()) for name in ("serving_default", "remaining_life"))
    assert default.keys() == named.keys()
    for name, values in named.items():
        np.testing.assert_array_equal(default[name], values)


def test_a_shorter_machine_is_answered_as_if_it_were_alone(runner):
    values, short = readings(), readings(1, 6, seed=1)
    values[1] = NAN
    values[1, :6] = short[0]
    together, alone = (runner.run("remaining_life", values=one) for one in (values, short))
    for name in OUTPUTS:
        np.testing.assert_allclose(together[name][1], alone[name][0], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(
            together[BY_STEP[name]][1, :6], alone[BY_STEP[name]][0], rtol=1e-4, atol=1e-3
        )
        assert np.isnan(together[BY_STEP[name]][1, 6:]).all()


def test_missing_values_are_answered_and_a_row_without_any_is_still_a_row(runner):
    values = readings()
    held = values.copy()
    values[0, 4:6, 0] = NAN
    held[0, 4:6, 0] = held[0, 3, 0]
    values[1, 7] = NAN
    held[1, 7] = held[1, 6]
    values[2, -1, 2] = NAN
    held[2, -1, 2] = held[2, -2, 2]
    gaps, filled = (runner.run("remaining_life", values=one) for one in (values, held))
    for name in ("remaining", "by_step"):
        np.testing.assert_allclose(gaps[name], filled[name], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (NAN, b"values: none; expected a row with a number"),
        (np.inf, b"values: infinite; expected numbers, and NaN where one is missing"),
        (-np.inf, b"values: infinite; expected numbers, and NaN where one is missing"),
    ],
)
def test_a_bad_machine_has_its_error_and_leaves_its_neighbours_alone(runner, bad, reason):
    values = readings()
    expected = runner.run("remaining_life", values=values)
    values[1] = NAN if np.isnan(bad) else values[1]
    values[1, 3] = bad
    answers = runner.run("remaining_life", values=values)
    assert answers["error"].tolist() == [b"", reason, b""]
    for name in (*OUTPUTS, *BY_STEP.values()):
        assert not answers[name][1].any()
        np.testing.assert_allclose(answers[name][[0, 2]], expected[name][[0, 2]], rtol=1e-4, atol=1e-3)


def test_no_rows_at_all_and_no_machines_at_all_are_answered(runner):
    answers = runner.run("remaining_life", values=np.zeros((2, 0, 3), np.float32))
    assert answers["error"].tolist() == [b"values: none; expected a row with a number"] * 2
    assert answers["by_step"].shape == (2, 0)
    assert runner.run("remaining_life", values=readings(0))["remaining"].shape == (0,)


def test_row_by_row_the_answers_are_those_of_the_whole(runner):
    values = readings()
    values[0, 4:6, 0] = NAN
    whole = runner.run("remaining_life", values=values)
    states = {"state_sensors": 2, "state_1": 2, "state_2": 2, "state_3": 4}
    states = {name: np.zeros((3, width), np.float32) for name, width in states.items()}
    for row in range(values.shape[1]):
        answers = runner.run("step", value=values[:, row], **states)
        states = {name: answers[name] for name in states}
        for name in OUTPUTS:
            np.testing.assert_allclose(answers[name], whole[BY_STEP[name]][:, row], rtol=1e-5, atol=1e-3)


def test_an_infinite_step_has_its_error_and_leaves_its_neighbours_alone(runner):
    values = readings()[:, 0]
    values[2, 0] = np.inf
    states = {"state_sensors": 2, "state_1": 2, "state_2": 2, "state_3": 4}
    zeros = {name: np.zeros((3, width), np.float32) for name, width in states.items()}
    answers = runner.run("step", value=values, **zeros)
    assert [bool(error) for error in answers["error"]] == [False, False, True]
    assert [bool(upper) for upper in answers["upper"]] == [True, True, False]
