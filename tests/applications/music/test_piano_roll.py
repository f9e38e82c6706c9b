"""Pictures of music are whole PNG files that show each note where it sounds, and say which voice holds it."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from applications.music import piano_roll
from applications.music.piano_roll import draw_histograms, draw_piano_roll
from applications.music.piece import SILENCE, Piece

BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)
DOTS_PER_INCH = 120


def piece_of(*steps, name="a piece", steps_per_quarter=1):
    return Piece(name, np.array(steps, np.int32).reshape(len(steps), -1), steps_per_quarter)


def pixels_of(path):
    """Of a whole PNG, `[height, width, 3]`."""
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(np.int32)


def places_of(pixels, colour):
    """Rows and columns of the pixels of a colour, but for those of the legend."""
    rows, columns = np.nonzero(np.abs(pixels - np.array(colour)).max(axis=-1) < 12)
    within = rows < len(pixels) - DOTS_PER_INCH // 2
    return rows[within], columns[within]


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the figure that would have been saved, from top to bottom or from left to right."""
    figures = []
    monkeypatch.setattr(piano_roll, "save_figure", lambda figure, path: figures.append(figure))

    def last():
        FigureCanvasAgg(figures[-1]).draw()
        return figures[-1].axes

    return last


def notes_in(axes):
    """First quarter, last quarter, and note of each box that is drawn."""
    boxes, _ = (one for one in axes.collections if isinstance(one, PolyCollection))
    corners = [path.vertices for path in boxes.get_paths()]
    return {(box[:, 0].min(), box[:, 0].max(), round(box[:4, 1].mean(), 6)) for box in corners}


def labels_of(axis):
    return {
        label.get_text(): place
        for label, place in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)
    }


