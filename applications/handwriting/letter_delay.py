"""How much later than its ink a network tells a letter, fitted on strings whose letters lie where they were put."""

import keras
import numpy as np
import tensorflow as tf

from applications.handwriting.config import Config
from applications.handwriting.ink import Writings, points_of
from applications.handwriting.letters import letters_of
from applications.handwriting.model import frames_of, steps_per_frame
from applications.handwriting.preprocessing import steps_of
from applications.handwriting.strings import plans_of, points_of_plan, text_of_plan
from common.data.batching import pad
from common.decoding.ctc import greedy
from common.export.label_search import labels_of
from common.text.symbols import Symbols

_JOIN = (3, 5)
_FEWEST, _MOST = 20, 200
_DELAYS = range(7)
_SEED = 0


def fit_letter_delay(model: keras.Model, writings: Writings, symbols: Symbols, config: Config) -> int:
    """The frames by which letters are to be sought earlier: those that give most points to the letter they are of.

    CTC lets a network wait until a letter is over. Strings of single characters by one writer tell how long it does;
    where there are too few of them, it is taken to wait no frame.

    Args:
        model: trained.
        writings: ink, of single characters among others.
        symbols: of the model.
        config: of the training.
    """
    rng = np.random.default_rng(_SEED)
    plans = [plan for plan in plans_of(writings, _JOIN, 1.0, config.widest_gap, rng) if len(plan.members) > 1]
    if len(plans) < _FEWEST:
        return 0
    chosen = [plans[index] for index in rng.permutation(len(plans))[:_MOST]]
    inks = {index: points_of(writings.inks[index]) for plan in chosen for index in plan.members}
    drawn = [points_of_plan(inks, writings.texts, plan) for plan in chosen]
    owners = [
        np.repeat(np.arange(len(plan.members)), [len(inks[one]) for one in plan.members]) for plan in chosen
    ]
    points, lengths = tf.constant(pad(drawn)), tf.constant([len(one) for one in drawn], tf.int32)
    steps = steps_of(points, lengths)
    frames = frames_of(config, steps.count)
    read = greedy(model((steps.features, steps.count), training=False), frames)
    texts = [symbols.decode(row) for row in read.labels.numpy()]
    right = [row for row, plan in enumerate(chosen) if texts[row] == text_of_plan(writings, plan)]
    labels, of_points = labels_of(read), steps.of_points / steps_per_frame(config)

    def share_right(delay: int) -> float:
        found = letters_of(symbols, labels, frames, of_points, points[:, :, 2], lengths, 1.0, delay)
        last = found.last_point.numpy()
        return sum(_share_owned(owners[row], last[row]) for row in right)

    return int(np.argmax([share_right(delay) for delay in _DELAYS]))


def _share_owned(owners: np.ndarray, last_points: np.ndarray) -> float:
    """The share of the points that are given to the letter which they are of, `owners` `[points]`."""
    found = np.searchsorted(last_points[: owners[-1]], np.arange(len(owners)))
    return float(np.mean(found == owners))
