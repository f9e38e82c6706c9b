"""python -m benchmarks.speech_commands: hears, steps, starts and trains with all contenders in turn, and prints four
tables."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import keras

from applications.speech_commands.config import PRESETS
from benchmarks.speech_commands.listening import SERVED, listening_speeds, random_waveforms, step_times
from benchmarks.speech_commands.networks import Network, exported_network, random_network
from benchmarks.speech_commands.starting import PREDICT, start_times
from benchmarks.speech_commands.training import OURS, PIPELINE, Case, trainers, training_speeds
from benchmarks.timing import ratio, spread, table
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.checks import require_at_least
from common.errors import UserError

# The first time traces; the second one still allocates.
_UNTIMED_ROUNDS = 2
_PRESETS = {"clip": "base", "streaming": "streaming"}


@dataclass(frozen=True)
class Options:
    """The networks, and how much they hear and learn."""

    model: tuple[Path, ...] = ()
    """Exported models to time, one of clips and one of streams: a folder of numbered versions, of which the highest is
    used, or one version. For a kind that is not given, a network with random weights is exported first, of the preset
    base or streaming."""
    batch_sizes: tuple[int, ...] = (1, 32)
    """Recordings heard side by side."""
    recording_seconds: float = 10.0
    """Length of the recordings that are heard as a whole."""
    steps: int = 250
    """Steps of 20 ms in a row."""
    rounds: int = 9
    """Rounds of hearing, stepping and starting, in each of which all contenders take their turn."""
    training_steps: int = 3
    """Batches of training in each round."""
    training_rounds: int = 5
    """Rounds of training, in which all contenders take their turn."""

    def __post_init__(self) -> None:
        for name in ("steps", "rounds", "training_steps", "training_rounds"):
            require_at_least(1, **{name: getattr(self, name)})
        for size in self.batch_sizes:
            require_at_least(1, batch_sizes=size)
        require_at_least(0.1, recording_seconds=self.recording_seconds)


def main(options: Options) -> None:
    """Measures seconds of audio per second of hearing and of training, ours beside stock Keras, milliseconds per step
    of a stream, and seconds from a process's start to its answer."""
    keras.utils.set_random_seed(1)
    given: dict[str, Network] = {
        network.config.kind: network for network in map(exported_network, options.model)
    }
    if len(given) < len(options.model):
        raise UserError(
            f"--model {' '.join(map(str, options.model))}: expected one model of each kind at most"
        )
    with ExitStack() as stack:
        networks = {
            kind: given.get(kind) or stack.enter_context(random_network(PRESETS[preset]))
            for kind, preset in _PRESETS.items()
        }
        report_listening(networks, options)
        report_steps(networks["streaming"], options)
        report_starts(networks, options)
        report_training(networks, options)


def report_listening(networks: Mapping[str, Network], options: Options) -> None:
    """Prints a line for each kind of hearing, batch size and contender."""
    shown = table(
        f"Seconds of audio heard per second, recordings of {options.recording_seconds:g} s, Keras {keras.__version__}",
        *("heard", "batch", "", "median", "lowest", "highest", "ours / this"),
    )
    measured = listening_speeds(networks, options.batch_sizes, options.recording_seconds, options.rounds)
    for case, values in sorted(measured.items(), key=lambda item: item[0].heard):
        faster = ratio(measured[case._replace(contender=SERVED)], values)
        shown.add_row(case.heard, str(case.batch_size), case.contender, *spread(values), f"{faster:.2f}")
    cli.console().print(shown)


def report_steps(network: Network, options: Options) -> None:
    """Prints a line for each number of streams."""
    shown = table(
        "Milliseconds per step of 20 ms of a stream, served",
        *("streams at once", "median", "lowest", "highest"),
    )
    for size, values in step_times(network, options.batch_sizes, options.steps, options.rounds).items():
        shown.add_row(str(size), *spread(values, digits=2))
    cli.console().print(shown)


def report_starts(networks: Mapping[str, Network], options: Options) -> None:
    """Prints a line for each kind of model and contender."""
    shown = table(
        "Seconds from the start of a process to the answer for a WAV file",
        *("model", "", "median", "lowest", "highest", "this / predict"),
    )
    with TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.wav"
        recording.write_bytes(encode_wav(random_waveforms(1, SAMPLE_RATE)[0]))
        measured = start_times(networks, recording, options.rounds)
    for (kind, name), values in measured.items():
        slower = ratio(values, measured[kind, PREDICT])
        shown.add_row(kind, name, *spread(values, digits=2), f"{slower:.2f}")
    cli.console().print(shown)


def report_training(networks: Mapping[str, Network], options: Options) -> None:
    """Prints a line for each kind of model, precision and contender."""
    contenders = {
        case: trainer
        for network in networks.values()
        for case, trainer in trainers(network.config, network.labels, options.training_steps).items()
    }
    training_speeds(contenders, _UNTIMED_ROUNDS)
    measured = training_speeds(contenders, options.training_rounds)
    shown = table(
        "Seconds of audio trained on per second",
        *("model", "precision", "", "median", "lowest", "highest", "ours / this"),
    )
    for case, values in measured.items():
        faster = "" if case.contender == PIPELINE else f"{_advantage(measured, case):.2f}"
        shown.add_row(case.kind, case.precision, case.contender, *spread(values), faster)
    cli.console().print(shown)


def _advantage(measured: Mapping[Case, list[float]], case: Case) -> float:
    return ratio(measured[case._replace(contender=OURS)], measured[case])


if __name__ == "__main__":
    cli.run(main, Options)
