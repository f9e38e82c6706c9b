"""Music from an exported SavedModel: composed, continued, harmonised, filled in, or scored. Imports no Keras and no
TensorFlow.

python -m applications.music.predict --seed 7 --steps 128 --output piece.mid piece.html
python -m applications.music.predict --continue mine.mid --output longer.mid
python -m applications.music.predict --harmonize melody.mid --output chorale.wav
python -m applications.music.predict --score mine.mid
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from applications.music.kinds import kinds_from
from applications.music.midi_files import melody_of
from applications.music.one_piece import piece_at
from applications.music.piece import HIGHEST, LOWEST, SILENCE, Piece, ordered
from applications.music.tonality import key_number
from applications.music.writing import require_outputs, write_piece
from common import cli
from common.checks import AtLeast, Between, check_ranges, require_integer
from common.errors import FlagError, UserError
from common.inference.extra_files import read_extra
from common.inference.refused_rows import require_answered
from common.inference.states import first_states
from common.predicting.answer_files import require_unread
from common.predicting.predictor import Answer, LoadedModel
from common.predicting.progress import progress
from common.predicting.script import hint
from common.predicting.seeds import checked_seed, checked_seeds, seed_or_fresh
from common.predicting.texts import chunks

DESCRIPTION_FILE = Path("assets.extra") / "model.json"
END = -1
"""What stands for each voice after a row's last step."""
MOST_STEPS = 4096
"""Steps of a piece that a model reads or writes at once."""
_SURPRISES = 8
_STEPS = 64
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_FLOAT32 = np.finfo(np.float32)


