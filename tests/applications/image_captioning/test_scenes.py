"""What is drawn is what a scene says: its things stand where, as large and as coloured as told, clear of each other."""

import colorsys
import math
import random
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest

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
    draw,
    holds,
    random_scene,
)

KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]


@pytest.fixture(scope="module")
def scenes():
    """Scenes of one, two and three things, of all kinds."""
    rng = random.Random(1)
    return [random_scene(rng, rng.sample(KINDS, 1 + index % 3)) for index in range(60)]


def placed(x, y, radius=0.1, shape="circle"):
    return Placed(Thing("small", "red", shape), x, y, radius, 0.0, (0.9, 0.1, 0.1))


def pixels_of(scene, thing, size=128):
    """Where the picture changes when this thing is painted over all else."""
    bare = replace(scene, noise=0.0, ground=((0.5, 0.5, 0.5),) * 2, placed=())
    alone = replace(bare, placed=(thing,))
    changed = np.abs(draw(alone, size).astype(int) - draw(bare, size)).sum(axis=-1) > 20
    return np.nonzero(changed)


def test_each_thing_lies_where_its_scene_says_and_no_part_of_it_elsewhere(scenes):
    for scene in scenes:
        for thing in scene.placed:
            rows, columns = pixels_of(scene, thing)
            for found, centre in ((columns, thing.x), (rows, thing.y)):
                first, last = found.min() / 128, (found.max() + 1) / 128
                assert first > 0
                assert last < 1
                assert centre - thing.radius - 0.01 < first < centre
                assert centre < last < centre + thing.radius + 0.01


def test_things_that_are_not_inside_one_another_share_no_pixel(scenes):
    for scene in scenes:
        for a, b in combinations(scene.placed, 2):
            one, other = (set(zip(*pixels_of(scene, thing), strict=True)) for thing in (a, b))
            host = a if holds(INSIDE, b, a) else b if holds(INSIDE, a, b) else None
            assert bool(one & other) == (host is not None and host.thing.shape != "ring")


def test_each_shape_covers_the_area_that_geometry_gives_it(scenes):
    areas = {
        "circle": math.pi,
        "ring": math.pi * (1 - 0.64**2),
        "square": 2 * 1.19**2,
        "triangle": 3 * math.sqrt(3) / 4,
        "diamond": 2 * 0.62,
        "cross": 4 * 0.31 * (2 * 0.95 - 0.31),
        "star": 5 * 0.45 * math.sin(math.pi / 5),
        "heart": 180 * math.pi / 17**2,
    }
    for shape in SHAPES:
        thing = replace(placed(0.5, 0.5, 0.3, shape), rgb=(1.0, 1.0, 1.0), turn=0.1)
        picture = draw(Scene((thing,), ((0.0,) * 3, (0.0,) * 3), 0.0, 0.0, 0), 256)
        covered = picture[..., 0].sum() / 255 / 256**2
        assert covered == pytest.approx(areas[shape] * 0.3**2, rel=0.02)


def test_large_things_are_larger_than_small_ones(scenes):
    radii = {
        size: [thing.radius for scene in scenes for thing in scene.placed if thing.thing.size == size]
        for size in ("small", "large")
    }
    assert min(radii["large"]) > 1.5 * max(radii["small"])


def test_the_middle_of_a_thing_has_its_colour_and_differs_from_the_ground(scenes):
    for scene in scenes:
        thing = scene.placed[-1]
        if thing.thing.shape == "ring":
            continue
        picture = draw(replace(scene, noise=0.0), 128)
        row, column = int(thing.y * 128), int(thing.x * 128)
        np.testing.assert_allclose(picture[row, column] / 255, thing.rgb, atol=0.01)
        ground = draw(replace(scene, noise=0.0, placed=()), 128)
        assert math.dist(ground[row, column] / 255, thing.rgb) > 0.3


def test_colours_are_told_apart_by_their_hue(scenes):
    for scene in scenes:
        for thing in scene.placed:
            hue = colorsys.rgb_to_hsv(*thing.rgb)[0] * 360
            nearest = min(COLOURS, key=lambda colour: abs((hue - COLOURS[colour][0] + 180) % 360 - 180))
            assert nearest == thing.thing.colour


