"""The sample is on every machine: source code of this Python's own library, the same each time, cut in three pieces."""

from applications.text_generation.sample import sample
from common.text.running import RawTextSource, load_evaluation, load_training


def test_it_is_about_a_million_characters_of_python():
    text = sample("all").text
    assert 700_000 < len(text) < 2_000_000
    assert text == sample("all").text
    assert text.count("\ndef ") > 200
    assert text.count("\nclass ") > 100


def test_its_parts_are_the_whole_in_order():
    train, validation = load_training(RawTextSource(), sample)
    test = load_evaluation(RawTextSource(), sample)
    assert train.text + validation.text + test.text == sample("all").text
    assert len(train) / len(sample("all").text) > 0.899
    assert abs(len(validation) - len(test)) <= 1


def test_training_knows_almost_all_of_the_characters_of_the_other_parts():
    train, validation = load_training(RawTextSource(), sample)
    known = set(train.text)
    for part in (validation, load_evaluation(RawTextSource(), sample)):
        assert sum(character not in known for character in part.text) < 50
