"""Answers from the exported SavedModel: what is written with a pen's strokes, and where each letter lies; or, of a
model that reads pictures, what is written in each. Imports no Keras and no TensorFlow.

python -m applications.handwriting.predict word.inkml drawings/
python -m applications.handwriting.predict --letters --picture word.png word.json
python -m applications.handwriting.predict --model saved_models/handwriting_pictures line.png scans/
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from applications.handwriting.drawing_files import NO_DRAWINGS, drawings_at
from applications.handwriting.drawings import GivenDrawing, drawings_of, is_one_drawing, stroke_of
from applications.handwriting.ink import Ink, points_of, text_of
from applications.handwriting.picture_reading import rank_pictures, ranked, read_pictures, shown_pictures
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.inference.extra_files import read_extra
from common.inference.refused_rows import require_answered
from common.inference.states import first_states
from common.predicting.answer_files import require_answer_file, require_picture
from common.predicting.examples import Column
from common.predicting.images import images_at
from common.predicting.input_files import STANDARD_INPUT, GivenFiles, printable
from common.predicting.predictor import Answer, LoadedModel, decoded, rows_of
from common.predicting.progress import progress
from common.predicting.script import Shown, answer_files
from common.predicting.texts import chunks

DESCRIPTION_FILE = Path("assets.extra") / "model.json"

_COLUMNS = ("ink", "text", "confidence")
_OUTPUTS = ("letters", "first_point", "last_point", "confidence")
_PICTURE_COLUMNS = ("picture", "text", "confidence")
_LETTER_COLUMNS = ("ink", "letter", "first_point", "last_point", "confidence")


class Letter(NamedTuple):
    """A letter that was read.

    Attributes:
        letter: a character.
        first_point: the index of the first point of the ink that it is written with, over all strokes.
        last_point: that of the last one.
        confidence: how probably it is right.
    """

    letter: str
    first_point: int
    last_point: int
    confidence: float


class Predictor(LoadedModel):
    """Reads handwriting with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: drawings that are read at once.

    Attributes:
        symbols: that it reads.
        reads_pictures: whether it reads pictures of writing, not a pen's strokes; a drawing is such a picture then, see
            `common.predicting.images.GivenImage`.
        has_language_model: whether it was exported with one.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 32) -> None:
        super().__init__("handwriting", model, batch_size)
        described = read_extra(self.path, DESCRIPTION_FILE, "handwriting", facts=("most_points", "lm_weight"))
        self.symbols: list[str] = described["symbols"]
        self.reads_pictures: bool = described.get("kind") == "picture"
        self.has_language_model: bool = described["has_language_model"]
        self._weights = {name: described[name] for name in ("lm_weight", "length_bonus")}

    def __call__(self, drawings: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """`{"text", "confidence"}` of one drawing, a list of them for several.

        Args:
            drawings: one, see `applications.handwriting.drawings.GivenDrawing`; a list of these, or a data frame.
            column: of a data frame.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no drawing, or cannot be read, and why.
        """
        if self.reads_pictures:
            return read_pictures(self._runner, drawings, column, self.batch_size, show_progress)
        inks = drawings_of(drawings, column)
        answers: list[Answer] = [{}] * len(inks)
        for batch in progress(self._batches(inks), "reading", show_progress):
            points = [points_of(inks[index]) for index in batch]
            lengths = np.array([len(one) for one in points], np.int32)
            padded = np.zeros((len(batch), max(lengths), 3), np.float32)
            for row, one in zip(padded, points, strict=True):
                row[: len(one)] = one
            outputs = require_answered(
                self._runner.run("points", points=padded, lengths=lengths), _names(batch)
            )
            for index, text, confidence in zip(batch, outputs["text"], outputs["confidence"], strict=True):
                answers[index] = {"text": decoded(text), "confidence": float(confidence)}
        return answers[0] if column is None and is_one_drawing(drawings) else answers

    def letters(self, drawings: Any, *, column: Column = None, show_progress: bool | None = None) -> Any:
        """The letters of one drawing with the points that they are written with and their confidence, a list of
        `Letter`s; a list of such lists for several drawings.

        Args:
            drawings: as of a call.
            column: see there.
            show_progress: see there.

        Raises:
            UserError: as of a call, or the model reads pictures, in which it does not tell where letters lie.
        """
        self.require_strokes("letters")
        inks = drawings_of(drawings, column)
        answers: list[list[Letter]] = [[] for _ in inks]
        for batch in progress(self._batches(inks), "reading", show_progress):
            strokes = [text_of(inks[index]) for index in batch]
            outputs = require_answered(self._runner.run("letters", strokes=strokes), _names(batch))
            for row, index in enumerate(batch):
                columns = (outputs[name][row] for name in _OUTPUTS)
                found = list(zip(*columns, strict=True))[: outputs["count"][row]]
                answers[index] = [
                    Letter(decoded(letter), int(first), int(last), float(confidence))
                    for letter, first, last, confidence in found
                ]
        return answers[0] if column is None and is_one_drawing(drawings) else answers

    def n_best(
        self,
        drawings: Any,
        *,
        lm_weight: float | None = None,
        length_bonus: float | None = None,
        column: Column = None,
    ) -> Any:
        """The best readings of one drawing with their scores, the best first, `[(text, score)]`; a list of such lists
        for several.

        Args:
            drawings: as of a call.
            lm_weight: of the model's language model, if it has one; what it was exported with unless given.
            length_bonus: what each symbol adds to a score; likewise.
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
        if self.reads_pictures:
            return rank_pictures(self._runner, drawings, column, self.batch_size, used)
        inks = drawings_of(drawings, column)
        for chunk in chunks(list(enumerate(inks)), self.batch_size):
            weights = {name: np.full(len(chunk), value, np.float32) for name, value in used.items()}
            strokes = [text_of(ink) for _, ink in chunk]
            outputs = require_answered(
                self._runner.run("n_best", strokes=strokes, **weights), _names([row for row, _ in chunk])
            )
            answers += [ranked(row) for row in rows_of(outputs, len(chunk))]
        return answers[0] if column is None and is_one_drawing(drawings) else answers

    def stream(self, strokes: Iterable[Any]) -> Iterator[str]:
        """What is read after each stroke of a drawing, as soon as it is drawn: later strokes may change it.

        Args:
            strokes: each an array or a list of points `[points, 2]`, or points "x,y x,y" as text.

        Raises:
            UserError: naming the stroke that is none, and why.
        """
        self.require_strokes("stream")
        states = first_states(self._runner, "step", but="strokes")
        for number, stroke in enumerate(strokes, start=1):
            name = f"stroke {number}"
            line = stroke if isinstance(stroke, str) else text_of(Ink([stroke_of(stroke, name)]))
            outputs = require_answered(self._runner.run("step", strokes=[line], **states), [name])
            states = {state: outputs[state] for state in states}
            yield decoded(outputs["text"][0])

    def shown(self, given: GivenFiles[bytes]) -> Iterator[Shown]:
        """What the script shows of each picture that it is given."""
        return shown_pictures(self._runner, given, self.batch_size)

    def require_strokes(self, wanted: str) -> None:
        """Raises UserError, which names what is wanted of it, if the model reads pictures."""
        if self.reads_pictures:
            raise UserError(
                f"{wanted}: {self.path} reads pictures, and does not tell where letters lie; expected a model of "
                "a pen's strokes"
            )

    def _batches(self, inks: Sequence[Ink]) -> list[list[int]]:
        """Indices of drawings, those of like length together."""
        order = sorted(range(len(inks)), key=lambda index: sum(map(len, inks[index].strokes)))
        return list(chunks(order, self.batch_size))


def _names(batch: Sequence[int]) -> list[str]:
    return [f"drawings[{index}]" for index in batch]


@dataclass(frozen=True)
class Options:
    """Drawings come from the arguments, or else from standard input."""

    drawings: tyro.conf.Positional[tuple[str, ...]] = ()
    """Files of ink (JSON of strokes or of pointer events, InkML, UNIPEN, tables, .npz, lines of "x,y x,y;x,y"),
    folders, tars or zips of them, file: URLs, or - for standard input. Of a model that reads pictures: image files
    (JPEG, PNG, GIF, BMP, WebP, TIFF) in their place."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    letters: bool = False
    """Each letter with the points of the ink that it is written with, counted from 0 over all strokes, and its
    confidence."""
    stream: bool = False
    """Print what is read after each stroke of a drawing; each line on standard input is a stroke, answered as soon as
    it is there."""
    picture: Path | None = None
    """Draw a single drawing, each letter's part of it in another colour, as a PNG."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Drawings that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_answer_file(self.output)
        if self.stream and (self.output or self.letters):
            flag = "--letters" if self.letters else f"--output {self.output}"
            raise FlagError(
                f"{flag}: with --stream the text is printed stroke by stroke; expected one of the two"
            )
        require_picture(self.picture, "--picture")
        if self.stream and self.picture is not None:
            raise FlagError(f"--picture {self.picture}: expected no --stream")
        if self.picture is not None and len(self.drawings) > 1:
            raise FlagError(f"--picture {self.picture}: expected a single drawing")


def main(options: Options) -> None:
    """Reads handwriting with an exported model: what is written in each drawing, or letter by letter."""
    if not options.drawings and sys.stdin.isatty():
        raise UserError(NO_DRAWINGS)
    predictor = Predictor(options.model, options.batch_size)
    if predictor.reads_pictures:
        for flag in ("letters", "stream", "picture"):
            if getattr(options, flag):
                predictor.require_strokes(f"--{flag}")
        pictures = GivenFiles(options.drawings or (STANDARD_INPUT,), images_at)
        answer_files(pictures, options.output, _PICTURE_COLUMNS, predictor.shown(pictures))
        return
    if options.stream and options.drawings in ((), (STANDARD_INPUT,)):
        _print_stream(predictor, map(str.strip, sys.stdin))
        return
    given = GivenFiles(options.drawings or (STANDARD_INPUT,), drawings_at)
    if options.stream:
        for _, ink in given.contents():
            _print_stream(predictor, ink.strokes)
        if given.failed:
            sys.exit(cli.FAILED)
        return
    drawings = list(given.contents())
    if options.picture is not None and len(drawings) == 1:
        _draw(predictor, drawings[0][1], options.picture)
    elif options.picture is not None and drawings:
        raise UserError(f"--picture {options.picture}: got {len(drawings):,} drawings; expected a single one")
    is_single = len(drawings) == 1 and given.is_single
    answers = _letters if options.letters else _answered
    columns = _LETTER_COLUMNS if options.letters else _COLUMNS
    answer_files(given, options.output, columns, answers(predictor, drawings, is_single))


def _print_stream(predictor: Predictor, strokes: Iterable[Any]) -> None:
    for text in predictor.stream(strokes):
        print(text, flush=True)


def _answered(predictor: Predictor, drawings: Sequence[tuple[str, Ink]], is_single: bool) -> Iterator[Shown]:
    for chunk in chunks(drawings, predictor.batch_size):
        for (name, _), answer in zip(chunk, predictor([ink for _, ink in chunk]), strict=True):
            record = {"ink": name, **answer, "confidence": round(answer["confidence"], 4)}
            yield Shown(record, [answer["text"] if is_single else f"{printable(name)}\t{answer['text']}"])


def _letters(predictor: Predictor, drawings: Sequence[tuple[str, Ink]], is_single: bool) -> Iterator[Shown]:
    for chunk in chunks(drawings, predictor.batch_size):
        for (name, _), letters in zip(chunk, predictor.letters([ink for _, ink in chunk]), strict=True):
            found = [{**one._asdict(), "confidence": round(one.confidence, 4)} for one in letters]
            lines = [
                f"{one.first_point:5d}  {one.last_point:5d}  {one.confidence:.2f}  {one.letter}"
                for one in letters
            ]
            shown = lines if is_single else [f"{line}  {printable(name)}" for line in lines]
            yield Shown({"ink": name, "letters": found}, shown, [{"ink": name, **one} for one in found])


def _draw(predictor: Predictor, drawing: GivenDrawing, path: Path) -> None:
    # Imported where it is needed: without a picture there is no waiting for matplotlib.
    from applications.handwriting.pictures import draw_letters

    draw_letters(drawing, predictor.letters(drawing), path)


if __name__ == "__main__":
    cli.run(main, Options)
