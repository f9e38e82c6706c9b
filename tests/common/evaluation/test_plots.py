"""Pictures of training runs and of attention are whole PNG files that show what they are given."""

import os
import subprocess
import sys

import numpy as np
import pytest

from common.evaluation.plots import (
    plot_attention,
    plot_by_length,
    plot_learning_curves,
    plot_spectrogram_with_attention,
)

pytestmark = pytest.mark.slow

BLUE = (0, 114, 178)


@pytest.mark.parametrize("frames", [1, 98, 1_500])
def test_spectrum_and_attention_of_short_and_long_recordings(tmp_path, frames, picture):
    log_mel = np.random.default_rng(0).normal(size=(frames, 40))
    attention = np.full(frames // 2 + 1, 1 / (frames // 2 + 1))
    plot_spectrogram_with_attention(log_mel, attention, 0.01, "$yes$", tmp_path / "spectrum.png")
    assert max(picture(tmp_path / "spectrum.png").shape[:2]) < 6_000


def test_attention_stands_below_the_moment_that_it_is_paid_to(tmp_path, coloured, picture):
    places = {}
    for moment in (10, 40):
        log_mel, attention = np.full((98, 40), -10.0), np.zeros(49)
        log_mel[2 * moment : 2 * moment + 2, 30:] = 0.0
        attention[moment] = 1.0
        plot_spectrogram_with_attention(log_mel, attention, 0.01, "yes", tmp_path / "spectrum.png")
        pixels = picture(tmp_path / "spectrum.png")
        bars = coloured(pixels, BLUE)[1]
        spectrum = pixels[60 : len(pixels) // 3, pixels.shape[1] // 8 : 4 * pixels.shape[1] // 5]
        bright = np.nonzero(spectrum[..., 0] > 0.9)[1] + pixels.shape[1] // 8
        assert bars.mean() == pytest.approx(bright.mean(), abs=3)
        places[moment] = bars.mean()
    assert places[10] < places[40] - 100


@pytest.mark.parametrize(("written", "read"), [(3, 4), (0, 1), (90, 150)])
def test_attention_of_short_and_long_and_empty_translations_in_any_script(tmp_path, written, read, picture):
    tokens = ["▁a", "</s>", "$x$", "你", "🙂", "\ufffd"]
    source, target = ([tokens[index % len(tokens)] for index in range(length)] for length in (read, written))
    weights = np.random.default_rng(0).dirichlet(np.ones(read), written).reshape(written, read)
    plot_attention(weights, source, target, tmp_path / "attention.png")
    assert min(picture(tmp_path / "attention.png").shape[:2]) < 3000


def test_attention_is_dark_where_the_decoder_looked(tmp_path, picture):
    pictures = {}
    for name, weights in (("straight", np.eye(6)), ("crossed", np.eye(6)[::-1])):
        plot_attention(weights, list("abcdef"), list("uvwxyz"), tmp_path / f"{name}.png")
        pictures[name] = picture(tmp_path / f"{name}.png").mean(axis=-1)
    rows, columns = np.nonzero(pictures["crossed"] - pictures["straight"] > 0.4)
    assert np.corrcoef(rows, columns)[0, 1] > 0.5, (
        "what follows the source lies on the diagonal from the upper left"
    )


def test_bars_by_length_are_as_high_as_their_values(tmp_path, coloured, picture):
    rows = {"1-5 words": {"sentences": 3, "bleu": 0.0}, "over 50 words": {"sentences": 1200, "bleu": 40.0}}
    plot_by_length(rows, "bleu", tmp_path / "one.png")
    plot_by_length({**rows, "1-5 words": {"sentences": 3, "bleu": 40.0}}, "bleu", tmp_path / "two.png")
    one, two = (len(coloured(picture(tmp_path / f"{name}.png"), BLUE)[0]) for name in ("one", "two"))
    assert two == pytest.approx(2 * one, rel=0.05)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [{"epoch": 1, "loss": 0.5, "val_loss": 0.6, "learning_rate": 1e-3, "seconds": 3.0}],
        [{"loss": 0.5}, {"loss": float("nan"), "val_loss": 0.4}],
        [{f"metric_{index}": 1.0 for index in range(7)}] * 60,
    ],
    ids=["nothing yet", "one epoch", "gaps", "many metrics and epochs"],
)
def test_learning_curves_of_any_log(tmp_path, history, picture):
    plot_learning_curves(history, tmp_path / "curves.png")
    assert picture(tmp_path / "curves.png").size
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_a_longer_run_gives_another_picture(tmp_path):
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 1 / epoch + 0.1} for epoch in (1, 2, 3)]
    plot_learning_curves(history[:2], tmp_path / "curves.png")
    before = (tmp_path / "curves.png").read_bytes()
    plot_learning_curves(history, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() != before


def test_no_display_and_no_shared_figures_are_used(tmp_path, picture):
    code = (
        "import sys; from pathlib import Path; from common.evaluation.plots import plot_learning_curves;"
        "plot_learning_curves([{'loss': 1.0}], Path(sys.argv[1]));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    without_display = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MPLBACKEND")
    }
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "curves.png")], env=without_display, check=True
    )
    assert picture(tmp_path / "curves.png").size
