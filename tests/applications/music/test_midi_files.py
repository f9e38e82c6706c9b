"""MIDI files are read on a grid of steps as mido's own messages have them; what cannot be read is one clear line."""

import gzip
import io
import re
from fractions import Fraction
from math import floor

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.music.midi_files import MOST_STEPS, melody_of, piece_of_midi, read_midi
from applications.music.piece import Piece
from applications.music.reading import PieceError
from common.errors import UserError

TICKS = 480


def midi(*tracks, ticks=TICKS, kind=1):
    """The bytes of a file of tracks of (tick, message)."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for events in tracks:
        track, last = mido.MidiTrack(), 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - last))
            last = tick
        file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def on(tick, note, channel=0, velocity=64):
    return tick, mido.Message("note_on", note=note, channel=channel, velocity=velocity)


def off(tick, note, channel=0):
    return tick, mido.Message("note_off", note=note, channel=channel)


def played(start, end, note, channel=0):
    return [on(start, note, channel), off(end, note, channel)]


def together(*notes):
    return [event for note in notes for event in played(*note)]


def tempo(tick, microseconds):
    return tick, mido.MetaMessage("set_tempo", tempo=microseconds)


def steps(content, *options):
    """The notes of each step, without silence."""
    notes = piece_of_midi(content, "x.mid", *options).piece.notes
    return [[note for note in step if note] for step in notes.tolist()]


SCALE = midi(together((0, 480, 60), (480, 960, 62), (960, 1200, 64)))

PLAYED = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([0, 1, 9, 15]),
        st.integers(21, 30),
        st.integers(0, 900),
        st.integers(0, 400),
    ),
    min_size=1,
    max_size=12,
)


@given(PLAYED, st.sampled_from([1, 2, 4]), st.sampled_from([24, 96, 480, 7]))
def test_a_note_sounds_in_the_steps_between_its_rounded_beginning_and_end(notes, grid, ticks):
    lines = {}
    for track, channel, note, start, length in sorted(notes, key=lambda one: one[3]):
        of_line = lines.setdefault((track, channel, note), [])
        if not of_line or start > of_line[-1][1]:
            of_line.append((start, start + length))
    tracks = [[], []]
    for (track, channel, note), of_line in lines.items():
        tracks[track] += [event for start, end in of_line for event in played(start, end, note, channel)]
    content = midi(*tracks, ticks=ticks)
    rounded = {
        line: [
            tuple(floor(Fraction(tick * grid, ticks) + Fraction(1, 2)) for tick in times) for times in of_line
        ]
        for line, of_line in lines.items()
        if line[1] != 9
    }
    if not rounded:
        with pytest.raises(
            UserError, match=r"^x.mid: no note but [\d,]+ of drums \(channel 10\); expected one"
        ):
            steps(content, grid)
        return
    spans = [(line[2], start, max(end, start + 1)) for line, times in rounded.items() for start, end in times]
    first, last = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    expected = [
        sorted(
            (
                line[2]
                for line, times in rounded.items()
                if any(start <= step < max(end, start + 1) for start, end in times)
            ),
            reverse=True,
        )
        for step in range(first, last)
    ]
    assert steps(content, grid) == expected


def test_a_piece_has_its_name_its_grid_and_its_notes_from_the_highest_down(tmp_path):
    path = tmp_path / "chord.mid"
    path.write_bytes(midi(together((0, 480, 48), (0, 480, 72)), together((0, 240, 64, 3)), kind=1))
    piece = read_midi(path, 2, 4).piece
    assert (piece.name, piece.steps_per_quarter, piece.notes.dtype) == (str(path), 2, np.int32)
    assert piece.notes.tolist() == [[72, 64, 48, 0], [72, 48, 0, 0]]
    packed = tmp_path / "chord.mid.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_midi(packed, 2, 4).piece.notes, piece.notes)


def test_silence_before_the_first_note_is_left_out_and_that_between_notes_stays():
    assert steps(midi(together((960, 1080, 60), (1200, 1320, 62)))) == [[60], [], [62]]


def test_a_note_begun_anew_ends_there_and_velocity_zero_ends_one():
    events = [on(0, 60), on(240, 60), on(360, 60, velocity=0), off(480, 60), on(480, 62), off(600, 62)]
    assert steps(midi(events)) == [[60], [60], [60], [], [62]]


def test_a_note_that_does_not_end_lasts_as_long_as_its_track():
    events = [on(0, 60), (360, mido.Message("control_change", control=64, value=127))]
    assert steps(midi(events, together((0, 600, 40)))) == [[60, 40]] * 3 + [[40]] * 2


def test_notes_of_one_channel_that_fall_on_one_step_are_one_and_those_of_two_are_two():
    assert steps(midi(together((0, 20, 60), (30, 50, 60)))) == [[60]]
    assert steps(midi(together((0, 120, 60, 0), (0, 120, 60, 1)))) == [[60, 60]]
    assert steps(midi(together((0, 120, 60)), together((0, 120, 60)))) == [[60, 60]]


def test_of_too_many_notes_at_once_the_lowest_and_the_highest_stay_and_the_others_are_counted():
    content = midi(together(*((0, 240, note) for note in (40, 52, 59, 64, 67, 76)), (240, 360, 60)))
    given_piece = piece_of_midi(content, "x.mid", 4, 4)
    assert given_piece.piece.notes.tolist() == [[76, 67, 64, 40]] * 2 + [[60, 0, 0, 0]]
    assert given_piece.left_out == {"notes beyond 4 at once": 4}
    doubled = midi(together((0, 120, 60), (0, 120, 64)), together((0, 120, 60)))
    assert piece_of_midi(doubled, "x.mid", 4, 2).piece.notes.tolist() == [[64, 60]]
    assert piece_of_midi(doubled, "x.mid", 4, 2).left_out == {}
    assert piece_of_midi(doubled, "x.mid", 4, 1).piece.notes.tolist() == [[64]]


def test_drums_are_ignored_and_counted():
    content = midi(together((0, 120, 60), (0, 480, 35, 9), (120, 240, 38, 9)))
    given_piece = piece_of_midi(content, "x.mid")
    assert given_piece.piece.notes.tolist() == [[60]]
    assert given_piece.left_out == {"notes of drums": 2}


@pytest.mark.parametrize(
    ("tracks", "expected", "changes"),
    [
        ([played(0, 120, 60)], 120, 0),
        ([[tempo(0, 666_667), *played(0, 120, 60)]], 90, 0),
        ([[tempo(480, 500_000), *played(0, 120, 60)], [tempo(0, 1_000_000)]], 60, 1),
        ([[tempo(0, 400_000), tempo(480, 400_000), tempo(960, 600_000)], played(0, 120, 60)], 150, 1),
        ([[tempo(0, 0), *played(0, 120, 60)]], 120, 0),
    ],
)
def test_the_tempo_is_the_first_one_and_its_changes_are_counted(tracks, expected, changes):
    given_piece = piece_of_midi(midi(*tracks), "x.mid")
    assert given_piece.piece.tempo == pytest.approx(expected, abs=1e-3)
    assert given_piece.left_out == ({"changes of tempo": changes} if changes else {})


def altered(content, at, *numbers):
    return content[:at] + bytes(numbers) + content[at + len(numbers) :]


def of_track(data):
    """A file of a track of the given bytes."""
    return altered(SCALE[:14], 10, 0, 1) + b"MTrk" + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin with MThd; expected a Standard MIDI file"),
        (b"RIFF....", "does not begin with MThd"),
        (SCALE[:9], "truncated in its header"),
        (altered(SCALE, 8, 0, 2), "of format 2; expected a Standard MIDI file .* of format 0 or 1"),
        (altered(SCALE, 8, 1, 0), "of format 256"),
        (altered(SCALE, 12, 0xE7, 40), "its times are in frames of SMPTE; expected parts of a quarter note"),
        (altered(SCALE, 12, 0, 0), "its times are in no unit"),
        (SCALE[:-7], "truncated; expected"),
        (altered(SCALE, 14, 0), r"damaged \(OSError: no MTrk header at start of track\)"),
        (altered(SCALE, 24, 200), r"damaged \(OSError: data byte must be in range"),
        (of_track(b"\0\xff\x59\x02\x09\x09"), r"damaged \(KeySignatureError: "),
        (of_track(b"\0\xff\x51\x00"), r"damaged \(IndexError: "),
        (midi([tempo(0, 500_000)]), "no note; expected one at least"),
        (midi(), "no note"),
        (midi(together((0, 120, 36, 9), (0, 120, 40, 9))), r"no note but 2 of drums \(channel 10\)"),
        (
            midi(together((0, 120, 60), (720, 840, 20))),
            "note 20 after 1.5 quarter notes; expected notes from 21",
        ),
        (
            midi(together((0, 120, 109))),
            "note 109 after 0.0 quarter notes; expected notes from 21 to 108, the",
        ),
        (
            midi(together((0, 120, 60), (120 * MOST_STEPS, 120 * MOST_STEPS + 120, 62))),
            "longer than 25,000 quarter notes; expected 100,000 steps at most, 4 a quarter note",
        ),
    ],
)
def test_what_is_no_piece_is_one_line_with_the_files_name(tmp_path, content, message):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(PieceError, match=f"^{re.escape(str(path))}: {message}") as error:
        read_midi(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none.mid: no such file; expected a Standard MIDI file"):
        read_midi(tmp_path / "none.mid")


def edited(edits):
    content = bytearray(SCALE)
    for at, number in edits:
        content[min(at, len(content) - 1)] = number
    return bytes(content)


EDITS = st.lists(st.tuples(st.integers(14, 80), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=150)
@given(
    st.one_of(
        st.binary(max_size=30),
        st.binary(max_size=30).map(lambda data: b"MThd" + data),
        st.binary(max_size=40).map(of_track),
        EDITS.map(edited),
        st.integers(0, len(SCALE)).map(lambda end: SCALE[:end]),
    )
)
def test_any_bytes_are_a_piece_or_one_line(content):
    piece, message = None, ""
    try:
        piece = piece_of_midi(content, "any.mid").piece
    except UserError as error:
        message = str(error)
    if piece is None:
        assert message.startswith("any.mid: ")
        assert "\n" not in message
    else:
        assert 1 <= piece.steps <= MOST_STEPS
        assert piece.tempo > 0
        assert piece.notes[0].any()


def test_a_melody_is_one_note_at_a_time():
    assert melody_of(piece_of_midi(SCALE, "x.mid", 1).piece).tolist() == [60, 62, 64]
    in_unison = midi(together((0, 480, 60)), together((0, 240, 60), (480, 960, 64)))
    assert melody_of(piece_of_midi(in_unison, "x.mid", 2).piece).tolist() == [60, 60, 64, 64]
    with_rest = Piece("tune", np.int32([[60], [0], [64]]))
    assert melody_of(with_rest).tolist() == [60, 0, 64]
    two = midi(together((0, 480, 60), (240, 480, 64)))
    with pytest.raises(UserError, match=r"^x.mid: 2 notes at once at step 2 of 2 \(2 a quarter note\)"):
        melody_of(piece_of_midi(two, "x.mid", 2).piece)
    chords = midi(together((0, 960, 60), (480, 960, 64), (480, 960, 67)))
    message = r"^x.mid: 3 notes at once at step 5 of 8 \(4 a quarter note\); expected a melody of one note at a time$"
    with pytest.raises(UserError, match=message):
        melody_of(piece_of_midi(chords, "x.mid").piece)
