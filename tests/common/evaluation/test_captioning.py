"""Scores of captions are those worked out by hand, and those of the papers' formulae written down naively."""

import csv
import math
from functools import cache

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from common.evaluation.captioning import bleu, captioning_metrics, cider_d, rouge_l, write_captions

REFERENCES = [
    ["A dog runs across the grass.", "The brown dog is running", "Dog in a field"],
    ["Two men sit on a bench in the park.", "two men are sitting"],
    ["A child's red ball, alone"],
]
CANDIDATES = ["a dog is running in the grass", "two men on a bench", "a red red ball"]
WORDS = st.sampled_from(["red", "dog", "a", "runs", "on"])
SENTENCES = st.lists(WORDS, min_size=1, max_size=9).map(" ".join)
IMAGES = st.lists(
    st.tuples(st.lists(WORDS, max_size=9).map(" ".join), st.lists(SENTENCES, min_size=1, max_size=4)),
    min_size=1,
    max_size=5,
).map(lambda images: tuple(list(side) for side in zip(*images, strict=True)))


def ngrams(text, n):
    words = text.split()
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]


def naive_bleu(candidates, references, order):
    logarithms = 0.0
    for n in range(1, order + 1):
        right, total = 0, 0
        for candidate, texts in zip(candidates, references, strict=True):
            found = ngrams(candidate, n)
            total += len(found)
            for ngram in set(found):
                right += min(found.count(ngram), max(ngrams(text, n).count(ngram) for text in texts))
        if not right:
            return 0.0
        logarithms += math.log(right / total) / order
    lengths = [len(candidate.split()) for candidate in candidates]
    closest = sum(
        min((abs(len(text.split()) - length), len(text.split())) for text in texts)[1]
        for length, texts in zip(lengths, references, strict=True)
    )
    return 100 * math.exp(logarithms + min(0.0, 1 - closest / sum(lengths)))


def naive_rouge_l(candidates, references):
    @cache
    def common(one, other):
        if not one or not other:
            return 0
        if one[-1] == other[-1]:
            return 1 + common(one[:-1], other[:-1])
        return max(common(one[:-1], other), common(one, other[:-1]))

    scores = []
    for candidate, texts in zip(candidates, references, strict=True):
        words = tuple(candidate.split())
        pairs = [(common(words, tuple(text.split())), len(text.split())) for text in texts]
        precision = max(length for length, _ in pairs) / len(words) if words else 0.0
        recall = max(length / size for length, size in pairs)
        denominator = recall + 1.2**2 * precision
        scores.append((1 + 1.2**2) * precision * recall / denominator if denominator else 0.0)
    return 100 * np.mean(scores)


def naive_cider_d(candidates, references):
    """Equations 1 to 4 of Vedantam et al. (2015), with whole vectors over all n-grams."""
    scores = np.zeros(len(candidates))
    for n in range(1, 5):
        texts = [*candidates, *(text for image in references for text in image)]
        vocabulary = sorted({ngram for text in texts for ngram in ngrams(text, n)})
        frequency = np.array(
            [
                sum(any(ngram in ngrams(text, n) for text in image) for image in references)
                for ngram in vocabulary
            ]
        )
        idf = np.log(len(references) / np.maximum(frequency, 1))

        def vector(text, n=n, vocabulary=vocabulary, idf=idf):
            return np.array([ngrams(text, n).count(ngram) for ngram in vocabulary]) * idf

        for index, (candidate, image) in enumerate(zip(candidates, references, strict=True)):
            for text in image:
                ours, theirs = vector(candidate), vector(text)
                norms = np.linalg.norm(ours) * np.linalg.norm(theirs)
                cosine = np.minimum(ours, theirs) @ theirs / norms if norms > 0 else 0.0
                gap = len(candidate.split()) - len(text.split())
                scores[index] += 10 * cosine * np.exp(-(gap**2) / (2 * 6.0**2)) / len(image) / 4
    return scores.mean()


@settings(max_examples=150)
@given(IMAGES)
def test_all_scores_are_those_of_the_formulae(images):
    candidates, references = images
    expected = {f"bleu_{order}": naive_bleu(candidates, references, order) for order in (1, 2, 3, 4)}
    assert bleu(candidates, references) == pytest.approx(expected, abs=1e-9)
    assert rouge_l(candidates, references) == pytest.approx(naive_rouge_l(candidates, references), abs=1e-9)
    assert cider_d(candidates, references) == pytest.approx(naive_cider_d(candidates, references), abs=1e-9)


def test_bleu_worked_by_hand():
    # "the" is said twice and counts once, so that 3 of 4 words are right; of the pairs "dog sat" alone is, 1 of 3.
    # The closest reference has four words as well: nothing is too short.
    found = bleu(["the the dog sat"], [["the cat is", "a dog sat down"]])
    assert found["bleu_1"] == pytest.approx(100 * 3 / 4)
    assert found["bleu_2"] == pytest.approx(100 * math.sqrt(3 / 4 * 1 / 3))
    assert found["bleu_3"] == found["bleu_4"] == 0
    # Both references are one word away from three: the shorter counts, and no caption is too short.
    assert bleu(["one two three"], [["one two three four", "one two"]])["bleu_1"] == pytest.approx(100)
    # Three words where five are wanted.
    short = bleu(["a red ball"], [["a red ball lies here"]])
    assert short["bleu_3"] == pytest.approx(100 * math.exp(1 - 5 / 3))


