"""Answers from the exported SavedModel: the word in each recording, or those in a long one with their times. Imports
no Keras and no TensorFlow.

python -m applications.speech_commands.predict yes.wav recordings/
python -m applications.speech_commands.predict --stream recording.wav
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, overload

import numpy as np
import tyro

from applications.speech_commands.detection import Detection, DetectionOptions, Detector
from applications.speech_commands.streaming import Listener, StepListener, WindowListener
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.streams import read_blocks
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.inference.extra_files import read_extra
from common.inference.refused_rows import require_answered
from common.predicting.answer_files import probability_columns, require_answer_file, require_picture
from common.predicting.examples import Column
from common.predicting.input_files import STANDARD_INPUT, GivenFiles, is_single, printable
from common.predicting.predictor import Answer, LoadedModel, classified, require_top_k
from common.predicting.progress import progress
from common.predicting.recording_files import NO_RECORDINGS, recordings_at
from common.predicting.recordings import GivenRecording, is_one_recording, recordings_of, stream_of
from common.predicting.script import Shown, answer_files
from common.predicting.texts import chunks

DESCRIPTION_FILE = Path("assets.extra") / "model.json"

_COLUMNS = ("file", "label", "probability")
_STREAM_COLUMNS = ("file", "time", "label", "probability")
_BLOCK = 3 * SAMPLE_RATE
# A word at the very end of a recording is answered after it.
_SETTLING = round(0.3 * SAMPLE_RATE)
_SPECTRUM_HOP_SECONDS = 0.01
_LIVE_SECONDS = 0.1


class Predictor(LoadedModel):
    """Recognises words with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: recordings that are heard at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("speech_commands", model, batch_size)
        described = read_extra(
            self.path, DESCRIPTION_FILE, "speech_commands", facts=("labels", "clip_seconds")
        )
        self.labels: list[str] = described["labels"]
        self.kind: str = described["kind"]
        self._clip_samples = round(described["clip_seconds"] * SAMPLE_RATE)
        self._hop = round(described["hop_seconds"] * SAMPLE_RATE)

    @overload
    def __call__(
        self,
        recordings: str | Path | bytes,
        *,
        sample_rate: float = SAMPLE_RATE,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> Answer: ...

    @overload
    def __call__(
        self,
        recordings: list[Any],
        *,
        sample_rate: float = SAMPLE_RATE,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> list[Answer]: ...

    @overload
    def __call__(
        self,
        recordings: Any,
        *,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> Any: ...

    def __call__(
        self,
        recordings: Any,
        *,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
        top_k: int | None = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"label", "probability", "probabilities"}` for one recording, a list of them for several.

        Of a recording longer than a clip the loudest stretch is heard.

        Args:
            recordings: a path, the bytes of an audio file, an open one, a waveform `[samples]` or `[samples, channels]`
                (see `common.audio.waveforms`), or `{"array", "sampling_rate"}`; a list of these, or a data frame.
            sample_rate: of waveforms, in samples per second.
            column: of a data frame.
            top_k: how many classes `"probabilities"` has, the most probable first; unless given all, in their order.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no recording, or cannot be used, and why.
        """
        require_top_k(top_k)
        waveforms = recordings_of(recordings, sample_rate, column)
        rows = self.probabilities(waveforms, show_progress=show_progress)
        answers = [classified(row, self.labels, top_k) for row in rows]
        return answers[0] if is_one_recording(recordings) else answers

    def probabilities(
        self, waveforms: Sequence[np.ndarray], *, show_progress: bool | None = None
    ) -> np.ndarray:
        """Calibrated probabilities `[waveforms, classes]` of waveforms `[samples]`, those of one length computed
        together.

        Raises:
            UserError: naming the waveform that the model cannot answer, and why.
        """
        probabilities = np.zeros((len(waveforms), len(self.labels)), np.float32)
        batches = list(self._batches([len(waveform) for waveform in waveforms]))
        for length, rows in progress(batches, "listening", show_progress):
            batch = np.zeros((len(rows), length), np.float32)
            for place, row in enumerate(rows):
                batch[place, : len(waveforms[row])] = waveforms[row]
            names = [f"waveforms[{row}]" for row in rows]
            probabilities[rows] = require_answered(self._runner.run("waveform", waveform=batch), names)[
                "probabilities"
            ]
        return probabilities

    def attend(
        self,
        recordings: Any,
        *,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
        show_progress: bool | None = None,
    ) -> Any:
        """The answers of a call with `"attention"` `[time]`, the weight of each 20 ms, and `"log_mel"` `[frames, mel
        bins]`, the spectrum of each 10 ms, of what was heard.

        Raises:
            UserError: as of a call, or the model is not of the kind that attends.
        """
        answers = self._attend(recordings_of(recordings, sample_rate, column), show_progress)
        return answers[0] if is_one_recording(recordings) else answers

    def stream(
        self,
        recording: GivenRecording,
        options: DetectionOptions | None = None,
        *,
        sample_rate: float = SAMPLE_RATE,
        show_progress: bool | None = None,
    ) -> Iterator[Detection]:
        """The words of a recording of any length with their times, as they are found.

        A streaming model answers every 20 ms; a model of whole clips hears the last second every 0.1 s.

        Args:
            recording: as of a call, or an iterable of blocks, waveforms of any length, which may never end.
            options: when a word counts as heard.
            sample_rate: of a waveform, or of the blocks.
            show_progress: of how much of a file has been heard; see `common.predicting.progress`.

        Raises:
            UserError: naming what is no recording, or cannot be used, and why.
        """
        detector, listener = Detector(self.labels, options or DetectionOptions()), self._listener()
        for block in stream_of(recording, sample_rate, _BLOCK, show_progress):
            yield from detector.feed(*listener.process(block))
        yield from detector.feed(*listener.process(np.zeros(_SETTLING, np.float32)))
        yield from detector.finish()

    def _listener(self) -> Listener:
        if "step" in self._runner.signatures:
            return StepListener(self._runner, self._hop)
        return WindowListener(self._runner, self._clip_samples, self.batch_size)

    def _batches(self, lengths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Batches as their length and their rows. Only what is shorter than a clip is followed by zeros: those would
        have a say in where a longer recording is loudest."""

        def padded(row: int) -> int:
            return int(max(lengths[row], self._clip_samples))

        for length, rows in groupby(sorted(range(len(lengths)), key=padded), key=padded):
            yield from ((length, chunk) for chunk in chunks(rows, self.batch_size))

    def _attend(self, waveforms: Sequence[np.ndarray], show_progress: bool | None) -> list[Answer]:
        if "attention" not in self._runner.signatures:
            raise UserError(
                f"{self.path}: a model of the kind {self.kind} has no attention; expected the kind clip"
            )
        answers = []
        numbered = [(f"recordings[{row}]", waveform) for row, waveform in enumerate(waveforms)]
        for chunk in progress(list(chunks(numbered, self.batch_size)), "listening", show_progress):
            files = [encode_wav(waveform) for _, waveform in chunk]
            names = [name for name, _ in chunk]
            outputs = require_answered(self._runner.run("attention", audio_bytes=files), names)
            rows = zip(*(outputs[name] for name in ("probabilities", "attention", "log_mel")), strict=True)
            answers += [
                classified(row, self.labels) | {"attention": one, "log_mel": two} for row, one, two in rows
            ]
        return answers


@dataclass(frozen=True)
class Options:
    """Recordings come from the arguments, or else from standard input."""

    recordings: tyro.conf.Positional[tuple[str, ...]] = ()
    """Audio files, folders, tars or zips of them, file: URLs, or - for an audio file on standard input."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    stream: bool = False
    """Find all the words of each recording, however long, with the times at which they were heard."""
    detection: DetectionOptions = field(default_factory=DetectionOptions)
    """When a word counts as heard, with --stream."""
    attention: Path | None = None
    """Draw the spectrum of a single recording, and what the model attended to, as a PNG."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Recordings that are heard at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_answer_file(self.output)
        if not self.stream and self.detection != DetectionOptions():
            raise FlagError(
                "--smoothing, --threshold and --refractory say when a word counts as heard with --stream"
            )
        require_picture(self.attention, "--attention")
        if self.attention is not None and (self.stream or not is_single(self.recordings)):
            raise FlagError(f"--attention {self.attention}: expected a single recording, and no --stream")


def main(options: Options) -> None:
    """Recognises the word in each recording, or with --stream all the words of long ones, with an exported model."""
    if not options.recordings and sys.stdin.isatty():
        raise UserError(NO_RECORDINGS)
    predictor = Predictor(options.model, options.batch_size)
    given = GivenFiles(options.recordings or (STANDARD_INPUT,), recordings_at)
    answers = _detected if options.stream else _answered
    columns = _STREAM_COLUMNS if options.stream else [*_COLUMNS, *probability_columns(predictor.labels)]
    answer_files(given, options.output, columns, answers(predictor, given, options))


def _answered(predictor: Predictor, given: GivenFiles[np.ndarray], options: Options) -> Iterator[Shown]:
    for chunk in chunks(given.contents(), options.batch_size):
        if options.attention is not None:
            _draw_attention(predictor, chunk[0][1], options.attention)
        answers = predictor([waveform for _, waveform in chunk])
        for (name, _), answer in zip(chunk, answers, strict=True):
            record = {"file": name, **answer, "probability": round(answer["probability"], 6)}
            yield Shown(record, [f"{answer['label']}\t{answer['probability']:.4f}\t{printable(name)}"])


def _detected(predictor: Predictor, given: GivenFiles[np.ndarray], options: Options) -> Iterator[Shown]:
    """Each detection; standard input is heard as it comes, files are read bit by bit."""
    for name, read in given.readers():
        for detection in _detections_in(predictor, given, name, read, options.detection):
            line = f"{detection.time:.2f}s  {detection.label}  {detection.probability:.2f}"
            rounded = {"time": round(detection.time, 2), "probability": round(detection.probability, 6)}
            record = {"file": name, **detection._asdict(), **rounded}
            yield Shown(record, [line if given.is_single else f"{line}  {printable(name)}"])


def _detections_in(
    predictor: Predictor,
    given: GivenFiles[np.ndarray],
    name: str,
    read: Callable[[], np.ndarray],
    options: DetectionOptions,
) -> Iterator[Detection]:
    """The words of one recording; what is wrong with it is said."""
    if name == STANDARD_INPUT:
        yield from predictor.stream(read_blocks(sys.stdin.fileno(), _LIVE_SECONDS, "standard input"), options)
        return
    # What stands in a tar or a zip is no file of its own.
    recording = name if Path(name).is_file() else given.read(read)
    if recording is None:
        return
    try:
        yield from predictor.stream(recording, options, show_progress=True)
    except UserError as error:
        given.complain(error)


def _draw_attention(predictor: Predictor, waveform: np.ndarray, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.plots import plot_spectrogram_with_attention

    attended = predictor.attend(waveform)
    title = f"{attended['label']} ({attended['probability']:.0%})"
    plot_spectrogram_with_attention(
        attended["log_mel"], attended["attention"], _SPECTRUM_HOP_SECONDS, title, path
    )


if __name__ == "__main__":
    cli.run(main, Options)
