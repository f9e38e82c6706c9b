"""Writes text with the exported SavedModel, and tells how probable a text is. Imports no Keras and no TensorFlow.

python -m applications.text_generation.predict "ROMEO:" --length 200 --seed 7
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from common import cli
from common.checks import require_at_least, require_integer, require_number
from common.errors import FlagError, UserError
from common.evaluation.likelihood import likelihood_metrics, most_surprising, visible
from common.inference.extra_files import read_extra
from common.predicting.answer_files import require_answer_file
from common.predicting.examples import Column, text_of, texts_of
from common.predicting.predictor import LoadedModel
from common.predicting.progress import progress
from common.predicting.script import Shown, hint, write_shown
from common.predicting.seeds import MOST_SEED, checked_seed, checked_seeds, seed_or_fresh
from common.predicting.texts import (
    argument_texts,
    chunks,
    lines,
    require_one_source,
)
from common.text.files import UTF_8, require_encoding
from common.text.running import read_text

CHARACTERS_FILE = Path("assets.extra") / "characters.json"
MAX_LENGTH = 10_000
MAX_CHARACTERS = 20_000
_READ_AT_ONCE, _WRITTEN_AT_ONCE, _SHOWN_AT_ONCE = 2048, 256, 8
_SURPRISES = 10
_COLUMNS = ("seed", "prefix", "text")
_INT32, _FLOAT32 = np.iinfo(np.int32), np.finfo(np.float32)
# C0 controls have pictures of their own; line ends and tabs steer nothing that text should not.
_SHOWN = (
    {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
)


@dataclass(frozen=True)
class Sampling:
    """How much is written, and how each character is chosen."""

    length: int = 200
    """Characters to write."""
    temperature: float = 0.8
    """Below 1 prefers probable characters more than the model does, above 1 less; 0 always takes the most probable."""
    top_k: int = 0
    """Choose among so many most probable characters; 0 for all."""
    top_p: float = 1.0
    """Choose among the fewest most probable characters that have this probability together; 1 for all."""

    def __post_init__(self) -> None:
        require_integer(length=self.length, top_k=self.top_k)
        require_number(temperature=self.temperature, top_p=self.top_p)
        require_at_least(0, length=self.length, temperature=self.temperature, top_k=self.top_k)
        if self.temperature > _FLOAT32.max:
            raise FlagError(f"--temperature {self.temperature}: expected a finite number")
        if not 0 < self.top_p <= 1:
            raise FlagError(f"--top-p {self.top_p}: expected more than 0 and at most 1")


class Place(NamedTuple):
    """Where some texts stand, one in each row: all that it takes to read or write on.

    Attributes:
        token: `[batch]` int32, the number of the last character.
        states: `[batch, n, units]` float32, the model's states before it read that character.
        position: how many characters of each text the model has written.
    """

    token: np.ndarray
    states: np.ndarray
    position: int


class Predictor(LoadedModel):
    """Writes, continues and scores texts with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are written at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("text_generation", model, batch_size)
        self.characters: str = read_extra(self.path, CHARACTERS_FILE, "text_generation")["characters"]

    def __call__(
        self,
        prefixes: Any,
        *,
        length: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int | Sequence[int] = 0,
        column: Column = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"text"}` for one prefix, a list of them for several: the prefix and its continuation.

        Args:
            prefixes: the beginning of a text, be it empty, of any length; or a list, a series or an array of them, or a
                data frame.
            length: characters to write, any number.
            temperature: see `Sampling`, as for `top_k` and `top_p`.
            top_k: see there.
            top_p: see there.
            seed: of the random choices; the same prefix and seed give the same text, alone or in a list. A list of
                seeds holds one for each prefix.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no text, or a control that is out of range.
        """
        texts = texts_of(prefixes, column, "prefixes")
        sampling = Sampling(length, temperature, top_k, top_p)
        seeds = checked_seeds(seed, len(texts), "prefixes", "prefix")
        batches = list(chunks(zip(texts, seeds, strict=True), self.batch_size))
        answers = [
            {"text": text}
            for rows in progress(batches, "writing", show_progress)
            for text in self._texts(rows, sampling)
        ]
        return answers[0] if isinstance(prefixes, str) else answers

    def stream(
        self,
        prefix: str,
        *,
        length: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> Iterator[str]:
        """The text that a call gives, in pieces as they are made: first the prefix, then a few characters each time."""
        sampling, seeds = Sampling(length, temperature, top_k, top_p), [checked_seed(seed)]
        yield text_of(prefix, "prefix")
        for (piece,), _ in self.write(self.read([prefix]), sampling, seeds, _SHOWN_AT_ONCE):
            yield piece

    def score(self, text: str, *, show_progress: bool | None = None) -> np.ndarray:
        """The natural logarithm of each character's probability given those before it, `[characters]` float32.

        The text may be of any length; it is read as one stream. A character that the model does not know has the
        probability of its one mark for all of these.
        """
        pieces = range(0, len(text_of(text)), _READ_AT_ONCE)
        place, log_likelihoods = self.read([""]), [np.zeros(0, np.float32)]
        for start in progress(pieces, "reading", show_progress):
            outputs = self._follow(place, [text[start : start + _READ_AT_ONCE]])
            place = Place(outputs["token"], outputs["states"], place.position)
            log_likelihoods.append(outputs["character_log_likelihoods"][0])
        return np.concatenate(log_likelihoods)

    def unknown(self, text: str) -> int:
        """How many characters of the text the model does not know."""
        known = frozenset(self.characters)
        return sum(character not in known for character in text)

    def read(self, texts: Sequence[str], place: Place | None = None) -> Place:
        """Where the model stands after it has read a text in each row, from nothing or on from `place`."""
        longest = max(map(len, texts), default=0)
        for start in range(0, max(longest, 1), _READ_AT_ONCE):
            piece = [text[start : start + _READ_AT_ONCE] for text in texts]
            position = place.position if place else 0
            outputs = self._follow(place, piece) if place else self._runner.answer("prime", prefix=piece)
            place = Place(outputs["token"], outputs["states"], position)
        assert place is not None
        return place

    def write(
        self, place: Place, sampling: Sampling, seeds: Sequence[int], at_once: int = _WRITTEN_AT_ONCE
    ) -> Iterator[tuple[list[str], Place]]:
        """Goes on from `place`: yields what each row gains, `at_once` characters at most, and where it stands then.

        Args:
            place: of as many rows as there are seeds.
            sampling: how much is written in each row, and how.
            seeds: of the random choices, one for each row.
            at_once: how many characters a piece has; pieces together are what one piece would be.
        """
        rows, end = len(seeds), place.position + sampling.length
        while place.position < end:
            count = min(at_once, end - place.position)
            outputs = self._runner.answer(
                "extend",
                token=place.token,
                states=place.states,
                position=[place.position] * rows,
                length=[count] * rows,
                temperature=[sampling.temperature] * rows,
                top_k=[min(sampling.top_k, _INT32.max)] * rows,
                top_p=[max(sampling.top_p, float(_FLOAT32.tiny))] * rows,
                seed=list(seeds),
            )
            place = Place(outputs["token"], outputs["states"], place.position + count)
            yield [text.decode("utf-8") for text in outputs["text"]], place

    def _follow(self, place: Place, texts: Sequence[str]) -> dict[str, np.ndarray]:
        return self._runner.answer("follow", token=place.token, states=place.states, text=texts)

    def _texts(self, rows: Sequence[tuple[str, int]], sampling: Sampling) -> list[str]:
        prefixes, seeds = zip(*rows, strict=True)
        pieces = [piece for piece, _ in self.write(self.read(prefixes), sampling, seeds)]
        return ["".join(parts) for parts in zip(prefixes, *pieces, strict=True)]


@dataclass(frozen=True)
class Options:
    """The prefix comes from the argument, from --input, or else from standard input."""

    prefix: tyro.conf.Positional[tuple[str, ...]] = ()
    """Beginning of the text, in quotes; put -- before one that begins with a dash."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    input: Path | None = None
    """Text file (.gz too) that holds the prefix; its last line end is left out, as that of standard input."""
    encoding: str = UTF_8
    """Encoding of the files of --input and --score, such as utf-16 or cp1252 (Windows)."""
    output: Path | None = None
    """Write the text to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name for
    the text itself."""
    sampling: Sampling = field(default_factory=Sampling)
    """How the text goes on."""
    seed: int | None = None
    """Of the random choices: the same seed, the same text. Unless given a fresh one is taken, and told."""
    samples: int = 1
    """Texts to write, with the seeds --seed, --seed + 1 and so on."""
    interactive: bool = False
    """Write a text in turns: each line you type begins a new line of it and is continued, an empty one lets the model
    go on where it stopped, Ctrl-D ends. The text begins with the prefix, if one is given."""
    score: Path | None = None
    """Write nothing; tell how probable the text of this file is, and where it surprises."""

    def __post_init__(self) -> None:
        require_at_least(1, samples=self.samples)
        require_encoding(self.encoding)
        if len(self.prefix) > 1:
            raise UserError(f"{len(self.prefix)} prefixes: expected one; put a prefix with blanks in quotes")
        require_one_source(self.prefix, self.input)
        require_answer_file(self.output)
        if self.output is not None and (self.interactive or self.score is not None):
            raise FlagError(
                f"--output {self.output}: expected neither --interactive nor --score, which only print"
            )
        if self.score is not None and (self.prefix or self.input or self.interactive or self.samples > 1):
            raise FlagError(
                f"--score {self.score}: scores this text and writes none; leave out what is to be written"
            )
        if self.interactive and self.samples > 1:
            raise FlagError(f"--samples {self.samples}: expected 1 with --interactive")
        if self.seed is not None:
            checked_seed(self.seed, MOST_SEED - self.samples + 1)


def main(options: Options) -> None:
    """Continues a text with an exported model, character by character, or tells how probable a text is (--score)."""
    if options.score is not None:
        _print_score(options.model, options.score, options.encoding)
        return
    prefix = _prefix(options)
    predictor = Predictor(options.model)
    seed = seed_or_fresh(options.seed, is_random=options.sampling.temperature > 0)
    if options.interactive:
        _take_turns(predictor, prefix, options.sampling, seed)
    elif options.output is not None:
        write_shown(options.output, _COLUMNS, _shown(predictor, prefix, seed, options))
    elif options.samples == 1:
        _print_pieces(predictor.stream(prefix, **asdict(options.sampling), seed=seed))
    else:
        for one, text in _samples(predictor, prefix, seed, options):
            print(_title(one))
            _print_pieces([text])


def _shown(predictor: Predictor, prefix: str, seed: int, options: Options) -> Iterator[Shown]:
    for one, text in _samples(predictor, prefix, seed, options):
        lines = [text] if options.samples == 1 else [_title(one), text]
        yield Shown({"seed": one, "prefix": prefix, "text": text}, lines)


def _samples(predictor: Predictor, prefix: str, seed: int, options: Options) -> Iterator[tuple[int, str]]:
    """The seed and the text of each of --samples."""
    for batch in chunks(range(seed, seed + options.samples), predictor.batch_size):
        answers = predictor([prefix] * len(batch), **asdict(options.sampling), seed=batch)
        yield from ((one, answer["text"]) for one, answer in zip(batch, answers, strict=True))


def _title(seed: int) -> str:
    return f"=== seed {seed} ==="


def _prefix(options: Options) -> str:
    if options.prefix:
        return argument_texts(options.prefix)[0]
    if options.input is not None:
        return read_text(options.input, options.encoding).text.removesuffix("\n")
    if options.interactive:
        return ""
    if sys.stdin.isatty():
        hint("the beginning of a text; Ctrl-D ends it")
    return "\n".join(lines())


def _take_turns(predictor: Predictor, prefix: str, sampling: Sampling, seed: int) -> None:
    if sys.stdin.isatty():
        hint("a line, to be continued; an empty one goes on; Ctrl-D ends")
    place, ends_line = predictor.read([prefix]), prefix.endswith("\n") or not prefix
    for line in lines():
        if line:
            place = predictor.read([line if ends_line else f"\n{line}"], place)
            ends_line = False
        print(line.translate(_SHOWN), end="", flush=True)
        for (piece,), after in predictor.write(place, sampling, [seed], _SHOWN_AT_ONCE):
            print(piece.translate(_SHOWN), end="", flush=True)
            place, ends_line = after, piece.endswith("\n")
        print(flush=True)


def _print_pieces(pieces: Iterable[str]) -> None:
    try:
        for piece in pieces:
            print(piece.translate(_SHOWN), end="", flush=True)
    finally:
        print(flush=True)


def _print_score(model: Path | None, path: Path, encoding: str) -> None:
    text = read_text(path, encoding).text
    if not text:
        raise UserError(f"--score {path}: no text; expected at least one character")
    predictor = Predictor(model)
    log_likelihoods = predictor.score(text, show_progress=True)
    metrics = likelihood_metrics(log_likelihoods)
    unknown = predictor.unknown(text)
    print(f"{path}: {metrics['characters']:,} characters, {unknown:,} of them unknown to the model")
    print(
        f"{metrics['bits_per_character']:.4f} bits per character = {metrics['nats_per_character']:.4f} nats "
        f"(perplexity {metrics['perplexity']:.2f})"
    )
    print("most surprising, with the probability of the character in brackets:")
    for one in most_surprising(text, log_likelihoods, _SURPRISES):
        before, character, after = map(visible, (one.before, one.character, one.after))
        print(f"line {one.line}\t{one.probability:.2e}\t{before}[{character}]{after}")


if __name__ == "__main__":
    cli.run(main, Options)
