"""Turns a training run into a SavedModel: notes in, or none; music, its likelihood or a MIDI file out.

python -m applications.music.export --run runs/music/chorales
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.music.composing import Controls, Task, Written, writer
from applications.music.config import INHERITANCE, NAME, Config
from applications.music.kinds import Kind, kinds_from
from applications.music.midi_writer import midi_of
from applications.music.model import build, parts_of
from applications.music.notes import TONALITIES, UNKNOWN, Passage, is_key, notes_of, numbers_of
from applications.music.piece import HIGHEST, KEYS, LOWEST
from applications.music.predict import DESCRIPTION_FILE, END, MOST_STEPS
from common import cli
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.export.script import ExportOptions, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_fault, neutral_where
from common.training.run_folder import FinishedRun, load_finished

TASK = "Notes in, or none; the music that goes on from them or around them, or its likelihood, out."
VALIDATION = (
    "validation, nats per step",
    "validation_nats_per_step",
    "held-out pieces, as they are, without any note told beforehand; it chose the epoch",
)
LIMITS = (
    "It writes what looks like its training music, step by step, in one style; it plans no form beyond what a "
    "recurrent state keeps.",
    "It knows which keys sound, not how: no loudness, no articulation, no words. Whether a note is held or struck "
    "again it does not know.",
    "Voices are ordered by height in each step: where voices cross, the higher note is the higher voice's.",
    "What it writes may repeat passages of its training music; `evaluate` measures how long they are.",
)
_GIVEN = ("temperature", "top_p", "seed", "key", "steps_per_quarter", "lowest", "highest")
Tensors = dict[str, tf.Tensor]
Fault = tuple[tf.Tensor, str]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32.

    Attributes:
        run: what training left.
        model: with the weights that it kept.
        kinds: of the music that it was trained on, the most frequent first.
        voices: notes that sound at once at most.
    """

    run: FinishedRun[Config]
    model: keras.Model
    kinds: tuple[Kind, ...]
    voices: int


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    voices = run.preprocessing["voices"]
    model = build(run.config, voices)
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, kinds_from(run.preprocessing["kinds"]), voices)


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size; notes are MIDI numbers, int32, each step's from the highest down, 0 for
    silence; in what goes in, -1 throughout stands after a row's last step. A row that cannot be answered has its reason
    in the output `error`.

    Controls, `[batch]` each: `temperature` float32, 0 for the most probable notes; `top_p` float32, 1 for all notes;
    `seed` int32; `key` int32, 0 for any, 1 to 12 for C major to B major, 13 to 24 for C minor to B minor;
    `steps_per_quarter` int32, one of those that the model was trained with. And `lowest` and `highest`, int32 `[batch,
    voices]`, the notes between which each voice keeps, 0 for no limit.

    - `serving_default`: `notes` `[batch, time, voices]`, of no step to begin from nothing, `steps` int32 `[batch]` to
      be written after them, and the controls -> `notes` `[batch, time, voices]`, those given and those written, and
      their `count` `[batch]`.
    - `midi`: what `serving_default` takes, and `tempo` float32 `[batch]`, quarter notes per minute -> `midi_bytes`
      strings `[batch]`, a MIDI file each.
    - `harmonize`: `melody` `[batch, time]` and the controls -> `notes` `[batch, time, voices]`, whose highest voice is
      the melody (where that is silent, all are), and their `count`.
    - `infill`: `notes`, `keep` bool of the same shape, and the controls -> `notes`, of which those that are not kept
      are written anew, and their `count`.
    - `score`: `notes`, `key` and `steps_per_quarter` -> `log_likelihood` float32 `[batch, time]` of each step given
      those before it, in nats.
    - `step`: `notes` `[batch, voices]` of the last step (-1 before the first), `place` int32 `[batch]`, the steps so
      far, `state_model` `[batch, n, units]`, zeros at first, and the controls -> `notes` `[batch, voices]` of the next
      step, and the state after the last one.
    """
    parts, voices = parts_of(trained.model), trained.voices
    write = writer(parts, voices)
    grids = [kind.steps_per_quarter for kind in trained.kinds]
    shared_grids = [kind.steps_per_quarter for kind in trained.kinds if kind.shares]

    def shares_of(notes: tf.Tensor, grid: tf.Tensor) -> tf.Tensor:
        by_grid = tf.reduce_any(grid[:, None] == tf.constant(shared_grids, tf.int32), axis=1)
        is_repeated = (notes[..., 1:] == notes[..., :-1]) & (notes[..., 1:] > 0)
        return by_grid | tf.reduce_any(is_repeated, axis=list(range(1, notes.shape.rank)))

    def controls_of(given: Tensors) -> Controls:
        lowest, highest = numbers_of(given["lowest"]), numbers_of(given["highest"])
        return Controls(
            given["temperature"],
            given["top_p"],
            given["seed"],
            tf.maximum(lowest, 1),
            tf.where(highest > 0, highest, KEYS),
        )

    def control_faults(given: Tensors) -> list[Fault]:
        temperature, top_p = given["temperature"], given["top_p"]
        ranges = [given["lowest"], given["highest"]]
        is_note = [tf.reduce_all((one == 0) | is_key(one), axis=1) for one in ranges]
        return [
            (
                ~((temperature >= 0) & tf.math.is_finite(temperature)),
                "temperature: expected a number, 0 or more",
            ),
            (~((top_p > 0) & (top_p <= 1)), "top_p: expected more than 0 and at most 1"),
            *place_faults(given),
            (~(is_note[0] & is_note[1]), f"lowest, highest: expected notes from {LOWEST} to {HIGHEST}, or 0"),
        ]

    def place_faults(given: Tensors) -> list[Fault]:
        key, grid = given["key"], given["steps_per_quarter"]
        known = tf.reduce_any(grid[:, None] == tf.constant(grids), axis=1)
        return [
            (~((key >= 0) & (key < TONALITIES)), f"key: expected 0 to {TONALITIES - 1}"),
            (~known, f"steps_per_quarter: expected {' or '.join(map(str, grids))}"),
        ]

    def run(
        notes: tf.Tensor,
        told: tf.Tensor,
        foreseen: tf.Tensor,
        lengths: tf.Tensor,
        given: Tensors,
        usable: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        given = {name: _usable(name, given[name], usable, grids) for name in _GIVEN}
        asked = tf.shape(notes)[1]
        # The recurrence needs a step to stand on, even where there is none.
        notes, told, foreseen = (_with_a_step(one) for one in (notes, told, foreseen))
        time = tf.shape(notes)[1]
        place = tf.range(time)[None] + tf.zeros_like(lengths)[:, None]
        remaining = tf.maximum(lengths[:, None] - 1 - place, 0)
        passage = Passage(place, remaining, given["steps_per_quarter"], given["key"])
        task = Task(
            numbers_of(notes),
            told,
            foreseen,
            lengths,
            passage,
            shares_of(tf.where(told, notes, 0), given["steps_per_quarter"]),
        )
        rows = tf.shape(notes)[0]
        silence = tf.zeros([rows, voices], tf.int32)
        written: Written = write(task, controls_of(given), silence, parts.states.zero_states(rows))
        real = tf.sequence_mask(lengths, time)[..., None]
        fault = tf.where(written.is_faulty, "no probabilities: the model's numbers are not finite", "")
        return tf.where(real, notes_of(written.numbers), 0)[:, :asked], fault

    def continued(notes: tf.Tensor, steps: tf.Tensor, given: Tensors) -> Tensors:
        begun = steps_of(notes)
        error = first_fault(
            *notes_faults("notes", notes, begun),
            (
                ~((steps >= 0) & (begun + steps <= MOST_STEPS)),
                f"steps: expected 0 or more, {MOST_STEPS} in all",
            ),
            *control_faults(given),
        )
        usable = error == ""
        begun, steps = tf.where(usable, begun, 0), tf.where(usable, steps, 0)
        lengths = begun + steps
        time = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        padded = tf.pad(notes[:, :time], [[0, 0], [0, tf.maximum(time - tf.shape(notes)[1], 0)], [0, 0]])
        told = tf.repeat(tf.sequence_mask(begun, time)[..., None], voices, axis=2)
        foreseen = tf.zeros_like(told)
        written, fault = run(tf.where(told, padded, 0), told, foreseen, lengths, given, usable)
        return {"notes": written, "count": lengths, ROW_ERROR: tf.where(usable, fault, error)}

    def serve(notes: tf.Tensor, steps: tf.Tensor, **given: tf.Tensor) -> Tensors:
        return continued(notes, steps, given)

    def midi(notes: tf.Tensor, steps: tf.Tensor, tempo: tf.Tensor, **given: tf.Tensor) -> Tensors:
        answer = continued(notes, steps, given)
        fault = first_fault(
            (~((tempo >= 4) & (tempo <= 1000)), "tempo: expected 4 to 1000 quarter notes a minute")
        )
        error = tf.where(answer[ROW_ERROR] == "", fault, answer[ROW_ERROR])
        usable = error == ""
        file = midi_of(
            answer["notes"],
            tf.where(usable, answer["count"], 0),
            tf.where(usable, tempo, 120.0),
            tf.where(usable, given["steps_per_quarter"], 1),
        )
        return {"midi_bytes": file, ROW_ERROR: error}

    def around(
        notes: tf.Tensor, keep: tf.Tensor, lengths: tf.Tensor, given: Tensors, error: tf.Tensor
    ) -> Tensors:
        usable = error == ""
        lengths = tf.where(usable, lengths, 0)
        keep &= usable[:, None, None]
        written, fault = run(tf.where(keep, notes, 0), keep, keep, lengths, given, usable)
        return {"notes": written, "count": lengths, ROW_ERROR: tf.where(usable, fault, error)}

    def infill(notes: tf.Tensor, keep: tf.Tensor, **given: tf.Tensor) -> Tensors:
        lengths = steps_of(notes)
        error = first_fault(
            *notes_faults("notes", notes, lengths, keep),
            (lengths > MOST_STEPS, f"notes: expected at most {MOST_STEPS} steps"),
            *control_faults(given),
        )
        return around(notes, keep, lengths, given, error)

    def harmonize(melody: tf.Tensor, **given: tf.Tensor) -> Tensors:
        lengths = steps_of(melody[..., None])
        error = first_fault(
            *notes_faults("melody", melody[..., None], lengths),
            (lengths > MOST_STEPS, f"melody: expected at most {MOST_STEPS} steps"),
            *control_faults(given),
        )
        notes = tf.pad(melody[..., None], [[0, 0], [0, 0], [0, voices - 1]])
        keep = tf.repeat(tf.range(voices)[None, None] == 0, tf.shape(melody)[1], axis=1)
        keep = tf.repeat(keep, tf.shape(melody)[0], axis=0)
        return around(notes, keep, lengths, given, error)

    def score(notes: tf.Tensor, key: tf.Tensor, steps_per_quarter: tf.Tensor) -> Tensors:
        lengths = steps_of(notes)
        error = first_fault(
            *notes_faults("notes", notes, lengths),
            *place_faults({"key": key, "steps_per_quarter": steps_per_quarter}),
        )
        usable = error == ""
        lengths = tf.where(usable, lengths, 0)
        grid = _usable("steps_per_quarter", steps_per_quarter, usable, grids)
        asked = tf.shape(notes)[1]
        notes = _with_a_step(notes)
        place = tf.range(tf.shape(notes)[1])[None] + tf.zeros_like(lengths)[:, None]
        real = tf.sequence_mask(lengths, tf.shape(notes)[1])[..., None]
        numbers = tf.where(real, numbers_of(notes), 0)
        nats = trained.model(
            {
                "notes": tf.pad(numbers, [[0, 0], [1, 0], [0, 0]]),
                "given": tf.zeros_like(numbers, tf.bool),
                "lengths": lengths,
                "shares": shares_of(tf.maximum(notes, 0), grid),
                "place": place,
                "remaining": tf.fill(tf.shape(place), UNKNOWN),
                "steps_per_quarter": grid,
                "tonality": _usable("key", key, usable, grids),
            },
            training=False,
        )
        return {"log_likelihood": -nats[:, :asked], ROW_ERROR: error}

    def step(notes: tf.Tensor, place: tf.Tensor, state_model: tf.Tensor, **given: tf.Tensor) -> Tensors:
        error = first_fault(
            *notes_faults("notes", notes[:, None], steps_of(notes[:, None])),
            (~((place >= 0) & (place <= MOST_STEPS)), f"place: expected 0 to {MOST_STEPS}"),
            (
                ~tf.reduce_all(tf.math.is_finite(state_model), axis=[1, 2]),
                "state_model: expected finite numbers, got NaN or infinity",
            ),
            *control_faults(given),
        )
        usable = error == ""
        place, state_model, notes = (neutral_where(~usable, one) for one in (place, state_model, notes))
        given = {name: _usable(name, given[name], usable, grids) for name in _GIVEN}
        passage = Passage(
            place[:, None],
            tf.fill([tf.shape(place)[0], 1], UNKNOWN),
            given["steps_per_quarter"],
            given["key"],
        )
        nothing = tf.zeros([tf.shape(place)[0], 1, voices], tf.int32)
        free = tf.zeros_like(nothing, tf.bool)
        lengths = tf.ones_like(place)
        shares = shares_of(tf.maximum(notes, 0), given["steps_per_quarter"])
        written = write(
            Task(nothing, free, free, lengths, passage, shares),
            controls_of(given),
            numbers_of(notes),
            tf.unstack(state_model, axis=1),
        )
        return {
            "notes": notes_of(written.numbers)[:, 0],
            "state_model": tf.stack(written.states, axis=1),
            ROW_ERROR: error,
        }

    return _signatures(trained, serve, midi, harmonize, infill, score, step)


def steps_of(notes: tf.Tensor) -> tf.Tensor:
    """How many steps each row of `[batch, time, voices]` has before it is -1 throughout."""
    is_step = tf.reduce_any(notes != END, axis=2)
    places = tf.range(1, tf.shape(notes)[1] + 1)
    return tf.reduce_max(tf.pad(tf.where(is_step, places, 0), [[0, 0], [0, 1]]), axis=1)


def notes_faults(
    name: str, notes: tf.Tensor, lengths: tf.Tensor, keep: tf.Tensor | None = None
) -> list[Fault]:
    """What is wrong with each row's notes `[batch, time, voices]`, or with those of them that are kept."""
    real = tf.sequence_mask(lengths, tf.shape(notes)[1])[..., None]
    asked = tf.ones_like(notes, tf.bool) if keep is None else keep
    counted = real & asked
    is_known = ~counted | (notes == 0) | is_key(notes)
    faults = [
        (
            ~tf.reduce_all(is_known, axis=[1, 2]),
            f"{name}: expected MIDI numbers from {LOWEST} to {HIGHEST}, 0 for silence, and -1 after the end alone",
        )
    ]
    if notes.shape[2] == 1:
        return faults
    # Each kept note is at most the kept ones above it.
    ceiling = tf.minimum(HIGHEST, _lowest_so_far(tf.where(counted, notes, HIGHEST)))
    is_ordered = ~counted[..., 1:] | (notes[..., 1:] <= ceiling[..., :-1])
    return [
        *faults,
        (~tf.reduce_all(is_ordered, axis=[1, 2]), f"{name}: expected the highest note of each step first"),
    ]


