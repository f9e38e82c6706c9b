"""Pictures of transcripts are whole PNG files that show what they are given."""

import numpy as np
import pytest

from common.evaluation.transcription import AS_RECORDED, by_length, by_noise
from common.evaluation.transcription_plots import (
    plot_error_rate_by_length,
    plot_error_rates_by_noise,
    plot_spectrogram_with_symbols,
    plot_word_reliability,
)

pytestmark = pytest.mark.slow

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


@pytest.mark.parametrize(
    ("frames", "symbols"),
    [(1, []), (98, list("set $x \u4f60")), (1_500, ["alarm", "two\nlines", "a" * 40] * 20)],
    ids=["nothing heard", "characters", "words"],
)
def test_spectrum_and_symbols_of_short_and_long_recordings(tmp_path, frames, symbols, picture):
    log_mel = np.random.default_rng(0).normal(size=(frames, 40))
    times = np.linspace(0, 0.01 * frames, len(symbols))
    plot_spectrogram_with_symbols(log_mel, 0.01, symbols, times, tmp_path / "spectrum.png")
    assert max(picture(tmp_path / "spectrum.png").shape[:2]) < 6_000


def test_a_symbol_stands_below_the_sound_where_it_was_heard(tmp_path, coloured, picture):
    places = {}
    for frame in (20, 80):
        log_mel = np.full((98, 40), -10.0)
        log_mel[frame : frame + 2, 30:] = 0.0
        plot_spectrogram_with_symbols(log_mel, 0.01, ["a"], [0.01 * (frame + 1)], tmp_path / "spectrum.png")
        pixels = picture(tmp_path / "spectrum.png")
        mark = coloured(pixels, ORANGE)
        mark = mark[1][mark[0] > 0.7 * len(pixels)]
        spectrum = pixels[40 : len(pixels) // 6, pixels.shape[1] // 8 : 4 * pixels.shape[1] // 5]
        bright = np.nonzero(spectrum[..., 0] > 0.9)[1] + pixels.shape[1] // 8
        assert mark.mean() == pytest.approx(bright.mean(), abs=4)
        places[frame] = mark.mean()
    assert places[20] < places[80] - 100


def test_as_many_times_as_symbols_are_expected(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        plot_spectrogram_with_symbols(np.zeros((9, 4)), 0.01, ["a", "b"], [0.1], tmp_path / "no.png")
    assert not list(tmp_path.iterdir())


def test_errors_rise_to_the_right_where_noise_makes_them_and_fall_where_it_grows_less(
    tmp_path, coloured, picture
):
    said = ["a b c d"] * 2
    read = {AS_RECORDED: said, 20: ["a b c x", said[0]], 10: ["a b", "a b"], 0: ["", "y"]}
    slopes = []
    for order in (list(read), list(read)[::-1]):
        rows = by_noise(said, {ratio: read[ratio] for ratio in order})
        plot_error_rates_by_noise(rows, tmp_path / "noise.png")
        slopes.append(np.corrcoef(*coloured(picture(tmp_path / "noise.png"), BLUE))[0, 1])
    assert slopes[0] < -0.3
    assert slopes[1] > 0.3


def test_bars_by_length_are_as_high_as_their_rates(tmp_path, coloured, picture):
    row = {"sentences": 1200, "word_error_rate": 0.5}
    half = {"1-3 words": {"sentences": 3, "word_error_rate": 0.0}, "4-6 words": row}
    plot_error_rate_by_length(half, tmp_path / "one.png")
    plot_error_rate_by_length({**half, "1-3 words": row}, tmp_path / "two.png")
    one, two = (len(coloured(picture(tmp_path / f"{name}.png"), BLUE)[0]) for name in ("one", "two"))
    assert two == pytest.approx(2 * one, rel=0.05)


def test_sentences_without_a_rate_still_have_their_place(tmp_path, picture):
    plot_error_rate_by_length(by_length(["", "yes"], ["no", "yes"]), tmp_path / "length.png")
    plot_error_rates_by_noise(by_noise([""], {AS_RECORDED: ["no"]}), tmp_path / "noise.png")
    assert all(picture(file).size for file in tmp_path.iterdir())


def test_confidences_that_hold_what_they_promise_lie_on_the_diagonal(tmp_path, coloured, picture):
    confidences = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 100)
    wrong = (np.arange(500) % 100) >= 100 * confidences
    for name, right in (("honest", ~wrong), ("too sure", np.zeros(500, bool))):
        plot_word_reliability(right, confidences, tmp_path / f"{name}.png")
    honest, too_sure = (
        len(coloured(picture(tmp_path / f"{name}.png"), ORANGE)[0]) for name in ("honest", "too sure")
    )
    assert too_sure > 5 * honest


def test_words_that_were_all_right_or_never_sure_have_a_picture_and_no_words_have_none(tmp_path, picture):
    plot_word_reliability([True, True], [0.2, 0.0], tmp_path / "reliability.png")
    assert picture(tmp_path / "reliability.png").size
    with pytest.raises(ValueError, match="no words"):
        plot_word_reliability([], [], tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()
