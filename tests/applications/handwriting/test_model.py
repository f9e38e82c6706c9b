"""The reader: each row is read on its own, and ink of any length has a frame at least."""

from dataclasses import replace

import numpy as np
import pytest

from applications.handwriting.config import PRESETS
from applications.handwriting.model import build, frames_of, steps_per_frame
from applications.handwriting.preprocessing import FEATURES

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
COUNTS = np.array([41, 30, 1, 2], np.int32)
STEPS = RNG.normal(0, 1, (4, 41, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module", params=[1, 2])
def reader(request):
    """A configuration and its model with weights as training might leave them."""
    config = replace(PRESETS["tiny"], convolutions=request.param)
    model = build(config, 5)
    for weight in model.weights:
        if "seed" not in weight.path:
            spread = RNG.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(spread) + 0.5 if "variance" in weight.path else spread)
    return config, model


def test_each_row_has_as_many_frames_as_are_told_and_is_read_alike_alone_and_beside_others(reader):
    config, model = reader
    # Rubbish in padding is no ink.
    together = model((STEPS, COUNTS), training=False).numpy()
    assert together.shape == (4, frames_of(config, 41), 5)
    for row, count in enumerate(COUNTS):
        alone = model((STEPS[row : row + 1, :count], COUNTS[row : row + 1]), training=False).numpy()
        frames = frames_of(config, int(count))
        assert alone.shape[1] == frames >= 1
        assert frames == -(-count // steps_per_frame(config))
        np.testing.assert_allclose(together[row, :frames], alone[0], atol=1e-5)


def test_the_end_of_the_ink_changes_what_is_read_at_its_beginning(reader):
    _, model = reader
    changed = STEPS[:1].copy()
    changed[:, -8:] *= -1
    one, other = (model((steps, COUNTS[:1]), training=False).numpy() for steps in (STEPS[:1], changed))
    assert np.abs(one[0, 0] - other[0, 0]).max() > 1e-7


def test_the_base_preset_has_about_as_many_weights_as_its_card_says():
    assert 0.6e6 < build(PRESETS["base"], 63).count_params() < 0.9e6
