"""Measures an exported model on recordings with transcripts: word and character errors, by length and by noise, with
the mistakes side by side, and how far its confidence can be believed.

python -m applications.transcription.evaluate --model saved_models/transcription --data recordings/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.transcription import APPLICATION
from applications.transcription.config import NAME
from applications.transcription.data import background, evaluation_examples
from applications.transcription.predict import Predictor, Transcript
from applications.transcription.strings import joined, require_single_words
from common import cli
from common.audio.augmentation import with_noise
from common.audio.transcripts import TranscriptSource
from common.audio.utterances import Utterances
from common.checks import AtLeast, check_ranges
from common.data.strings import require_join
from common.evaluation.calibration import expected_calibration_error
from common.evaluation.report import numbers_to_draw
from common.evaluation.script import announce, facts_of, report, timed
from common.evaluation.transcription import (
    AS_RECORDED,
    by_length,
    by_noise,
    confusions,
    transcription_metrics,
    words_right,
    write_most_wrong,
)
from common.evaluation.transcription_plots import (
    plot_error_rate_by_length,
    plot_error_rates_by_noise,
    plot_spectrogram_with_symbols,
    plot_word_reliability,
)
from common.files import require_writable_folder
from common.predicting.predictor import find_model
from common.predicting.subtitles import Word

_SEED = 0


@dataclass(frozen=True)
class Options:
    """What to measure, on which recordings, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: TranscriptSource = field(default_factory=TranscriptSource)
    """Where the recordings and their transcripts come from."""
    join: tuple[int, int] = (0, 0)
    """Recordings of a single word are joined to strings of so many words of one speaker, such as 3 8, always the same
    ones; 0 0 leaves them as they are."""
    longest_gap: Annotated[float, AtLeast(0)] = 0.3
    """Seconds of silence between joined words at most."""
    noises: Path | None = None
    """Folder or tar of background recordings; unless given, the sample's own, and none for other data."""
    noise_ratios: tuple[float, ...] = (20.0, 10.0, 5.0, 0.0)
    """Decibels by which the recordings are above the noise, where there is any, one after another."""
    output: Path = Path("runs/transcription/evaluation")
    """Folder for metrics.json, the tables of mistakes, and the pictures."""
    spectra: tuple[int, ...] | None = None
    """Numbers of the recordings, from 1, whose spectrum is drawn with what was heard; the first few unless given."""
    batch_size: Annotated[int, AtLeast(1)] = 16
    """Recordings that are heard at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")
        require_join(self.join, "words")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    path = find_model(NAME, options.model)
    recordings = evaluation_examples(options.source)
    require_single_words(recordings, options.join)
    utterances = joined(recordings, options.join, options.longest_gap, _SEED)
    noises = background(options.source, options.noises, "test")
    drawn = numbers_to_draw(options.spectra, len(utterances), "a recording", "--spectra")
    predictor = Predictor(path, options.batch_size)
    announce(predictor.path, utterances)
    hear = partial(predictor.stretches, show_progress=True)
    stretches, seconds = timed(
        lambda: hear(utterances.waveforms),
        warm_up=lambda: predictor.stretches(utterances.waveforms[:1], show_progress=False),
    )
    texts = [_text(of_recording) for of_recording in stretches]
    words = predictor.words(list(utterances.waveforms), show_progress=True)
    noisy = {AS_RECORDED: texts}
    for ratio in options.noise_ratios if noises else ():
        heard = hear(with_noise(utterances.waveforms, noises, ratio, _SEED))
        noisy[ratio] = [_text(of_recording) for of_recording in heard]
    metrics = {
        **measure(utterances, texts, words),
        "by_noise": by_noise(utterances.texts, noisy) if noises else {},
        "real_time_factor": round(seconds / utterances.seconds, 4),
        "audio_seconds": round(utterances.seconds, 1),
        **facts_of(predictor.path, utterances, seconds, "recordings", options.batch_size),
    }
    # A recording of more than a minute is heard in stretches, and has no spectrum as a whole.
    spectra = {
        number: predictor.attend(waveform)
        for number in drawn
        if len(waveform := utterances.waveforms[number - 1]) <= predictor.longest_samples
    }
    tables = {"by_length": "By the number of words said", "by_noise": "Under noise"}
    drawn_of = partial(draw, utterances, texts, words, metrics, spectra)
    return report(metrics, APPLICATION.title, utterances, options.output, drawn_of, tables)


def measure(utterances: Utterances, texts: Sequence[str], words: Sequence[Sequence[Word]]) -> dict[str, Any]:
    """The metrics of one transcript of each recording, and of the confidence of its words."""
    right, confidence = _rightness(utterances.texts, words)
    wrong = np.where(right, 0, 1)
    return {
        **transcription_metrics(utterances.texts, texts),
        "by_length": by_length(utterances.texts, texts),
        "word_calibration_error": expected_calibration_error(wrong, confidence[:, None])
        if len(right)
        else None,
    }


def _rightness(references: Sequence[str], words: Sequence[Sequence[Word]]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each word that was heard was said, and its confidence: `[words]` each."""
    right: list[bool] = []
    for reference, heard in zip(references, words, strict=True):
        right += words_right(reference, " ".join(word.word for word in heard))
    confidence = [word.confidence for heard in words for word in heard]
    return np.array(right, bool), np.array(confidence, np.float64)


def draw(
    utterances: Utterances,
    texts: Sequence[str],
    words: Sequence[Sequence[Word]],
    metrics: dict[str, Any],
    spectra: dict[int, dict[str, Any]],
    folder: Path,
) -> None:
    """The worst mistakes, the words that are taken for others, how good it is by length and by noise, how far its
    confidence can be believed, and where it heard what."""
    write_most_wrong(folder / "worst_mistakes.tsv", utterances.origins, utterances.texts, texts)
    lines = [
        "said\theard\ttimes",
        *("\t".join(map(str, one)) for one in confusions(utterances.texts, texts, 100)),
    ]
    (folder / "confusions.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    plot_error_rate_by_length(metrics["by_length"], folder / "word_error_rate_by_length.png")
    if metrics["by_noise"]:
        plot_error_rates_by_noise(metrics["by_noise"], folder / "word_error_rate_by_noise.png")
    right, confidence = _rightness(utterances.texts, words)
    if len(right):
        plot_word_reliability(right, confidence, folder / "reliability.png")
    for number, heard in spectra.items():
        picture = folder / f"spectrum_{number}.png"
        plot_spectrogram_with_symbols(heard["log_mel"], 0.01, heard["symbols"], heard["time"], picture)


def _text(stretches: Sequence[Transcript]) -> str:
    return " ".join(stretch.text for stretch in stretches if stretch.text)


def main(options: Options) -> None:
    """Measures an exported transcriber: word and character error rates, calibration, mistakes, and speed."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
