"""Suggests words with the exported SavedModel. Imports no Keras and no TensorFlow.

python -m applications.keyboard.predict "I am on my "
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from applications.keyboard.interactive import require_terminal, run
from applications.keyboard.pieces import lines_in_pieces, recent
from applications.keyboard.user_file import Base, User
from applications.keyboard.user_flags import UserFlags, changed_lines
from applications.keyboard.user_model import base_of, batch_of, observe, state_of, suggestions, user_of
from applications.keyboard.user_state import Event, UserState
from applications.keyboard.user_texts import learn_text
from common import cli
from common.checks import Between, check_ranges, require_integer
from common.errors import FlagError
from common.inference.extra_files import read_extra
from common.predicting.examples import Column, text_of, texts_of
from common.predicting.predictor import Answer, LoadedModel, answer_rows, decoded, rows_of
from common.predicting.progress import progress
from common.predicting.script import Shown, TextAnswers, TextFlags, answer_texts
from common.predicting.shards import settings_of
from common.predicting.texts import GivenText
from common.text.entries import read_entries
from common.text.running import RawText

MODEL_FILE = Path("assets.extra") / "model.json"
MOST_BYTES = 20_000
"""Bytes of text that a row may have."""
MOST_READ = 4000
"""The same where every word is answered with the scores of all."""
MOST_SUGGESTED = 100

_COLUMNS = ("text", "words", "probabilities")
_LINE_END = "\n"


class Place(NamedTuple):
    """Where a text stands that is read in pieces.

    Attributes:
        last: the word read last.
        states: the model's states before it `[1, n, units]`.
    """

    last: str
    states: np.ndarray


class Reading(NamedTuple):
    """What the model makes of a piece of text, word by word.

    Attributes:
        spellings: the words.
        numbers: 0 for a word that the model does not know, 1 for a number, 2 for the end of a line, then those of the
            known words `[n]`.
        is_word: whether each is a word of letters `[n]`.
        word_nats: what each costs, all unknown words being one and all numbers another `[n]`.
        spelling_nats: what the characters of unknown words and numbers cost besides `[n]`.
        logits: of all words before each `[n, words]`.
    """

    spellings: list[str]
    numbers: np.ndarray
    is_word: np.ndarray
    word_nats: np.ndarray
    spelling_nats: np.ndarray
    logits: np.ndarray


class Predictor(LoadedModel):
    """Suggests words with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: texts that are read at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("keyboard", model, batch_size)
        self.described = _described(self.path)

    @cached_property
    def described(self) -> dict[str, Any]:
        """What the export wrote of the model, its words among it; read anew where this predictor was pickled."""
        return _described(self.path)

    @cached_property
    def base(self) -> Base:
        """What the files of this model's users belong to."""
        return base_of(self.described)

    def __call__(
        self,
        texts: Any,
        *,
        prefix: str | None = None,
        count: int = 3,
        user: User | str | Path | None = None,
        column: Column = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"words", "probabilities"}` for one text, a list of them for several, the most probable word first.

        Args:
            texts: what is typed so far, of any length; its last few dozen words count. Or a list, a series or an array
                of texts, or a data frame.
            prefix: the word begun after each text, be it empty; unless given, that at the end of the text, if it does
                not end with a blank. Suggestions begin with it.
            count: how many words at most.
            user: what is known of the user, or their file; unless given, the base suggests what it does to all.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no text or out of range.
        """
        require_integer(count=count)
        if not 1 <= count <= MOST_SUGGESTED:
            raise FlagError(f"--count {count}: expected from 1 to {MOST_SUGGESTED}")
        _checked_prefix(prefix)
        several = [recent(text) for text in texts_of(texts, column)]
        if user is not None:
            known = user_of(user, self.base)
            rows = [
                rows_of(suggestions(self._runner, text, prefix, count, known), 1)[0]
                for text in progress(several, "suggesting", show_progress)
            ]
            return _answers(rows, texts)
        inputs: dict[str, Sequence[Any]] = {"text": several, "count": [count] * len(several)}
        signature = "serving_default"
        if prefix is not None:
            signature = "complete"
            inputs["prefix"] = [prefix] * len(several)
        rows = answer_rows(self._runner, signature, inputs, self.batch_size, "suggesting", show_progress)
        return _answers(rows, texts)

    def suggest(
        self, text: str, *, prefix: str | None = None, count: int = 3, user: User | str | Path | None = None
    ) -> list[str]:
        """The words that probably follow a text, or complete the word begun, the most probable first.

        Args:
            text: what is typed so far.
            prefix: the word begun; unless given, that at the end of the text.
            count: how many words at most.
            user: see a call.

        Raises:
            UserError: as of a call.
        """
        answer = self(text_of(text), prefix=prefix, count=count, user=user, show_progress=False)
        words: list[str] = answer["words"]
        return words

    def observe(
        self, typed: str | Sequence[Event], *, user: User | str | Path, now: float | None = None
    ) -> User:
        """Learns from what a user typed. A pure function of a `User`; the file of one is changed under its lock.

        Args:
            typed: text that was typed since, or what became of each piece of it.
            user: what is known of the user so far, or their file, which is made if it is absent.
            now: when it was typed, in seconds since 1970, kept to the hour; now unless given.

        Returns:
            What is known of the user then.

        Raises:
            UserError: what was typed is no text, or the file cannot be read or written.

        Example:
            >>> from applications import load
            >>> from applications.keyboard.user_file import new_user
            >>> with load("keyboard") as keyboard:
            ...     user = keyboard.observe("Zoltán! Zoltán!", user=new_user(keyboard.base))
            ...     keyboard.suggest("Zo", user=user)[0]
            'Zoltán'
        """
        events = [Event(typed)] if isinstance(typed, str) else list(typed)
        for place, event in enumerate(events):
            text_of(event.text, f"typed[{place}]")
        return observe(self._runner, events, user, self.base, now)

    def follow(
        self, text: str, user: User, *, learns: bool = True, show_progress: bool | None = None
    ) -> Iterator[tuple[Answer, User]]:
        """What a user's state expects of a text of any length, by pieces.

        Args:
            text: what is typed.
            user: what is known of the user.
            learns: whether each word is learned before the next.
            show_progress: see `common.predicting.progress`.

        Yields:
            The outputs of the signature `follow`, without the batch and the state, and what is known of the user then.
        """
        for piece in progress(list(lines_in_pieces(text_of(text))), "following", show_progress):
            outputs = self._runner.answer("follow", text=[piece], learns=[learns], **batch_of(user.state))
            user = user._replace(state=state_of(outputs))
            yield {name: array[0] for name, array in outputs.items() if name not in UserState._fields}, user

    def score(self, text: str, *, show_progress: bool | None = None) -> float:
        """The natural logarithm of the probability of a text of any length, unknown words being spelled out."""
        readings = self.read(text, show_progress=show_progress)
        return -float(sum((one.word_nats + one.spelling_nats).sum(dtype=np.float64) for one in readings))

    def read(self, text: str, *, show_progress: bool | None = None) -> Iterator[Reading]:
        """What the model makes of a text of any length, which is read as one stream, piece by piece."""
        place = Place(_LINE_END, np.zeros((1, *self.described["states"]), np.float32))
        for piece in progress(list(lines_in_pieces(text_of(text))), "reading", show_progress):
            outputs = self._runner.answer("read", text=[piece], last=[place.last], states=place.states)
            place = Place(decoded(outputs["last"][0]), outputs["states"])
            likelihoods = outputs["log_likelihoods"][0]
            yield Reading(
                [decoded(word) for word in outputs["spellings"][0]],
                outputs["words"][0],
                outputs["is_word"][0],
                -likelihoods[:, 0],
                -likelihoods[:, 1],
                outputs["logits"][0],
            )


def _described(version: Path) -> dict[str, Any]:
    described: dict[str, Any] = read_extra(version, MODEL_FILE, "keyboard")
    return described


def _answers(rows: Sequence[Answer], texts: Any) -> Any:
    """The answers to several texts, or to the one that was asked."""
    answers = [_answer(row) for row in rows]
    return answers[0] if isinstance(texts, str) else answers


def _answer(row: Answer) -> Answer:
    words = [decoded(word) for word in row["words"] if word]
    return {"words": words, "probabilities": row["probabilities"][: len(words)].tolist()}


def _checked_prefix(prefix: str | None) -> str | None:
    if prefix is not None and any(character.isspace() for character in text_of(prefix, "prefix")):
        raise FlagError(f"--prefix {prefix!r}: expected one word begun, without blanks")
    return prefix


@dataclass(frozen=True)
class Options:
    """Which texts are continued, and with how many words."""

    given: TextFlags = field(default_factory=TextFlags)
    """The texts, the model, and where the answers go."""
    prefix: str | None = None
    """The word begun after each text; unless given, that at the end of the text, if it does not end with a blank."""
    count: Annotated[int, Between(1, MOST_SUGGESTED)] = 3
    """Words to suggest at most."""
    about_user: UserFlags = field(default_factory=UserFlags)
    """Whose keyboard it is."""

    def __post_init__(self) -> None:
        check_ranges(self)
        _checked_prefix(self.prefix)
        self._require_fitting_flags()
        if self.about_user.interactive:
            require_terminal(sys.stdin, sys.stdout)

    def _require_fitting_flags(self) -> None:
        """Raises FlagError if texts, or a flag that is for their answers, stand beside what is done instead."""
        actions = self.about_user.actions
        if not actions:
            return
        if self.given.texts:
            raise FlagError(f"{actions[0]}: expected no texts beside it")
        given = {
            "--input": self.given.input is not None,
            "--output": self.given.output is not None,
            "--prefix": self.prefix is not None,
            "--count": self.count != Options.count and not self.about_user.interactive,
            "--batch-size": self.given.batch_size != TextFlags.batch_size,
        }
        for flag, is_given in given.items():
            if is_given:
                raise FlagError(f"{flag} and {actions[0]}: expected one of them at a time")


def main(options: Options) -> None:
    """Suggests the words that may follow texts, or complete the words begun, with an exported model."""
    predictor = Predictor(options.given.model, options.given.batch_size)
    flags = options.about_user
    if flags.interactive:
        type_interactively(predictor, flags.user, options.count)
    elif flags.learn is not None and flags.user is not None:
        text = read_entries(flags.learn, options.given.table.encoding)
        learn_file(predictor, text, flags.user, flags.skip_words)
    elif flags.user is not None and (lines := changed_lines(flags, flags.user, predictor.base)) is not None:
        print(*lines, sep="\n")
    else:
        answer_texts(options.given, *text_answers(predictor, options), settings_of(options, predictor.path))


def type_interactively(predictor: Predictor, path: Path | None, count: int) -> None:
    """Suggests as one types; what is typed is learned into the user's file, if there is one, at once."""
    known = None if path is None else user_of(path, predictor.base)

    def suggest(text: str) -> Sequence[str]:
        return predictor.suggest(text, count=count, user=known)

    def learn(events: Sequence[Event]) -> None:
        nonlocal known
        assert path is not None
        known = predictor.observe(events, user=path)

    run(suggest, None if path is None else learn, count, sys.stdin, sys.stdout)


def learn_file(predictor: Predictor, text: RawText, path: Path, skipped: int) -> None:
    """Learns a text into a user's file, but for some words at its beginning."""
    before, now = int(user_of(path, predictor.base).state.clock), time.time()
    learn_text(lambda portion: predictor.observe(portion, user=path, now=now), text, path, skipped)
    after = int(user_of(path, predictor.base).state.clock)
    print(f"{path}: learned {after - before:,} words and marks of {text.name}")


def text_answers(predictor: Predictor, options: Options) -> TextAnswers:
    """How texts are answered, with what is known of the user, if any, by this script and by others that have rows of
    texts."""
    base = predictor.base
    user = None if options.about_user.user is None else user_of(options.about_user.user, base)

    def answer(given: Sequence[GivenText], show_progress: bool) -> Iterator[Shown]:
        texts = [one.text for one in given]
        prefix, count = options.prefix, options.count
        answers = predictor(texts, prefix=prefix, count=count, user=user, show_progress=show_progress)
        for text, row in zip(texts, answers, strict=True):
            words, probabilities = row["words"], [round(one, 6) for one in row["probabilities"]]
            pairs = zip(words, row["probabilities"], strict=True)
            line = "  ".join(f"{word} ({probability:.1%})" for word, probability in pairs)
            record = {"text": text, "words": words, "probabilities": probabilities}
            cells = {
                "text": text,
                "words": " ".join(words),
                "probabilities": " ".join(map(str, probabilities)),
            }
            yield Shown(record, [line or "(no word that it knows)"], [cells])

    return TextAnswers(_COLUMNS, answer)


if __name__ == "__main__":
    cli.run(main, Options)
