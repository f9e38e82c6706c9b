"""The standard metrics of image captions, from what was written of each image and its references.

All of them read the words of `caption_tokens`, with the conventions of COCO's evaluation (Chen et al. 2015, Microsoft
COCO captions: data collection and evaluation server).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sacrebleu import BLEU

from common.files import atomic_write
from common.text.caption_words import caption_tokens

Words: TypeAlias = list[str]
NGram: TypeAlias = tuple[str, ...]
_LONGEST_NGRAM = 4
_ROUGE_BETA = 1.2
_CIDER_SIGMA = 6.0
_CIDER_SCALE = 10.0


def captioning_metrics(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """All metrics of a captioner, and whether it says different things of different images.

    Args:
        candidates: one caption of each image.
        references: the right captions of each image, at least one, plain text.

    Returns:
        A dictionary of
        `images`: how many there are;
        `bleu_1` to `bleu_4`, `rouge_l`, `cider_d`: see `bleu`, `rouge_l` and `cider_d`;
        `distinct_captions`: how many different captions there are;
        `commonest_caption`, `commonest_caption_share`: that of most images, and of what share of them;
        `vocabulary_used`: how many different words all captions have together;
        `words_per_caption`: their mean.

    Raises:
        ValueError: there are no images, one has no reference, or there are not as many references as candidates.
    """
    written, reference_words = _tokens(candidates, references)
    captions = Counter(" ".join(words) for words in written)
    commonest, times = captions.most_common(1)[0]
    return {
        "images": len(written),
        **_bleu(written, reference_words),
        "rouge_l": _rouge_l(written, reference_words),
        "cider_d": float(_cider_d(written, reference_words).mean()),
        "distinct_captions": len(captions),
        "commonest_caption": commonest,
        "commonest_caption_share": times / len(written),
        "vocabulary_used": len({word for words in written for word in words}),
        "words_per_caption": sum(map(len, written)) / len(written),
    }


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU-1 to BLEU-4 of all captions together (Papineni et al. 2002), from 0 to 100, by sacreBLEU.

    BLEU-n is the geometric mean of the precisions of 1 to n words, with the penalty of captions that are together
    shorter than the references closest to them in length; nothing is smoothed.

    Args:
        candidates: one caption of each image.
        references: the right captions of each image, at least one.

    Returns:
        A dictionary of `bleu_1`, `bleu_2`, `bleu_3` and `bleu_4`.

    Raises:
        ValueError: there are no images, one has no reference, or there are not as many references as candidates.
    """
    return _bleu(*_tokens(candidates, references))