def test_bleu_4_is_that_of_sacrebleu_on_words_without_punctuation():
    images = [["a dog is running across the grass", "the brown dog runs"]] * 2
    plain = ["a dog is running on the grass", "the brown dog runs across the grass"]
    score = sacrebleu.corpus_bleu(plain, list(zip(*images, strict=True)), smooth_method="none").score
    shouted = [f"{text.upper()}!" for text in plain]
    assert score > 20
    assert bleu(shouted, [[f"{text} ." for text in image] for image in images])["bleu_4"] == pytest.approx(
        score
    )


def test_rouge_l_worked_by_hand():
    # "the dog runs" is common to both: precision 3 / 4 and recall 3 / 5. The other reference has less of both.
    expected = 100 * (1 + 1.44) * 0.75 * 0.6 / (0.6 + 1.44 * 0.75)
    assert rouge_l(["the big dog runs"], [["the old dog always runs", "it runs"]]) == pytest.approx(expected)
    # Precision is the best of one reference and recall the best of the other: 2 / 4 and 1 / 1.
    mixed = 100 * (1 + 1.44) * 0.5 / (1 + 1.44 * 0.5)
    assert rouge_l(["a dog in snow"], [["a lazy brown dog", "snow"]]) == pytest.approx(mixed)
    assert rouge_l(["snow", "rain"], [["snow"], ["sun"]]) == pytest.approx(50)


def test_cider_d_worked_by_hand():
    references = [["a dog"], ["a cat"]]
    # "a" is in both images and weighs nothing. Of "a dog" one word and the pair agree, there are no longer runs:
    # (1 + 1 + 0 + 0) / 4 of 10; the other caption is wrong.
    assert cider_d(["a dog", "a bird"], references) == pytest.approx(5 / 2)
    # "dog" said twice is clipped to half; "dog dog" is a pair as rare as "a dog": 1 / sqrt 2. One word too many.
    score = 10 * math.exp(-1 / 72) * (1 / 2 + 1 / math.sqrt(2)) / 4
    assert cider_d(["a dog dog", "a bird"], references) == pytest.approx(score / 2)
    # A reference that is met counts half beside one that is missed.
    assert cider_d(["a dog", "a bird"], [["a dog", "puppy"], ["a cat"]]) == pytest.approx(5 / 4)


def test_the_references_themselves_score_full_marks_and_nothing_scores_nothing():
    texts = ["a red ball lies here", "two men sit on a bench", "snow falls in the dark"]
    images = [[text] for text in texts]
    full = captioning_metrics(texts, images)
    names = [*(f"bleu_{order}" for order in (1, 2, 3, 4)), "rouge_l", "cider_d"]
    assert [full[name] for name in names] == pytest.approx([100] * 5 + [10])
    empty = captioning_metrics(["", "!", " "], images)
    assert [empty[name] for name in names] == [0] * 6
    assert cider_d(texts[:1], images[:1]) == 0


def test_one_caption_for_every_image_shows():
    metrics = captioning_metrics(["A dog runs.", "a dog runs", "two men", "A dog runs"], [["a b"]] * 4)
    assert metrics["images"] == 4
    assert metrics["distinct_captions"] == 2
    assert (metrics["commonest_caption"], metrics["commonest_caption_share"]) == ("a dog runs", 0.75)
    assert metrics["vocabulary_used"] == 5
    assert metrics["words_per_caption"] == 11 / 4


def test_metrics_together_are_those_one_by_one():
    metrics = captioning_metrics(CANDIDATES, REFERENCES)
    assert {name: metrics[name] for name in bleu(CANDIDATES, REFERENCES)} == bleu(CANDIDATES, REFERENCES)
    assert metrics["rouge_l"] == rouge_l(CANDIDATES, REFERENCES)
    assert metrics["cider_d"] == cider_d(CANDIDATES, REFERENCES)


def test_references_without_a_word_are_as_if_they_were_not_there():
    wordless = [[*image, "...", ""] for image in REFERENCES]
    assert captioning_metrics(CANDIDATES, wordless) == captioning_metrics(CANDIDATES, REFERENCES)


def test_each_image_is_a_line_with_its_score_and_references(tmp_path):
    origins = ["one.jpg", "two\t2.jpg", "three.jpg"]
    write_captions(tmp_path / "new" / "captions.tsv", origins, REFERENCES, CANDIDATES)
    with (tmp_path / "new" / "captions.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["image"] for row in rows] == ["one.jpg", "two 2.jpg", "three.jpg"]
    assert [row["caption"] for row in rows] == CANDIDATES
    assert [rows[1][f"reference_{number}"] for number in (1, 2, 3)] == [*REFERENCES[1], ""]
    mean = np.mean([float(row["cider_d"]) for row in rows])
    assert mean == pytest.approx(cider_d(CANDIDATES, REFERENCES), abs=1e-4)


def test_nothing_to_measure_or_to_measure_by_is_refused():
    with pytest.raises(ValueError, match="no captions to measure"):
        captioning_metrics([], [])
    with pytest.raises(ValueError, match="image 2 of 2 has no reference"):
        cider_d(["a", "b"], [["a"], ["..."]])
    with pytest.raises(ValueError, match="2 captions and references of 1 images"):
        bleu(["a", "b"], [["a"]])