def _lowest_so_far(notes: tf.Tensor) -> tf.Tensor:
    """The least of each note and those before it, `[..., voices]`."""
    lowest = [notes[..., 0]]
    for voice in range(1, notes.shape[-1]):
        lowest.append(tf.minimum(lowest[-1], notes[..., voice]))
    return tf.stack(lowest, axis=-1)


def _with_a_step(values: tf.Tensor) -> tf.Tensor:
    """Values `[batch, time, voices]`, of one step of zeros where there is none."""
    lacking = tf.cast(tf.shape(values)[1] == 0, tf.int32)
    return tf.pad(values, [[0, 0], [0, lacking], [0, 0]])


def _usable(name: str, values: tf.Tensor, usable: tf.Tensor, grids: list[int]) -> tf.Tensor:
    """The values of rows that can be answered, and such as do no harm in the others."""
    harmless = {"top_p": 1.0, "steps_per_quarter": grids[0]}.get(name, 0)
    usable = tf.reshape(usable, [-1, *[1] * (values.shape.rank - 1)])
    return tf.where(usable, values, tf.cast(harmless, values.dtype))


def _signatures(trained: Trained, *functions: Callable[..., Tensors]) -> list[Signature]:
    """With their inputs and examples, in the order of `signatures`."""
    serve, midi, harmonize, infill, score, step = functions
    voices, grid = trained.voices, trained.kinds[0].steps_per_quarter
    integers, floats = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
    of_voices, of_steps = (
        tf.TensorSpec([None, voices], tf.int32),
        tf.TensorSpec([None, None, voices], tf.int32),
    )
    kinds = {"temperature": floats, "top_p": floats, "lowest": of_voices, "highest": of_voices}
    controls = {name: kinds.get(name, integers) for name in _GIVEN}
    chosen: dict[str, Any] = {
        "temperature": [0.0, 1.0, 0.8],
        "top_p": [1.0, 0.9, 1.0],
        "seed": [0, 7, -3],
        "key": [0, 1, 22],
        "steps_per_quarter": [grid] * 3,
        "lowest": np.zeros([3, voices], np.int32),
        "highest": np.zeros([3, voices], np.int32),
    }
    notes = _example_notes(trained)
    states = parts_of(trained.model).states
    state = tf.TensorSpec([None, states.state_count, states.units], tf.float32)
    place = dict.fromkeys(("key", "steps_per_quarter"), integers)
    begun = {"notes": notes, "steps": [8, 5, 0]}
    asked = {"notes": of_steps, "steps": integers}
    return [
        Signature("serving_default", serve, {**asked, **controls}, {**begun, **chosen}),
        Signature(
            "midi",
            midi,
            {**asked, "tempo": floats, **controls},
            {**begun, "tempo": [90.0, 120.0, 60.0], **chosen},
        ),
        Signature(
            "harmonize",
            harmonize,
            {"melody": tf.TensorSpec([None, None], tf.int32), **controls},
            {"melody": notes[:, :, 0], **chosen},
        ),
        Signature(
            "infill",
            infill,
            {"notes": of_steps, "keep": tf.TensorSpec([None, None, voices], tf.bool), **controls},
            {"notes": notes, "keep": np.arange(notes.size).reshape(notes.shape) % 3 == 0, **chosen},
        ),
        Signature(
            "score",
            score,
            {"notes": of_steps, **place},
            {"notes": notes, **{name: chosen[name] for name in place}},
        ),
        Signature(
            "step",
            step,
            {"notes": of_voices, "place": integers, "state_model": state, **controls},
            {
                "notes": notes[:, 0],
                "place": [1, 4, 0],
                "state_model": np.zeros([3, *state.shape[1:]], np.float32),
                **chosen,
            },
        ),
    ]


