"""What is served: whole recordings, row by row the same, and other budgets without another reading."""

import numpy as np
import pytest

from common.errors import ROW_ERROR

STATE = "state_"


@pytest.fixture(scope="module")
def asked(made):
    """The readings of both machines; of the fan one row comes much later than the row before."""
    table = made.case.table()
    machines = [table[table["machine"] == name] for name in ("pump", "fan")]
    values = np.stack([one[["heat", "shake"]].to_numpy(np.float32) for one in machines])
    times = np.stack([one["time"].to_numpy().astype("datetime64[s]").astype(np.int64) for one in machines])
    times[1, 300:] += 2 * 86_400
    return {"values": values, "time": times, "alarms_per_week": np.array([1, 20], np.float32)}


@pytest.fixture(scope="module")
def whole(runner, asked):
    return runner.run("serving_default", **asked)


def test_row_by_row_the_answers_are_those_of_the_whole_recording(runner, asked, whole):
    states = runner.run("start", sensors=np.array([2, 2]))
    assert not any(states.pop(ROW_ERROR))
    for row in range(asked["values"].shape[1]):
        outputs = runner.run(
            "step",
            value=asked["values"][:, row],
            time=asked["time"][:, row],
            alarms_per_week=asked["alarms_per_week"],
            **states,
        )
        states = {name: tensor for name, tensor in outputs.items() if name.startswith(STATE)}
        for name, told in whole.items():
            if name != ROW_ERROR:
                got, expected = outputs[name], told[:, row]
                if expected.dtype.kind == "f":
                    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5, err_msg=f"{name}, {row}")
                else:
                    assert got.tolist() == expected.tolist(), (name, row)


def test_the_fault_of_the_pump_opens_an_alarm_and_the_fan_has_none_then(made, whole):
    first = made.case.FAULT.start
    assert whole["opened"][0, first]
    assert whole["alarm"][0, first : first + 5].all()
    assert not whole["opened"][1, first : first + 20].any()
    assert whole["sensor"][0, first] == 0


def test_what_was_expected_lies_in_its_band_and_begins_with_the_mean_so_far(asked, whole):
    assert (whole["lower"] <= whole["expected"]).all()
    assert (whole["expected"] <= whole["upper"]).all()
    first, second = asked["values"][:, 0], whole["expected"][:, 1]
    np.testing.assert_allclose(whole["expected"][:, 0], first)
    # From the second row on a forecast one row ahead is there: it is near what came last, but not the same.
    assert np.isfinite(second).all()
    assert (second != first).any()


def test_another_budget_needs_no_other_reading(runner, asked, whole):
    for budget in (0.1, 1, 20):
        budgets = np.full(2, budget, np.float32)
        again = runner.run("serving_default", **{**asked, "alarms_per_week": budgets})
        alarms = runner.run(
            "alarms",
            severity=whole["severity"],
            time=asked["time"],
            sensors=np.array([2, 2]),
            alarms_per_week=budgets,
            threshold=np.zeros(2, np.float32),
        )
        for name in ("alarm", "opened", "threshold"):
            np.testing.assert_allclose(alarms[name], again[name], rtol=1e-5)


def test_what_comes_later_changes_nothing_that_was_said(runner, asked, whole):
    part = {"values": asked["values"][:, :400], "time": asked["time"][:, :400]}
    before = runner.run("serving_default", **part, alarms_per_week=asked["alarms_per_week"])
    np.testing.assert_allclose(before["severity"], whole["severity"][:, :400], rtol=1e-5, atol=1e-5)


def test_a_bad_row_gets_its_line_and_its_neighbour_is_answered_as_alone(runner, asked, whole):
    def errors(**changed):
        outputs = runner.run("serving_default", **{**asked, **changed})
        np.testing.assert_allclose(outputs["severity"][1], whole["severity"][1], rtol=1e-5, atol=1e-5)
        assert not outputs["severity"][0].any()
        return [error.decode() for error in outputs[ROW_ERROR]]

    infinite = asked["values"].copy()
    infinite[0, 3, 1] = np.inf
    assert errors(values=infinite) == [
        "values: an infinite one; expected numbers, NaN where one is missing",
        "",
    ]
    backwards = asked["time"].copy()
    backwards[0, 5:] -= 7200
    assert errors(time=backwards) == [
        "time: goes back by more than an hour; expected rows in the order of time",
        "",
    ]
    reversed_times = asked["time"].copy()
    reversed_times[0] = reversed_times[0, ::-1]  # no row is more than an hour before the last
    assert errors(time=reversed_times)[0].startswith("time: goes back by more than an hour")
    for budget in (0, -1, np.nan):
        wrong = np.array([budget, 20], np.float32)
        assert errors(alarms_per_week=wrong) == ["alarms_per_week: expected a number above 0", ""]


def test_a_clock_that_is_set_back_by_an_hour_is_answered(runner, asked):
    times = asked["time"].copy()
    times[:, 250:] -= 3600
    assert not any(runner.run("serving_default", **{**asked, "time": times})[ROW_ERROR])


def test_a_request_without_rows_is_a_line(runner):
    outputs = runner.run(
        "serving_default",
        values=np.zeros((2, 0, 1), np.float32),
        time=np.zeros((2, 0), np.int64),
        alarms_per_week=np.ones(2, np.float32),
    )
    expected = b"values: expected a row for each time, one at least, and a sensor"
    assert outputs[ROW_ERROR].tolist() == [expected] * 2
