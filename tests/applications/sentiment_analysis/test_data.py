"""Users' own data is read as it is, and what cannot be trained on is refused in one line that names it."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.sentiment_analysis.config import Config
from applications.sentiment_analysis.data import encode, evaluation_examples, make_features, training_examples
from common.errors import UserError
from common.text.labelled import LabelledTexts, TextSource


def config_for(path, **changes):
    return replace(Config(source=TextSource(str(path))), **changes)


def write(path, rows):
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    return path


def test_the_sample_needs_no_file_and_keeps_its_parts_apart():
    train, validation, labels = training_examples(Config())
    test = evaluation_examples(TextSource())
    assert labels == ["negative", "positive"]
    assert min(len(validation), len(test)) >= 40
    texts = [set(part.texts) for part in (train, validation, test)]
    assert not texts[0] & texts[1]
    assert not texts[1] & texts[2]
    assert not texts[0] & texts[2]


def test_any_number_of_classes(tmp_path):
    path = write(tmp_path / "r.csv", [(f"text {index}", f"class {index % 5}") for index in range(200)])
    assert training_examples(config_for(path))[2] == [f"class {index}" for index in range(5)]


def test_one_class_only_is_refused(tmp_path):
    path = write(tmp_path / "r.csv", [(f"text {index}", "good") for index in range(50)])
    with pytest.raises(
        UserError, match=r"r\.csv: every training example is labelled 'good'; expected at least two"
    ):
        training_examples(config_for(path))


def test_a_validation_label_never_seen_in_training_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "r.csv", [(f"text {index}", f"{index % 2}") for index in range(50)])
    other = write(tmp_path / "v.csv", [("fine", "1"), ("well", "2")])
    with pytest.raises(UserError, match=r"v\.csv, line 3: label '2' was not seen in training"):
        training_examples(config_for(path, validation=other))


def test_each_example_keeps_its_own_features_and_label():
    texts = ["good", "", "not so good at all"] * 400
    examples = LabelledTexts("r", texts, ["b", "a", "b"] * 400, [""] * 1200)
    features = make_features(replace(Config(), min_count=1), texts)
    encoded = encode(examples, ["a", "b"], features)
    assert encoded.targets.tolist() == [1, 0, 1] * 400
    assert encoded.lengths.tolist() == [1, 1, 5] * 400
    np.testing.assert_array_equal(encoded.features[-1], features(tf.constant(["not so good at all"]))[0])
