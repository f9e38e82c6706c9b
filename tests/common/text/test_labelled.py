"""Labelled texts come from any source alike; what is left out is counted, what cannot be used is refused by name."""

from hashlib import sha256

import pytest

from common.errors import UserError
from common.text.labelled import LabelledTexts, TextSource, label_indices, load_evaluation, load_training
from common.text.tables import Row


def no_sample(part):
    raise AssertionError("the sample was not asked for")


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = "".join(f"review number {index},{index % 2}\n" for index in range(200))
    path.write_text("text,label\n" + rows + "  ,1\nno label here,\n", "utf-8")
    return path


def test_rows_without_text_or_label_are_counted_not_lost_silently(reviews):
    examples = load_evaluation(TextSource(str(reviews)), no_sample)
    assert len(examples) == 200
    assert examples.left_out == {"empty text": 1, "no label": 1}
    assert "1 left out: empty text" in examples.describe()


def test_training_and_validation_share_no_text_and_lose_none(reviews):
    train, validation = load_training(TextSource(str(reviews)), no_sample, validation_fraction=0.2)
    assert not set(train.texts) & set(validation.texts)
    assert len(train) + len(validation) == 200
    assert 20 <= len(validation) <= 60


def test_label_map_renames_labels(reviews):
    examples = load_evaluation(TextSource(str(reviews), label_map=("0=negative", "1=positive")), no_sample)
    assert set(examples.labels) == {"negative", "positive"}


@pytest.mark.parametrize("entry", ["negative", "=negative", "0="])
def test_a_label_map_entry_of_another_form_is_refused(reviews, entry):
    with pytest.raises(UserError, match="expected VALUE=NAME"):
        load_evaluation(TextSource(str(reviews), label_map=(entry,)), no_sample)


def test_a_label_unknown_to_the_model_is_named_with_its_file_and_line(reviews):
    examples = load_evaluation(TextSource(str(reviews)), no_sample)
    with pytest.raises(
        UserError, match=r"reviews\.csv, line 2: label '0' was not seen in training; .* no, yes"
    ):
        label_indices(examples, ["no", "yes"])


def test_separate_validation_file(reviews, tmp_path):
    other = tmp_path / "validation.tsv"
    other.write_text("text\tlabel\nfine\t1\n", "utf-8")
    train, validation = load_training(TextSource(str(reviews)), no_sample, validation=other)
    assert (len(train), list(validation.texts)) == (200, ["fine"])


def test_a_validation_file_takes_the_place_of_the_samples_own_part(tmp_path):
    other = tmp_path / "validation.tsv"
    other.write_text("text\tlabel\nfine\tpositive\n", "utf-8")

    def sample(part):
        return LabelledTexts("sample", [f"a {part} text"], ["positive"], ["line 1"])

    train, validation = load_training(TextSource(label_map=("positive=good",)), sample, other)
    assert (list(train.texts), list(validation.texts)) == (["a train text"], ["fine"])
    assert (train.labels, validation.labels) == (["good"], ["good"])


def test_movie_review_folders_with_train_and_test(tmp_path):
    for part, label, text in (
        ("train", "pos", "Good."),
        ("train", "neg", "Bad."),
        ("train", "unsup", "Unlabelled."),
        ("test", "pos", "Better."),
    ):
        (tmp_path / part / label).mkdir(parents=True)
        (tmp_path / part / label / "0.txt").write_text(text, "utf-8")
    assert list(load_evaluation(TextSource(str(tmp_path)), no_sample).texts) == ["Better."]
    train, _ = load_training(TextSource(str(tmp_path)), no_sample, validation=tmp_path)
    assert sorted(train.texts) == ["Bad.", "Good."]


def test_too_few_examples_for_validation_is_said(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("text,label\nfine,1\n", "utf-8")
    with pytest.raises(UserError, match="too few to hold any out"):
        load_training(TextSource(str(path)), no_sample, validation_fraction=0.0001)


def labelled(path, labels):
    rows = "".join(f"text number {index},{label}\n" for index, label in enumerate(labels))
    path.write_text("text,label\n" + rows, "utf-8")
    return TextSource(str(path))


def test_each_class_gives_its_share_to_validation_and_the_same_texts_each_time(tmp_path):
    source = labelled(tmp_path / "r.csv", ["pos"] * 190 + ["neg"] * 10)
    train, validation = load_training(source, no_sample)
    assert (sorted(validation.labels), len(train)) == (["neg"] + ["pos"] * 19, 180)
    assert load_training(source, no_sample)[1].texts == validation.texts


def test_the_only_example_of_a_class_is_trained_on(tmp_path):
    labels = ["a"] * 30 + ["b"] * 30 + [f"rare {index}" for index in range(40)]
    train, validation = load_training(labelled(tmp_path / "r.csv", labels), no_sample)
    assert set(train.labels) == set(labels)
    assert sorted(validation.labels) == ["a"] * 3 + ["b"] * 3


def test_equal_texts_are_never_on_both_sides(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("text,label\n" + "".join(f"Text {n % 40},{n % 3}\n" for n in range(400)), "utf-8")
    train, validation = load_training(TextSource(str(path)), no_sample, validation_fraction=0.3)
    assert not set(train.texts) & set(validation.texts)
    assert len(train) + len(validation) == 400


def test_a_data_set_of_tfds_keeps_the_parts_it_always_had(monkeypatch):
    """They follow from each text's hash, reckoned here as it always was: the shipped model was validated on them."""
    texts = [f"review {index}" for index in range(300)]
    rows = [Row((text, "pos" if index % 20 else "neg"), text) for index, text in enumerate(texts)]
    monkeypatch.setattr("common.text.tfds.read_labelled_text", lambda name, part, folder: rows)
    _, validation = load_training(TextSource("imdb_reviews"), no_sample)
    hashes = [sha256(b"\0" + text.encode()).digest()[:8] for text in texts]
    late = [
        text for text, one in zip(texts, hashes, strict=True) if int.from_bytes(one, "big") >= 0.9 * 2**64
    ]
    assert list(validation.texts) == late
