"""The views that read tables: forecasts and alarms as from Python, and what is wrong with a table in one line."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from applications.anomaly_detection.sample import pump_with_fault, table
from applications.forecasting.sample import last_weeks

VIEWS = ("forecasting", "anomaly_detection")


@pytest.fixture
def dropped():
    """Gives a view a table as a file."""

    def give(view, text):
        file = {"name": "table.csv", "mimeType": "text/csv", "buffer": text.encode()}
        view.locator("input[type=file]").set_input_files(file)

    return give


def _cells(view):
    return view.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )


def test_a_forecast_of_a_table_is_the_one_that_python_gives(open_view, dropped, loaded):
    view, history = open_view("forecasting"), last_weeks()
    forecast = loaded("forecasting")
    expected = forecast(history)

    dropped(view, history.to_csv(index=False))

    expect(view.locator(".answer")).to_be_visible()
    cells = _cells(view)
    assert [row[0] for row in cells] == [time.strftime("%Y-%m-%d %H:%M:%S") for time in expected["time"]]
    numbers = np.array([row[1:] for row in cells], float)
    np.testing.assert_allclose(numbers, expected[["lower", "median", "upper"]], rtol=1e-3)
    view.get_by_label("Steps ahead").fill("5")
    view.get_by_label("Steps ahead").blur()
    expect(view.locator("tbody tr")).to_have_count(5)


def test_steps_that_a_table_lacks_are_missing(open_view, dropped, loaded):
    view, history = open_view("forecasting"), last_weeks()
    history.loc[600:610, "demand"] = np.nan
    forecast = loaded("forecasting")
    expected = forecast(history)

    dropped(view, history.drop(index=range(600, 611)).to_csv(index=False))

    expect(view.locator(".answer")).to_be_visible()
    median = np.array([row[2] for row in _cells(view)], float)
    # The view knows no temperature where the row is gone.
    np.testing.assert_allclose(median, expected["median"], rtol=0.02)


def test_alarms_of_a_table_are_those_that_python_gives(open_view, dropped, loaded):
    view, readings = open_view("anomaly_detection"), table(pump_with_fault())
    detect = loaded("anomaly_detection")
    expected = detect(readings)

    dropped(view, readings.to_csv(index=False))

    expect(view.locator("#status")).to_have_text(f"1 alarm in {len(readings)} rows")
    cells = _cells(view)
    assert len(cells) == len(expected) == 1
    for row, alarm in zip(cells, expected.to_dict("records"), strict=True):
        assert row[0] == str(alarm["opened"])
        assert row[2] == f"{alarm['severity']:.1f}"
        assert (row[3], row[6]) == (alarm["sensor"], alarm["detector"])
        assert float(row[4]) == pytest.approx(alarm["value"], rel=1e-4)


def test_rows_are_judged_one_after_another_until_they_are_stopped(open_view):
    view = open_view("anomaly_detection")

    view.locator(".chip").first.click()
    expect(view.locator(".answer h2")).to_contain_text("of 440")
    view.get_by_role("button", name="Stop").click()

    row = view.locator(".answer h2").text_content()
    view.wait_for_timeout(500)
    assert view.locator(".answer h2").text_content() == row
    assert view.locator("canvas.chart").count() == 3


def test_rows_one_by_one_are_judged_as_all_at_once(open_view):
    view = open_view("anomaly_detection")
    rng = np.random.default_rng(0)
    readings = [f"{value:.3f},{value / 2:.3f}" for value in rng.normal(20, 1, 30)]
    view.get_by_label("Or paste one").fill("\n".join(["heat,speed", *readings]))
    labels = "() => [...document.querySelectorAll('canvas.chart')].map(one => one.ariaLabel)"

    view.get_by_role("button", name="All at once").click()
    expect(view.locator("#status")).to_have_text("0 alarms in 30 rows")
    at_once = view.evaluate(labels)
    view.get_by_role("button", name="Row by row").click()
    expect(view.get_by_role("button", name="Stop")).to_have_count(0)

    assert view.locator(".answer h2").text_content() == "row 30 of 30, row 30: no alarm is open"
    one_by_one = view.evaluate(labels)
    assert [_numbers(label) for label in one_by_one] == [pytest.approx(_numbers(label)) for label in at_once]


def _numbers(label):
    return [float(number) for number in re.findall(r"\d+\.?\d*", label)]


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("time,heat", "the table has a header and no row below it; expected rows of values"),
        ("time,heat\n2024-05-01,3,4", "line 2: 3 cells; expected 2, as in line 1"),
        (
            "time,heat\n2024-05-01,3\n2024-05-02,4\nyesterday,5",
            'line 4, time: expected a time such as 2024-05-31 14:30, got "yesterday"',
        ),
        (
            "time,heat\n2024-05-01,3\n2024-05-02,4\n2024-05-03,much",
            'line 4, heat: expected a number, got "much"',
        ),
    ],
    ids=["no rows", "cells", "time", "number"],
)
def test_a_wrong_table_is_one_line(open_view, dropped, name, text, line):
    view = open_view(name)

    dropped(view, text)

    expect(view.locator("#view .error")).to_have_text([line])
    expect(view.locator(".answer")).to_be_hidden()


@pytest.mark.parametrize("name", VIEWS)
def test_what_was_shown_goes_when_another_file_is_refused_and_the_refusal_with_the_next_answer(
    open_view, dropped, name
):
    view = open_view(name)
    refused = {"name": "notes.png", "mimeType": "image/png", "buffer": b"1"}
    line = "notes.png: expected a table such as CSV"
    dropped(view, last_weeks().to_csv(index=False))
    expect(view.locator(".answer")).to_be_visible()

    view.locator("input[type=file]").set_input_files(refused)

    expect(view.locator("#view .error")).to_have_text([line])
    expect(view.locator("#status")).to_have_text(line)
    expect(view.locator(".answer")).to_be_hidden()
    expect(view.get_by_label("Or paste one")).to_have_value("")
    dropped(view, "time,heat")
    expect(view.locator("#view .error")).to_have_text([re.compile("^the table has a header")])

    view.locator("input[type=file]").set_input_files(refused)
    expect(view.locator("#view .error")).to_have_text([line])
    view.locator(".chip").first.click()

    expect(view.locator(".answer")).to_be_visible()
    expect(view.locator("#view .error")).to_have_count(0)


def test_another_step_than_the_model_has_is_one_line(open_view, dropped):
    view = open_view("forecasting")
    rows = "\n".join(f"2024-05-01 {hour:02}:00,{hour}" for hour in range(24))

    dropped(view, f"time,demand\n{rows}")

    line = "steps of 1 hour; expected 30 minutes, as the model was trained on"
    expect(view.locator("#view .error")).to_have_text([line])


@pytest.mark.parametrize("name", ["music", *VIEWS])
def test_nothing_is_cut_off_on_a_screen_of_1280(open_view, dropped, name):
    view = open_view(name, size={"width": 1280, "height": 800})
    if name != "music":
        history = last_weeks() if name == "forecasting" else table(pump_with_fault())
        dropped(view, history.to_csv(index=False))
        expect(view.locator("tbody tr").first).to_be_attached()
    if name == "anomaly_detection":
        # An alarm that is over has a second time.
        view.locator("tbody tr").evaluate("({ cells }) => (cells[1].textContent = cells[0].textContent)")
        assert view.locator(".scroll").evaluate("one => one.scrollWidth <= one.clientWidth")
    is_whole = """() => [...document.querySelectorAll("select")].every((one) => {
        const free = one.cloneNode(true);
        Object.assign(free.style, { position: "absolute", width: "max-content", minWidth: "0" });
        one.after(free);
        const needed = free.getBoundingClientRect().width;
        free.remove();
        return needed <= one.getBoundingClientRect().width + 0.5;
    })"""
    assert view.evaluate(is_whole)


def test_a_history_that_is_too_short_is_refused_by_the_model(open_view, dropped):
    view = open_view("forecasting")

    dropped(view, "time,demand\n2024-05-01 00:00,4\n2024-05-01 00:30,5")

    error = view.locator("#view .error")
    expect(error).to_have_count(1)
    assert "\n" not in error.text_content()


@pytest.mark.parametrize(
    ("text", "time", "numbers"),
    [
        ('date;a\n2024-05-01;"3,5"\n2024-05-02;', [1714521600, 1714608000], [[3.5, None]]),
        ("ds\tx\ty\n1714521600\t-1e3\tNA", [1714521600], [[-1000]]),
        ("2024-05-01T02:00:00+02:00,.5\r\n2024-05-01 00:30Z,2\r\n", [1714521600, 1714523400], [[0.5, 2]]),
    ],
    ids=["semicolons", "seconds", "offsets"],
)
def test_tables_are_read_as_people_write_them(open_view, text, time, numbers):
    view = open_view("forecasting")

    read = view.evaluate(
        """async (text) => {
            const { table_of } = await import("/tables.js");
            const { time, numbers } = table_of(text);
            const plain = (value) => (Number.isNaN(value) ? null : value);
            return [time.values, numbers.map(({ values }) => values.map(plain))];
        }""",
        text,
    )

    assert read == [time, numbers]
