"""The view of image_captioning: what the model says of a picture, where it looked, and what is no picture."""

import re

import pytest
from playwright.sync_api import expect

from applications.image_captioning.sample import make_scenes
from applications.image_captioning.scenes import draw
from common.images.files import encode_png

_OVERLAY = (
    "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
)


@pytest.fixture
def view(open_view):
    return open_view("image_captioning")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A file with a drawn scene."""
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    path.write_bytes(encode_png(draw(make_scenes("test", 1)[0], 128)))
    return path


def test_a_caption_is_the_one_that_python_gives(view, scene, loaded):
    expected = loaded("image_captioning")(scene.read_bytes())["caption"]

    view.locator("input[type=file]").set_input_files(scene)

    expect(view.locator("#status")).to_have_text(expected)
    assert " ".join(view.locator(".words .word").all_text_contents()) == expected
    view.locator("summary").click()
    expect(view.locator("details li").first).to_contain_text(expected)


def test_a_word_shows_where_the_model_looked(view, scene):
    view.locator("input[type=file]").set_input_files(scene)
    word = view.locator(".words .word").first
    expect(word).to_be_visible()
    assert not view.locator(".frame canvas").evaluate(_OVERLAY)

    word.focus()

    share = re.compile(rf"“{word.text_content()}”: \d+ % of its attention on one of 64 places")
    expect(view.locator(".card .muted").first).to_have_text(share)
    assert view.locator(".frame canvas").evaluate(_OVERLAY)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (
            {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"},
            "notes.png: not a picture that this browser reads; expected JPEG, PNG, GIF, BMP or WebP",
        ),
        (
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"},
            "notes.txt: expected a picture such as JPEG or PNG",
        ),
    ],
    ids=["no picture", "another kind"],
)
def test_what_is_no_picture_is_refused_in_one_line(view, file, line):
    view.locator("input[type=file]").set_input_files(file)

    expect(view.locator("#view .error")).to_have_text([line])
    expect(view.locator(".answer")).to_be_hidden()


def test_a_picture_of_20_mb_is_refused_in_one_line(view, tmp_path):
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(bytes(20_000_000))

    view.locator("input[type=file]").set_input_files(huge)

    expect(view.locator("#view .error")).to_have_text(["huge.jpg: expected at most 8 MB, got 20.0 MB"])


def test_the_camera_gives_a_picture(view):
    view.context.grant_permissions(["camera"])
    view.get_by_role("button", name="Camera").click()
    view.get_by_role("button", name="Take the picture").click()

    expect(view.locator(".words .word").first).to_be_visible()
    expect(view.locator("video")).to_have_count(0)
