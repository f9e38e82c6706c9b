"""Seconds of audio heard per second, and the time of a step of a stream: served, and with stock Keras layers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from applications.speech_commands.config import HOP_SECONDS, Config
from applications.speech_commands.model import build
from applications.speech_commands.streaming import WindowListener
from benchmarks.speech_commands.networks import Network
from benchmarks.stock import check_same_logits, with_stock_recurrence
from benchmarks.timing import in_turn, seconds
from common.audio.files import SAMPLE_RATE
from common.inference.runner import SavedModelRunner

Hear: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""Waveforms `[batch, samples]` -> probabilities `[batch, ..., classes]`."""

SERVED, STOCK = "ours, served", "Keras layers"
CLIPS, RECORDINGS, WINDOWS = "clip: clips", "streaming: recordings", "clip: recordings, each 0.1 s"
_SIGNATURES = {"clip": ("waveform", "probabilities"), "streaming": ("recording", "posteriors")}
_HOP = round(HOP_SECONDS * SAMPLE_RATE)


class Case(NamedTuple):
    """What is heard: by which kind of model and how, how many waveforms at once, and by whom."""

    heard: str
    batch_size: int
    contender: str


def listeners(
    networks: Mapping[str, Network], runners: Mapping[str, SavedModelRunner]
) -> dict[tuple[str, str], Hear]:
    """A function for each kind of hearing and contender; the stock layers' weights are others than the served ones.

    Args:
        networks: by kind, `clip` and `streaming`.
        runners: of their SavedModels.
    """
    made: dict[tuple[str, str], Hear] = {}
    for heard, kind in ((CLIPS, "clip"), (RECORDINGS, "streaming")):
        network = networks[kind]
        made[heard, SERVED] = served(runners[kind], kind)
        made[heard, STOCK] = in_graph(stock_model(network.config, len(network.labels)))
    return made


def served(runner: SavedModelRunner, kind: str) -> Hear:
    """Asks the SavedModel as a server would."""
    signature, output = _SIGNATURES[kind]
    return lambda waveforms: runner.run(signature, waveform=waveforms)[output]


def in_graph(model: keras.Model) -> Hear:
    """Calls a Keras model within one graph."""

    @tf.function(reduce_retracing=True)
    def hear(waveforms: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(model(waveforms, training=False))

    return lambda waveforms: hear(tf.constant(waveforms)).numpy()


def stock_model(config: Config, classes: int) -> keras.Model:
    """The network with stock Keras recurrent layers and random weights, proved to compute what it does with ours."""
    ours = build(config, classes)
    stock = with_stock_recurrence(ours)
    check_same_logits(ours, stock, random_waveforms(2, config.clip_samples))
    return stock


def listening_speeds(
    networks: Mapping[str, Network], batch_sizes: Iterable[int], recording_seconds: float, rounds: int
) -> dict[Case, list[float]]:
    """Seconds of audio per second of each case in each round; all take turns.

    Clips are as long as the clip model's, and recordings as told. A clip model hears a recording too, as `predict
    --stream` lets it: a clip that ends every 0.1 s, the batch being clips.
    """
    recording = round(recording_seconds * SAMPLE_RATE)
    lengths = {CLIPS: networks["clip"].config.clip_samples, RECORDINGS: recording}
    runners = {kind: SavedModelRunner(network.folder) for kind, network in networks.items()}
    made = listeners(networks, runners)
    cases: dict[Case, Callable[[], float]] = {}
    for size in batch_sizes:
        for (heard, contender), hear in made.items():
            waveforms = random_waveforms(size, lengths[heard])
            cases[Case(heard, size, contender)] = partial(_speed, hear, waveforms)
        sliding = partial(_slide, runners["clip"], lengths[CLIPS], size)
        cases[Case(WINDOWS, size, SERVED)] = partial(_speed, sliding, random_waveforms(1, recording))
    in_turn(cases, rounds=1)
    return in_turn(cases, rounds)


def step_times(
    network: Network, batch_sizes: Sequence[int], steps: int, rounds: int
) -> dict[int, list[float]]:
    """Milliseconds of a step of 20 ms of a streaming model, the mean of `steps` in a row, for each number of streams
    side by side, in each round; they take turns."""
    runner = SavedModelRunner(network.folder)

    def milliseconds(waveforms: np.ndarray) -> float:
        return 1_000 * seconds(lambda: stepped(runner, waveforms)) / steps

    cases = {size: partial(milliseconds, random_waveforms(size, steps * _HOP)) for size in batch_sizes}
    in_turn(cases, rounds=1)
    return in_turn(cases, rounds)


def stepped(runner: SavedModelRunner, waveforms: np.ndarray) -> np.ndarray:
    """The posteriors `[batch, frames, classes]` of waveforms `[batch, samples]`, whole frames, a step for each."""
    inputs = runner.signatures["step"].inputs
    states = {
        name: np.zeros((len(waveforms), *(size or 0 for size in (info.shape or ())[1:])), np.float32)
        for name, info in inputs.items()
        if name != "audio"
    }
    posteriors = []
    for block in np.split(waveforms, waveforms.shape[1] // _HOP, axis=1):
        outputs = runner.run("step", audio=block, **states)
        states = {name: outputs[name] for name in states}
        posteriors.append(outputs["posteriors"])
    return np.concatenate(posteriors, axis=1)


def random_waveforms(count: int, samples: int) -> np.ndarray:
    """Noise `[count, samples]`, as loud as speech."""
    return np.random.default_rng(0).uniform(-0.3, 0.3, (count, samples)).astype(np.float32)


def _speed(hear: Hear, waveforms: np.ndarray) -> float:
    return waveforms.size / SAMPLE_RATE / seconds(lambda: hear(waveforms))


def _slide(runner: SavedModelRunner, samples: int, batch_size: int, waveforms: np.ndarray) -> np.ndarray:
    return WindowListener(runner, samples, batch_size).process(waveforms[0]).posteriors
