"""Pictures show every image with what was said of it, and for every word where the captioner looked."""

import warnings

import matplotlib.image
import numpy as np
import pytest

from common.evaluation.image_plots import plot_caption_page, plot_word_attention

pytestmark = pytest.mark.slow

ODD = "costs $5 \\per $6\n größer 狗 " + "word " * 30
SHAPES = [(128, 128), (900, 700), (1, 1), (1, 900), (64, 3)]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def plain(colour, height=60, width=60):
    return np.full((height, width, 3), colour, np.uint8)


def picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    return (matplotlib.image.imread(path)[..., :3] * 255).round().astype(int)


def has(pixels, colour):
    return (abs(pixels - colour).max(axis=-1) <= 2).sum()


def text_lines(pixels):
    """First and last row of each line of writing, black or grey, in a picture of red images on white."""
    grey = (np.ptp(pixels, axis=-1) < 8) & (pixels.max(axis=-1) < 200)
    rows = np.flatnonzero(grey.any(axis=1))
    return [(run[0], run[-1]) for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)]


def test_a_page_has_every_image_in_order(tmp_path):
    colours = [(255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 160, 0), (0, 160, 255), (160, 0, 160)]
    path = tmp_path / "new" / "page.png"
    plot_caption_page([plain(colour) for colour in colours], ["a"] * 6, [["b"]] * 6, path)
    pixels = picture(path)
    places = []
    for colour in colours:
        rows, columns = np.nonzero(abs(pixels - colour).max(axis=-1) <= 2)
        assert len(rows) > 10_000
        places.append((rows.mean().round(), columns.mean().round()))
    assert places == sorted(places)
    assert len({row for row, _ in places}) == 2


def test_captions_stand_below_their_images_and_two_references_below_the_captions(tmp_path):
    lines = []
    for references in ([], ["a red square", "it is red"], ["a red square", "it is red", "red"], [ODD]):
        plot_caption_page([plain((255, 0, 0))], ["all red"], [references], tmp_path / "page.png")
        pixels = picture(tmp_path / "page.png")
        lines.append(text_lines(pixels))
        assert lines[-1][0][0] > np.flatnonzero((pixels == (255, 0, 0)).all(axis=-1).any(axis=1)).max()
    assert [len(found) for found in lines[:3]] == [1, 3, 3]
    assert len(lines[3]) > 4


def test_long_texts_make_room_before_the_next_row(tmp_path):
    plot_caption_page([plain((255, 0, 0))] * 5, ["a", ODD, "a", "a", "a"], [[]] * 5, tmp_path / "page.png")
    pixels = picture(tmp_path / "page.png")
    first_column = pixels[:, : pixels.shape[1] // 4]
    red = np.flatnonzero((first_column == (255, 0, 0)).all(axis=-1).any(axis=1))
    second_row = red[np.argmax(np.diff(red)) + 1]
    above = [first for first, _ in text_lines(pixels) if first < second_row]
    assert len(above) == len(text_lines(pixels)) - 1 > 4


def test_images_of_any_size_captions_of_any_kind_and_an_empty_one_make_a_page(tmp_path):
    images = [plain(99, *shape) for shape in SHAPES]
    plot_caption_page(images, ["", ODD, "x" * 90, "a", "b"], [[], [""], [ODD] * 5, ["a"], []], tmp_path / "p")
    assert min(picture(tmp_path / "p").shape[:2]) > 300


def test_where_a_word_was_written_from_is_clear_and_the_rest_is_faded(tmp_path):
    maps = np.zeros((2, 4, 4))
    maps[0, :2, :2] = maps[1, 2:, 2:] = 1 / 4
    plot_word_attention(plain((255, 0, 0)), ["upper left", "lower right"], maps, tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    third = pixels.shape[1] // 3
    image, upper, lower = (pixels[:, start : start + third] for start in (0, third, 2 * third))
    red, faded, line = (255, 0, 0), (147, 109, 109), (213, 94, 0)
    rows, columns = np.nonzero((image == red).all(axis=-1))
    centre = (rows.min() + np.ptp(rows) // 2, columns.min() + np.ptp(columns) // 2)
    assert has(image, faded) == has(image, line) == 0
    for part in (upper, lower):
        assert len(rows) / 8 < has(part, red) < len(rows) / 4
        assert len(rows) / 2 < has(part, faded) < len(rows) * 3 / 4
        assert has(part, line) > 50
    upper_red, lower_red = (np.nonzero((part == red).all(axis=-1)) for part in (upper, lower))
    assert all(places.max() < middle for places, middle in zip(upper_red, centre, strict=True))
    assert all(places.min() > middle for places, middle in zip(lower_red, centre, strict=True))


def test_a_word_for_which_the_captioner_looked_everywhere_is_evenly_faded_without_a_line(tmp_path):
    plot_word_attention(plain((255, 0, 0)), ["the"], np.full((1, 8, 8), 1 / 64), tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    assert has(pixels, (174, 82, 82)) > 10_000
    assert has(pixels, (213, 94, 0)) == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_attention_over_images_of_any_size_and_words_of_any_kind(tmp_path, shape):
    words = ["a", "$5 \\per $6", "狗", "x" * 30]
    maps = np.random.default_rng(0).dirichlet(np.full(25, 0.1), len(words)).reshape(-1, 5, 5)
    maps[0] = np.eye(5)[0] / 5
    maps[1] = maps[0].T
    plot_word_attention(plain(99, *shape), words, maps, tmp_path / "a.png")
    assert picture(tmp_path / "a.png").size


def test_a_caption_of_no_words_shows_the_image_alone(tmp_path):
    plot_word_attention(plain((255, 0, 0)), [], np.zeros((0, 4, 4)), tmp_path / "a.png")
    assert has(picture(tmp_path / "a.png"), (255, 0, 0)) > 10_000


def test_words_without_a_map_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2 words and 1 maps"):
        plot_word_attention(plain(0), ["a", "b"], np.zeros((1, 4, 4)), tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
