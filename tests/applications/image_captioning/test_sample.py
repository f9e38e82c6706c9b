"""The sample is the same everywhere, and its test shows what training never showed together."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from applications.image_captioning.sample import COUNTS, Options, main, make_scenes, sample
from applications.image_captioning.scenes import COLOURS, SHAPES, draw
from applications.image_captioning.sentences import mistakes
from common.images.captioned import CaptionSource, load_evaluation

pytestmark = pytest.mark.slow

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def scenes():
    return {part: make_scenes(part) for part in PARTS}


def kinds(scene):
    return {(placed.thing.colour, placed.thing.shape) for placed in scene.placed}


def pairs_of_kinds(scenes):
    return {frozenset(pair) for scene in scenes for pair in combinations(sorted(kinds(scene)), 2)}


def relations(scene):
    """Where one thing lies to another, told from where they end."""
    for a in scene.placed:
        for b in scene.placed:
            if b.x - a.x >= a.radius + b.radius:
                yield "left"
            if b.y - a.y >= a.radius + b.radius:
                yield "above"
            if a.radius < b.radius and max(abs(a.x - b.x), abs(a.y - b.y)) < b.radius:
                yield "inside"


def test_the_parts_are_as_large_as_told_and_hold_scenes_of_up_to_three_things(scenes):
    for part in PARTS:
        assert len(scenes[part]) == COUNTS[part]
        counts = Counter(len(scene.placed) for scene in scenes[part])
        assert set(counts) == ({1, 2, 3} if part == "train" else {2, 3})
        assert min(counts.values()) > 0.1 * len(scenes[part])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_no_two_things_of_a_held_out_scene_are_together_in_training(scenes, part):
    seen, held_out = pairs_of_kinds(scenes["train"]), pairs_of_kinds(scenes[part])
    assert len(held_out) > 100
    assert not seen & held_out


def test_validation_does_not_show_what_is_new_in_the_test(scenes):
    assert not pairs_of_kinds(scenes["validation"]) & pairs_of_kinds(scenes["test"])


def test_training_shows_each_colour_with_each_shape(scenes):
    assert len(set().union(*map(kinds, scenes["train"]))) == len(COLOURS) * len(SHAPES)


def test_training_shows_each_colour_shape_size_and_relation_often(scenes):
    told = Counter(
        word
        for scene in scenes["train"]
        for placed in scene.placed
        for word in (placed.thing.colour, placed.thing.shape, placed.thing.size)
    )
    assert min(told[word] for word in (*COLOURS, *SHAPES, "small", "large")) > 800
    related = Counter(relation for scene in scenes["train"] for relation in relations(scene))
    assert min(related.values()) > 700


def test_pictures_sentences_and_scenes_belong_together():
    for part in PARTS:
        scenes, drawn = make_scenes(part, 20), sample(part, 48, 20)
        assert drawn.images.shape == (20, 48, 48, 3)
        assert drawn.images.dtype == np.uint8
        assert len(drawn.captions) == len(set(drawn.origins)) == len(drawn) == 20
        for scene, image, captions in zip(scenes, drawn.images, drawn.captions, strict=True):
            np.testing.assert_array_equal(image, draw(scene, 48))
            assert len(set(captions)) == 5
            assert not any(mistakes(caption, scene) for caption in captions)


def test_fewer_are_the_first_of_all(scenes):
    assert make_scenes("test", 30) == scenes["test"][:30]
    few, more = sample("test", 16, 5), sample("test", 16, 10)
    assert few.captions == more.captions[:5]
    np.testing.assert_array_equal(few.images, more.images[:5])


def test_it_is_the_same_each_time(scenes):
    assert make_scenes("validation") == scenes["validation"]
    one, other = (sample("train", 32, 20) for _ in range(2))
    assert one.captions == other.captions
    np.testing.assert_array_equal(one.images, other.images)


def test_no_two_scenes_are_the_same(scenes):
    everything = [scene.placed for part in PARTS for scene in scenes[part]]
    assert len(set(everything)) == len(everything)


def test_the_script_draws_pictures_that_the_loader_of_own_files_reads(tmp_path):
    main(Options(tmp_path / "scenes", count=4, size=32))
    source = CaptionSource(images=tmp_path / "scenes", captions=tmp_path / "scenes" / "captions.tsv")
    read, made = load_evaluation(source, sample, 32), sample("test", 32, 4)
    np.testing.assert_array_equal(read.images, made.images)
    assert list(read.captions) == list(made.captions)