def _example_notes(trained: Trained) -> np.ndarray:
    """Three passages within the voices' ranges: falling, repeated, and none."""
    ranges = trained.kinds[0].ranges
    middle = np.array([(low + high) // 2 for low, high in ranges], np.int32)
    middle = -np.sort(-middle)
    steps = np.stack([np.where(middle > 0, middle - fall, 0) for fall in (0, 0, 1, 2, 2, 1)])
    notes = np.full([3, *steps.shape], END, np.int32)
    notes[0], notes[1, :3] = steps, steps[:1]
    return notes


def description(trained: Trained) -> Mapping[str, Any]:
    """What `predict` must know beside the graph."""
    return {
        "voices": trained.voices,
        "kinds": [kind._asdict() for kind in trained.kinds],
        "most_steps": MOST_STEPS,
    }


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=False)
    trained = load_run(options.run)
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK,
        limits=LIMITS,
        validation=VALIDATION,
        vocabulary=[str(note) for note in range(LOWEST, HIGHEST + 1)],
        data=trained.run.config.source.data,
    )
    return publish(
        card,
        trained,
        partial(signatures, trained),
        options,
        {DESCRIPTION_FILE.name: description(trained)},
        tolerance=1e-4,
    )


def main(options: ExportOptions) -> None:
    """Exports a composer as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
