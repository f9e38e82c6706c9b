"""What all views share: the list, the errors in one line, the keyboard alone, and the models of a server elsewhere."""

import base64
import json

import pytest
from playwright.sync_api import expect

from applications import catalogue
from applications.page import FILE, PAGE, declarations

pytestmark = pytest.mark.slow

DROP = """async () => {
    const { file_drop } = await import("/dom.js");
    const taken = document.createElement("output");
    const drop = file_drop("Choose a table", ".csv, text/csv", 8, (file) => taken.append(file.name));
    document.querySelector("#view").replaceChildren(drop, taken);
}"""


def test_the_page_knows_the_applications_as_they_are_declared():
    remedy = "python -m applications.page writes it anew"
    assert (PAGE / FILE).read_bytes() == declarations(catalogue().values()), remedy


def test_the_list_names_every_application_and_says_which_model_is_not_there(browser_page, address):
    missing = {"error": "Servable not found for request: Latest(music)"}
    browser_page.route("**/v1/models/music", lambda route: route.fulfill(status=404, json=missing))
    browser_page.goto(address)
    names = [application.title for application in catalogue().values()]
    expect(browser_page.get_by_role("navigation").get_by_role("link")).to_have_text(names)
    expect(browser_page.locator("#served")).to_have_text(f"{len(names) - 1} of {len(names)} models served")
    expect(browser_page.locator("a.missing")).to_have_text("Music")


def test_a_model_that_is_missing_is_one_line(browser_page, address):
    browser_page.goto(f"{address}#ticket_routing")
    expect(browser_page.locator("#view .error")).to_have_text("The server has no model ticket_routing.")


def test_a_server_that_is_dead_is_one_line_and_one_that_is_back_answers(open_view):
    view = open_view("sentiment_analysis")
    view.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    view.get_by_label("A text").fill("dull")
    expect(view.locator(".error")).to_have_text("The server does not answer. Is it still running?")
    expect(view.locator(".error")).to_have_attribute("role", "alert")
    view.unroute("**/v1/**")
    view.get_by_label("A text").fill("very dull")
    expect(view.locator(".verdict")).to_have_text("negative")
    expect(view.locator(".error")).to_have_count(0)


def test_a_row_that_the_model_refuses_is_one_line(open_view):
    view = open_view("text_generation")
    view.get_by_label("How the text begins").fill("x" * 20_001)
    view.get_by_role("button", name="Write").click()
    expect(view.locator(".error")).to_have_count(1)
    expect(view.locator(".error")).to_contain_text("prefix: expected at most 20000")


