"""The standard metrics of a speech recogniser, from what it read and what was said.

Texts are compared as they are, capitals and punctuation included, but for white space, which only divides words.
Whoever wants to forgive more normalises both sides before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jiwer

from common.files import atomic_write

AS_RECORDED = float("inf")
"""The ratio of recordings to which no noise was added."""

_LENGTH_EDGES = (0, 3, 6, 10, 20, 40)
_SHOWN = ("sentences", "word_error_rate", "character_error_rate", "exact_match")


class Confusion(NamedTuple):
    """A mistake that was made with a word, and how often.

    Attributes:
        reference: what was said; "" where a word was read that nobody said.
        hypothesis: what was read instead; "" where the word was left out.
        occurrences: how often.
    """

    reference: str
    hypothesis: str
    occurrences: int


def transcription_metrics(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Any]:
    """Error rates of all sentences together, by the fewest edits that make each hypothesis its reference.

    >>> metrics = transcription_metrics(["set an alarm", "stop"], ["set the alarm now", "stop"])
    >>> metrics["word_error_rate"], metrics["substitutions"], metrics["insertions"], metrics["exact_match"]
    (0.5, 1, 1, 0.5)

    Args:
        references: what was said in each recording; "" where nothing was.
        hypotheses: what was read in it.

    Returns:
        A dictionary of
        `sentences`: how many there are;
        `words`: of the references;
        `word_error_rate`, `character_error_rate`: edits over the words, or characters, of all references (spaces are
            characters): from 0, with no upper bound. None where the references have no word at all;
        `substitutions`, `deletions`, `insertions`: words read wrongly, left out, and read where nobody spoke them;
        `exact_match`: share of the sentences without an edit.

    Raises:
        ValueError: there are no sentences.
        ValueError: there are not as many hypotheses as references.
    """
    words = _words_of(references, hypotheses)
    said = sum(map(len, words.references))
    exact = sum(one == other for one, other in zip(words.references, words.hypotheses, strict=True))
    return {
        "sentences": len(references),
        "words": said,
        "word_error_rate": _rate(words),
        "character_error_rate": _rate(_characters_of(references, hypotheses)),
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "exact_match": exact / len(references),
    }


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float | None:
    """Substituted, deleted and inserted words of all sentences over the words of all references.

    >>> word_error_rate(["turn it off", ""], ["turn off", "no"])
    0.6666666666666666

    Returns:
        The rate, from 0 with no upper bound; None where no reference has a word.

    Raises:
        ValueError: there are no sentences, or not as many hypotheses as references.
    """
    return _rate(_words_of(references, hypotheses))


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float | None:
    """Substituted, deleted and inserted characters, spaces between words among them, over those of all references.

    >>> character_error_rate(["turn off"], ["turn of"])
    0.125

    Returns:
        The rate, from 0 with no upper bound; None where no reference has a character.

    Raises:
        ValueError: there are no sentences, or not as many hypotheses as references.
    """
    return _rate(_characters_of(references, hypotheses))


def by_length(
    references: Sequence[str], hypotheses: Sequence[str], unit: Literal["words", "characters"] = "words"
) -> dict[str, dict[str, Any]]:
    """`sentences`, `word_error_rate`, `character_error_rate` and `exact_match` of the sentences of each range of
    lengths that occurs, the shortest first.

    The length is the number of words of the reference, or of its characters without blanks. References without words,
    where there are any, are `no words`.

    >>> list(by_length(["yes", "set an alarm for ten", ""], ["yes", "set an alarm", ""]))
    ['no words', '1-3 words', '4-6 words']
    """
    words = [reference.split() for reference in references]
    lengths = [len(one) if unit == "words" else sum(map(len, one)) for one in words]
    last = _LENGTH_EDGES[-1]
    ranges = {f"no {unit}": range(1)}
    ranges |= {f"{low + 1}-{high} {unit}": range(low + 1, high + 1) for low, high in pairwise(_LENGTH_EDGES)}
    ranges[f"over {last} {unit}"] = range(last + 1, max([*lengths, last]) + 1)
    metrics_by_length = {}
    for name, wanted in ranges.items():
        chosen = [index for index, length in enumerate(lengths) if length in wanted]
        if chosen:
            sides = ([side[index] for index in chosen] for side in (references, hypotheses))
            metrics_by_length[name] = _shown(transcription_metrics(*sides))
    return metrics_by_length


def by_noise(
    references: Sequence[str], hypotheses: Mapping[float, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """The same metrics as `by_length` gives, of the same recordings under noise of several levels.

    >>> list(by_noise(["stop"], {AS_RECORDED: ["stop"], 10.0: ["top"]}))
    ['as recorded', '10 dB']

    Args:
        references: what was said in each recording.
        hypotheses: what was read in it, by the ratio of the recording's power to that of the noise, in dB;
            `AS_RECORDED` without added noise. The rows are in this order.
    """
    return {
        "as recorded" if ratio == AS_RECORDED else f"{ratio:g} dB": _shown(
            transcription_metrics(references, read)
        )
        for ratio, read in hypotheses.items()
    }


def confusions(references: Sequence[str], hypotheses: Sequence[str], count: int = 20) -> list[Confusion]:
    """The most frequent mistakes with a word, the most frequent first and equals in the alphabet's order.

    >>> confusions(["five nine", "nine", "go"], ["nine nine", "five", "go go"])[1]
    Confusion(reference='five', hypothesis='nine', occurrences=1)
    """
    words = _words_of(references, hypotheses)
    counts = Counter(
        (said, read)
        for sentence in range(len(references))
        for said, read in _pairs(words, sentence)
        if said != read
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(*pair, number) for pair, number in ranked[:count]]


def aligned(reference: str, hypothesis: str) -> tuple[str, str]:
    """The two texts as lines whose words stand below each other, with asterisks where they differ.

    A word that the other text has otherwise stands between asterisks; in the place of one that is lacking there are
    asterisks alone.

    >>> print("\\n".join(aligned("set an alarm for ten", "set the alarm for ten now")))
    set *an*  alarm for ten *****
    set *the* alarm for ten *now*
    """
    lines: tuple[list[str], list[str]] = ([], [])
    for pair in _pairs(_words_of([reference], [hypothesis]), 0):
        differ = pair[0] != pair[1]
        width = max(map(len, pair)) + 2 * differ
        for line, word in zip(lines, pair, strict=True):
            marked = f"*{word}*" if differ and word else word or "*" * width
            line.append(marked.ljust(width))
    said, read = (" ".join(line).rstrip() for line in lines)
    return said, read


def words_right(reference: str, hypothesis: str) -> list[bool]:
    """Which words of a hypothesis were said: what confidences of words are held against.

    >>> words_right("set an alarm", "set the alarm now")
    [True, False, True, False]

    Returns:
        One for each word of the hypothesis, in its order.
    """
    return [said == read for said, read in _pairs(_words_of([reference], [hypothesis]), 0) if read]


def characters_right(reference: str, hypothesis: str) -> list[bool]:
    """Which characters of a hypothesis, blanks left out, were said or written: as `words_right` for words.

    >>> characters_right("set it", "get in")
    [False, True, True, True, False]

    Returns:
        One for each character of the hypothesis that is no blank, in its order.
    """
    return words_right(" ".join(reference), " ".join(hypothesis))


def most_wrong(references: Sequence[str], hypotheses: Sequence[str], count: int = 50) -> list[int]:
    """Indices of the sentences with the most word errors, the worst first; those without an error are left out.

    Among sentences of as many errors the shorter reference comes first, and then the earlier one.

    >>> most_wrong(["yes", "set an alarm", "stop"], ["yes", "set no arm", "top"])
    [1, 2]
    """
    words = _words_of(references, hypotheses)
    errors = [_errors(words, sentence) for sentence in range(len(references))]
    wrong = [index for index, number in enumerate(errors) if number]
    return sorted(wrong, key=lambda index: (-errors[index], len(words.references[index])))[:count]


def write_most_wrong(
    path: Path, origins: Sequence[str], references: Sequence[str], hypotheses: Sequence[str], count: int = 50
) -> None:
    """Writes the worst mistakes as a TSV with the columns recording, errors, words, reference, hypothesis, the two
    texts as of `aligned`; each mistake is one line.

    Args:
        path: where the TSV goes.
        origins: where each recording is from.
        references: what was said in it.
        hypotheses: what was read in it.
        count: of how many sentences at most.
    """
    words = _words_of(references, hypotheses)
    lines = ["recording\terrors\twords\treference\thypothesis"]
    for index in most_wrong(references, hypotheses, count):
        recording = " ".join(origins[index].split())
        counts = (str(_errors(words, index)), str(len(words.references[index])))
        lines.append("\t".join((recording, *counts, *aligned(references[index], hypotheses[index]))))
    atomic_write(path, "\n".join(lines) + "\n")


def _words_of(references: Sequence[str], hypotheses: Sequence[str]) -> jiwer.WordOutput:
    return jiwer.process_words(*_checked(references, hypotheses))


def _characters_of(references: Sequence[str], hypotheses: Sequence[str]) -> jiwer.CharacterOutput:
    return jiwer.process_characters(*_checked(references, hypotheses))


def _checked(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Both sides with single spaces, which is how jiwer divides words."""
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references and {len(hypotheses)} hypotheses; expected as many")
    if not references:
        raise ValueError("no sentences to measure; expected at least one")
    said, read = ([" ".join(text.split()) for text in side] for side in (references, hypotheses))
    return said, read


def _rate(alignment: jiwer.WordOutput | jiwer.CharacterOutput) -> float | None:
    # jiwer calls the number of insertions the rate where the references are empty.
    units = sum(map(len, alignment.references))
    edits = alignment.substitutions + alignment.deletions + alignment.insertions
    return edits / units if units else None


def _errors(words: jiwer.WordOutput, sentence: int) -> int:
    return sum(said != read for said, read in _pairs(words, sentence))


def _pairs(words: jiwer.WordOutput, sentence: int) -> Iterator[tuple[str, str]]:
    """What was said and what was read in its place, word by word; "" for what one side lacks."""
    said, read = words.references[sentence], words.hypotheses[sentence]
    for chunk in words.alignments[sentence]:
        left = said[chunk.ref_start_idx : chunk.ref_end_idx]
        right = read[chunk.hyp_start_idx : chunk.hyp_end_idx]
        length = max(len(left), len(right))
        blanks = [""] * length
        yield from zip((left + blanks)[:length], (right + blanks)[:length], strict=True)


def _shown(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in _SHOWN}
