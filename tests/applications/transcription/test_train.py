"""What training learns from, and what it takes over from a model that knows fewer symbols."""

from dataclasses import replace

import numpy as np
import pytest

from applications.transcription.config import Config
from applications.transcription.export import load_run
from applications.transcription.model import build
from common.training.init_from import Origin
from common.training.run_folder import load_config, load_finished

pytestmark = pytest.mark.slow


def test_a_model_that_is_begun_from_another_hears_its_symbols_as_that_one_does(finished_run):
    run = load_finished(finished_run, Config, ["symbols"])
    known = len(run.preprocessing["symbols"]) + 1
    begun = build(run.config, known + 2)
    Origin(finished_run, run).copy_weights_of_symbols(build(run.config, known), begun)
    trained = load_run(finished_run).model
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, 8_000)).astype(np.float32)
    inputs = (waveform, np.array([8_000], np.int32))
    expected = trained(inputs, training=False).numpy()
    np.testing.assert_allclose(begun(inputs, training=False).numpy()[..., :known], expected, atol=1e-4)


def test_the_best_epoch_wrote_what_was_whistled_and_its_confidence_was_fitted(finished_run):
    outcome = load_finished(finished_run, Config, ["symbols"]).outcome
    assert outcome["validation_character_error_rate"] <= 0.1
    assert outcome["temperature"] > 0
    config = load_config(finished_run, Config)
    assert config == replace(config, symbols="words")