@dataclass(frozen=True)
class Sampling:
    """How notes are chosen."""

    temperature: Annotated[float, AtLeast(0)] = 0.9
    """0 for the most probable notes; higher, the bolder."""
    top_p: Annotated[float, Between(0, 1)] = 0.95
    """Keep the fewest most probable notes that have this share of the probability together (nucleus); 1 for all."""
    key: str = ""
    """Key of the piece, such as "G major" or "e minor"; any unless given."""
    steps_per_quarter: int | None = None
    """Steps of a quarter note: 1 for quarters, 2 for eighths, 4 for sixteenths. Unless given, that of most of the
    model's training music; the shipped one's is 4. Notes that do not tell their grid are taken to be on this one."""
    lowest: tuple[int, ...] = ()
    """Lowest note of each voice from the highest voice down, as MIDI numbers, 0 for no limit."""
    highest: tuple[int, ...] = ()
    """Highest note of each voice, likewise."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.top_p == 0:
            raise FlagError("--top-p 0: expected more than 0 and at most 1")
        key_number(self.key)
        for name in ("lowest", "highest"):
            for note in getattr(self, name):
                if note != SILENCE and not LOWEST <= note <= HIGHEST:
                    raise FlagError(
                        f"--{name} {note}: expected MIDI numbers from {LOWEST} to {HIGHEST}, or 0"
                    )
        _require_room(self.lowest, self.highest)


def _require_room(lowest: Sequence[int], highest: Sequence[int]) -> None:
    """Raises FlagError if a voice, or one below it, has to keep above the highest note of that voice."""
    for upper, most in enumerate(highest):
        for voice, least in enumerate(lowest[upper:], start=upper):
            if SILENCE < most < least:
                raise FlagError(
                    f"--lowest {least} of voice {voice + 1}: expected at most {most}, --highest of voice {upper + 1}"
                )


class Predictor(LoadedModel):
    """Composes with a SavedModel.

    Args:
        model: a folder of numbered versions, of which the highest is used, or one version; unless given, what
            `common.model_folders` finds.
        batch_size: pieces that are written at once.

    Attributes:
        voices: notes that sound at once at most.
        kinds: of music that it was trained on, the most frequent first.
    """

    def __init__(self, model: Path | None = None, batch_size: int = 16) -> None:
        super().__init__("music", model, batch_size)
        described = read_extra(self.path, DESCRIPTION_FILE, "music", facts=("voices", "kinds"))
        self.voices: int = described["voices"]
        self.most_steps: int = described["most_steps"]
        self.kinds = kinds_from(described["kinds"])

    def __call__(
        self,
        notes: Any = None,
        *,
        steps: int = 64,
        seed: int | Sequence[int] = 0,
        sampling: Sampling | None = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"notes"}` `[steps, voices]` of one piece, a list of them for several: what was given, continued.

        Args:
            notes: MIDI numbers `[steps, voices]`, 0 for silence, in any order within a step; a `Piece`; None to begin
                from nothing; or a list of these.
            steps: to be written.
            seed: of the random choices; the same notes and seed give the same music, alone or in a list. A list of
                seeds holds one for each piece.
            sampling: how notes are chosen.
            show_progress: see `common.predicting.progress`.

        Raises:
            UserError: naming what is no music, or a control that is out of range.
        """
        require_integer(steps=steps)
        given, is_one = self._pieces(notes)
        if not 0 <= steps <= self.most_steps:
            raise FlagError(f"--steps {steps}: expected from 0 to {self.most_steps}")
        rows = self._ask(
            "serving_default",
            [{"notes": one, "steps": np.int32(steps)} for one in given],
            self._controls(sampling, seed, len(given)),
            "composing",
            show_progress,
        )
        answers = [{"notes": row["notes"][: row["count"]]} for row in rows]
        return answers[0] if is_one else answers

    def harmonize(
        self,
        melody: Any,
        *,
        seed: int | Sequence[int] = 0,
        sampling: Sampling | None = None,
        show_progress: bool | None = None,
    ) -> Any:
        """`{"notes"}` `[steps, voices]` whose highest voice is the melody; a list of them for several melodies.

        Args:
            melody: MIDI numbers `[steps]`, 0 for silence; or a list of such arrays.
            seed: as of a call, as for `sampling` and `show_progress`.
            sampling: see there.
            show_progress: see there.

        Raises:
            UserError: as of a call.
        """
        melodies, is_one = _melodies(melody)
        rows = self._ask(
            "harmonize",
            [{"melody": one} for one in melodies],
            self._controls(sampling, seed, len(melodies)),
            "harmonising",
            show_progress,
        )
        answers = [{"notes": row["notes"][: row["count"]]} for row in rows]
        return answers[0] if is_one else answers

    def infill(self, notes: Any, keep: Any, *, seed: int = 0, sampling: Sampling | None = None) -> Answer:
        """`{"notes"}` `[steps, voices]` of one piece, of which the notes that are not kept are written anew.

        Args:
            notes: MIDI numbers `[steps, voices]`, the highest first; what stands where nothing is kept has no effect.
            keep: which of them stay, `[steps, voices]` or `[steps]`.
            seed: as of a call.
            sampling: see there.

        Raises:
            UserError: as of a call.
        """
        kept = np.asarray(keep, bool)
        given = _checked_notes(notes, "notes", self.voices, is_ordered=True)
        kept = np.repeat(kept[:, None], self.voices, axis=1) if kept.ndim == 1 else kept
        if kept.shape != given.shape:
            raise UserError(
                f"keep: expected [steps] or [steps, voices] as of the notes, {list(given.shape)}, got "
                f"{list(np.shape(keep))}"
            )
        (row,) = self._ask(
            "infill", [{"notes": given, "keep": kept}], self._controls(sampling, seed, 1), "filling in", False
        )
        return {"notes": row["notes"][: row["count"]]}

    def score(
        self, notes: Any, *, sampling: Sampling | None = None, show_progress: bool | None = None
    ) -> Any:
        """The natural logarithm of each step's probability given those before it, `[steps]` float32; a list of them for
        several pieces.

        Args:
            notes: as of a call.
            sampling: of which the key and the grid count.
            show_progress: as of a call.

        Raises:
            UserError: as of a call.
        """
        given, is_one = self._pieces(notes)
        controls = self._controls(sampling, 0, len(given))
        asked = {name: controls[name] for name in ("key", "steps_per_quarter")}
        rows = self._ask("score", [{"notes": one} for one in given], asked, "reading", show_progress)
        scores = [row["log_likelihood"][: len(one)] for row, one in zip(rows, given, strict=True)]
        return scores[0] if is_one else scores

    def midi(self, notes: Any, *, tempo: float = 90.0, sampling: Sampling | None = None) -> bytes:
        """Notes `[steps, voices]` as a MIDI file.

        Args:
            notes: of one piece, as of a call.
            tempo: quarter notes per minute.
            sampling: of which the grid counts.

        Raises:
            UserError: as of a call.
        """
        given, is_one = self._pieces(notes)
        if not is_one:
            raise UserError(f"notes: {len(given)} pieces; expected one, [steps, voices]")
        asked = {"notes": given[0], "steps": np.int32(0), "tempo": np.float32(tempo)}
        (row,) = self._ask("midi", [asked], self._controls(sampling, 0, 1), "", False)
        return bytes(row["midi_bytes"])

    def play_along(self, *, seed: int = 0, sampling: Sampling | None = None) -> Iterator[np.ndarray]:
        """Steps without an end, each `[voices]`, as soon as it is written; `send` another in its place to go on from
        that one."""
        controls = self._controls(sampling, seed, 1)
        states = {
            name: state
            for name, state in first_states(self._runner, "step", but="notes").items()
            if name.startswith("state_")
        }
        last, place = np.full((1, self.voices), END, np.int32), 0
        while True:
            outputs = require_answered(
                self._runner.run("step", notes=last, place=np.array([place], np.int32), **states, **controls),
                ["notes"],
            )
            states = {name: outputs[name] for name in states}
            played = yield outputs["notes"][0]
            last = outputs["notes"]
            if played is not None:
                last = _checked_notes(np.asarray(played)[None], "notes", self.voices)
            place = min(place + 1, self.most_steps)

    def grid(self, sampling: Sampling | None) -> int:
        """Steps of a quarter note.

        Raises:
            UserError: the model does not know that grid.
        """
        grids = [kind.steps_per_quarter for kind in self.kinds]
        asked = None if sampling is None else sampling.steps_per_quarter
        if asked is not None and asked not in grids:
            known = " or ".join(map(str, grids))
            raise FlagError(f"--steps-per-quarter {asked}: {self.path} was trained with {known}")
        return grids[0] if asked is None else asked

    def _controls(
        self, sampling: Sampling | None, seed: int | Sequence[int], count: int
    ) -> dict[str, np.ndarray]:
        """The inputs of all signatures that say how notes are chosen, `[count, ...]` each."""
        used = sampling or Sampling()
        limits = {}
        for name in ("lowest", "highest"):
            given = getattr(used, name)
            if len(given) > self.voices:
                raise FlagError(
                    f"--{name}: {len(given)} notes; expected at most {self.voices}, one for each voice"
                )
            limits[name] = np.array([*given, *[0] * (self.voices - len(given))], np.int32)
        one: dict[str, Any] = {
            "temperature": np.float32(min(used.temperature, float(_FLOAT32.max))),
            "top_p": np.float32(max(used.top_p, float(_FLOAT32.tiny))),
            "key": np.int32(key_number(used.key)),
            "steps_per_quarter": np.int32(self.grid(sampling)),
            **limits,
        }
        repeated = {name: np.repeat(np.asarray(value)[None], count, axis=0) for name, value in one.items()}
        return {**repeated, "seed": np.array(checked_seeds(seed, count, "pieces", "piece"), np.int32)}

    def _pieces(self, notes: Any) -> tuple[list[np.ndarray], bool]:
        """The notes `[steps, voices]` of each piece, the highest first; and whether one was given."""
        if notes is not None and not isinstance(notes, Piece | np.ndarray | list | tuple):
            raise UserError(
                f"notes: expected MIDI numbers [steps, voices], a piece or a list of them, got {type(notes).__name__}"
            )
        if notes is None or isinstance(notes, Piece | np.ndarray) or _is_steps(notes):
            return [self._piece(notes, "notes")], True
        return [self._piece(one, f"notes[{index}]") for index, one in enumerate(notes)], False

    def _piece(self, notes: Any, name: str) -> np.ndarray:
        if notes is None:
            return np.zeros((0, self.voices), np.int32)
        return _checked_notes(notes.notes if isinstance(notes, Piece) else notes, name, self.voices)

    def _ask(
        self,
        signature: str,
        rows: Sequence[Mapping[str, Any]],
        controls: Mapping[str, np.ndarray],
        title: str,
        show_progress: bool | None,
    ) -> list[Answer]:
        """Each row's outputs, rows of like length computed together."""
        answers: list[Answer] = [{}] * len(rows)
        leading = next(iter(rows[0])) if rows else ""
        order = sorted(range(len(rows)), key=lambda row: len(rows[row][leading]))
        for batch in progress(list(chunks(order, self.batch_size)), title, show_progress):
            inputs = {
                name: _padded([rows[row][name] for row in batch], self.voices) for name in rows[batch[0]]
            }
            asked = {name: values[list(batch)] for name, values in controls.items()}
            outputs = require_answered(
                self._runner.run(signature, **inputs, **asked), [f"{leading}[{row}]" for row in batch]
            )
            for place, row in enumerate(batch):
                answers[row] = {name: values[place] for name, values in outputs.items()}
        return answers


