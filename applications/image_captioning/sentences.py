"""The sentences of drawn scenes: a small grammar that writes them, reads them, and says what is wrong in them."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from applications.image_captioning.scenes import (
    ABOVE,
    AROUND,
    BELOW,
    BETWEEN,
    COLOURS,
    INSIDE,
    LEFT,
    RIGHT,
    SHAPES,
    Placed,
    Scene,
    Thing,
    clearly_holds,
    holds,
)
from common.text.caption_words import caption_tokens

SIZE_WORDS = {"large": ("large", "big"), "small": ("small", "little")}
COLOUR_WORDS = {colour: (colour,) for colour in COLOURS} | {"purple": ("purple", "violet")}
SHAPE_WORDS = {shape: (shape,) for shape in SHAPES} | {
    "circle": ("circle", "disc"),
    "diamond": ("diamond", "rhombus"),
}
TO_ANOTHER = {
    LEFT: ("left of", "to the left of", "on the left of"),
    RIGHT: ("right of", "to the right of", "on the right of"),
    ABOVE: ("above", "over"),
    BELOW: ("below", "under"),
    INSIDE: ("inside", "within"),
    AROUND: ("around", "surrounding"),
}
TO_IT = {
    LEFT: ("to its left", "on its left"),
    RIGHT: ("to its right", "on its right"),
    ABOVE: ("above it", "over it"),
    BELOW: ("below it", "under it"),
    INSIDE: ("inside it", "within it"),
    AROUND: ("around it", "surrounding it"),
}
FORMS = (
    "{a}",
    "there is {a}",
    "only {a}",
    "{a} alone",
    "nothing but {a}",
    "{a} {a_to_b} {b}",
    "there is {a} {a_to_b} {b}",
    "{a} is {a_to_b} {b}",
    "{b_to_a} {a} is {b}",
    "{a} with {b} {b_to_it}",
    "{a} {a_to_b} {b} and {a_to_c} {c}",
    "there is {a} {a_to_b} {b} and {a_to_c} {c}",
    "{a} is {a_to_b} {b} and {a_to_c} {c}",
    "{a} with {b} {b_to_it} and {c} {c_to_it}",
    "{b} {b_to_a} {a} which is {a_to_c} {c}",
    "{a} {between} {b} and {c}",
    "there is {a} {between} {b} and {c}",
)
"""The sentences, with slots for things (a, b, c) and for the relation of one to another; `it` is a."""


@dataclass(frozen=True)
class Claim:
    """Things of a sentence, by their places in it, and the relation that they are said to be in."""

    relation: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class Statement:
    """What a sentence says."""

    things: tuple[Thing, ...]
    claims: tuple[Claim, ...]


def describe(scene: Scene, rng: random.Random, count: int = 5) -> tuple[str, ...]:
    """Different sentences that tell of all of the scene, and of relations that are clear in it."""
    possible = list(_possible(scene))
    written: dict[str, None] = {}
    while len(written) < count:
        form = rng.choice(sorted({form for form, _ in possible}))
        chosen = rng.choice([placed for other, placed in possible if other == form])
        written[_write(form, chosen, rng)] = None
    return tuple(written)


def parse(caption: str) -> Statement | None:
    """What a sentence of the grammar says; None of any other text. Case and punctuation make no difference."""
    text = " ".join(caption_tokens(caption))
    for form, pattern in _PATTERNS.items():
        match = pattern.fullmatch(text)
        if match is not None:
            return _understand(form, match.groupdict())
    return None


def mistakes(caption: str, scene: Scene) -> list[str]:
    """What is wrong in a caption of a scene; nothing if it tells of each thing, and of its size, colour and shape, and
    if the relations that it tells of hold.

    Each mistake begins with its sort: `sentence` (not of the grammar), `number` (of things), `size`, `colour`, `shape`
    or `relation`. A caption that can be taken in more than one way is taken in the most favourable one.
    """
    statement = parse(caption)
    if statement is None:
        return [f"sentence: {caption!r} is not of the grammar"]
    surplus = len(statement.things) - len(scene.placed)
    shown = (*scene.placed, *[None] * max(surplus, 0))
    faults = min(
        (_compare(statement, meant) for meant in permutations(shown, len(statement.things))), key=len
    )
    if surplus:
        faults.append(f"number: {len(statement.things)}, not {len(scene.placed)}")
    return faults


def _compare(statement: Statement, meant: tuple[Placed | None, ...]) -> list[str]:
    faults = [
        f"{attribute}: {getattr(thing, attribute)}, not {getattr(placed.thing, attribute)}"
        for thing, placed in zip(statement.things, meant, strict=True)
        if placed is not None
        for attribute in ("shape", "colour", "size")
        if getattr(thing, attribute) != getattr(placed.thing, attribute)
    ]
    for claim in statement.claims:
        involved = [placed for placed in (meant[place] for place in claim.places) if placed is not None]
        subject, *others = (str(statement.things[place]) for place in claim.places)
        if len(involved) == len(claim.places) and not holds(claim.relation, *involved):
            faults.append(f"relation: {subject} {claim.relation} {' and '.join(others)}")
    return faults


def _possible(scene: Scene) -> Iterator[tuple[str, tuple[Placed, ...]]]:
    """Each form with each order in which the scene's things can fill it."""
    for form in FORMS:
        slots = _slots(form)
        if len(_names(slots)) == len(scene.placed):
            for placed in permutations(scene.placed):
                if all(_ways_to_say(slot, placed) for slot in slots if not _is_thing(slot)):
                    yield form, placed


