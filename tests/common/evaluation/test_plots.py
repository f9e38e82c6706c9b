"""Pictures are whole PNG files for any number of classes, any class name, and data in which a class is missing."""

import os
import subprocess
import sys
import warnings

import matplotlib.image
import numpy as np
import pytest

from common.evaluation.detection import rejection_curve
from common.evaluation.plots import (
    plot_attention,
    plot_by_length,
    plot_confusion_matrix,
    plot_learning_curves,
    plot_rejection_curve,
    plot_reliability,
    plot_roc_curves,
    plot_spectrogram_with_attention,
)

ODD_NAMES = [
    "_unknown_",
    r"$5 \per $6",
    "two\nlines",
    "a name that is much longer than any axis would bear",
    "größer",
]
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def case(classes, examples=60):
    generator = np.random.default_rng(classes)
    labels = np.arange(examples) % classes
    scores = np.exp(generator.normal(size=(examples, classes)) + 2 * np.eye(classes)[labels])
    return labels, scores / scores.sum(axis=-1, keepdims=True)


def picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    pixels = matplotlib.image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 300
    return pixels


def names_for(classes):
    return [f"{ODD_NAMES[index % len(ODD_NAMES)]} {index}" for index in range(classes)]


@pytest.mark.parametrize("classes", [2, 12, 45])
def test_pictures_of_results_for_few_and_many_classes(tmp_path, classes):
    labels, probabilities = case(classes, examples=3 * classes)
    plot_confusion_matrix(labels, probabilities, names_for(classes), tmp_path / "confusion.png")
    plot_roc_curves(labels, probabilities, names_for(classes), tmp_path / "roc.png")
    plot_reliability(labels, probabilities, tmp_path / "reliability.png")
    for file in tmp_path.iterdir():
        assert picture(file).std() > 0.01
    assert len(list(tmp_path.iterdir())) == 3


def test_data_of_one_class_still_give_their_pictures(tmp_path):
    labels, probabilities = [0, 0], [[0.9, 0.1], [0.2, 0.8]]
    plot_confusion_matrix(labels, probabilities, ["no", "yes"], tmp_path / "confusion.png")
    plot_roc_curves(labels, probabilities, ["no", "yes"], tmp_path / "roc.png")
    plot_reliability(labels, probabilities, tmp_path / "reliability.png")
    assert all(picture(file).size for file in tmp_path.iterdir())


def test_the_confusion_matrix_is_dark_where_the_predictions_are(tmp_path):
    labels = np.array([0, 0, 1, 1])
    pictures = {}
    for name, predicted in (("right", labels), ("wrong", 1 - labels)):
        plot_confusion_matrix(labels, np.eye(2)[predicted], ["a", "b"], tmp_path / f"{name}.png")
        pictures[name] = picture(tmp_path / f"{name}.png").mean(axis=-1)
    height, width = (min(sizes) for sizes in zip(*(p.shape for p in pictures.values()), strict=True))
    darker_if_right = pictures["wrong"][:height, :width] - pictures["right"][:height, :width]
    rows, columns = np.nonzero(darker_if_right > 0.4)
    falling = np.corrcoef(rows, columns)[0, 1]
    assert falling > 0.5, "right predictions lie on the diagonal from the upper left"


def coloured(pixels, colour):
    """Rows and columns of the pixels of a colour."""
    return np.nonzero(np.abs(pixels - np.array(colour) / 255).max(axis=-1) < 0.05)


def test_the_roc_curve_of_a_good_classifier_lies_higher_than_that_of_a_bad_one(tmp_path):
    labels = np.array([0, 0, 0, 1, 1, 1])
    heights = {}
    for name, right in (("good", 0.9), ("bad", 0.1)):
        probabilities = np.where(np.eye(2)[labels] == 1, right, 1 - right)
        plot_roc_curves(labels, probabilities, ["no", "yes"], tmp_path / f"{name}.png")
        heights[name] = coloured(picture(tmp_path / f"{name}.png"), BLUE)[0].mean()
    assert heights["good"] < heights["bad"]