def _padded(values: Sequence[Any], voices: int) -> np.ndarray:
    """Values of like kind as one array, `END` after the steps of those that are shorter."""
    if values[0].ndim == 0:
        return np.stack(values)
    longest = max(map(len, values))
    shape = (len(values), longest, *values[0].shape[1:])
    padded = np.full(shape, False if values[0].dtype == bool else END, values[0].dtype)
    for row, one in zip(padded, values, strict=True):
        row[: len(one)] = one
    return padded


def _is_steps(notes: Any) -> bool:
    """Whether a list holds the steps of one piece, not pieces."""
    return bool(len(notes)) and np.ndim(notes[0]) == 1 and not isinstance(notes[0], Piece)


def _checked_notes(notes: Any, name: str, voices: int, is_ordered: bool = False) -> np.ndarray:
    """MIDI numbers `[steps, voices]` with silence for voices that are not given, the highest first.

    Raises:
        UserError: naming the step that is none.
    """
    array = np.asarray(notes)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise UserError(
            f"{name}: expected whole numbers [steps, voices], got {array.dtype} {list(array.shape)}"
        )
    sounding = (array != SILENCE) & (array != END)
    is_odd = sounding & ((array < LOWEST) | (array > HIGHEST))
    if is_odd.any():
        step, voice = np.argwhere(is_odd)[0]
        raise UserError(
            f"{name}: note {array[step, voice]} in step {step + 1}; expected MIDI numbers from {LOWEST} to {HIGHEST}, "
            "or 0 for silence"
        )
    if array.shape[1] > voices and sounding.sum(axis=1).max(initial=0) > voices:
        step = int(np.argmax(sounding.sum(axis=1) > voices))
        raise UserError(
            f"{name}: {sounding[step].sum()} notes in step {step + 1}; the model writes {voices} at most"
        )
    clean = np.where(sounding, array, SILENCE).astype(np.int32)
    clean = clean if is_ordered else ordered(clean)[:, :voices]
    return np.pad(clean, [(0, 0), (0, voices - clean.shape[1])])


