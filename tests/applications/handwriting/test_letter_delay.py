"""A network that tells letters late is found out by strings whose letters lie where they were put."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.handwriting.config import PRESETS
from applications.handwriting.ink import Writings
from applications.handwriting.letter_delay import fit_letter_delay
from applications.handwriting.model import steps_per_frame
from common.text.symbols import Symbols

CONFIG = replace(PRESETS["tiny"], convolutions=1)
SYMBOLS = Symbols("characters", ("o",))


class Late:
    """A network that tells an o so many frames after the last step of each stroke."""

    def __init__(self, delay):
        self.delay = delay

    def __call__(self, inputs, training):
        features, counts = (np.asarray(one) for one in inputs)
        frames = -(-features.shape[1] // steps_per_frame(CONFIG))
        logits = np.tile(np.float32([9, -9]), (len(features), frames, 1))
        for row, (steps, count) in enumerate(zip(features, counts, strict=True)):
            for lifted in [*np.flatnonzero(steps[:count, 3] > 0)[1:], count]:
                at = min((lifted - 1) // steps_per_frame(CONFIG) + self.delay, frames - 1)
                logits[row, at] = (-9, 9)
        return tf.constant(logits)


@pytest.fixture(scope="module")
def writings(drawn):
    rng = np.random.default_rng(0)
    return Writings("made", [drawn("o", rng) for _ in range(120)], ["o"] * 120, ["eve"] * 120, [""] * 120)


def test_the_delay_of_a_late_network_is_found(writings):
    early, late = (fit_letter_delay(Late(delay), writings, SYMBOLS, CONFIG) for delay in (0, 3))
    assert late - early == 3


def test_of_too_few_single_characters_nothing_is_concluded(writings):
    assert fit_letter_delay(Late(3), writings.select(range(20)), SYMBOLS, CONFIG) == 0
