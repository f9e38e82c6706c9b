"""The training chooses by CIDEr-D, on its own encoder and on a network of Keras alike."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from applications.image_captioning.config import PRESETS
from applications.image_captioning.data import training_examples
from applications.image_captioning.export import export, load_run
from applications.image_captioning.predict import Predictor
from applications.image_captioning.train import greedy_captioner, train
from common.errors import UserError
from common.evaluation.captioning import cider_d
from common.export.script import ExportOptions
from common.export.text_search import SearchOptions


def test_the_kept_weights_write_what_the_best_cider_was_measured_on(epochs_of, finished_run, tiny_config):
    epochs = epochs_of(finished_run)
    outcome = json.loads((finished_run / "outcome.json").read_text("utf-8"))
    best = max(epoch["val_cider_d"] for epoch in epochs)
    assert outcome["validation_cider_d"] == pytest.approx(best)
    assert best > 2
    trained = load_run(finished_run)
    held_out = training_examples(tiny_config)[1]
    write = greedy_captioner(trained.model, trained.encoder, trained.vocabulary, tiny_config)
    images = held_out.images.astype(np.float32) / 255
    written = [write(tf.constant(image[None])).numpy()[0].decode() for image in images]
    assert cider_d(written, held_out.captions) == pytest.approx(best, abs=0.01)


@pytest.fixture(scope="module")
def on_a_network_of_keras(source, tmp_path_factory):
    """A finished training on what a MobileNetV2 with weights of a file sees, computed once."""
    folder = tmp_path_factory.mktemp("backbone")
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(None, None, 3))
    network.save_weights(folder / "network.weights.h5")
    tiny = PRESETS["tiny"]
    training = replace(tiny.training, runs=folder / "runs", name="backbone", epochs=2, learning_rate=0.02)
    config = replace(
        tiny,
        source=source,
        training=training,
        encoder="MobileNetV2",
        encoder_weights=str(folder / "network.weights.h5"),
        validation_fraction=0.2,
        size=64,
        min_count=1,
        units=16,
    )
    return config, train(config)


def test_on_a_network_of_keras_the_export_says_from_pixels_what_training_said_from_grids(
    on_a_network_of_keras, tmp_path
):
    config, folder = on_a_network_of_keras
    version = export(SearchOptions(ExportOptions(folder, tmp_path / "image_captioning"), beam_width=1))
    held_out = training_examples(config)[1]
    answers = Predictor(version)(held_out.images)
    trained = load_run(folder)
    grids = trained.encoder(held_out.images.astype(np.float32) / 255, training=False)
    cached = np.asarray(grids).astype(np.float16).astype(np.float32)
    write = greedy_captioner(trained.model, trained.encoder, trained.vocabulary, config)
    expected = [text.decode() for text in write(tf.constant(cached)).numpy()]
    from_grids = [answer["caption"] for answer in answers]
    assert [_start(text) for text in from_grids] == [_start(text) for text in expected]
    assert (version / "assets.extra" / "README.md").read_text("utf-8").count(str(folder.parent)) == 0


def _start(caption):
    """The words before the first three that a greedy caption says twice, which the export never does."""
    words = caption.split()
    seen = set()
    for index, three in enumerate(zip(words, words[1:], words[2:], strict=False)):
        if three in seen:
            return words[: index + 2]
        seen.add(three)
    return words


def test_weights_of_a_network_that_cannot_be_used_are_named(on_a_network_of_keras, tmp_path):
    _, folder = on_a_network_of_keras
    moved = tmp_path / "run"
    moved.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (moved / file.name).write_bytes(file.read_bytes())
    told = json.loads((moved / "config.json").read_text("utf-8"))
    weights = tmp_path / "mine.weights.h5"
    told["encoder_weights"] = str(weights)
    (moved / "config.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(
        UserError, match=r"mine\.weights\.h5: no such file; expected the weights of MobileNetV2"
    ):
        load_run(moved)
    weights.write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"mine\.weights\.h5: MobileNetV2 cannot use them: [^\n]+$"):
        load_run(moved)