def _melodies(melody: Any) -> tuple[list[np.ndarray], bool]:
    """The notes `[steps]` of each melody, and whether one was given."""
    if not isinstance(melody, np.ndarray | list | tuple):
        raise UserError(
            f"melody: expected MIDI numbers [steps], or a list of such, got {type(melody).__name__}"
        )
    is_one = isinstance(melody, np.ndarray) or not len(melody) or np.ndim(melody[0]) == 0
    melodies = [melody] if is_one else list(melody)
    names = ["melody"] if is_one else [f"melody[{index}]" for index in range(len(melodies))]
    checked = [
        _checked_notes(np.asarray(one, np.int32 if not len(one) else None)[:, None], name, 1)[:, 0]
        for one, name in zip(melodies, names, strict=True)
    ]
    return checked, is_one


@dataclass(frozen=True)
class Options:
    """Music is composed from nothing, unless a file is given."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    go_on: Annotated[Path | None, tyro.conf.arg(name="continue")] = None
    """Go on from this piece: a MIDI file, or notes as JSON."""
    without_primer: bool = False
    """With --continue, leave the given piece out of what is written."""
    harmonize: Path | None = None
    """Write the lower voices for this melody: a MIDI file of one note at a time, or notes as JSON."""
    infill: Path | None = None
    """Write the steps --first-step to --last-step of this piece anew."""
    first_step: Annotated[int, AtLeast(1)] = 1
    """First step that --infill writes, from 1."""
    last_step: int | None = None
    """Last step that --infill writes; the piece's last unless given."""
    score: Path | None = None
    """Write nothing; tell how probable this piece is, and where it surprises."""
    steps: Annotated[int, Between(0, MOST_STEPS)] | None = None
    """Steps to compose, 64 unless given; 64 sixteenths are four bars of four quarters."""
    seed: int | None = None
    """Of the random choices: the same seed, the same music. Unless given a fresh one is taken, and told."""
    sampling: Sampling = field(default_factory=Sampling)
    """How notes are chosen."""
    tempo: Annotated[float, Between(4, 1000)] | None = None
    """Quarter notes per minute; the given file's, or 90."""
    output: tuple[Path, ...] = ()
    """Files to write the piece to instead of printing its notes: .mid, .wav, .png (a piano roll), .html (a page that
    plays it), .json (its notes)."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_outputs(self.output)
        given = {
            "--continue": self.go_on,
            "--harmonize": self.harmonize,
            "--infill": self.infill,
            "--score": self.score,
        }
        named = [name for name, path in given.items() if path is not None]
        if len(named) > 1:
            raise FlagError(f"{' and '.join(named)}: expected one of them")
        if self.without_primer and self.go_on is None:
            raise FlagError("--without-primer: expected --continue")
        if self.steps is not None and (self.harmonize or self.infill or self.score):
            raise FlagError(f"--steps {self.steps}: expected neither --harmonize, --infill nor --score")
        if self.seed is not None and self.score is not None:
            raise FlagError(f"--seed {self.seed}: expected no --score, which writes nothing by chance")
        require_unread("--output", self.output, given.values())
        if self.infill is None and (self.first_step > 1 or self.last_step is not None):
            raise FlagError("--first-step, --last-step: expected --infill")
        if self.last_step is not None and self.last_step < self.first_step:
            raise FlagError(
                f"--last-step {self.last_step}: expected at least --first-step, {self.first_step}"
            )
        if self.seed is not None:
            checked_seed(self.seed)


class Composed(NamedTuple):
    """What the script writes.

    Attributes:
        piece: the music.
        given: which notes were given, `[steps, voices]`.
        log_likelihood: of each step, `[steps]`, where it was asked for.
    """

    piece: Piece
    given: np.ndarray
    log_likelihood: np.ndarray | None = None


def main(options: Options) -> None:
    """Composes music with an exported model, goes on from a piece, harmonises a melody, or tells how probable a piece
    is (--score)."""
    predictor = Predictor(options.model)
    grid = predictor.grid(options.sampling)
    if options.score is not None:
        composed = _scored(predictor, options, options.score, grid)
        _print_score(options.score, composed)
    else:
        path = options.go_on or options.harmonize or options.infill
        voices = None if options.harmonize else predictor.voices
        composed = _composed(predictor, options, None if path is None else piece_at(path, grid, voices))
        if not options.output:
            _print_notes(composed.piece)
    piece = composed.piece
    for path in options.output:
        write_piece(
            piece,
            path,
            midi=lambda: predictor.midi(piece.notes, tempo=piece.tempo, sampling=options.sampling),
            given=composed.given,
            log_likelihood=composed.log_likelihood,
        )
        hint(f"{piece.steps:,} steps written to {path}")


def _composed(predictor: Predictor, options: Options, given: Piece | None) -> Composed:
    """The piece that the flags ask for, from or around the given one."""
    melody = melody_of(given) if given is not None and options.harmonize else None
    stretch = _stretch(options, given) if given is not None and options.infill else None
    grid = predictor.grid(options.sampling)
    seed = seed_or_fresh(options.seed, is_random=options.sampling.temperature > 0)
    asked: dict[str, Any] = {"seed": seed, "sampling": options.sampling}
    if given is None or options.go_on:
        primer = np.zeros((0, predictor.voices), np.int32) if given is None else given.notes
        notes = predictor(primer, steps=_STEPS if options.steps is None else options.steps, **asked)["notes"]
        first = len(primer) if options.without_primer else 0
        kept = np.arange(len(notes)) < len(primer)
        told = np.repeat(kept[:, None], predictor.voices, axis=1)
        notes, told = notes[first:], told[first:]
    elif melody is not None:
        notes = predictor.harmonize(melody, **asked)["notes"]
        told = np.zeros(notes.shape, bool)
        told[:, 0] = True
    else:
        assert stretch is not None
        first, last = stretch
        steps = np.arange(given.steps)
        told = np.repeat(((steps < first) | (steps >= last))[:, None], predictor.voices, axis=1)
        notes = predictor.infill(given.notes, told, **asked)["notes"]
    name = "composed" if given is None else Path(given.name).stem
    tempo = options.tempo or (90.0 if given is None else given.tempo)
    return Composed(Piece(name, notes, grid, tempo), told & (notes > SILENCE))


def _stretch(options: Options, given: Piece) -> tuple[int, int]:
    """The first step that --infill writes, from 0, and the one after the last.

    Raises:
        FlagError: the piece has no such steps.
    """
    first, last = options.first_step - 1, options.last_step or given.steps
    if first >= given.steps or last > given.steps:
        raise FlagError(
            f"--first-step {first + 1}, --last-step {last}: {given.name} has {given.steps:,} steps, "
            f"{given.steps_per_quarter} a quarter note"
        )
    return first, last


def _scored(predictor: Predictor, options: Options, path: Path, grid: int) -> Composed:
    piece = piece_at(path, grid, predictor.voices)
    scores = predictor.score(piece.notes, sampling=options.sampling, show_progress=True)
    tempo = options.tempo or piece.tempo
    return Composed(replace(piece, tempo=tempo), np.zeros(piece.notes.shape, bool), scores)


def _print_score(path: Path, composed: Composed) -> None:
    scores = composed.log_likelihood
    assert scores is not None
    piece = composed.piece
    print(f"{path}: {piece.steps:,} steps, {piece.steps_per_quarter} a quarter note")
    print(f"{-scores.mean():.4f} nats per step")
    print("most surprising, with the probability of the step in brackets:")
    for step in np.argsort(scores)[:_SURPRISES]:
        print(f"step {step + 1}\t{np.exp(scores[step]):.2e}\t{notes_in_words(piece.notes[step])}")


def _print_notes(piece: Piece) -> None:
    """Each step on a line, equal ones together."""
    first = 0
    for step in range(1, piece.steps + 1):
        if step == piece.steps or not np.array_equal(piece.notes[step], piece.notes[first]):
            places = f"{first + 1}" if step == first + 1 else f"{first + 1}-{step}"
            print(f"{places}\t{notes_in_words(piece.notes[first])}")
            first = step


def notes_in_words(notes: np.ndarray) -> str:
    """The names of the notes of a step, the highest first.

    >>> notes_in_words(np.array([60, 55, 0]))
    'C4 G3'
    """
    return " ".join(note_name(int(note)) for note in notes if note != SILENCE) or "(silence)"


def note_name(note: int) -> str:
    """A MIDI number as a pitch with its octave; 60 is C4."""
    return f"{_NAMES[note % 12]}{note // 12 - 1}"


if __name__ == "__main__":
    cli.run(main, Options)
