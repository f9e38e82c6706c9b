"""The keyboard in the page suggests, takes, learns and forgets as the keyboard of Python does."""

import pytest
from playwright.sync_api import expect

from applications.keyboard.user_model import observed, suggestions
from applications.keyboard.user_state import Choice, Event, Sizes, empty_state

pytestmark = pytest.mark.slow


@pytest.fixture
def keyboard(loaded):
    return loaded("keyboard")


@pytest.fixture
def empty(keyboard):
    described = keyboard.described
    return empty_state(Sizes.fitting(len(described["words"]) + 3, described["width"], described["network"]))


def chips(view):
    return view.locator(".suggestions .chip")


def test_the_suggestions_are_those_of_python(open_view, keyboard):
    view = open_view("keyboard")
    view.get_by_label("Type here").press_sequentially("What do you th")
    expect(chips(view)).to_have_text(
        [f"Alt+{n}{word}" for n, word in enumerate(keyboard("What do you th")["words"], 1)]
    )


@pytest.mark.parametrize(("key", "place"), [("Tab", 0), ("Alt+1", 0), ("Alt+3", 2)])
def test_a_key_takes_a_suggestion(open_view, keyboard, key, place):
    view = open_view("keyboard")
    box = view.get_by_label("Type here")
    box.fill("What do you th")
    expect(chips(view)).to_have_count(3)
    box.press(key)
    expect(box).to_have_value(f"What do you {keyboard('What do you th')['words'][place]} ")
    expect(box).to_be_focused()


def test_digits_are_typed_beside_suggestions(open_view):
    view = open_view("keyboard")
    box = view.get_by_label("Type here")
    box.fill("I have ")
    expect(chips(view)).to_have_count(3)
    expect(chips(view).first).to_be_enabled()
    box.press_sequentially("2 dogs")
    expect(box).to_have_value("I have 2 dogs")


def test_suggestions_for_an_earlier_text_are_not_taken_and_keep_no_key(open_view):
    view = open_view("keyboard")
    box = view.get_by_label("Type here")
    box.fill("What do you th")
    expect(chips(view).first).to_be_enabled()
    answers = []
    view.route("**/*:predict", lambda route: answers.append(route))
    with view.expect_request("**/*:predict"):
        box.press("r")
    expect(chips(view)).to_have_count(3)
    for place in range(3):
        expect(chips(view).nth(place)).to_be_disabled()
    box.press("2")
    box.press("Alt+1")
    expect(box).to_have_value("What do you thr2")
    box.press("Backspace")
    box.press("Backspace")
    expect(chips(view).first).to_be_enabled()
    box.press("ArrowLeft")
    expect(chips(view).first).to_be_disabled()
    box.press("Tab")
    expect(box).not_to_be_focused()
    for route in answers:
        route.abort()


def test_escape_gives_tab_back(open_view):
    view = open_view("keyboard")
    box = view.get_by_label("Type here")
    box.fill("What do you th")
    expect(chips(view)).to_have_count(3)
    box.press("Escape")
    expect(chips(view)).to_have_count(0)
    box.press("Tab")
    expect(box).not_to_be_focused()


def test_what_is_typed_is_learned_as_python_learns_it_and_can_be_forgotten(open_view, keyboard, empty):
    view = open_view("keyboard")
    box = view.get_by_label("Type here")
    known = view.get_by_label("What it has learned")
    for word in ("Zzyx", "Qwert", "Zzyx", "Qwert", "Zzyx", "Qwert"):
        box.press_sequentially(f"{word} ", delay=0)
    expect(known).to_contain_text("6 words and marks")
    expect(known.locator(".tag")).to_have_text(["Zzyx 3×", "Qwert 3×"])
    asked = []
    view.on("request", lambda request: asked.append(request.post_data_json or {}))

    box.press_sequentially("Zz")

    expect(chips(view).first).to_contain_text("Zzyx")
    state = {name: value for name, value in asked[-1]["inputs"].items() if name in empty._fields}
    assert state.keys() == set(empty._fields), "the state travels in the request"
    view.get_by_role("button", name="Forget all").click()
    expect(known).to_contain_text("Nothing yet")
    with view.expect_request("**/*:predict") as request:
        box.press_sequentially("y")
    assert request.value.post_data_json["inputs"].keys() == {"text", "count"}


def test_the_learned_state_is_that_of_python(open_view, keyboard, empty):
    view = open_view("keyboard")
    words = ["see", "Zzyx", "soon", "Zzyx", "soon"]
    answers = view.evaluate(
        """async (words) => {
            const { ask, report } = await import("/ask.js");
            const { empty_state } = await import("/views/keyboard.js");
            const { changes } = await import("/typed_words.js");
            const signatures = (await report("keyboard", "/metadata")).metadata.signature_def.signature_def;
            let state = empty_state(signatures.observe);
            let learned = "";
            for (const end of [2, words.length]) {
                const change = changes(learned, words.slice(0, end).join(" ") + " ");
                learned = change.learned;
                const pieces = change.events.map((event) => event.text);
                const choices = change.events.map((event) => event.choice);
                const after = await ask("keyboard", { pieces, choices, ...state }, { signature: "observe" });
                state = Object.fromEntries(Object.keys(state).map((name) => [name, after[name]]));
            }
            const personal = { text: "see ", prefix: "", count: 3, ...state };
            const { words: best } = await ask("keyboard", personal, { signature: "personal" });
            return { counts: state.counts, clock: state.clock, best };
        }""",
        words,
    )
    state = observed(keyboard._runner, [Event(word, Choice.TYPED) for word in words], empty)
    user = type("Known", (), {"state": state})
    expected = suggestions(keyboard._runner, "see ", None, 3, user)
    assert answers["clock"] == state.clock == len(words)
    assert answers["counts"] == state.counts.tolist()
    assert answers["best"] == [word.decode() for word in expected["words"][0]]


def test_learning_can_be_switched_off(open_view):
    view = open_view("keyboard")
    view.get_by_label("Learn from what I type").uncheck()
    view.get_by_label("Type here").press_sequentially("one two ")
    expect(chips(view)).to_have_count(3)
    expect(view.get_by_label("What it has learned")).to_contain_text("Nothing yet")


def test_what_was_changed_in_a_text_is_told_in_order(open_view):
    view = open_view("keyboard")
    told = view.evaluate(
        """async () => {
            const { changes } = await import("/typed_words.js");
            return [
                changes("", "I am "),
                changes("I am ", "I am on"),
                changes("I am ", "I was "),
                changes("I ", "I go ", "am"),
                changes("I ", "I Am ", "am"),
                changes("I am ", "I am\\n\\nno "),
            ].map(({ events, learned }) => [learned, ...events.map(({ text, choice }) => [text, choice])]);
        }"""
    )
    typed, passed, deleted = Choice.TYPED, Choice.PASSED_OVER, Choice.DELETED
    assert told == [
        ["I am ", ["I", typed], ["am", typed]],
        ["I am "],
        ["I was ", ["am", deleted], ["was", typed]],
        ["I go ", ["am", passed], ["go", typed]],
        ["I Am ", ["Am", typed]],
        ["I am\n\nno ", ["am", deleted], ["am", typed], ["\n", typed], ["no", typed]],
    ]
