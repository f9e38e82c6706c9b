"""Strings of words: recordings of single words of one speaker, one after another."""

from collections.abc import Callable, Mapping

import numpy as np

from common.audio.augmentation import Waveform
from common.audio.files import SAMPLE_RATE
from common.audio.utterances import Utterances
from common.data.strings import Plan, plan_strings, singles_of
from common.errors import FlagError

_FADE = SAMPLE_RATE // 200


def plans_of(
    utterances: Utterances,
    join: tuple[int, int],
    share: float,
    longest_gap: float,
    rng: np.random.Generator,
) -> list[Plan]:
    """Which recordings are heard in which string: those of several words alone, those of a single word joined.

    See `common.data.strings.plan_strings`; gaps are seconds of silence.
    """
    return plan_strings(len(utterances), _singles(utterances), join, share, longest_gap, rng)


def require_single_words(utterances: Utterances, join: tuple[int, int]) -> None:
    """Refuses to join recordings of which none is of a single word.

    Raises:
        FlagError: there is none, and they are to be joined.
    """
    if join != (0, 0) and not _singles(utterances):
        raise FlagError(
            f"--join {join[0]} {join[1]}: {utterances.name} has no recording of a single word; expected some to join"
        )


def _singles(utterances: Utterances) -> Mapping[str, list[int]]:
    """The recordings of a single word, by speaker."""
    return singles_of(utterances.texts, utterances.speakers, lambda text: len(text.split()) == 1)


def text_of(utterances: Utterances, plan: Plan) -> str:
    """What is said in a string."""
    return " ".join(utterances.texts[index] for index in plan.members)


def samples_of(utterances: Utterances, plan: Plan) -> int:
    """How many samples a string has."""
    spoken = sum(len(utterances.waveforms[index]) for index in plan.members)
    return spoken + sum(round(gap * SAMPLE_RATE) for gap in plan.gaps)


def waveform_of(
    utterances: Utterances, plan: Plan, change: Callable[[Waveform], Waveform] = lambda waveform: waveform
) -> Waveform:
    """The samples of a string.

    Args:
        utterances: what there is.
        plan: what is heard.
        change: of each recording, before it is joined.
    """
    pieces: list[np.ndarray] = []
    for index, gap in zip(plan.members, plan.gaps, strict=True):
        pieces.append(np.zeros(round(gap * SAMPLE_RATE), np.float32))
        waveform = change(utterances.waveforms[index])
        pieces.append(waveform if len(plan.members) == 1 else _faded(waveform))
    return np.concatenate(pieces)


def _faded(waveform: Waveform) -> Waveform:
    """The waveform, rising from and falling to silence within 5 ms, so that no click tells where a word ends."""
    fade = np.linspace(0, 1, min(_FADE, len(waveform) // 2), dtype=np.float32)
    if not len(fade):
        return waveform
    faded = waveform.copy()
    faded[: len(fade)] *= fade
    faded[-len(fade) :] *= fade[::-1]
    return faded


def joined(utterances: Utterances, join: tuple[int, int], longest_gap: float, seed: int) -> Utterances:
    """The recordings with those of a single word joined to strings, always the same ones, to measure on.

    Each recording of a single word is heard about once.
    """
    if join == (0, 0):
        return utterances
    plans = plans_of(utterances, join, 1.0, longest_gap, np.random.default_rng(seed))
    return Utterances(
        f"{utterances.name}, single words joined",
        [waveform_of(utterances, plan) for plan in plans],
        [text_of(utterances, plan) for plan in plans],
        [utterances.speakers[plan.members[0]] for plan in plans],
        [" + ".join(utterances.origins[index] for index in plan.members) for plan in plans],
        utterances.left_out,
    )
