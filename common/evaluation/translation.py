"""The standard metrics of a translator, from its outputs and a reference for each of them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sacrebleu import BLEU, CHRF

from common.files import atomic_write

_LENGTH_EDGES = (0, 5, 10, 15, 20, 30, 50)


def translation_metrics(outputs: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """sacreBLEU's BLEU (Papineni et al. 2002; Post 2018) and chrF (Popović 2015), and how often the output is right.

    Args:
        outputs: the translations, plain text.
        references: a right translation of each, plain text.

    Returns:
        A dictionary of
        `sentences`: how many there are;
        `bleu`, `chrf`: of all sentences together, from 0 to 100, on cased text, BLEU on tokens as of mteval-v13a;
        `bleu_signature`, `chrf_signature`: how sacreBLEU computed them, to be quoted beside them;
        `exact_match`: share of the outputs that are the reference, letter by letter, but for white space;
        `length_ratio`: tokens of all outputs over tokens of all references;
        `brevity_penalty`: the factor by which BLEU punishes outputs shorter than the references.

    Raises:
        ValueError: there are no sentences.
        ValueError: there are not as many references as outputs.
    """
    if len(outputs) != len(references):
        raise ValueError(f"{len(outputs)} outputs and {len(references)} references; expected as many")
    if not outputs:
        raise ValueError("no sentences to measure; expected at least one")
    bleu, chrf = BLEU(), CHRF()
    of_bleu, of_chrf = (metric.corpus_score(outputs, [references]) for metric in (bleu, chrf))
    exact = sum(
        output.split() == reference.split() for output, reference in zip(outputs, references, strict=True)
    )
    return {
        "sentences": len(outputs),
        "bleu": of_bleu.score,
        "bleu_signature": bleu.get_signature().format(),
        "chrf": of_chrf.score,
        "chrf_signature": chrf.get_signature().format(),
        "exact_match": exact / len(outputs),
        "length_ratio": of_bleu.ratio,
        "brevity_penalty": of_bleu.bp,
    }


def by_source_length(
    sources: Sequence[str], outputs: Sequence[str], references: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """`sentences`, `bleu`, `chrf` and `exact_match` of the sentences of each range of lengths that occurs.

    The length is the number of words of the source, as white space divides them.
    """
    lengths = [len(source.split()) for source in sources]
    ranges = {f"{low + 1}-{high} words": range(low + 1, high + 1) for low, high in pairwise(_LENGTH_EDGES)}
    last = _LENGTH_EDGES[-1]
    ranges[f"over {last} words"] = range(last + 1, max([*lengths, last]) + 1)
    shown = ("sentences", "bleu", "chrf", "exact_match")
    metrics_by_length = {}
    for name, wanted in ranges.items():
        chosen = [index for index, length in enumerate(lengths) if length in wanted]
        if chosen:
            metrics = translation_metrics(
                *([side[index] for index in chosen] for side in (outputs, references))
            )
            metrics_by_length[name] = {key: metrics[key] for key in shown}
    return metrics_by_length


def write_translations(
    path: Path, sources: Sequence[str], references: Sequence[str], outputs: Sequence[str]
) -> None:
    """Writes a TSV with the columns source, reference, output, sentence_bleu, in the order of the sentences.

    The BLEU of a sentence is that of its longest n-grams that it is long enough for (sacreBLEU's effective order).
    White space is written as single spaces, so that each sentence stays on its line.
    """
    metric = BLEU(effective_order=True)
    rows = [("source", "reference", "output", "sentence_bleu")]
    rows += [
        (source, reference, output, f"{metric.sentence_score(output, [reference]).score:.2f}")
        for source, reference, output in zip(sources, references, outputs, strict=True)
    ]
    lines = ["\t".join(" ".join(field.split()) for field in row) for row in rows]
    atomic_write(path, "\n".join(lines) + "\n")
