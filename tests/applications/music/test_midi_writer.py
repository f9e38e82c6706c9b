"""MIDI files written in the graph say to mido, and to the project's own reader, what the notes say."""

import io

import mido
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.music.midi_files import piece_of_midi
from applications.music.midi_writer import TICKS, midi_of
from applications.music.reading import MOST_VOICES

NOTES = st.integers(0, 3).flatmap(
    lambda voices: st.lists(
        st.lists(st.sampled_from([0, 0, 60, 61, 108]), min_size=voices + 1, max_size=voices + 1), max_size=12
    )
)
# Of any number of voices, so that one graph is made for all tests.
write = tf.function(
    midi_of,
    input_signature=[
        tf.TensorSpec([None, None, None], tf.int32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None], tf.int32),
    ],
    autograph=False,
)


def written(pieces, tempo=90.0, grid=4):
    """The files of pieces of the same number of voices, each a list of steps, right-padded with notes that are none."""
    voices = max([len(step) for piece in pieces for step in piece], default=1)
    padded = np.full((len(pieces), max(map(len, pieces), default=0), voices), 77, np.int32)
    for row, piece in zip(padded, pieces, strict=True):
        row[: len(piece)] = np.reshape(piece, (-1, voices))
    lengths = np.int32([len(piece) for piece in pieces])
    tempos, grids = np.full(len(pieces), tempo, np.float32), np.full(len(pieces), grid, np.int32)
    return write(tf.constant(padded), lengths, tempos, grids).numpy().tolist()


def read(content):
    return mido.MidiFile(file=io.BytesIO(content))


def messages(content):
    """(tick, message) of the only track of a file."""
    (track,) = read(content).tracks
    ticks = np.cumsum([message.time for message in track]).tolist()
    return list(zip(ticks, track, strict=True))


def sounding(content, steps, voices, ticks_per_step):
    """The notes of each step and voice, as a synthesiser would play them."""
    channels = [channel for channel in range(16) if channel != 9][:voices]
    now, at_step, events = [0] * voices, [], messages(content)
    for step in range(steps):
        while events and events[0][0] <= step * ticks_per_step:
            message = events.pop(0)[1]
            if message.type == "note_on":
                assert now[channels.index(message.channel)] == 0
                now[channels.index(message.channel)] = message.note
            elif message.type == "note_off":
                assert now[channels.index(message.channel)] == message.note
                now[channels.index(message.channel)] = 0
        at_step.append(list(now))
    return at_step


@settings(max_examples=30)
@given(st.lists(NOTES, min_size=1, max_size=3), st.sampled_from([1, 2, 4]))
def test_a_file_plays_the_notes_of_its_row(pieces, grid):
    voices = max([len(step) for piece in pieces for step in piece], default=1)
    pieces = [[[*step, *[0] * (voices - len(step))] for step in piece] for piece in pieces]
    files = written(pieces, grid=grid)
    for piece, content in zip(pieces, files, strict=True):
        per_step = TICKS // grid
        assert sounding(content, len(piece), voices, per_step) == piece
        last_tick, last = messages(content)[-1]
        assert (last.type, last_tick) == ("end_of_track", len(piece) * per_step)
        begun = sum(
            note not in (0, before)
            for steps in zip(*piece, strict=True)
            for before, note in zip((0, *steps[:-1]), steps, strict=True)
        )
        types = [message.type for _, message in messages(content)]
        assert types.count("note_on") == types.count("note_off") == begun


@settings(max_examples=30)
@given(NOTES.filter(lambda piece: piece and any(piece[0]) and any(piece[-1])), st.sampled_from([1, 2, 4]))
def test_what_is_written_is_read_again(piece, grid):
    (content,) = written([piece], tempo=132.0, grid=grid)
    again = piece_of_midi(content, "x.mid", grid, len(piece[0]))
    assert again.left_out == {}
    assert again.piece.tempo == pytest.approx(132, abs=1e-3)
    assert again.piece.notes.tolist() == [sorted(step, reverse=True) for step in piece]


