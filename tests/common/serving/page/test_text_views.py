"""The views of texts answer as Python does, and show what they are given as text."""

import numpy as np
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

REVIEW = "Not bad at all, I <b>loved</b> it"


def test_a_review_is_judged_while_it_is_typed(open_view, loaded):
    view = open_view("sentiment_analysis")
    classify = loaded("sentiment_analysis")
    expected = classify(REVIEW)

    view.get_by_label("A text").press_sequentially(REVIEW)

    expect(view.locator(".bar-value")).to_have_text(f"{100 * expected['probability']:.1f} %")
    expect(view.locator(".verdict")).to_have_text(expected["label"])
    expect(view.locator("#status")).to_contain_text(expected["label"])


def test_the_words_of_a_review_are_tinted_by_what_they_say(open_view, loaded):
    view = open_view("sentiment_analysis")
    text = "It's dull, but I loved it"
    classify = loaded("sentiment_analysis")
    said = classify._runner.answer("explain", text=[text])["contributions"][0]
    view.get_by_label("A text").fill(text)

    signs = ["" if abs(one) < 0.05 * np.abs(said).max() else "+" if one > 0 else "−" for one in said]
    expect(view.locator(".passage span")).to_have_text(["It's", "dull", ",", "but", "I", "loved", "it"])
    assert view.locator(".passage span").evaluate_all("all => all.map(one => one.dataset.sign)") == signs
    assert {"+", "−"} <= set(signs)
    assert view.locator(".passage").text_content() == text


@pytest.mark.parametrize("name", ["sentiment_analysis", "translation", "text_generation"])
def test_markup_that_is_typed_is_shown_as_text(open_view, name):
    view = open_view(name)
    view.locator("textarea").fill("<b>bold</b><img src=x onerror=alert(1)>")
    if name == "text_generation":
        view.get_by_label("Characters").fill("5")
        view.get_by_role("button", name="Write").click()

    shown = view.locator("#view :is(.passage, .written)").filter(has_text="bold")
    expect(shown.first).to_be_visible()
    expect(view.locator("#view").locator("b, img")).to_have_count(0)


def test_an_answer_to_a_text_that_was_deleted_is_dropped(open_view):
    view = open_view("sentiment_analysis")
    box = view.get_by_label("A text")
    with view.expect_request("**/*:predict"):
        box.fill(REVIEW)
    box.fill("")
    with view.expect_response("**/*:predict"):
        box.fill("dull")

    expect(view.locator(".verdict")).to_have_text("negative")
    expect(view.locator(".passage")).to_have_text("dull")


def test_a_text_grows_in_pieces_to_the_one_that_python_writes(open_view, declared, loaded):
    view = open_view("text_generation")
    row = declared("text_generation")["examples"][0]["row"]
    write = loaded("text_generation")
    expected = write._runner.answer("serving_default", **{name: [value] for name, value in row.items()})
    asked = []
    view.on("request", lambda request: asked.append(request.post_data_json or {}))

    view.locator(".chip").first.click()

    expect(view.locator(".written")).to_have_text(expected["text"][0].decode())
    signatures = [one.get("signature_name") for one in asked if "signature_name" in one]
    assert signatures == ["prime", "extend", "extend", "extend"], "50 characters, 20 in a piece"


def test_writing_can_be_stopped(open_view):
    view = open_view("text_generation")
    view.get_by_label("Characters").fill("2000")
    view.get_by_role("button", name="Write").click()
    stop = view.get_by_role("button", name="Stop")

    expect(view.locator(".written")).not_to_be_empty()
    stop.click()

    expect(view.locator("#status")).to_contain_text("stopped after")
    expect(stop).to_be_disabled()
    assert len(view.locator(".written").text_content()) < 2000


def test_surprising_characters_are_painted(open_view, loaded):
    view = open_view("text_generation")
    text = "ROMEO:\nI am qx the king"
    write = loaded("text_generation")
    nats = write._runner.answer("score", text=[text])["character_log_likelihoods"][0]
    view.get_by_label("How the text begins").fill(text)

    view.get_by_role("button", name="Paint surprises").click()

    expect(view.locator(".legend")).to_contain_text(f"{-nats.mean() / np.log(2):.2f} bits per character")
    shown = view.locator(".surprise").evaluate_all("all => all.map(one => [one.textContent[0], one.title])")
    bits = -nats / np.log(2)
    expected = [(text[index], f"{bits[index]:.1f} bits") for index in np.flatnonzero(bits >= 2)]
    assert [character for character, _ in shown] == [
        "↵" if character == "\n" else character for character, _ in expected
    ]
    assert [title for _, title in shown] == [title for _, title in expected]


def test_a_sentence_is_translated_with_its_alignment_and_other_translations(open_view, loaded):
    view = open_view("translation")
    text = "Two dogs are playing in the snow."
    translate = loaded("translation")
    expected = translate(text)["translation"]
    aligned = translate._runner.answer("align", text=[text])

    view.get_by_label("Text", exact=True).fill(text)

    expect(view.locator(".output")).to_have_text(expected)
    expect(view.locator("tbody tr").first).to_contain_text(expected)
    word = view.get_by_role("button", name="Schnee")
    word.focus()
    place = [token.decode() for token in aligned["target_tokens"][0]].index("▁Schnee")
    source = aligned["source_tokens"][0][np.argmax(aligned["attention"][0, place])].decode()
    marked = view.locator('.token[data-sign="+"]')
    assert source.removeprefix("▁") in " ".join(marked.all_text_contents())
    word.blur()
    expect(marked).to_have_count(0)
    word.hover()
    expect(marked.first).to_be_visible()


def test_the_end_of_a_review_that_is_not_read_is_told(open_view):
    view = open_view("sentiment_analysis")
    box, line = view.get_by_label("A text"), view.get_by_text("what stands after them was left out")
    box.fill("good " * 1999)
    expect(view.locator(".passage span")).to_have_count(1999)
    expect(line).to_have_count(0)

    box.fill("good " * 2001)

    expect(view.locator(".passage span")).to_have_count(2000)
    expect(line).to_contain_text("reads 2,000 words and marks")


def test_a_text_that_is_deleted_leaves_no_answer_in_the_line_of_the_status(open_view):
    view = open_view("sentiment_analysis")
    view.get_by_label("A text").fill("dull")
    expect(view.locator("#status")).to_contain_text("negative")

    view.get_by_label("A text").fill("")

    expect(view.locator("#status")).to_be_empty()


def test_what_is_not_painted_of_a_long_text_stays_and_is_told(open_view):
    view = open_view("text_generation")
    text = "To be, or not. " * 300
    view.get_by_label("How the text begins").fill(text)

    view.get_by_role("button", name="Paint surprises").click()

    expect(view.locator(".legend")).to_contain_text("Only the first 4,000 characters")
    assert view.locator(".written").text_content() == text


def test_the_languages_are_named_and_a_text_that_is_cut_is_told_beside_its_translation(open_view):
    view = open_view("translation")
    expect(view.locator(".languages")).to_have_text("English to German")
    languages = view.evaluate(
        """async () => {
            const { language_of } = await import("/views/translation.js");
            const names = ["news.fr", "train.en.gz", "german", "pairs.csv", undefined];
            return names.map((name) => language_of(name) ?? null);
        }"""
    )
    assert languages == ["French", "English", None, None, None]

    view.get_by_label("Text", exact=True).fill("Two dogs are playing in the snow. " * 30)

    expect(view.locator(".output")).to_contain_text("its end was left out")