def _ways_to_say(slot: str, placed: tuple[Placed, ...]) -> tuple[str, ...]:
    """The phrases of a relation that is clear between the things that a slot is about; none where no relation is."""
    involved = [placed[place] for place in _places(slot)]
    phrases = _phrases(slot).items()
    return next((ways for relation, ways in phrases if clearly_holds(relation, *involved)), ())


def _write(form: str, placed: tuple[Placed, ...], rng: random.Random) -> str:
    def fill(slot: str) -> str:
        if not _is_thing(slot):
            return rng.choice(_ways_to_say(slot, placed))
        thing = placed["abc".index(slot)].thing
        words = (SIZE_WORDS[thing.size], COLOUR_WORDS[thing.colour], SHAPE_WORDS[thing.shape])
        return " ".join(["a", *map(rng.choice, words)])

    return re.sub(r"{(\w+)}", lambda slot: fill(slot[1]), form)


def _understand(form: str, said: Mapping[str, str]) -> Statement:
    things = tuple(_thing(said[name]) for name in _names(_slots(form)))
    claims = tuple(Claim(_MEANING[said[slot]], _places(slot)) for slot in _slots(form) if not _is_thing(slot))
    return Statement(things, claims)


def _thing(phrase: str) -> Thing:
    _, size, colour, shape = phrase.split()
    return Thing(_MEANING[size], _MEANING[colour], _MEANING[shape])


def _slots(form: str) -> list[str]:
    return re.findall(r"{(\w+)}", form)


def _is_thing(slot: str) -> bool:
    return len(slot) == 1


def _names(slots: list[str]) -> list[str]:
    return sorted(filter(_is_thing, slots))


def _places(slot: str) -> tuple[int, ...]:
    names = "abc" if slot == "between" else slot.replace("it", "a").split("_to_")
    return tuple(map("abc".index, names))


def _phrases(slot: str) -> Mapping[str, tuple[str, ...]]:
    if slot == "between":
        return {BETWEEN: ("between", "in between")}
    return TO_IT if slot.endswith("_it") else TO_ANOTHER


def _pattern(form: str) -> re.Pattern[str]:
    def any_of(phrases: Mapping[str, tuple[str, ...]]) -> str:
        return "(?:" + "|".join(phrase for ways in phrases.values() for phrase in ways) + ")"

    thing = f"a {any_of(SIZE_WORDS)} {any_of(COLOUR_WORDS)} {any_of(SHAPE_WORDS)}"
    return re.compile(
        re.sub(
            r"{(\w+)}",
            lambda slot: f"(?P<{slot[1]}>{thing if _is_thing(slot[1]) else any_of(_phrases(slot[1]))})",
            form,
        )
    )


_MEANING = {
    phrase: meaning
    for phrases in (SIZE_WORDS, COLOUR_WORDS, SHAPE_WORDS, TO_ANOTHER, TO_IT, _phrases("between"))
    for meaning, ways in phrases.items()
    for phrase in ways
}
_PATTERNS = {form: _pattern(form) for form in FORMS}
