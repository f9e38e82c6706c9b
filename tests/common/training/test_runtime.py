"""What a run fixes of its process before it begins."""

import importlib.util

import keras
import numpy as np
import pytest

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.runtime import set_up


def test_the_seed_fixes_what_is_drawn():
    draws = []
    for seed in (1, 1, 2):
        set_up(TrainingOptions(seed=seed))
        draws.append((float(keras.random.uniform(())), float(np.random.rand())))
    assert draws[0] == draws[1] != draws[2]


def test_tensorboard_that_is_not_installed_is_said_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"TensorBoard is not installed; pip install -e"):
        set_up(TrainingOptions(tensorboard=True))