def test_a_short_piece_is_a_picture_that_fits_a_page_and_a_long_one_has_several_rows(tmp_path):
    notes = [[72, 67, 64, 48]] * 16
    sizes = {}
    for bars in (4, 8, 24):
        draw_piano_roll(piece_of(*notes * (bars // 4)), tmp_path / "roll.png")
        sizes[bars] = pixels_of(tmp_path / "roll.png").shape[:2]
    assert 6 * DOTS_PER_INCH < sizes[4][1] < 8 * DOTS_PER_INCH
    assert sizes[4][1] < sizes[8][1] == pytest.approx(sizes[24][1], abs=20)
    assert sizes[8][1] < 14 * DOTS_PER_INCH
    assert sizes[4][0] == pytest.approx(sizes[8][0], abs=20)
    assert 2 * sizes[8][0] < sizes[24][0] < 3 * sizes[8][0]


def test_a_piece_of_many_pages_is_still_a_picture(drawn, tmp_path):
    draw_piano_roll(piece_of(*[[60], [62]] * 1_000), tmp_path)
    rows = drawn()
    assert len(rows) <= 16
    assert max(rows[0].figure.get_size_inches()) < 60
    assert all(len(labels_of(axes.xaxis)) <= 16 for axes in rows)


def test_each_note_stands_where_it_sounds_in_the_colour_of_its_voice(tmp_path):
    draw_piano_roll(piece_of([72, 60], [72, SILENCE], [SILENCE] * 2, [76, 60]), tmp_path / "roll.png")
    pixels = pixels_of(tmp_path / "roll.png")
    (high, across), (low, below) = places_of(pixels, BLUE), places_of(pixels, ORANGE)
    assert high.max() < low.min()
    # The fourth quarter has no note; in the last one the high voice is higher than in the first two.
    quarter = (across.max() - across.min()) / 4
    columns = (across - across.min()) / quarter
    assert not ((columns > 2.1) & (columns < 2.9)).any()
    assert high[columns > 3].max() < high[columns < 2].min()
    first = (below - across.min()) / quarter
    assert not ((first > 1.1) & (first < 2.9)).any()


def test_a_held_note_is_one_box_and_goes_on_in_the_next_row(drawn, tmp_path):
    steps = [[72]] * 30 + [[74]] * 8
    draw_piano_roll(piece_of(*steps, [SILENCE], steps_per_quarter=1), tmp_path)
    first, second = drawn()
    assert notes_in(first) == {(0, 30, 72), (30, 38, 74)}
    assert notes_in(second) == {(30, 38, 74)}
    assert (first.get_xlim(), second.get_xlim()) == ((0, 32), (32, 64))
    assert first.get_ylim() == second.get_ylim()


def test_steps_are_parts_of_a_quarter_and_bar_lines_stand_after_every_four(drawn, tmp_path):
    draw_piano_roll(piece_of(*[[60]] * 6, *[[62]] * 34, steps_per_quarter=4), tmp_path)
    (axes,) = drawn()
    assert notes_in(axes) == {(0, 1.5, 60), (1.5, 10, 62)}
    (lines,) = (one for one in axes.collections if not isinstance(one, PolyCollection))
    assert [segment[0, 0] for segment in lines.get_segments()] == [0, 4, 8]
    assert labels_of(axes.xaxis) == {"1": 0, "2": 4, "3": 8}


@pytest.mark.parametrize("notes", [[60], [21, 108], [SILENCE]])
def test_names_of_notes_stand_at_the_side(drawn, tmp_path, notes):
    draw_piano_roll(piece_of(*([note] for note in notes)), tmp_path)
    (axes,) = drawn()
    names = labels_of(axes.yaxis)
    assert names["C4"] == 60
    low, high = axes.get_ylim()
    assert all(low < note < high for note in (notes if notes != [SILENCE] else [60]))
    assert names.get("C8", 108) == 108
    boxes = sorted(
        (label.get_window_extent().y0, label.get_window_extent().y1) for label in axes.get_yticklabels()
    )
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(boxes))


def test_two_voices_that_share_a_note_are_both_seen(tmp_path):
    draw_piano_roll(piece_of(*[[72, 60, 60]] * 8), tmp_path / "roll.png")
    pixels = pixels_of(tmp_path / "roll.png")
    (upper, _), (lower, _) = places_of(pixels, ORANGE), places_of(pixels, GREEN)
    assert upper.min() < lower.min() <= lower.max() < upper.max()


def test_given_notes_are_hatched_and_no_others(tmp_path):
    piece = piece_of(*[[72, 60]] * 8)
    given = np.zeros((8, 2), bool)
    given[:4, 0] = True
    shares = {}
    for name, mask in (("none", None), ("some", given)):
        draw_piano_roll(piece, tmp_path / f"{name}.png", mask)
        pixels = pixels_of(tmp_path / f"{name}.png")
        _, columns = places_of(pixels, BLUE)
        middle = (columns.min() + columns.max()) / 2
        shares[name] = ((columns < middle).sum(), (columns > middle).sum(), len(places_of(pixels, ORANGE)[0]))
    assert shares["some"][0] < 0.8 * shares["none"][0]
    np.testing.assert_allclose(shares["some"][1:], shares["none"][1:], rtol=0.01)


def test_the_legend_names_voices_and_what_hatches_mean(drawn, tmp_path):
    draw_piano_roll(piece_of([72, 60]), tmp_path, given=[[True, False]])
    (legend,) = drawn()[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["voice 1 (highest)", "voice 2", "given"]


def test_the_log_likelihood_of_each_step_stands_below_it(drawn, tmp_path):
    nats = np.array([-1.0, -3.0, np.nan, -np.inf])
    draw_piano_roll(piece_of([60], [60], [62], [64], steps_per_quarter=2), tmp_path, log_likelihood=nats)
    roll, strip = drawn()
    (stairs,) = strip.patches
    values, edges, _ = stairs.get_data()
    np.testing.assert_array_equal(values, [-1, -3, np.nan, -3])
    np.testing.assert_array_equal(edges, [0, 0.5, 1, 1.5, 2])
    assert strip.get_ylim() == (-3, 0)
    assert strip.get_xlim() == roll.get_xlim()
    assert "nats" in strip.get_ylabel()


def test_any_piece_is_drawn(tmp_path):
    for piece in (
        Piece("nothing", np.zeros((0, 4), np.int32)),
        piece_of([SILENCE]),
        piece_of(range(72, 60, -1)),
    ):
        draw_piano_roll(piece, tmp_path / "roll.png", np.ones_like(piece.notes, bool), np.zeros(piece.steps))
        assert min(pixels_of(tmp_path / "roll.png").shape[:2]) > 200


def test_a_name_is_no_formula(tmp_path):
    draw_piano_roll(piece_of([60], name=r"$\frac{$ 你" + "long" * 50), tmp_path / "roll.png")
    assert pixels_of(tmp_path / "roll.png").shape[1] < 8 * DOTS_PER_INCH


def test_what_is_of_another_shape_is_told_of_and_nothing_is_written(tmp_path):
    piece = piece_of([72, 60], [71, 62])
    with pytest.raises(ValueError, match=r"expected a bool for each note, \[2, 2\]; got \[2\]"):
        draw_piano_roll(piece, tmp_path / "roll.png", given=[True, True])
    with pytest.raises(ValueError, match=r"expected the nats of each step, \[2\]; got \[3\]"):
        draw_piano_roll(piece, tmp_path / "roll.png", log_likelihood=[0, 0, 0])
    for classes, intervals in ((11, 25), (12, 24)):
        with pytest.raises(ValueError, match=r"expected shares \[2, 12\]"):
            draw_histograms(np.ones((2, classes)), np.ones((2, intervals)), tmp_path / "histograms.png")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_fails_leaves_the_one_before_it(tmp_path, monkeypatch):
    path = tmp_path / "roll.png"
    draw_piano_roll(piece_of([60]), path)
    before = path.read_bytes()

    def fail(self, path, **options):
        path.write_bytes(before[:100])
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        draw_piano_roll(piece_of([72]), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_histograms_show_the_shares_of_both_side_by_side(drawn, tmp_path):
    rng = np.random.default_rng(0)
    classes, intervals = rng.dirichlet(np.ones(12), 2), rng.dirichlet(np.ones(25), 2)
    draw_histograms(classes, intervals, tmp_path)
    left, right = drawn()
    for axes, shares in ((left, classes), (right, intervals)):
        for bars, row in zip(axes.containers, shares, strict=True):
            np.testing.assert_allclose([bar.get_height() for bar in bars], row)
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["generated", "corpus"]
    assert list(labels_of(left.xaxis))[::5] == ["C", "F", "B♭"]
    ticks = labels_of(right.xaxis)
    assert (ticks["0"], ticks["−12"], ticks["+12"]) == (12, 0, 24)


def test_histograms_are_a_picture(tmp_path):
    draw_histograms(np.full((2, 12), 1 / 12), np.full((2, 25), 1 / 25), tmp_path / "histograms.png")
    pixels = pixels_of(tmp_path / "histograms.png")
    assert len(places_of(pixels, BLUE)[0]) > 1_000
    assert len(places_of(pixels, ORANGE)[0]) > 1_000
