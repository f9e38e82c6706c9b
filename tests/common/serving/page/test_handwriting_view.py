"""The view of handwriting: ink is read as Python reads it, whether an example or the mouse writes it."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def view(open_view):
    return open_view("handwriting")


def _draw(view, strokes):
    """Draws strokes of points, which are shares of the pad's size, by the mouse."""
    box = view.locator(".pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        view.mouse.move(*places[0])
        view.mouse.down()
        for place in places[1:]:
            view.mouse.move(*place, steps=4)
        view.mouse.up()


def test_an_example_is_read_as_python_reads_it(view, declared, loaded):
    strokes = declared("handwriting")["examples"][0]["row"]["strokes"]
    read = loaded("handwriting")
    expected = read(strokes)

    view.locator(".chip").first.click()

    expect(view.locator("#status")).to_have_text(expected["text"])
    expect(view.locator(".card .muted").first).to_have_text(
        f"confidence {100 * expected['confidence']:.0f} %"
    )
    assert "".join(view.locator(".letter").all_text_contents()) == expected["text"]


def test_what_the_mouse_draws_is_read_undone_and_cleared(view, loaded):
    circle = [(0.35, 0.3), (0.3, 0.45), (0.3, 0.6), (0.35, 0.75), (0.4, 0.6), (0.4, 0.45), (0.35, 0.3)]
    requests = []
    view.on("request", lambda request: requests.append(request.post_data_json) if request.post_data else None)

    _draw(view, [circle, [(0.5, 0.25), (0.5, 0.75)]])
    expect(view.locator(".answer")).to_be_visible()

    sent = [one["inputs"]["strokes"][0] for one in requests if one["signature_name"] == "serving_default"]
    assert len(sent) == 1, "one request for strokes that follow each other fast"
    assert sent[0].count(";") == 1
    read = loaded("handwriting")
    expect(view.locator("#status")).to_have_text(read(sent[0])["text"])

    with view.expect_request_finished():
        view.get_by_role("button", name="Undo").click()
    assert requests[-1]["inputs"]["strokes"][0] == sent[0].split(";")[0]

    view.get_by_role("button", name="Clear").click()
    expect(view.locator(".answer")).to_be_hidden()


def test_a_dot_is_refused_in_one_line(view):
    _draw(view, [[(0.5, 0.5)]])

    error = view.locator("#view .error")
    expect(error).to_have_count(1)
    assert "\n" not in error.text_content()
