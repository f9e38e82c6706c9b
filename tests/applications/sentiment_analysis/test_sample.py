"""The shipped sample: short reviews, balanced, distinct, cleanly written, and split so that every part can be used."""

from collections import Counter

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from applications.sentiment_analysis.sample import FILE, sample
from common.text.labelled import TextSource, load_evaluation, load_training


@pytest.fixture(scope="module")
def rows():
    lines = FILE.read_bytes().decode("utf-8", "strict").split("\n")
    assert lines[0] == "text\tlabel"
    assert lines[-1] == "", "the last line ends like the others"
    return [line.split("\t") for line in lines[1:-1]]


def test_640_reviews_half_of_them_positive(rows):
    assert Counter(label for _, label in rows) == {"positive": 320, "negative": 320}


def test_reviews_are_short_and_cleanly_written(rows):
    for text, _ in rows:
        assert 3 <= len(text.split()) <= 60, text
        assert text == " ".join(text.split()), text
        assert text.isprintable(), text


def test_no_review_stands_twice_even_in_other_case_or_punctuation(rows):
    bare = Counter("".join(filter(str.isalnum, text.casefold())) for text, _ in rows)
    assert [text for text, count in bare.items() if count > 1] == []


def test_every_part_of_the_split_has_enough_of_both_labels():
    train, validation = load_training(TextSource(), sample)
    test = load_evaluation(TextSource(), sample)
    assert len(train) + len(validation) + len(test) == 640
    assert 460 <= len(train) <= 560
    for part in (validation, test):
        assert 40 <= len(part) <= 90
    for part in (train, validation, test):
        assert 0.4 <= part.labels.count("positive") / len(part) <= 0.6


def test_the_words_tell_the_label_mostly_but_not_always(rows):
    texts, labels = zip(*rows, strict=True)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10))
    assert 0.7 < cross_val_score(model, texts, labels, cv=8).mean() < 0.92
