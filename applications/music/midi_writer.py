"""Standard MIDI files written in the graph by stock operations."""

from typing import NamedTuple

import tensorflow as tf

from applications.music.reading import MOST_VOICES

TICKS = 480
"""Ticks of a quarter note."""

_CHANNELS = [channel for channel in range(16) if channel != 9]
_BYTES = [bytes([number]) for number in range(256)] + [b""]
_NO_BYTE = 256
_HEADER = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1]) + TICKS.to_bytes(2, "big") + b"MTrk"
_TEMPO, _END_OF_TRACK = b"\0\xff\x51\x03", b"\xff\x2f\0"
_NOTE_OFF, _NOTE_ON, _PROGRAM = 0x80, 0x90, 0xC0
_VELOCITY = 80
# The data tell held notes from repeated ones as little as the model does: strings hold them, where a piano fades away.
_STRINGS = 48
_PROGRAMS = [
    b"".join(bytes([0, _PROGRAM + channel, _STRINGS]) for channel in _CHANNELS[:voices])
    for voices in range(MOST_VOICES + 1)
]
_SEPTET, _LONGEST = 128, 4
_SLOWEST = 2**24 - 1


class _Events(NamedTuple):
    """Beginnings and ends of notes, in the order in which they are written: `[events]` int64 each.

    Attributes:
        row: of the batch.
        tick: from the row's beginning.
        status: the byte that tells what happens on which channel.
        note: MIDI number.
    """

    row: tf.Tensor
    tick: tf.Tensor
    status: tf.Tensor
    note: tf.Tensor


def midi_of(
    notes: tf.Tensor, lengths: tf.Tensor, tempo: tf.Tensor, steps_per_quarter: tf.Tensor
) -> tf.Tensor:
    """MIDI files of format 0, strings `[batch]`: a channel for each voice, that of drums passed over.

    A note that stays in the same voice for consecutive steps is one held note. The file lasts as long as its row,
    silence at its end included. A row of no steps is a file without notes.

    Example:
        >>> import io, mido
        >>> chord = tf.constant([[[67, 60], [67, 59]]])
        >>> file = midi_of(chord, tf.constant([2]), tf.constant([90.0]), tf.constant([4]))
        >>> track = mido.MidiFile(file=io.BytesIO(file.numpy()[0])).tracks[0]
        >>> [(one.time, one.type, one.channel, one.note) for one in track if one.type.startswith("note")][:4]
        [(0, 'note_on', 0, 67), (0, 'note_on', 1, 60), (120, 'note_off', 1, 60), (0, 'note_on', 1, 59)]

    Args:
        notes: int32 `[batch, steps, voices]`; what is not from 1 to 127 is silence. Where the graph does not know how
            many voices there are, those beyond `MOST_VOICES` are left out.
        lengths: int32 `[batch]`, how many steps of each row are real.
        tempo: float32 `[batch]`, quarter notes per minute; less than about 3.6 is written as that, as MIDI has it.
        steps_per_quarter: int32 `[batch]`, how many steps a quarter note lasts, at least 1.

    Raises:
        ValueError: there are more than `MOST_VOICES` voices.
    """
    if (notes.shape[2] or 0) > MOST_VOICES:
        raise ValueError(f"voices: {notes.shape[2]}; expected at most {MOST_VOICES}")
    with tf.name_scope("midi_of"):
        notes = notes[:, :, :MOST_VOICES]
        rows, steps = tf.shape(notes)[0], tf.shape(notes)[1]
        lengths = tf.clip_by_value(lengths, 0, steps)
        per_step = TICKS / tf.maximum(tf.cast(steps_per_quarter, tf.float64), 1.0)
        events = _events(notes, lengths, per_step)
        last = tf.maximum(tf.math.unsorted_segment_max(events.tick, events.row, rows), 0)
        track = tf.strings.join(
            [
                _TEMPO,
                _tempo_bytes(tempo),
                tf.gather(_PROGRAMS, tf.shape(notes)[2]),
                _event_bytes(events, rows),
                _joined(_variable_length(_ticks(lengths, per_step) - last)),
                _END_OF_TRACK,
            ]
        )
        size = tf.cast(tf.strings.length(track), tf.int64)
        return tf.strings.join([_HEADER, _joined(_big_endian(size, 4)), track])


