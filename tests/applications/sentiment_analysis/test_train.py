"""Rare classes can be made to count, and what validation cannot tell is not claimed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from applications.sentiment_analysis import train as training
from applications.sentiment_analysis.config import PRESETS
from applications.sentiment_analysis.export import export, load_run
from applications.sentiment_analysis.train import train
from common.export.script import ExportOptions
from common.text.labelled import TextSource

pytestmark = pytest.mark.slow


def config_for(folder, rows, **changes):
    path = folder / "texts.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    tiny = PRESETS["tiny"]
    options = replace(tiny.training, epochs=1, runs=folder / "runs")
    return replace(
        tiny, source=TextSource(str(path)), training=options, pretraining_epochs=0, min_count=1, **changes
    )


@pytest.fixture
def one_class(tmp_path):
    path = tmp_path / "validation.csv"
    path.write_text("text,label\n" + "".join(f"fine number {n},pos\n" for n in range(20)), "utf-8")
    return path


def test_a_model_validated_on_one_class_is_not_called_calibrated(tmp_path, one_class, capsys):
    rows = [(f"{'fine' if n % 2 else 'dull'} number {n}", "pos" if n % 2 else "neg") for n in range(40)]
    run = train(config_for(tmp_path, rows, validation=one_class))
    shown = capsys.readouterr()
    assert shown.err.startswith("warning: validation has no example of 'neg' (20 in training)")
    assert "calibration: validation is all of one class" in shown.out
    outcome = json.loads((run / "outcome.json").read_text("utf-8"))
    assert outcome["temperature"] == 1.0
    version = export(ExportOptions(run, tmp_path / "models" / "sentiment_analysis"))
    card = (version / "assets.extra" / "README.md").read_text("utf-8")
    assert "calibrated probabilities" not in card
    assert "the calibration" not in card
    assert "not calibrated: validation was all of one class" in card


def test_balanced_class_weights_reach_the_loss(tmp_path, monkeypatch):
    """Nothing is learnt here, so that the loss of the first epoch follows from the labels: each class's mean alike."""
    rows = [(f"text number {n}", "neg" if n % 10 == 0 else "pos") for n in range(200)]
    losses = {}
    for class_weights in ("none", "balanced"):
        config = config_for(tmp_path, rows, class_weights=class_weights, label_smoothing=0.0)
        options = replace(config.training, learning_rate=1e-12, weight_decay=0.0, overwrite=True)
        seen = []
        monkeypatch.setattr(
            training, "fit", lambda *a, seen=seen, **k: seen.append(k["loss"]) or [{"seconds": 1}]
        )
        train(replace(config, training=options))
        logits = np.array([[2.0, 0.0]] * 200, np.float32)
        labels = np.array([0] * 20 + [1] * 180)
        losses[class_weights] = np.asarray(seen[0](labels, logits))
    ratio = losses["balanced"] / losses["none"]
    np.testing.assert_allclose(ratio, [180 / (2 * 18)] * 20 + [180 / (2 * 162)] * 180, rtol=1e-5)


def test_with_other_labels_only_the_last_layer_begins_anew(tmp_path, finished_run, capsys):
    rows = [(f"{word} number {n}", word) for n in range(40) for word in ("fine", "dull", "odd")]
    config = config_for(tmp_path, rows)
    options = replace(config.training, init_from=finished_run, learning_rate=1e-12, weight_decay=0.0)
    run = train(replace(config, training=options))
    shown = capsys.readouterr().out
    assert "labels: 3 classes (dull, fine, odd), not the 2 of" in shown
    assert f"weights: those of {finished_run}, but for logits, which begins anew" in shown
    ours, theirs = load_run(run), load_run(finished_run)
    assert ours.labels == ["dull", "fine", "odd"]
    for name in ("token_embedding", "states"):
        pairs = zip(ours.model.get_layer(name).weights, theirs.model.get_layer(name).weights, strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, atol=1e-5)