def test_what_is_no_answer_of_a_server_of_models_is_one_line(open_view):
    view = open_view("sentiment_analysis")
    view.route("**/*:predict", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    view.get_by_label("A text").fill("dull")
    expect(view.locator(".error")).to_have_text(
        "The server answered with status 502, not as TensorFlow Serving does."
    )


@pytest.mark.parametrize(
    ("name", "size", "line"),
    [
        ("cat.png", 3, "cat.png: expected a table such as CSV"),
        ("t.csv", 0, "t.csv: the file is empty"),
        ("huge.csv", 20_000_000, "huge.csv: expected at most 8 MB, got 20.0 MB"),
    ],
    ids=["another kind", "empty", "20 MB"],
)
def test_a_file_that_is_not_taken_is_one_line(open_view, tmp_path, name, size, line):
    view = open_view("translation")
    view.evaluate(DROP)
    with (tmp_path / name).open("wb") as file:
        file.truncate(size)
    view.locator("input[type=file]").set_input_files(tmp_path / name)
    expect(view.locator(".error")).to_have_text(line)
    expect(view.locator("#view > output")).to_be_empty()


def test_a_file_is_taken_by_the_button_and_by_dropping_it(open_view):
    view = open_view("translation")
    view.evaluate(DROP)
    with view.expect_file_chooser() as chooser:
        view.get_by_role("button", name="Choose a table").press("Enter")
    chooser.value.set_files({"name": "one.csv", "mimeType": "text/csv", "buffer": b"1"})
    expect(view.locator("#view > output")).to_have_text("one.csv")
    view.evaluate(
        """() => {
            const dropped = new DataTransfer();
            dropped.items.add(new File(["2"], "two.csv", { type: "text/csv" }));
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
        }"""
    )
    expect(view.locator("#view > output")).to_have_text("one.csvtwo.csv")


def test_tab_reaches_everything_and_enter_asks(open_view):
    view = open_view("text_generation")
    controls = view.locator("a, button:not([disabled]), input, textarea").count()
    view.evaluate("() => document.activeElement.blur()")
    reached = set()
    for _ in range(controls):
        view.keyboard.press("Tab")
        reached.add(view.evaluate("() => document.activeElement.outerHTML"))
    assert len(reached) == controls
    length = view.get_by_label("Characters")
    length.fill("3")
    length.press("Enter")
    expect(view.locator("#status")).to_have_text("3 characters written")


def test_another_application_is_reached_by_its_link_and_announced(open_view):
    view = open_view("sentiment_analysis")
    view.get_by_role("link", name="Translation").press("Enter")
    view.locator('#view[data-shown="translation"]').wait_for()
    expect(view.get_by_role("heading", level=1)).to_have_text("Translation")
    assert view.title() == "Translation · Recurrent applications"
    expect(view.locator("nav a[aria-current=page]")).to_have_text("Translation")
    expect(view.get_by_text("The shipped model knows English sentences")).to_be_visible()


@pytest.mark.parametrize("name", ["sentiment_analysis", "text_generation", "translation", "keyboard"])
def test_a_narrow_screen_needs_no_scrolling_sideways(open_view, name):
    view = open_view(name, size={"width": 320, "height": 640})
    view.locator(".chip").last.click()
    expect(view.locator("#status")).not_to_be_empty()
    assert view.evaluate("() => document.documentElement.scrollWidth") <= 320


def test_a_model_without_a_view_gets_one_from_what_it_says_of_itself(
    open_view, browser_page, declared, loaded
):
    # To the browser the view of its own is not there.
    browser_page.route("**/views/speech_commands.js", lambda route: route.fulfill(status=404, json={}))
    view = open_view("speech_commands")
    row = declared("speech_commands")["examples"][1]["row"]
    recognise = loaded("speech_commands")
    expected = recognise(base64.b64decode(row["audio_bytes"]["b64"]))
    view.locator(".chip").nth(1).click()
    label = view.get_by_role("row", name="label")
    expect(label).to_contain_text(expected["label"])


def test_a_form_is_made_of_the_inputs_of_any_model(open_view, browser_page, loaded):
    browser_page.route("**/views/keyboard.js", lambda route: route.fulfill(status=404, json={}))
    view = open_view("keyboard")
    suggest = loaded("keyboard")
    words = suggest("What do you th", count=2)["words"]
    view.get_by_label("text").fill("What do you th")
    view.get_by_label("count").fill("two")
    view.get_by_role("button", name="Ask").click()
    expect(view.locator(".error")).to_have_text("count: expected a number or a list such as [1, 2], got two")
    view.get_by_label("count").fill("2")
    view.get_by_label("count").press("Enter")
    expect(view.get_by_role("row", name="words")).to_contain_text(", ".join(words))
    expect(view.locator(".error")).to_have_count(0)


def test_the_page_of_another_server_asks_the_one_that_is_named(open_view, address, elsewhere):
    view = open_view("sentiment_analysis", at=f"{elsewhere}/", query=f"?server={address}")
    view.get_by_label("A text").fill("dull")
    expect(view.locator(".verdict")).to_have_text("negative")


def test_a_server_that_the_policy_of_the_page_bars_is_one_line(browser, address, elsewhere):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{address}?server={elsewhere}#sentiment_analysis")
        line = (
            f"This page may not ask {elsewhere}: "
            "its own server must allow that by connect-src of its Content-Security-Policy."
        )
        expect(page.locator("#served")).to_have_text(line)
        page.get_by_label("A text").fill("dull")
        expect(page.locator("#view .error")).to_have_text(line)


def test_an_answer_that_takes_long_is_waited_for_in_sight(open_view):
    view = open_view("sentiment_analysis")
    held = []
    view.route("**/*:predict", lambda route: held.append(route))
    busy = view.locator("#busy")

    for text, line in [
        ("dull", "asking the model; its first answer takes longer"),
        ("very dull", "asking the model"),
    ]:
        view.get_by_label("A text").fill(text)
        expect(busy).to_have_text(line)
        expect(busy).to_be_in_viewport()
        held.pop().continue_()
        expect(busy).to_be_empty()
        expect(view.locator(".verdict")).to_have_text("negative")


def test_numbers_that_json_has_not_go_and_come(open_view):
    view = open_view("sentiment_analysis")
    written, read = view.evaluate(
        """async () => {
            const { written, read } = await import("/ask.js");
            const values = [NaN, null, Infinity, -Infinity, 1.5, "NaN", 'a "quoted" -Infinity', true];
            return [written(values), read('{"a": [NaN, -Infinity, "NaN", 2]}').a.map(String)];
        }"""
    )
    values = json.loads(written)
    assert [str(value) for value in values[:4]] == ["nan", "nan", "inf", "-inf"]
    assert values[4:] == [1.5, "NaN", 'a "quoted" -Infinity', True]
    assert read == ["NaN", "-Infinity", "NaN", "2"]


def test_several_rows_are_asked_at_once(open_view):
    view = open_view("sentiment_analysis")
    labels = view.evaluate(
        """async () => {
            const { ask } = await import("/ask.js");
            return (await ask("sentiment_analysis", { text: ["dull", "a delight"] }, { rows: true })).label;
        }"""
    )
    assert labels == ["negative", "positive"]


def test_of_calls_that_come_fast_the_last_is_done_one_at_a_time(open_view):
    view = open_view("sentiment_analysis")
    done, answers, most = view.evaluate(
        """async () => {
            const { latest } = await import("/ask.js");
            const done = [];
            let running = 0, most = 0;
            const work = async (value) => {
                most = Math.max(most, ++running);
                done.push(value);
                await new Promise((resolve) => setTimeout(resolve, 100));
                running--;
                return value;
            };
            const call = latest(10, work);
            const first = ["a", "b"].map(call);
            await new Promise((resolve) => setTimeout(resolve, 60));
            const then = ["c", "d"].map(call);
            const answers = await Promise.all([...first, ...then]);
            return [done, answers.map((one) => one ?? null), most];
        }"""
    )
    assert (done, answers, most) == (["b", "d"], [None, None, None, "d"], 1)
