"""Answers from the exported SavedModel: what is said in each recording, with the times of its words. Imports no Keras
and no TensorFlow.

python -m applications.transcription.predict talk.wav recordings/
python -m applications.transcription.predict --output talk.srt talk.wav
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from applications.transcription.streaming import written_in
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.pauses import Segment, segments
from common.audio.streams import read_blocks
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.files import require_writable_file
from common.inference.extra_files import read_extra
from common.inference.refused_rows import require_answered
from common.predicting.answer_files import require_answer_file, require_picture
from common.predicting.examples import Column
from common.predicting.hypotheses import existing_hypotheses
from common.predicting.input_files import STANDARD_INPUT, GivenFiles, is_single, printable
from common.predicting.predictor import Answer, LoadedModel, decoded
from common.predicting.progress import progress
from common.predicting.recording_files import NO_RECORDINGS, recordings_at
from common.predicting.recordings import GivenRecording, is_one_recording, recordings_of, stream_of
from common.predicting.script import Shown, answer_files, write_shown
from common.predicting.subtitles import Word, cues, to_srt, to_vtt
from common.predicting.texts import chunks

DESCRIPTION_FILE = Path("assets.extra") / "model.json"

_COLUMNS = ("file", "text", "confidence")
_WORD_COLUMNS = ("file", "word", "start", "end", "confidence")
_SUBTITLES = {".srt": to_srt, ".vtt": to_vtt}
_WHOLE_SECONDS = 15.0
_BLOCK = 3 * SAMPLE_RATE
_LIVE_SECONDS = 0.1
_ANSWER_AFTER = 0.5
"""Seconds of quiet: most pauses within a sentence are shorter, and nobody waits long for an answer."""


class Transcript(NamedTuple):
    """What is said in a stretch of a recording.

    Attributes:
        start: seconds from the beginning of the recording to that of the stretch.
        text: what is said.
        confidence: the mean of the words', the share of them that can be expected to be right.
    """

    start: float
    text: str
    confidence: float


class _Piece(NamedTuple):
    """A stretch of one of the given recordings."""

    recording: int
    segment: Segment


class Predictor(LoadedModel):
    """Transcribes speech with a SavedModel.

    Recordings longer than 15 seconds are cut at pauses first.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: stretches that are heard at once.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 16) -> None:
        super().__init__("transcription", model, batch_size)
        described = read_extra(
            self.path, DESCRIPTION_FILE, "transcription", facts=("symbol_kind", "lm_weight")
        )
        self.kind: str = described["kind"]
        self.symbol_kind: str = described["symbol_kind"]
        self.symbols: list[str] = described["symbols"]
        self.longest_samples = round(described["longest_seconds"] * SAMPLE_RATE)
        self._weights = {name: described[name] for name in ("lm_weight", "length_bonus")}
        self._frame = round(described["frame_seconds"] * SAMPLE_RATE)
        self._settling = round(described["settling_seconds"] * SAMPLE_RATE)

    def __call__(
        self,
        recordings: Any,
        *,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"text", "confidence"}` of one recording, a list of them for several.

        Args:
            recordings: a path, the bytes of an audio file, an open one, a waveform `[samples]` or `[samples, channels]`
                (see `common.audio.waveforms`), or `{"array", "sampling_rate"}`; a list of these, or a data frame.
            sample_rate: of waveforms, in samples per second.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no recording, or cannot be used, and why.
        """
        waveforms = recordings_of(recordings, sample_rate, column)
        stretches = self.stretches(waveforms, show_progress=show_progress)
        answers = [_joined(of_recording) for of_recording in stretches]
        return answers[0] if is_one_recording(recordings) else answers

    def stretches(
        self, waveforms: Sequence[np.ndarray], *, show_progress: bool | None = None
    ) -> list[list[Transcript]]:
        """What is said in each of the waveforms `[samples]`, stretch by stretch.

        Raises:
            UserError: naming the waveform that the model cannot answer, and why.
        """
        transcripts: list[list[Transcript]] = [[] for _ in waveforms]
        for batch in progress(self._batches(waveforms), "listening", show_progress):
            lengths = np.array([len(piece.segment.waveform) for piece in batch], np.int32)
            padded = np.zeros((len(batch), max(lengths)), np.float32)
            for row, piece in zip(padded, batch, strict=True):
                row[: len(piece.segment.waveform)] = piece.segment.waveform
            outputs = require_answered(
                self._runner.run("waveform", waveform=padded, lengths=lengths), _names(batch)
            )
            for piece, text, confidence in zip(batch, outputs["text"], outputs["confidence"], strict=True):
                start = piece.segment.start_sample / SAMPLE_RATE
                transcripts[piece.recording].append(Transcript(start, decoded(text), float(confidence)))
        return [sorted(of_recording) for of_recording in transcripts]

    def words(
        self,
        recordings: Any,
        *,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
        show_progress: bool | None = None,
    ) -> Any:
        """The words of one recording with their times in seconds and their confidence, a list of `Word`s; a list of
        such lists for several recordings.

        Args:
            recordings: as of a call, and so are the others.
            sample_rate: see there.
            column: see there.
            show_progress: see there.

        Raises:
            UserError: as of a call.
        """
        waveforms = recordings_of(recordings, sample_rate, column)
        words: list[list[Word]] = [[] for _ in waveforms]
        for batch in progress(self._batches(waveforms), "listening", show_progress):
            files = [encode_wav(piece.segment.waveform) for piece in batch]
            outputs = require_answered(self._runner.run("words", audio_bytes=files), _names(batch))
            for row, piece in enumerate(batch):
                shift = piece.segment.start_sample / SAMPLE_RATE
                columns = (outputs[name][row] for name in ("words", "start", "end", "confidence"))
                for word, start, end, confidence in list(zip(*columns, strict=True))[: outputs["count"][row]]:
                    times = (shift + float(start), shift + float(end))
                    words[piece.recording].append(Word(decoded(word), *times, float(confidence)))
        ordered = [sorted(of_recording, key=lambda word: word.start) for of_recording in words]
        return ordered[0] if is_one_recording(recordings) else ordered

    def n_best(
        self,
        recordings: Any,
        *,
        lm_weight: float | None = None,
        length_bonus: float | None = None,
        sample_rate: float = SAMPLE_RATE,
        column: Column = None,
    ) -> Any:
        """The best transcripts of one short recording with their scores, the best first, `[(text, score)]`; a list of
        such lists for several.

        Args:
            recordings: as of a call.
            lm_weight: of the model's language model, if it has one; what it was exported with unless given.
            length_bonus: what each symbol adds to a score; likewise.
            sample_rate: see a call.
            column: see a call.

        Raises:
            UserError: as of a call, or the model was exported without a search.
        """
        if "n_best" not in self._runner.signatures:
            raise UserError(
                f"{self.path}: exported with --beam-width 1, it has no n_best; expected a wider beam"
            )
        answers = []
        given = {"lm_weight": lm_weight, "length_bonus": length_bonus}
        used = {name: self._weights[name] if value is None else value for name, value in given.items()}
        waveforms = recordings_of(recordings, sample_rate, column)
        for chunk in chunks(list(enumerate(waveforms)), self.batch_size):
            weights = {name: np.full(len(chunk), value, np.float32) for name, value in used.items()}
            files = [encode_wav(waveform) for _, waveform in chunk]
            names = [f"recordings[{row}]" for row, _ in chunk]
            outputs = require_answered(self._runner.run("n_best", audio_bytes=files, **weights), names)
            for texts, scores in zip(outputs["texts"], outputs["scores"], strict=True):
                pairs = existing_hypotheses(texts, scores)
                answers.append([(decoded(text), score) for text, score in pairs])
        return answers[0] if is_one_recording(recordings) else answers

    def attend(self, recording: GivenRecording, *, sample_rate: float = SAMPLE_RATE) -> Answer:
        """Where a recording of a minute at most was heard to say what: `"symbols"` `[symbols]` strings, their `"time"`
        in seconds, and `"log_mel"` `[frames, mel bins]`, the spectrum of each 10 ms.

        Raises:
            UserError: as of a call.
        """
        (waveform,) = recordings_of(recording, sample_rate)
        outputs = self._runner.run("attend", audio_bytes=[encode_wav(waveform)])
        outputs = require_answered(outputs, ["recording"])
        symbols = [decoded(symbol) for symbol in outputs["symbols"][0]]
        count = sum(map(bool, symbols))
        return {
            "symbols": symbols[:count],
            "time": outputs["time"][0][:count],
            "log_mel": outputs["log_mel"][0],
        }

    def stream(
        self,
        recording: GivenRecording,
        *,
        sample_rate: float = SAMPLE_RATE,
        show_progress: bool | None = None,
    ) -> Iterator[str]:
        """What is said in a recording of any length, as it is heard: a streaming model gives each piece of text some
        tenths of a second after it was said; one of whole recordings all that is said between two pauses, as soon as
        the second one has lasted for half a second. Joined, the pieces are the transcript.

        Args:
            recording: as of a call, or an iterable of blocks, waveforms of any length, which may never end.
            sample_rate: of a waveform, or of the blocks.
            show_progress: of how much of a file has been heard; see `common.predicting.progress`.

        Raises:
            UserError: naming what is no recording, or cannot be used, and why.
        """
        blocks = stream_of(recording, sample_rate, _BLOCK, show_progress)
        if "step" in self._runner.signatures:
            yield from written_in(blocks, self._runner, self._frame, self._settling)
            return
        has_text = False
        for segment in segments(blocks, _WHOLE_SECONDS, answer_after=_ANSWER_AFTER):
            ((heard,),) = self.stretches([segment.waveform], show_progress=False)
            if heard.text:
                yield f" {heard.text}" if has_text else heard.text
                has_text = True

    def _batches(self, waveforms: Sequence[np.ndarray]) -> list[list[_Piece]]:
        """Stretches of like length together, long recordings cut at pauses."""
        pieces = []
        for index, waveform in enumerate(waveforms):
            is_long = len(waveform) > _WHOLE_SECONDS * SAMPLE_RATE
            cut = segments([waveform], _WHOLE_SECONDS) if is_long else [Segment(0, waveform)]
            pieces += [_Piece(index, segment) for segment in cut]
        pieces.sort(key=lambda piece: len(piece.segment.waveform))
        return list(chunks(pieces, self.batch_size))


def _names(pieces: Sequence[_Piece]) -> list[str]:
    return [f"recordings[{piece.recording}]" for piece in pieces]


def _joined(transcripts: Sequence[Transcript]) -> Answer:
    """The answer of a recording that was heard stretch by stretch."""
    spoken = [transcript for transcript in transcripts if transcript.text]
    if not spoken:
        return {"text": "", "confidence": min((one.confidence for one in transcripts), default=1.0)}
    words = [len(transcript.text.split()) for transcript in spoken]
    confidence = float(np.average([transcript.confidence for transcript in spoken], weights=words))
    return {"text": " ".join(transcript.text for transcript in spoken), "confidence": confidence}


@dataclass(frozen=True)
class Options:
    """Recordings come from the arguments, or else from standard input."""

    recordings: tyro.conf.Positional[tuple[str, ...]] = ()
    """Audio files, folders, tars or zips of them, file: URLs, or - for an audio file on standard input."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, .srt or .vtt for
    subtitles of a single recording, any other name for the lines that the terminal would show."""
    words: bool = False
    """Each word with its start and end in seconds and its confidence."""
    stream: bool = False
    """Print what is said as it is heard, also of a recording that is still being made (a microphone's through a
    pipe)."""
    picture: Path | None = None
    """Draw the spectrum of a single recording of a minute at most, with its symbols where they were heard, as a PNG."""
    batch_size: Annotated[int, AtLeast(1)] = 16
    """Stretches of recordings that are heard at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        is_subtitled = self.output is not None and self.output.suffix.lower() in _SUBTITLES
        if is_subtitled:
            require_writable_file(self.output, "--output")
        else:
            require_answer_file(self.output)
        if is_subtitled and not is_single(self.recordings):
            raise FlagError(f"--output {self.output}: subtitles are of one recording; expected a single one")
        if is_subtitled and self.words:
            raise FlagError(f"--output {self.output}: subtitles have the words' times; expected no --words")
        if self.stream and (self.output or self.words):
            flag = "--words" if self.words else f"--output {self.output}"
            raise FlagError(
                f"{flag}: with --stream the text is printed as it is heard; expected one of the two"
            )
        require_picture(self.picture, "--picture")
        if self.picture is not None and (self.stream or not is_single(self.recordings)):
            raise FlagError(f"--picture {self.picture}: expected a single recording, and no --stream")


def main(options: Options) -> None:
    """Transcribes recordings with an exported model: their text, their words with times, or subtitles."""
    if not options.recordings and sys.stdin.isatty():
        raise UserError(NO_RECORDINGS)
    predictor = Predictor(options.model, options.batch_size)
    given = GivenFiles(options.recordings or (STANDARD_INPUT,), recordings_at)
    if options.stream:
        _print_stream(predictor, given)
    elif options.output is not None and options.output.suffix.lower() in _SUBTITLES:
        _write_subtitles(predictor, given, options.output)
    else:
        answers = _words if options.words else _answered
        columns = _WORD_COLUMNS if options.words else _COLUMNS
        answer_files(given, options.output, columns, answers(predictor, given, options))
        return
    if given.failed:
        sys.exit(cli.FAILED)


def _answered(predictor: Predictor, given: GivenFiles[np.ndarray], options: Options) -> Iterator[Shown]:
    for chunk in chunks(given.contents(), options.batch_size):
        _draw(predictor, *chunk[0], options.picture)
        for (name, _), answer in zip(chunk, predictor([waveform for _, waveform in chunk]), strict=True):
            record = {"file": name, **answer, "confidence": round(answer["confidence"], 4)}
            line = answer["text"] if given.is_single else f"{printable(name)}\t{answer['text']}"
            yield Shown(record, [line])


def _words(predictor: Predictor, given: GivenFiles[np.ndarray], options: Options) -> Iterator[Shown]:
    for name, waveform in given.contents():
        _draw(predictor, name, waveform, options.picture)
        words = predictor.words(waveform)
        rows = [
            {
                "file": name,
                "word": word.word,
                "start": round(word.start, 2),
                "end": round(word.end, 2),
                "confidence": round(word.confidence, 4),
            }
            for word in words
        ]
        lines = [f"{word.start:.2f}s  {word.end:.2f}s  {word.confidence:.2f}  {word.word}" for word in words]
        shown = lines if given.is_single else [f"{line}  {printable(name)}" for line in lines]
        yield Shown(
            {"file": name, "words": [{key: row[key] for key in _WORD_COLUMNS[1:]} for row in rows]},
            shown,
            rows,
        )


def _write_subtitles(predictor: Predictor, given: GivenFiles[np.ndarray], path: Path) -> None:
    for _, waveform in given.contents():
        content = _SUBTITLES[path.suffix.lower()](cues(predictor.words(waveform)))
        write_shown(path, (), [Shown({}, content.splitlines())])


def _print_stream(predictor: Predictor, given: GivenFiles[np.ndarray]) -> None:
    """What is said in each recording, as it is heard; standard input as it comes, files bit by bit."""
    for name, read in given.readers():
        recording: Any = name
        if name == STANDARD_INPUT:
            recording = read_blocks(sys.stdin.fileno(), _LIVE_SECONDS, "standard input")
        elif not Path(name).is_file():
            # What stands in a tar or a zip is no file of its own.
            recording = given.read(read)
        if recording is None:
            continue
        beginning, is_begun = "" if given.is_single else f"{printable(name)}\t", False
        try:
            for text in predictor.stream(recording, show_progress=False):
                print(text if is_begun else f"{beginning}{text}", end="", flush=True)
                is_begun = True
        except UserError as error:
            print(end="\n" if is_begun else "")
            given.complain(error)
        else:
            print("" if is_begun else beginning)


def _draw(predictor: Predictor, name: str, waveform: np.ndarray, path: Path | None) -> None:
    if path is None:
        return
    if len(waveform) > predictor.longest_samples:
        seconds, most = len(waveform) / SAMPLE_RATE, predictor.longest_samples / SAMPLE_RATE
        raise UserError(
            f"--picture {path}: {printable(name)} lasts {seconds:.1f} seconds; expected a recording of {most:g} at most"
        )
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from common.evaluation.transcription_plots import plot_spectrogram_with_symbols

    heard = predictor.attend(waveform)
    plot_spectrogram_with_symbols(heard["log_mel"], 0.01, heard["symbols"], heard["time"], path)


if __name__ == "__main__":
    cli.run(main, Options)