def _events(notes: tf.Tensor, lengths: tf.Tensor, per_step: tf.Tensor) -> _Events:
    """What begins and ends in each row; at the same tick, notes end before others begin."""
    is_note = tf.sequence_mask(lengths, tf.shape(notes)[1])[:, :, None] & (notes > 0) & (notes < _SEPTET)
    sounding = tf.pad(tf.where(is_note, notes, 0), [[0, 0], [1, 1], [0, 0]])
    before, after = sounding[:, :-1], sounding[:, 1:]
    # [batch, steps + 1, ends and begins, voices]
    changing = tf.stack([before, after], axis=2)
    places = tf.where((before != after)[:, :, None] & (changing > 0))
    row, step, begins, voice = tf.unstack(places, axis=1)
    status = tf.where(begins > 0, _NOTE_ON, _NOTE_OFF) + tf.gather(_CHANNELS, voice)
    return _Events(
        row,
        _ticks(step, tf.gather(per_step, row)),
        tf.cast(status, tf.int64),
        tf.cast(tf.gather_nd(changing, places), tf.int64),
    )


def _event_bytes(events: _Events, rows: tf.Tensor) -> tf.Tensor:
    """The events of each row with the time from one to the next, strings `[batch]`."""
    tick_before, row_before = (tf.concat([[-1], one[:-1]], axis=0) for one in (events.tick, events.row))
    delta = events.tick - tf.where(events.row == row_before, tick_before, 0)
    message = tf.stack(
        [events.status, events.note, tf.fill(tf.shape(delta), tf.constant(_VELOCITY, tf.int64))], axis=1
    )
    pieces = tf.gather(_BYTES, tf.concat([_variable_length(delta), message], axis=1))
    of_row = tf.repeat(events.row, tf.shape(pieces)[1])
    return tf.strings.unsorted_segment_join(tf.reshape(pieces, [-1]), of_row, rows)


def _tempo_bytes(tempo: tf.Tensor) -> tf.Tensor:
    """Microseconds of a quarter note in three bytes, strings `[batch]`."""
    microseconds = tf.round(60e6 / tf.cast(tempo, tf.float64))
    # Also where the tempo is no number.
    in_range = tf.where(tempo > 0, tf.clip_by_value(microseconds, 1, _SLOWEST), _SLOWEST)
    return _joined(_big_endian(tf.cast(in_range, tf.int64), 3))


def _ticks(steps: tf.Tensor, per_step: tf.Tensor) -> tf.Tensor:
    """When steps begin: `[...]` int64."""
    return tf.cast(tf.cast(steps, tf.float64) * per_step, tf.int64)


def _big_endian(numbers: tf.Tensor, count: int) -> tf.Tensor:
    """The bytes of numbers, the highest first: `[...]` int64 -> `[..., count]`."""
    return _digits(numbers, 256, count)


def _variable_length(numbers: tf.Tensor) -> tf.Tensor:
    """The bytes of numbers as MIDI writes times: seven bits in each, the highest bit set in all but the last.

    `[...]` int64 -> `[..., 4]`, where bytes that are not needed are `_NO_BYTE`.
    """
    numbers = tf.minimum(numbers, _SEPTET**_LONGEST - 1)
    digits = _digits(numbers, _SEPTET, _LONGEST)
    is_needed = numbers[..., None] >= [_SEPTET**place for place in reversed(range(1, _LONGEST))]
    higher = tf.where(is_needed, digits[..., :-1] + _SEPTET, _NO_BYTE)
    return tf.concat([higher, digits[..., -1:]], axis=-1)


def _digits(numbers: tf.Tensor, base: int, count: int) -> tf.Tensor:
    """`[...]` -> `[..., count]`, the highest first."""
    places = tf.constant([base**place for place in reversed(range(count))], tf.int64)
    return numbers[..., None] // places % base


def _joined(numbers: tf.Tensor) -> tf.Tensor:
    """Bytes `[..., bytes]`, as numbers, to strings `[...]`."""
    return tf.strings.reduce_join(tf.gather(_BYTES, numbers), axis=-1)
