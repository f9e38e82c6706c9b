"""Labelled texts come from any source alike; what is left out is counted, what cannot be used is refused by name."""

import pytest

from common.errors import UserError
from common.text.labelled import LabelledTexts, TextSource, label_indices, load_evaluation, load_training


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