def test_the_file_is_of_format_0_with_480_ticks_and_a_channel_for_each_voice():
    (content,) = written([[list(range(60, 60 + MOST_VOICES))]])
    file = read(content)
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (0, 480, 1)
    begun = [message for message in file.tracks[0] if message.type == "note_on"]
    channels = [*range(9), *range(10, 16)]
    assert [(message.channel, message.note) for message in begun] == [
        (channel, 60 + voice) for voice, channel in enumerate(channels)
    ]
    programs = [message.channel for message in file.tracks[0] if message.type == "program_change"]
    assert programs == channels


def test_voices_in_unison_end_apart():
    (content,) = written([[[60, 60], [62, 60], [62, 60]]])
    ends = [(tick, one.channel, one.note) for tick, one in messages(content) if one.type == "note_off"]
    assert ends == [(120, 0, 60), (360, 0, 62), (360, 1, 60)]


@pytest.mark.parametrize("steps", [1, 2, 31, 32, 4_095, 4_096, 4_500])
def test_long_rests_are_written(steps):
    """Times take from one to three bytes, of seven bits each."""
    (content,) = written([[[0]] * steps + [[60]]])
    (begin, _), (end, _) = [event for event in messages(content) if event[1].type.startswith("note")]
    assert (begin, end) == (120 * steps, 120 * steps + 120)


def test_a_time_of_four_bytes_is_written():
    """At a quarter note for each step."""
    (content,) = written([[[0]] * 5_000 + [[60]]], grid=1)
    assert messages(content)[-1][0] == 480 * 5_001


@pytest.mark.parametrize(
    ("tempo", "microseconds"),
    [
        (120, 500_000),
        (90, 666_667),
        (0.5, 2**24 - 1),
        (0, 2**24 - 1),
        (-3, 2**24 - 1),
        (float("nan"), 2**24 - 1),
    ],
)
def test_the_tempo_is_written(tempo, microseconds):
    (content,) = written([[[60]]], tempo=tempo)
    assert [one.tempo for _, one in messages(content) if one.type == "set_tempo"] == [microseconds]


def test_a_piece_of_no_steps_is_a_file_without_notes():
    empty, whole = written([[], [[60]]])
    assert [one.type for one in read(empty).tracks[0]] == ["set_tempo", "program_change", "end_of_track"]
    assert messages(empty)[-1][0] == 0
    assert whole == written([[[60]]])[0]
    assert written([]) == []


def test_rows_have_their_own_tempo_and_grid_and_no_part_in_their_neighbours():
    notes = tf.constant([[[60], [62]], [[200], [-1]], [[64], [64]]])
    arguments = tf.constant([2, 2, 9]), tf.constant([60.0, 90.0, 120.0]), tf.constant([1, 0, 2])
    files = midi_of(notes, *arguments).numpy().tolist()
    for row, content in enumerate(files):
        alone = midi_of(notes[row : row + 1], *(one[row : row + 1] for one in arguments)).numpy()
        assert alone.tolist() == [content]
    assert [messages(content)[-1][0] for content in files] == [960, 960, 480]
    assert not [one for _, one in messages(files[1]) if one.type == "note_on"]


def test_more_voices_than_channels_are_refused():
    notes = tf.zeros([1, 2, MOST_VOICES + 1], tf.int32)
    with pytest.raises(ValueError, match="voices: 16; expected at most 15"):
        midi_of(notes, tf.constant([2]), tf.constant([90.0]), tf.constant([4]))
    (content,) = written([[[60] * 20]])
    assert sum(one.type == "note_on" for _, one in messages(content)) == MOST_VOICES


def test_the_graph_holds_tensorflows_own_operations_alone():
    graph = write.get_concrete_function().graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert not kinds & {"PyFunc", "EagerPyFunc", "While", "StatelessWhile"}
    assert all(hasattr(tf.raw_ops, kind) for kind in kinds)
