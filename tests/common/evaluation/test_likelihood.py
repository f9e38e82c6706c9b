"""Nats, bits and perplexity are what their definitions say; the surprises are the least probable places, apart."""

import csv
import math

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.evaluation.likelihood import likelihood_metrics, most_surprising, visible, write_most_surprising
from common.evaluation.plots import plot_nats_by_position


@given(st.lists(st.floats(1e-30, 1.0), min_size=1))
def test_the_metrics_are_means_over_the_characters(probabilities):
    metrics = likelihood_metrics(np.log(probabilities))
    assert metrics["characters"] == len(probabilities)
    bits = math.fsum(-math.log2(one) for one in probabilities) / len(probabilities)
    assert metrics["bits_per_character"] == pytest.approx(bits, abs=1e-9)
    assert metrics["nats_per_character"] == pytest.approx(bits * math.log(2), abs=1e-9)
    geometric_mean = math.prod(one ** (1 / len(probabilities)) for one in probabilities)
    assert metrics["perplexity"] == pytest.approx(1 / geometric_mean, rel=1e-6)


def test_a_choice_among_equals_has_their_number_as_perplexity():
    assert likelihood_metrics(np.full(7, -np.log(32), np.float32)) == pytest.approx(
        {"characters": 7, "nats_per_character": np.log(32), "bits_per_character": 5, "perplexity": 32},
        rel=1e-6,
    )


def test_many_float32_numbers_lose_nothing_in_the_mean():
    nats = likelihood_metrics(np.full(3_000_000, -1.1, np.float32))["nats_per_character"]
    assert nats == pytest.approx(1.1, rel=1e-7)


def test_no_characters_have_no_metrics():
    with pytest.raises(ValueError, match="expected at least one"):
        likelihood_metrics([])


def test_what_is_impossible_is_infinitely_perplexing():
    assert likelihood_metrics([-1e9])["perplexity"] == math.inf


@given(st.lists(st.floats(-50, 0), max_size=200), st.integers(0, 8))
def test_surprises_come_by_probability_and_keep_apart(log_likelihoods, count):
    text = "".join(chr(0x4E00 + place) for place in range(len(log_likelihoods)))
    found = most_surprising(text, log_likelihoods, count)
    places = [text.index(one.character) for one in found]
    assert [one.probability for one in found] == [math.exp(log_likelihoods[place]) for place in places]
    assert len(found) <= count
    # By brute force: go through all places by probability, and take what is more than 20 from all taken.
    taken = []
    for place in sorted(range(len(text)), key=lambda place: log_likelihoods[place]):
        if len(taken) < count and all(abs(place - other) > 20 for other in taken):
            taken.append(place)
    assert places == taken


def test_a_surprise_shows_where_it_stands():
    text = "one\ntwo three\nfour"
    log_likelihoods = np.full(len(text), -1.0)
    log_likelihoods[text.index("th")] = -7.0
    (found,) = most_surprising(text, log_likelihoods, 1)
    assert found == (2, "t", math.exp(-7), "one\ntwo ", "hree\nfour")


def test_the_table_reads_back_whatever_the_characters(tmp_path):
    text = 'a\tb\n"c\x1b[2Jd\u2028é你'
    surprises = [most_surprising(text, -np.eye(len(text))[place], 1)[0] for place in range(len(text))]
    write_most_surprising(tmp_path / "s.tsv", surprises)
    content = (tmp_path / "s.tsv").read_text("utf-8")
    assert "\x1b" not in content
    rows = list(csv.DictReader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["character"].encode().decode("unicode_escape") for row in rows[:5]] == list(text[:5])
    assert {row["before"] + row["character"] + row["after"] for row in rows} == {visible(text)}
    assert [row["line"] for row in rows] == [str(text[:place].count("\n") + 1) for place in range(len(text))]


@pytest.mark.parametrize("length", [1, 2, 99, 100, 101, 12_345])
def test_a_picture_of_any_length(tmp_path, length):
    plot_nats_by_position(-np.random.default_rng(0).exponential(size=length), tmp_path / "nats.png")
    pixels = matplotlib.image.imread(tmp_path / "nats.png")[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