def test_edges_are_smooth_and_pictures_of_any_size_show_the_same():
    scene = Scene((placed(0.5, 0.4, 0.3),), ((0.0,) * 3, (0.0,) * 3), 0.0, 0.0, 0)
    red = draw(scene, 64)[..., 0]
    between = (red > 10) & (red < 220)
    assert 30 < between.sum() < 300
    large = draw(scene, 256).reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(large - draw(scene, 64)).mean() < 1


def test_noise_changes_the_pixels_and_not_the_picture(scenes):
    for scene in scenes[:10]:
        noisy, plain = (draw(each, 96).astype(float) for each in (scene, replace(scene, noise=0.0)))
        inner = (plain > 40) & (plain < 215)
        assert (noisy - plain)[inner].std() == pytest.approx(scene.noise * 255, rel=0.1)
        assert abs((noisy - plain)[inner].mean()) < 0.5


def test_grounds_are_plain_or_graded_in_any_direction(scenes):
    spreads = [
        np.ptp(draw(replace(scene, noise=0.0, placed=()), 32).astype(int), axis=(0, 1)).max()
        for scene in scenes
    ]
    assert sum(spread <= 1 for spread in spreads) > 10
    assert sum(spread > 20 for spread in spreads) > 10


def test_a_scene_has_just_the_things_asked_for_and_clear_relations_to_the_first(scenes):
    rng = random.Random(2)
    for count in (1, 2, 3):
        kinds = rng.sample(KINDS, count)
        scene = random_scene(rng, kinds)
        assert [(thing.thing.colour, thing.thing.shape) for thing in scene.placed] == kinds
    for scene in scenes:
        first, *others = scene.placed
        for other in others:
            clear = [
                relation
                for relation in (LEFT, RIGHT, ABOVE, BELOW, INSIDE, AROUND)
                if clearly_holds(relation, other, first)
            ]
            assert len(clear) == 1


@pytest.mark.parametrize(
    ("relation", "a", "b", "is_true", "is_clear"),
    [
        (LEFT, placed(0.2, 0.5), placed(0.6, 0.5), True, True),
        (LEFT, placed(0.2, 0.5), placed(0.6, 0.58), True, True),
        (LEFT, placed(0.2, 0.5), placed(0.6, 0.7), True, False),
        (ABOVE, placed(0.2, 0.5), placed(0.6, 0.8), True, False),
        (LEFT, placed(0.5, 0.2), placed(0.6, 0.6), False, False),
        (LEFT, placed(0.5, 0.2), placed(0.65, 0.6), False, False),
        (ABOVE, placed(0.5, 0.2), placed(0.55, 0.6), True, True),
        (INSIDE, placed(0.5, 0.5, 0.1), placed(0.52, 0.5, 0.2), True, True),
        (INSIDE, placed(0.5, 0.5, 0.1), placed(0.62, 0.5, 0.2), False, False),
        (INSIDE, placed(0.5, 0.5, 0.1), placed(0.52, 0.5, 0.2, "ring"), True, True),
        (INSIDE, placed(0.5, 0.5, 0.1), placed(0.55, 0.5, 0.2, "ring"), False, False),
        (INSIDE, placed(0.5, 0.5, 0.1), placed(0.52, 0.5, 0.2, "star"), False, False),
    ],
)
def test_relations_are_what_people_mean(relation, a, b, is_true, is_clear):
    opposite = {LEFT: RIGHT, ABOVE: BELOW, INSIDE: AROUND}[relation]
    assert holds(relation, a, b) == holds(opposite, b, a) == is_true
    assert clearly_holds(relation, a, b) == clearly_holds(opposite, b, a) == is_clear
    assert not holds(relation, b, a)


def test_between_is_in_a_row_or_in_a_column():
    row = [placed(0.2, 0.5), placed(0.5, 0.5), placed(0.8, 0.5)]
    column = [replace(each, x=each.y, y=each.x) for each in row]
    for things in (row, column):
        for order in permutations(things):
            assert holds(BETWEEN, *order) == clearly_holds(BETWEEN, *order) == (order[0] is things[1])
    crooked = [placed(0.2, 0.2), placed(0.5, 0.35), placed(0.8, 0.2)]
    assert holds(BETWEEN, crooked[1], crooked[0], crooked[2])
    assert not clearly_holds(BETWEEN, crooked[1], crooked[0], crooked[2])
    assert not holds(BETWEEN, placed(0.2, 0.5), placed(0.5, 0.2), placed(0.8, 0.5))
