"""What the textbooks say of gradients in time shows in the measurements, and the script runs on one's own model."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from common import cli
from common.diagnostics.gradient_flow import (
    Options,
    clipping_steps,
    fresh_layers,
    gradient_norms,
    layers_of,
    main,
)
from common.layers.stack import RecurrentStack

pytestmark = pytest.mark.slow


def test_over_100_steps_the_gradient_of_a_simple_rnn_vanishes_long_before_that_of_an_lstm() -> None:
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(0).normal(size=(4, 101, 8))
    layers = fresh_layers(units=16)
    norms = {name: gradient_norms(layer, inputs) for name, layer in layers.items()}
    far = {name: values[100] / values[0] for name, values in norms.items()}
    assert far["LSTM, bias 1"] > 1e3 * far["SimpleRNN"]
    assert far["LSTM, bias 1"] > 1e3 * far["LSTM, bias 0"]
    assert all(0 < share < 1e-3 for share in far.values())


def test_the_norms_are_those_of_finite_differences() -> None:
    layer = keras.layers.SimpleRNN(3, dtype="float64")
    inputs = np.random.default_rng(0).normal(size=(1, 5, 2))
    norms = gradient_norms(layer, inputs)
    weighting = np.random.default_rng(0).normal(size=(1, 3))
    for distance in (0, 2, 4):
        slopes = []
        for feature in range(2):
            move = np.zeros_like(inputs)
            move[0, 4 - distance, feature] = 1e-6
            slopes.append(np.sum((layer(inputs + move) - layer(inputs - move)) * weighting) / 2e-6)
        assert norms[distance] == pytest.approx(np.linalg.norm(slopes), rel=1e-5)


def test_large_recurrent_weights_make_the_gradient_explode_and_clipping_saves_the_step() -> None:
    small, large = clipping_steps([0.5, 2.0], clip_norm=1.0, steps=30, units=16)
    assert large.gradient_norm > 100 * small.gradient_norm
    assert large.loss_after_step > large.loss
    assert large.loss_after_clipped_step < large.loss
    assert small.loss_after_step < small.loss


def test_the_script_writes_a_picture_of_ones_own_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    inputs = keras.Input((None, 3))
    stack = RecurrentStack("lstm", 4, layers=2, bidirectional=True, name="states")(inputs)
    keras.Model(inputs, keras.layers.GRU(2)(stack)).save(tmp_path / "model.keras")
    picture = tmp_path / "deep" / "flow.png"
    main(Options(model=tmp_path / "model.keras", output=picture, distance=6))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in picture.parent.iterdir()] == ["flow.png"]
    assert "Norm of the gradient" in capsys.readouterr().out
    names = list(layers_of(tmp_path / "model.keras"))
    assert len(names) == 3, "both layers of the stack and the GRU"
    assert not [name for name in names if "backward" in name]


def _error_of(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gradient_flow", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.run(main, Options)
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_mistakes_are_named_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert "no such file" in _error_of(capsys, "--model", str(tmp_path / "missing.keras"))
    (tmp_path / "text.keras").write_text("no model")
    assert "text.keras: not a model" in _error_of(capsys, "--model", str(tmp_path / "text.keras"))
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "dense.keras")
    assert "no recurrent layer" in _error_of(capsys, "--model", str(tmp_path / "dense.keras"))
    assert "at least 1" in _error_of(capsys, "--distance", "0")
