"""The sentences of a scene are true of it, and a caption with anything wrong in it is found out."""

import os
import random
import re
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from applications.image_captioning.scenes import COLOURS, SHAPES, Placed, Scene, Thing, random_scene
from applications.image_captioning.sentences import FORMS, describe, mistakes, parse

KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
SAME = {"big": "large", "little": "small", "violet": "purple", "disc": "circle", "rhombus": "diamond"}
SHIFTS = {
    "left": (-1, 0),
    "right": (1, 0),
    "above": (0, -1),
    "over": (0, -1),
    "below": (0, 1),
    "under": (0, 1),
}

PIECES = [
    "a large red square",
    "a small blue star",
    "left of",
    "above it",
    "and",
    "with",
    "is",
    "which",
    "there",
]


def make_scene(*things):
    """A scene of (words, x, y, radius)."""
    placed = tuple(
        Placed(Thing(*words.split()), x, y, radius, 0.0, (0.5, 0.5, 0.5)) for words, x, y, radius in things
    )
    return Scene(placed, ((0.1,) * 3, (0.1,) * 3), 0.0, 0.0, 0)


SQUARE_AND_STAR = make_scene(("large red square", 0.3, 0.5, 0.2), ("small blue star", 0.8, 0.55, 0.1))
HEART_IN_CIRCLE = make_scene(("large purple circle", 0.3, 0.3, 0.2), ("small pink heart", 0.32, 0.3, 0.1))
ROW = make_scene(
    ("small green cross", 0.5, 0.5, 0.1),
    ("small blue diamond", 0.2, 0.5, 0.1),
    ("large yellow triangle", 0.8, 0.52, 0.18),
)


@pytest.fixture(scope="module")
def described():
    """Scenes of one, two and three things, with sentences."""
    rng = random.Random(3)
    scenes = [random_scene(rng, rng.sample(KINDS, 1 + index % 3)) for index in range(300)]
    return [(scene, describe(scene, rng)) for scene in scenes]


def things_said(caption):
    """The things of a caption in their order, by the plain words for them."""
    found = re.findall(r"\ba (\w+ \w+ \w+)", caption)
    return [" ".join(SAME.get(word, word) for word in words.split()) for words in found]


@pytest.mark.parametrize(
    ("caption", "scene"),
    [
        ("a large red square left of a small blue star", SQUARE_AND_STAR),
        ("A big red square is to the left of a little blue star.", SQUARE_AND_STAR),
        ("There is a small blue star on the right of a large red square", SQUARE_AND_STAR),
        ("a small blue star with a large red square to its left", SQUARE_AND_STAR),
        ("right of a large red square is a small blue star", SQUARE_AND_STAR),
        ("a little pink heart inside a big violet disc", HEART_IN_CIRCLE),
        ("a large purple circle with a small pink heart within it", HEART_IN_CIRCLE),
        ("a large purple circle surrounding a small pink heart", HEART_IN_CIRCLE),
        ("a small green cross between a big yellow triangle and a small blue rhombus", ROW),
        ("a small green cross right of a small blue diamond and left of a large yellow triangle", ROW),
        ("a small blue diamond left of a small green cross which is left of a large yellow triangle", ROW),
        ("a small blue diamond is left of a small green cross and left of a large yellow triangle", ROW),
        ("nothing but a small red ring", make_scene(("small red ring", 0.5, 0.5, 0.1))),
    ],
)
def test_right_captions_are_right_in_whichever_words(caption, scene):
    assert mistakes(caption, scene) == []


