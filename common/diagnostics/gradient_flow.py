"""How far back in time a gradient reaches, and what clipping does where it explodes: a table and a picture.

python -m common.diagnostics.gradient_flow
python -m common.diagnostics.gradient_flow --model my_model.keras

References:
    Bengio et al. (1994), Learning long-term dependencies with gradient descent is difficult.
    Gers et al. (2000), Learning to forget; Jozefowicz et al. (2015) for a forget bias of 1.
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import cli
from common.startup import quiet_tensorflow

quiet_tensorflow(is_script=__name__ == "__main__")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from rich.table import Table  # noqa: E402

from common.errors import UserError  # noqa: E402
from common.files import replacing  # noqa: E402
from common.layers.recurrent import GRU, LSTM, SimpleRNN  # noqa: E402

_STYLES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Options:
    """What to measure, and where the picture goes."""

    model: Path | None = None
    """A .keras file whose recurrent layers are measured; fresh layers of each kind unless given."""
    output: Path = Path("runs/diagnostics/gradient_flow.png")
    """The picture."""
    distance: int = 100
    """The farthest distance in time steps."""
    units: int = 32
    """Hidden units of the fresh layers."""
    features: int = 16
    """Width of the fresh layers' input."""
    clip_norm: float = 1.0
    """Norm to which gradients are clipped in the second measurement."""
    seed: int = 0
    """Seed of weights and inputs."""


@dataclass(frozen=True)
class ClippingStep:
    """One step of gradient descent from weights of a certain size, without and with clipping.

    Attributes:
        gain: factor on the orthogonal recurrent weights: gradients vanish below 1 and may explode above.
        gradient_norm: Euclidean norm of the gradient of the loss by all weights.
        loss: before the step.
        loss_after_step: after a step along the gradient.
        loss_after_clipped_step: after a step along the gradient clipped to the norm in question.
    """

    gain: float
    gradient_norm: float
    loss: float
    loss_after_step: float
    loss_after_clipped_step: float


