"""What comes of each word of a text that a user types, with and without a state of theirs, for the evaluation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from applications.keyboard.keystrokes import Candidates, Typed
from applications.keyboard.predict import Predictor
from applications.keyboard.user_file import User, new_user
from applications.keyboard.word_numbers import FIRST_WORD, UNKNOWN, folded


@dataclass(frozen=True)
class Record:
    """What came of each word of a text, in their order.

    Attributes:
        spellings: of the words.
        nats: what each cost, an unknown one or a number with its characters `[words]`.
        class_nats: the same, all unknown words being one and all numbers another `[words]`; None if it is not known.
        is_word: whether each is of letters, and so one that a keyboard suggests `[words]`.
        is_known: whether the base has it `[words]`.
        ranks: the place of each among all suggestions before its first letter, -1 for never `[words]`.
        keys: it takes to write each with its blank `[words]`.
        letters: of each and its blank `[words]`.
    """

    spellings: Sequence[str]
    nats: np.ndarray
    class_nats: np.ndarray | None
    is_word: np.ndarray
    is_known: np.ndarray
    ranks: np.ndarray
    keys: np.ndarray
    letters: np.ndarray

    @property
    def typed_before(self) -> np.ndarray:
        """How often each word was typed before `[words]`."""
        counts: Counter[str] = Counter()
        before = []
        for word in map(folded, self.spellings):
            before.append(counts[word])
            counts[word] += 1
        return np.array(before, int)


def record_of(predictor: Predictor, text: str) -> Record:
    """Without a state: the base alone."""
    candidates = _candidates(predictor)
    spellings: list[str] = []
    columns, ways = [np.zeros((0, 4))], []
    for reading in predictor.read(text, show_progress=True):
        spellings += reading.spellings
        columns.append(
            np.column_stack((reading.word_nats, reading.spelling_nats, reading.is_word, reading.numbers))
        )
        ways += [
            candidates.typed(scores, int(number) or None, spelling)
            for scores, number, spelling in zip(
                reading.logits, reading.numbers, reading.spellings, strict=True
            )
        ]
    class_nats, spelling_nats, is_word, numbers = np.concatenate(columns).T
    return Record(
        spellings, class_nats + spelling_nats, class_nats, is_word > 0, numbers != UNKNOWN, **_by_way(ways)
    )


def record_of_user(predictor: Predictor, text: str) -> tuple[Record, User]:
    """With a state that is empty at first and learns each word after it was expected; and what is known in the end."""
    base = predictor.base
    candidates, user = _candidates(predictor), new_user(base)
    spellings: list[str] = []
    columns, ways = [np.zeros((0, 3))], []
    for outputs, after in predictor.follow(text, user, show_progress=True):
        user = after
        columns.append(np.column_stack((-outputs["log_likelihoods"], outputs["is_word"], outputs["words"])))
        for place, word in enumerate(outputs["spellings"]):
            spelling, number, learned = word.decode(), outputs["words"][place], int(outputs["learned"][place])
            spellings.append(spelling)
            scores, offered = outputs["probabilities"][place], outputs["offered"][place]
            ways.append(candidates.typed(scores, int(number) or None, spelling, offered))
            if learned >= base.sizes.words:
                candidates.put(learned, folded(spelling))
    nats, is_word, numbers = np.concatenate(columns).T
    is_known = (numbers != UNKNOWN) & (numbers < base.sizes.words)
    # A user's own words cost what their spelling does, and numbers are spelled out, but for tokenised text.
    class_nats = nats if predictor.described["at_blanks"] and is_known.all() else None
    return Record(spellings, nats, class_nats, is_word > 0, is_known, **_by_way(ways)), user


def record_of_most_frequent(predictor: Predictor, record: Record) -> Record:
    """With the most frequent words of the training text as suggestions, whatever was typed before."""
    candidates = _candidates(predictor)
    numbers = {word: FIRST_WORD + place for place, word in enumerate(predictor.described["words"])}
    scores = -np.arange(predictor.base.sizes.numbers, dtype=np.float32)
    ways = [candidates.typed(scores, numbers.get(folded(word)), word) for word in record.spellings]
    return replace(record, **_by_way(ways))


def nats_of_foreign(predictor: Predictor, text: str, user: User, *, learns: bool) -> float:
    """What a text of another's costs with a user's state, which learns it as it is typed or not at all."""
    beginning = new_user(predictor.base).state
    user = user._replace(state=user.state._replace(network=beginning.network, context=beginning.context))
    readings = predictor.follow(text, user, learns=learns, show_progress=True)
    return -float(sum(outputs["log_likelihoods"].sum(dtype=np.float64) for outputs, _ in readings))


def _candidates(predictor: Predictor) -> Candidates:
    """The words of the base, and room for a user's own."""
    described, own = predictor.described, predictor.base.sizes.lexicon
    return Candidates(
        ["", "", "", *described["words"], *[""] * own],
        [*described["is_suggested"], *[False] * own],
        described["without_accents"],
    )


def _by_way(ways: Sequence[Typed]) -> dict[str, Any]:
    table = np.array(ways, int).reshape(-1, 3)
    return dict(zip(("ranks", "keys", "letters"), table.T, strict=True))
