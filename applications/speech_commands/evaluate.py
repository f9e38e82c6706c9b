"""Measures an exported model on clips, and on recordings composed of them, with pictures and the worst mistakes.

python -m applications.speech_commands.evaluate --model saved_models/speech_commands --data recordings/
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.speech_commands import APPLICATION, sample
from applications.speech_commands.config import NAME
from applications.speech_commands.data import duration, evaluation_examples
from applications.speech_commands.detection import DetectionOptions
from applications.speech_commands.predict import DESCRIPTION_FILE, Predictor
from applications.speech_commands.streams import compose
from common import cli
from common.audio.augmentation import Waveform
from common.audio.labelled import SILENCE, UNKNOWN, AudioSource, Clips, load_noises
from common.checks import AtLeast, check_ranges
from common.data.labels import label_indices
from common.data.sources import SAMPLE
from common.evaluation.classification import classification_metrics, write_worst_mistakes
from common.evaluation.classification_plots import (
    plot_confusion_matrix,
    plot_rejection_curve,
    plot_reliability,
)
from common.evaluation.detection import detection_metrics
from common.evaluation.rejection import rejection_curve
from common.evaluation.script import announce, facts_of, report, timed, warn_of_lacking
from common.files import require_writable_folder
from common.inference.extra_files import read_extra
from common.predicting.predictor import find_model

_STREAM_SEED = 0


@dataclass(frozen=True)
class Options:
    """What to measure, on which clips, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: AudioSource = field(default_factory=AudioSource)
    """Where the labelled clips come from. For a model that knows `_unknown_`, every label that it has no class of is
    that, unless --labels says otherwise."""
    noises: Path | None = None
    """Folder or tar of background recordings; unless given, those of the data's `_background_noise_`."""
    stream_minutes: Annotated[float, AtLeast(0)] = 5.0
    """Length of the recording, composed of the clips and the noises, in which words are then detected; 0 for none."""
    detection: DetectionOptions = field(default_factory=DetectionOptions)
    """When a word in that recording counts as heard."""
    output: Path = Path("runs/speech_commands/evaluation")
    """Folder for metrics.json, the pictures and the table of mistakes."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Clips that are heard at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    # What the model must fit is looked at before its graph is loaded, which takes longer.
    path = find_model(NAME, options.model)
    known = read_extra(path, DESCRIPTION_FILE, NAME, facts=("labels", "clip_seconds"))["labels"]
    clips = evaluation_examples(_with_unknown(options.source, known))
    labels = np.array(label_indices(clips, known))
    noises = _noises(options)
    predictor = Predictor(path, options.batch_size)
    announce(predictor.path, clips)
    warn_of_lacking(clips.name, predictor.labels, clips.labels, but=[SILENCE] if noises else [])
    probabilities, seconds = timed(
        lambda: predictor.probabilities(clips.waveforms, show_progress=True),
        warm_up=lambda: predictor.probabilities(clips.waveforms[:1]),
    )
    metrics = {
        **measure(labels, probabilities, predictor.labels),
        "audio_seconds_per_second": round(duration(clips) / seconds, 1),
        **facts_of(predictor.path, clips, seconds, "clips", options.batch_size),
    }
    streamed = _detected(predictor, clips, noises, options) if options.stream_minutes else None
    tables = {"stream": f"Words detected in {options.stream_minutes:g} minutes composed of these clips"}
    drawn = partial(draw, clips.origins, labels, probabilities, predictor.labels)
    return report(metrics | {"stream": streamed}, APPLICATION.title, clips, options.output, drawn, tables)


def measure(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """The metrics of probabilities `[clips, classes]` of clips whose labels have the given indices."""
    rejection = rejection_curve(probabilities, labels, names)
    return {
        **classification_metrics(labels, probabilities, names),
        "equal_error_rate": None if rejection is None else rejection.equal_error_rate,
    }


def draw(
    origins: Sequence[str], labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], folder: Path
) -> None:
    """The pictures, and the table of the worst mistakes."""
    plot_confusion_matrix(labels, probabilities, names, folder / "confusion_matrix.png")
    plot_reliability(labels, probabilities, folder / "reliability.png")
    rejection = rejection_curve(probabilities, labels, names)
    if rejection is not None:
        plot_rejection_curve(rejection, folder / "rejection.png")
    mistakes = folder / "worst_mistakes.tsv"
    write_worst_mistakes(mistakes, origins, labels, probabilities, names, column="clip")


def _detected(
    predictor: Predictor, clips: Clips, noises: Sequence[Waveform], options: Options
) -> dict[str, Any]:
    """How well the words of a recording composed of the clips are found: when a word counted as heard, the metrics of
    `detection_metrics`, and how fast the recording was heard."""
    length = 60 * options.stream_minutes
    recording = compose(clips, noises, length, _STREAM_SEED)
    detections, seconds = timed(lambda: list(predictor.stream(recording.waveform, options.detection)))
    return {
        **dataclasses.asdict(options.detection),
        "audio_seconds_per_second": round(length / seconds, 1),
        **detection_metrics(detections, recording.events, length, predictor.labels),
    }


def _with_unknown(source: AudioSource, labels: Sequence[str]) -> AudioSource:
    if source.labels or UNKNOWN not in labels:
        return source
    return dataclasses.replace(
        source, labels=tuple(label for label in labels if label not in (UNKNOWN, SILENCE))
    )


def _noises(options: Options) -> Sequence[Waveform]:
    if options.source.data == SAMPLE and options.noises is None:
        return sample.noises("test")
    return load_noises(options.source, options.noises)


def main(options: Options) -> None:
    """Measures an exported recogniser on labelled clips: accuracy, calibration, rejection, and detection in streams."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
