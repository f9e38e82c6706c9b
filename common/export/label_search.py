"""From logits to labels with their frames, as a model that learnt with CTC is exported to search them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tensorflow as tf
import tyro

from common.checks import AtLeast, check_ranges
from common.cli import console
from common.decoding.ctc import GreedyLabels, greedy, prefix_beam_search, with_fallback
from common.decoding.ctc_alignment import align
from common.decoding.language_models import LanguageModel, Lexicon, SymbolNgrams
from common.decoding.witten_bell import witten_bell
from common.errors import FlagError, UserError
from common.export.script import ExportOptions
from common.text.files import read_text_file
from common.text.symbols import Symbols

_LARGEST_TABLE = 2**21
_LONGEST_NGRAM = 6
_LM_WEIGHT = 0.3


@dataclass(frozen=True)
class SearchOptions:
    """What to export, where to, and how it searches."""

    export: tyro.conf.OmitArgPrefixes[ExportOptions]
    beam_width: Annotated[int, AtLeast(1)] = 10
    """Beginnings of the text that are followed at once; 1 reads the most probable symbol of each frame."""
    language_model: Path | None = None
    """A text file of what people say or write, one sentence (or word) a line, of whose characters (or words) n-grams
    are counted that then have a say in what is read. Unless given, nothing but the input has."""
    lexicon: Path | None = None
    """A text file of words, one a line: no other word is written."""
    lm_weight: Annotated[float, AtLeast(0)] = _LM_WEIGHT
    """How much the language model has to say (of each request to `n_best`, its own)."""
    length_bonus: float = 0.0
    """What each symbol adds to the score, against the short texts that a language model prefers."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.beam_width == 1 and (self.language_model or self.lexicon):
            flag = "--language-model" if self.language_model else "--lexicon"
            raise FlagError(f"{flag}: it has a say in a search only; expected a --beam-width above 1")
        if self.language_model is None and self.lm_weight != _LM_WEIGHT:
            raise FlagError(
                f"--lm-weight {self.lm_weight:g}: of no model; expected a --language-model beside it"
            )


class Labels(NamedTuple):
    """What was read in each row.

    Attributes:
        numbers: `[batch, labels]`, right-padded with 0.
        first_frames: `[batch, labels]`, where each symbol begins.
        last_frames: `[batch, labels]`, where it ends.
        probabilities: `[batch, labels]`, its highest posterior.
        error: strings `[batch]`.
    """

    numbers: tf.Tensor
    first_frames: tf.Tensor
    last_frames: tf.Tensor
    probabilities: tf.Tensor
    error: tf.Tensor


class Hypotheses(NamedTuple):
    """The best labels of each row.

    Attributes:
        numbers: `[batch, hypotheses, labels]`, right-padded with 0.
        scores: `[batch, hypotheses]`; minus infinity where there is none.
        error: strings `[batch]`.
    """

    numbers: tf.Tensor
    scores: tf.Tensor
    error: tf.Tensor


def labels_of(read: GreedyLabels) -> Labels:
    """What was read greedily, as what was read by any search."""
    return Labels(read.labels, read.first_frames, read.last_frames, read.probabilities, read.error)


@dataclass(frozen=True)
class Search:
    """Looks for labels in logits `[batch, frames, symbols]`.

    Attributes:
        symbols: what the numbers stand for.
        options: the width, and the weights unless a request has its own.
        language_models: what has a say.
    """

    symbols: Symbols
    options: SearchOptions
    language_models: Sequence[LanguageModel]

    @property
    def resources(self) -> list[Any]:
        """What an export must have, see `common.export.saved_model`."""
        return [one for model in self.language_models for one in getattr(model, "resources", ())]

    def best(self, logits: tf.Tensor, frames: tf.Tensor) -> Labels:
        """The best label of each row, of whose frames `[batch]` are real."""
        likeliest = greedy(logits, frames)
        if self.options.beam_width == 1:
            return labels_of(likeliest)
        hypotheses = prefix_beam_search(
            logits,
            frames,
            beam_width=self.options.beam_width,
            hypotheses=1,
            language_models=self.language_models,
            lm_weight=self.options.lm_weight,
            length_bonus=self.options.length_bonus,
        )
        # Where a lexicon lets no word end, the likeliest symbols are still better than nothing.
        numbers, lengths = with_fallback(hypotheses, likeliest)
        aligned = align(logits, frames, numbers, lengths)
        return Labels(
            numbers, aligned.first_frames, aligned.last_frames, aligned.probabilities, hypotheses.error
        )

    def n_best(
        self, logits: tf.Tensor, frames: tf.Tensor, lm_weight: tf.Tensor, length_bonus: tf.Tensor
    ) -> Hypotheses:
        """The best labels of each row, for weights `[batch]` of its own."""
        found = prefix_beam_search(
            logits,
            frames,
            beam_width=self.options.beam_width,
            language_models=self.language_models,
            lm_weight=lm_weight,
            length_bonus=length_bonus,
        )
        return Hypotheses(found.labels, found.scores, found.error)


def make_search(symbols: Symbols, options: SearchOptions, normalised: Callable[[str], str]) -> Search:
    """The search of a model with these symbols, its language model and lexicon read from their files.

    Args:
        symbols: of the model.
        options: the files, the width and the weights.
        normalised: of a line of these files, in the spelling that the model learnt.

    Raises:
        UserError: a file cannot be read, or nothing of it is written in the symbols.
    """
    models: list[LanguageModel] = []
    if options.language_model is not None:
        labels = _written(options.language_model, "--language-model", symbols, "sentences", normalised)
        most = _LARGEST_TABLE // symbols.count
        models.append(SymbolNgrams(witten_bell(labels, symbols.count, _LONGEST_NGRAM, most)))
    if options.lexicon is not None:
        words = _written(options.lexicon, "--lexicon", symbols, "words", normalised)
        models.append(_lexicon(words, symbols, options.lexicon))
    return Search(symbols, options, tuple(models))


def _lexicon(words: Sequence[Sequence[int]], symbols: Symbols, path: Path) -> Lexicon:
    if symbols.kind == "characters":
        if symbols.blank is not None:
            several = [word for word in words if symbols.blank in word]
            if several:
                raise UserError(
                    f"--lexicon {path}: {symbols.decode(several[0])!r} is more than a word; expected one word a line"
                )
        return Lexicon(words, symbols.count, symbols.blank)
    # Where each symbol is a word, words follow each other with nothing between them.
    raise FlagError("--lexicon: the model writes whole words of its own vocabulary, and no others, already")


def _written(
    path: Path, flag: str, symbols: Symbols, what: str, normalised: Callable[[str], str]
) -> list[list[int]]:
    """The lines of a file that are written in the symbols, as their numbers."""
    lines = [normalised(line) for line in read_text_file(path).splitlines()]
    written = [symbols.encode(line).tolist() for line in lines if line and not symbols.lacks(line)]
    if not written:
        raise UserError(
            f"{flag} {path}: no line is written in the model's {symbols.kind}; expected {what}, one a line"
        )
    if left_out := sum(map(bool, lines)) - len(written):
        console().print(
            f"{flag} {path}: {left_out:,} lines have other symbols and are left out", markup=False
        )
    return written