def rouge_l(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """ROUGE-L (Lin 2004, section 3), the mean over the images, from 0 to 100, with the choices of COCO.

    Of each image, precision and recall of the longest common subsequence are each the best over the references, and the
    recall counts 1.2 times as much as the precision (beta).

    Args, Raises: as of `bleu`.
    """
    return _rouge_l(*_tokens(candidates, references))


def cider_d(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr-D (Vedantam et al. 2015, section 7), the mean over the images, from 0 to 10: what COCO's evaluation calls
    CIDEr. Tables often give it in hundredths, 94.3 for 0.943.

    The rarity of n-grams is counted in the references of these images, so that scores of different sets do not compare
    and an image alone scores 0.

    Args, Raises: as of `bleu`.
    """
    return float(_cider_d(*_tokens(candidates, references)).mean())


def write_captions(
    path: Path, origins: Sequence[str], references: Sequence[Sequence[str]], candidates: Sequence[str]
) -> None:
    """Writes a TSV with the columns image, caption, cider_d, reference_1, reference_2 ..., in the order of the images.

    White space is written as single spaces, so that each image stays on its line.
    """
    scores = _cider_d(*_tokens(candidates, references))
    width = max(map(len, references))
    rows = [["image", "caption", "cider_d", *(f"reference_{number}" for number in range(1, width + 1))]]
    rows += [
        [origin, candidate, f"{score:.4f}", *right, *[""] * (width - len(right))]
        for origin, candidate, score, right in zip(origins, candidates, scores, references, strict=True)
    ]
    lines = ["\t".join(" ".join(field.split()) for field in row) for row in rows]
    atomic_write(path, "\n".join(lines) + "\n")


def _tokens(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[Words], list[list[Words]]]:
    """The words of the captions and of the references; a reference without a word says nothing and is left out."""
    if len(candidates) != len(references):
        raise ValueError(
            f"{len(candidates)} captions and references of {len(references)} images; expected as many"
        )
    if not candidates:
        raise ValueError("no captions to measure; expected at least one image")
    reference_words = [[words for words in map(caption_tokens, texts) if words] for texts in references]
    for number, right in enumerate(reference_words, start=1):
        if not right:
            raise ValueError(
                f"image {number} of {len(reference_words)} has no reference; expected at least one with a word"
            )
    return list(map(caption_tokens, candidates)), reference_words


def _bleu(written: list[Words], reference_words: list[list[Words]]) -> dict[str, float]:
    columns: list[Any] = [
        [" ".join(right[index]) if index < len(right) else None for right in reference_words]
        for index in range(max(map(len, reference_words)))
    ]
    metric = BLEU(tokenize="none", force=True, max_ngram_order=_LONGEST_NGRAM)
    bleu = metric.corpus_score([" ".join(words) for words in written], columns)
    return {
        f"bleu_{order}": BLEU.compute_bleu(
            bleu.counts[:order], bleu.totals[:order], bleu.sys_len, bleu.ref_len, max_ngram_order=order
        ).score
        for order in range(1, _LONGEST_NGRAM + 1)
    }


def _rouge_l(written: list[Words], reference_words: list[list[Words]]) -> float:
    total = 0.0
    for words, right in zip(written, reference_words, strict=True):
        common = [_common_subsequence(words, reference) for reference in right]
        precision = max(common) / max(len(words), 1)
        recall = max(length / len(reference) for length, reference in zip(common, right, strict=True))
        if precision:
            weight = _ROUGE_BETA**2
            total += (1 + weight) * precision * recall / (recall + weight * precision)
    return 100 * total / len(written)


def _common_subsequence(one: Words, other: Words) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for index, beside in enumerate(other, start=1):
            above = lengths[index]
            lengths[index] = diagonal + 1 if word == beside else max(above, lengths[index - 1])
            diagonal = above
    return lengths[-1]


def _cider_d(written: list[Words], reference_words: list[list[Words]]) -> NDArray[np.float64]:
    """The score of each image, `[images]`."""
    counts = [[_ngram_counts(reference) for reference in right] for right in reference_words]
    images_with = Counter(ngram for right in counts for ngram in set().union(*right))
    images = math.log(len(reference_words))
    rarity = {ngram: images - math.log(times) for ngram, times in images_with.items()}

    def weighted(counted: Counter[NGram]) -> tuple[dict[NGram, float], list[float]]:
        """The weight of each n-gram, and the norm of those of each length."""
        weights = {ngram: count * rarity.get(ngram, images) for ngram, count in counted.items()}
        squares = [0.0] * _LONGEST_NGRAM
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight * weight
        return weights, [math.sqrt(square) for square in squares]

    def similarity(words: Words, right: list[Words], right_counts: list[Counter[NGram]]) -> float:
        weights, norms = weighted(_ngram_counts(words))
        total = 0.0
        for reference, counted in zip(right, right_counts, strict=True):
            reference_weights, reference_norms = weighted(counted)
            products = [0.0] * _LONGEST_NGRAM
            for ngram, weight in weights.items():
                there = reference_weights.get(ngram, 0.0)
                products[len(ngram) - 1] += min(weight, there) * there
            cosines = (
                product / (norm * reference_norm)
                for product, norm, reference_norm in zip(products, norms, reference_norms, strict=True)
                if product
            )
            difference = len(words) - len(reference)
            total += math.exp(-(difference**2) / (2 * _CIDER_SIGMA**2)) * sum(cosines)
        return _CIDER_SCALE * total / (_LONGEST_NGRAM * len(right))

    return np.array(
        [similarity(*of_image) for of_image in zip(written, reference_words, counts, strict=True)]
    )


def _ngram_counts(words: Words) -> Counter[NGram]:
    """How often each run of one to four words occurs."""

    def runs() -> Iterator[NGram]:
        for length in range(1, _LONGEST_NGRAM + 1):
            yield from zip(*(words[start:] for start in range(length)), strict=False)

    return Counter(runs())