def gradient_norms(layer: keras.layers.RNN, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly the last output depends on the input of k steps before.

    Args:
        layer: a recurrent layer that reads `[batch, time, features]` forwards.
        inputs: `[batch, time, features]`.

    Returns:
        `[time]`: for k = 0, 1, ... the norm of the gradient of a random weighting of the last output by the input
        k steps before, its mean over the batch.
    """
    sequence = tf.constant(inputs, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(sequence)
        outputs = keras.tree.flatten(layer(sequence))[0]
        last = tf.cast(outputs[:, -1] if layer.return_sequences else outputs, tf.float64)
        loss = tf.reduce_sum(last * np.random.default_rng(0).normal(size=last.shape))
    gradient = tf.cast(tape.gradient(loss, sequence), tf.float64)
    norms: NDArray[np.float64] = np.linalg.norm(gradient, axis=-1)
    profile: NDArray[np.float64] = norms.mean(0)[::-1]
    return profile


def fresh_layers(units: int) -> dict[str, keras.layers.RNN]:
    """One layer of each kind with Keras's initial weights, in float64 so that no small gradient becomes zero."""
    return {
        "SimpleRNN": SimpleRNN(units, dtype="float64"),
        "LSTM, bias 1": LSTM(units, dtype="float64"),
        "LSTM, bias 0": LSTM(units, unit_forget_bias=False, dtype="float64"),
        "GRU": GRU(units, dtype="float64"),
    }


def layers_of(path: Path) -> dict[str, keras.layers.RNN]:
    """The recurrent layers of a model file that read forwards, by their path in the model."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a model in a .keras file")
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{path}: not a model that can be loaded: {str(error).splitlines()[0]}") from error
    layers = {
        layer.path: layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN) and not layer.go_backwards and not layer.stateful
    }
    if not layers:
        raise UserError(f"{path}: this model has no recurrent layer that reads forwards")
    return layers


def clipping_steps(
    gains: Sequence[float], clip_norm: float, steps: int = 50, units: int = 32, seed: int = 0
) -> list[ClippingStep]:
    """Takes one step of gradient descent for a SimpleRNN at each gain, without and with clipping by norm.

    The task is to give a fixed last state after `steps` small inputs; the learning rate is 0.1.
    """
    generator = np.random.default_rng(seed)
    inputs = generator.normal(scale=0.1, size=(8, steps, 4))
    target = generator.uniform(-0.5, 0.5, size=(8, units))
    return [_clipping_step(gain, clip_norm, tf.constant(inputs), tf.constant(target), seed) for gain in gains]


def _clipping_step(
    gain: float, clip_norm: float, inputs: tf.Tensor, target: tf.Tensor, seed: int, learning_rate: float = 0.1
) -> ClippingStep:
    initial = keras.initializers.Orthogonal(gain=gain, seed=seed)
    kernel = keras.initializers.GlorotUniform(seed=seed)
    layer = SimpleRNN(
        target.shape[-1], kernel_initializer=kernel, recurrent_initializer=initial, dtype="float64"
    )
    layer.build(inputs.shape)
    start = layer.get_weights()

    def loss() -> tf.Tensor:
        return tf.reduce_mean(tf.reduce_sum((layer(inputs, training=True) - target) ** 2, -1))

    def loss_after(gradients: Sequence[tf.Tensor]) -> float:
        moved = [w - learning_rate * np.asarray(g) for w, g in zip(start, gradients, strict=True)]
        layer.set_weights(moved)
        return float(loss())

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [weight.value for weight in layer.trainable_weights])
    clipped, norm = tf.clip_by_global_norm(gradients, clip_norm)
    return ClippingStep(gain, float(norm), float(before), loss_after(gradients), loss_after(clipped))


def distance_table(norms: Mapping[str, NDArray[np.float64]]) -> Table:
    """Gradient norms at chosen distances, one column per layer."""
    farthest = len(next(iter(norms.values()))) - 1
    distances = sorted({0, 1, 2, 5, 10, 20, 50, 100, 200, 500, farthest} & set(range(farthest + 1)))
    table = Table("k", title="Norm of the gradient by the input k steps before", title_justify="left")
    for name in norms:
        table.add_column(name, justify="right", overflow="fold")
    for distance in distances:
        table.add_row(str(distance), *(f"{values[distance]:.1e}" for values in norms.values()))
    return table


def clipping_table(steps: Sequence[ClippingStep], clip_norm: float) -> Table:
    """One row per gain of the recurrent weights."""
    table = Table(
        "gain", title="One step of gradient descent on a SimpleRNN over 50 time steps", title_justify="left"
    )
    for column in ("gradient norm", "loss", "after a step", f"after a step clipped to {clip_norm:g}"):
        table.add_column(column, justify="right")
    for step in steps:
        losses = (step.loss, step.loss_after_step, step.loss_after_clipped_step)
        table.add_row(f"{step.gain:g}", f"{step.gradient_norm:.2g}", *(f"{loss:.3f}" for loss in losses))
    return table


def plot(
    norms: Mapping[str, NDArray[np.float64]], steps: Sequence[ClippingStep], clip_norm: float, path: Path
) -> None:
    """Draws both measurements side by side as a PNG."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, (name, values) in enumerate(norms.items()):
        shown = np.where(values > 0, values, np.nan)
        left.semilogy(shown, linestyle=_STYLES[index % len(_STYLES)], label=name)
    left.set(
        xlabel="distance in time steps", ylabel="norm of the gradient", title="Gradients vanish with distance"
    )
    left.legend()
    gains = [step.gain for step in steps]
    right.semilogy(gains, [step.gradient_norm for step in steps], "o-", label="norm of the gradient")
    right.semilogy(gains, [step.loss_after_step for step in steps], "s--", label="loss after a step")
    right.semilogy(
        gains,
        [step.loss_after_clipped_step for step in steps],
        "^:",
        label=f"loss after a step clipped to {clip_norm:g}",
    )
    right.set(xlabel="gain of the recurrent weights", title="Gradients explode, and clipping tames the step")
    right.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def main(options: Options) -> None:
    """Measures how gradients vanish with the distance in time, and what clipping does where they explode."""
    if options.distance < 1:
        raise UserError(f"--distance {options.distance}: expected at least 1 time step")
    keras.utils.set_random_seed(options.seed)
    layers = fresh_layers(options.units) if options.model is None else layers_of(options.model)
    generator = np.random.default_rng(options.seed)
    norms = {}
    for name, layer in layers.items():
        features = layer.cell.kernel.shape[0] if layer.built else options.features
        norms[name] = gradient_norms(layer, generator.normal(size=(8, options.distance + 1, features)))
    steps = clipping_steps((0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0), options.clip_norm, seed=options.seed)
    plot(norms, steps, options.clip_norm, options.output)
    console = cli.console()
    console.print(distance_table(norms))
    console.print(clipping_table(steps, options.clip_norm))
    console.print(f"picture: {options.output}")


if __name__ == "__main__":
    cli.run(main, Options)