@pytest.mark.parametrize(
    ("caption", "scene", "found"),
    [
        ("a small red square left of a small blue star", SQUARE_AND_STAR, ["size: small, not large"]),
        ("a large green square left of a small blue star", SQUARE_AND_STAR, ["colour: green, not red"]),
        ("a large red ring left of a small blue star", SQUARE_AND_STAR, ["shape: ring, not square"]),
        (
            "a large red square right of a small blue star",
            SQUARE_AND_STAR,
            ["relation: large red square right of small blue star"],
        ),
        (
            "a large red square above a small blue star",
            SQUARE_AND_STAR,
            ["relation: large red square above small blue star"],
        ),
        (
            "a large blue square left of a small red star",
            SQUARE_AND_STAR,
            ["colour: blue, not red", "colour: red, not blue"],
        ),
        ("a large red square", SQUARE_AND_STAR, ["number: 1, not 2"]),
        (
            "a large red square left of a small blue star and above a small blue ring",
            SQUARE_AND_STAR,
            ["number: 3, not 2"],
        ),
        (
            "a large red square left of a large red square",
            SQUARE_AND_STAR,
            ["shape: square, not star", "colour: red, not blue", "size: large, not small"],
        ),
        (
            "a large purple circle inside a small pink heart",
            HEART_IN_CIRCLE,
            ["relation: large purple circle inside small pink heart"],
        ),
        (
            "a small pink heart left of a large purple circle",
            HEART_IN_CIRCLE,
            ["relation: small pink heart left of large purple circle"],
        ),
        (
            "a large yellow triangle between a small blue diamond and a small green cross",
            ROW,
            ["relation: large yellow triangle between small blue diamond and small green cross"],
        ),
        (
            "a small green cross right of a small blue diamond and above a large yellow triangle",
            ROW,
            ["relation: small green cross above large yellow triangle"],
        ),
    ],
)
def test_each_mistake_is_named(caption, scene, found):
    assert mistakes(caption, scene) == found


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a red square left of a small blue star",
        "a large red square left of",
        "a large red square a small blue star",
        "a large red square left of a small blue star left of",
        "a large red square left of a small blue star and",
        "a large red square beside a small blue star",
        "large red square left of small blue star",
        "a large red square and a small blue star",
        "a large red square left of a small blue star in between",
        "a dog runs on the grass",
    ],
)
def test_what_is_not_of_the_grammar_is_refused(caption):
    assert parse(caption) is None
    assert [mistake.split(":")[0] for mistake in mistakes(caption, SQUARE_AND_STAR)] == ["sentence"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map(" ".join))
@example("a large red square left of a small blue star\n")
def test_any_text_is_judged(text):
    assert isinstance(mistakes(text, SQUARE_AND_STAR), list)


def test_every_sentence_of_a_scene_is_right_and_no_two_are_the_same(described):
    for scene, captions in described:
        assert len(captions) == len(set(captions)) == 5
        for caption in captions:
            assert mistakes(caption, scene) == []


def test_sentences_name_exactly_the_things_of_their_scene(described):
    for scene, captions in described:
        for caption in captions:
            assert sorted(things_said(caption)) == sorted(str(placed.thing) for placed in scene.placed)


def test_the_relation_between_two_things_is_the_one_that_their_places_show(described):
    tried = 0
    for scene, captions in described:
        if len(scene.placed) != 2:
            continue
        places = {str(placed.thing): placed for placed in scene.placed}
        for caption in captions:
            one, other = (places[thing] for thing in things_said(caption))
            is_of_other = " with " in caption or not caption.startswith(("a ", "there "))
            subject, base = (other, one) if is_of_other else (one, other)
            dx, dy = subject.x - base.x, subject.y - base.y
            shift = next((SHIFTS[word] for word in caption.split() if word in SHIFTS), None)
            if shift is None:
                assert subject.radius != base.radius
                is_inside = "inside" in caption or "within" in caption
                assert is_inside == (subject.radius < base.radius)
                assert max(abs(dx), abs(dy)) < max(subject.radius, base.radius)
            else:
                along, aside = (dx, dy) if shift[0] else (dy, dx)
                assert along * sum(shift) > abs(aside)
            tried += 1
    assert tried == 500


def test_any_other_word_for_a_thing_or_a_direction_is_a_mistake(described):
    rng = random.Random(4)
    groups = [
        (("large", "big"), ("small", "little")),
        tuple((colour,) for colour in COLOURS if colour != "purple"),
        tuple((shape,) for shape in SHAPES),
        (("left",), ("right",)),
        (("above", "over"), ("below", "under")),
        (("inside", "within"), ("around", "surrounding")),
    ]
    others = {
        word: [other for rest in group if rest is not same for other in rest]
        for group in groups
        for same in group
        for word in same
    }
    for scene, captions in described:
        for caption in captions:
            words = caption.split()
            place = rng.choice([index for index, word in enumerate(words) if word in others])
            changed = [*words[:place], rng.choice(others[words[place]]), *words[place + 1 :]]
            assert mistakes(" ".join(changed), scene), (caption, changed)


def test_every_form_is_written(described):
    captions = [caption for _, captions in described for caption in captions]
    for form in FORMS:
        things = re.sub(r"{\w}", r"a \\w+ \\w+ \\w+", form)
        pattern = re.compile(re.sub(r"{\w+}", r"[a-z ]+?", things))
        assert any(pattern.fullmatch(caption) for caption in captions), form


def test_scenes_and_sentences_are_the_same_in_every_process():
    program = (
        "import random; from applications.image_captioning import scenes, sentences; rng = random.Random(6);"
        "kinds = [('red', 'ring'), ('blue', 'star'), ('pink', 'heart')];"
        "drawn = [scenes.random_scene(rng, kinds) for _ in range(5)];"
        "print([(scene, sentences.describe(scene, rng)) for scene in drawn])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