def test_the_reliability_diagram_shows_how_far_confidence_is_from_accuracy(tmp_path):
    labels = np.array([0, 0, 0, 1])
    sizes = {}
    for name, confidence in (("calibrated", 0.75), ("overconfident", 0.99)):
        plot_reliability(labels, [[confidence, 1 - confidence]] * 4, tmp_path / f"{name}.png")
        sizes[name] = len(coloured(picture(tmp_path / f"{name}.png"), ORANGE)[0])
    assert sizes["overconfident"] > 2 * sizes["calibrated"]


def test_along_the_rejection_curve_fewer_false_accepts_cost_more_false_rejects(tmp_path):
    labels = np.arange(400) % 2
    probability = 1 / (1 + np.exp(np.random.default_rng(0).normal(size=400) - 0.5 * (2 * labels - 1)))
    curve = rejection_curve(np.stack([1 - probability, probability], axis=1), labels, ["_unknown_", "yes"])
    plot_rejection_curve(curve, tmp_path / "rejection.png")
    pixels = picture(tmp_path / "rejection.png")
    down, across = coloured(pixels, BLUE)
    right = across > np.median(across)
    assert np.median(down[right]) > np.median(down[~right]) + 100
    assert len(coloured(pixels, ORANGE)[0]) > 20


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_the_rejection_curve_of_the_best_and_the_worst_recogniser(tmp_path, right):
    probabilities = np.abs(np.eye(2) - 1 + right)
    curve = rejection_curve(probabilities, [0, 1], ["_unknown_", "yes"])
    plot_rejection_curve(curve, tmp_path / "rejection.png")
    assert picture(tmp_path / "rejection.png").std() > 0.01


@pytest.mark.parametrize("frames", [1, 98, 1_500])
def test_spectrum_and_attention_of_short_and_long_recordings(tmp_path, frames):
    log_mel = np.random.default_rng(0).normal(size=(frames, 40))
    attention = np.full(frames // 2 + 1, 1 / (frames // 2 + 1))
    plot_spectrogram_with_attention(log_mel, attention, 0.01, "$yes$", tmp_path / "spectrum.png")
    assert max(picture(tmp_path / "spectrum.png").shape[:2]) < 6_000


def test_attention_stands_below_the_moment_that_it_is_paid_to(tmp_path):
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
def test_attention_of_short_and_long_and_empty_translations_in_any_script(tmp_path, written, read):
    tokens = ["▁a", "</s>", "$x$", "你", "🙂", "\ufffd"]
    source, target = ([tokens[index % len(tokens)] for index in range(length)] for length in (read, written))
    weights = np.random.default_rng(0).dirichlet(np.ones(read), written).reshape(written, read)
    plot_attention(weights, source, target, tmp_path / "attention.png")
    assert min(picture(tmp_path / "attention.png").shape[:2]) < 3000


def test_attention_is_dark_where_the_decoder_looked(tmp_path):
    pictures = {}
    for name, weights in (("straight", np.eye(6)), ("crossed", np.eye(6)[::-1])):
        plot_attention(weights, list("abcdef"), list("uvwxyz"), tmp_path / f"{name}.png")
        pictures[name] = picture(tmp_path / f"{name}.png").mean(axis=-1)
    rows, columns = np.nonzero(pictures["crossed"] - pictures["straight"] > 0.4)
    assert np.corrcoef(rows, columns)[0, 1] > 0.5, (
        "what follows the source lies on the diagonal from the upper left"
    )


def test_bars_by_length_are_as_high_as_their_values(tmp_path):
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
def test_learning_curves_of_any_log(tmp_path, history):
    plot_learning_curves(history, tmp_path / "curves.png")
    assert picture(tmp_path / "curves.png").size
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_a_longer_run_gives_another_picture(tmp_path):
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 1 / epoch + 0.1} for epoch in (1, 2, 3)]
    plot_learning_curves(history[:2], tmp_path / "curves.png")
    before = (tmp_path / "curves.png").read_bytes()
    plot_learning_curves(history, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() != before


def test_no_display_and_no_shared_figures_are_used(tmp_path):
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
