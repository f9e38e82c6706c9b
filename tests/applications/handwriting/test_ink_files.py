"""Ink is read alike from every form of file; what is wrong in one is a line with its file, row and stroke."""

import csv
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.handwriting.ink import GivenInk, Ink, InkError
from applications.handwriting.ink_columns import Columns
from applications.handwriting.ink_files import inks_of, iterate_inks, read_inks
from applications.handwriting.ink_json import read_json, to_json
from applications.handwriting.inkml import read_inkml, to_inkml
from common.errors import UserError
from common.text.tables import TableFormat

TEXT, WRITER = "Åse's 7", "ann"
DRAWING = Ink(
    [np.float32([[3, 4], [5.5, 4], [7, -2]]), np.float32([[1, 0.25]]), np.float32([[8, 8], [9, 8]])]
)

COORDINATE = st.floats(allow_nan=False, allow_infinity=False, width=32)
WHOLE = st.integers(-500, 500)


def inks(coordinates=COORDINATE):
    """Ink of a few strokes in more than one place."""
    point = st.tuples(coordinates, coordinates)
    strokes = st.lists(st.lists(point, min_size=1, max_size=4), min_size=1, max_size=4)
    several = strokes.filter(lambda drawn: len({place for stroke in drawn for place in stroke}) > 1)
    return several.map(lambda drawn: Ink([np.float32(stroke) for stroke in drawn]))


def assert_same(ink, other):
    assert len(ink.strokes) == len(other.strokes)
    for stroke, of_other in zip(ink.strokes, other.strokes, strict=True):
        assert stroke.dtype == of_other.dtype == np.float32
        np.testing.assert_array_equal(stroke, of_other)


def pairs(ink):
    """The points of each stroke as pairs of Python's floats."""
    return [[(float(x), float(y)) for x, y in stroke] for stroke in ink.strokes]


def inkml(ink, text=TEXT, writer=WRITER):
    traces = "".join(
        f'<trace id="t{number}">{", ".join(f"{10 * place} {y} {x} 0.5" for place, (x, y) in enumerate(stroke))}</trace>'
        for number, stroke in enumerate(pairs(ink))
    )
    channels = "".join(f'<channel name="{name}" type="decimal"/>' for name in "TYXF")
    annotations = (
        f'<annotation type="truth">{text}</annotation><annotation type="writer">{writer}</annotation>'
    )
    start = '<?xml version="1.0" encoding="UTF-8"?><ink xmlns="http://www.w3.org/2003/InkML">'
    return f"{start}<traceFormat>{channels}</traceFormat>{annotations}{traces}</ink>".encode()


def unipen(ink, text=TEXT, writer=WRITER):
    """y upward, with pen-up movements and one without points, which has no number."""
    lines = [".VERSION 1.0", f".WRITER_ID {writer}", ".COORD X Y T P", ".HIERARCHY PAGE WORD"]
    count = 0
    for stroke in pairs(ink):
        lines += [".PEN_UP", ".PEN_UP", "0 0 0 0"]
        lines += [".PEN_DOWN", *(f"{x} {-y} 1 99" for x, y in stroke)]
        count += 2
    lines.insert(4, f'.SEGMENT WORD 0-{count - 1} GOOD "{text}"')
    return "\n".join(lines).encode()


def quick_draw(ink, text=TEXT, writer=WRITER):
    drawing = [[[x for x, _ in stroke], [y for _, y in stroke], [0] * len(stroke)] for stroke in pairs(ink)]
    return json.dumps({"word": text, "countrycode": "NO", "user": writer, "drawing": drawing}).encode()


def pointer_events(ink, text=TEXT, writer=WRITER):
    """Flat events, with the pen hovering between strokes."""
    events = []
    for stroke in pairs(ink):
        moves = [{"type": "pointermove", "x": x, "y": y, "pressure": 0.5, "t": 2} for x, y in stroke]
        hover = {"type": "pointermove", "x": 0, "y": 0, "pressure": 0, "pointerType": "pen", "t": 1}
        first, last = moves[0] | {"type": "pointerdown"}, moves[-1] | {"type": "pointerup", "pressure": 0}
        events += [hover, first, *moves[1:], last]
    return json.dumps({"text": text, "writer": writer, "events": events}).encode()


def strokes_of_objects(ink, text=TEXT, writer=WRITER):
    strokes = [[{"x": x, "y": y} for x, y in stroke] for stroke in pairs(ink)]
    return json.dumps([{"label": text, "writer": writer, "strokes": strokes}], indent=1).encode()


def strokes_of_lists(ink, text=TEXT, writer=WRITER):
    strokes = [[[x, y, 17] for x, y in stroke] for stroke in pairs(ink)]
    return json.dumps({"label": text, "writer": writer, "strokes": strokes}).encode() + b"\n\n"


def _table(rows, delimiter=","):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode()


def row_per_ink(ink, text=TEXT, writer=WRITER):
    strokes = ";".join(" ".join(f"{x!r},{y!r}" for x, y in stroke) for stroke in pairs(ink))
    return _table([("Label", "strokes", "writer", "age"), (text, strokes, writer, 33)])


def row_per_ink_of_json(ink, text=TEXT, writer=WRITER):
    drawing = json.dumps([[[x for x, _ in stroke], [y for _, y in stroke]] for stroke in pairs(ink)])
    return _table([("word", "drawing", "writer"), (text, drawing, writer)], "\t")


def row_per_point(ink, text=TEXT, writer=WRITER):
    rows = [
        ("a7", number, repr(x), repr(y), text if number == 0 else "", writer)
        for number, stroke in enumerate(pairs(ink))
        for x, y in stroke
    ]
    return _table([("item", "stroke", "x", "y", "text", "writer"), *rows])


def packed_arrays(drawn, texts, writers):
    """Ink of whole numbers as steps from point to point, y upward."""
    turned = [[stroke * (1, -1) for stroke in ink.strokes] for ink in drawn]
    points = [np.concatenate(strokes) for strokes in turned]
    steps = np.concatenate([np.diff(one, axis=0, prepend=one[:1]) for one in points]).astype(np.int16)
    names = sorted(set(writers))
    return {
        "dx": steps[:, 0],
        "dy": steps[:, 1],
        "starts": np.int16([one[0] for one in points]),
        "points_per_item": np.int16([len(one) for one in points]),
        "strokes_per_item": np.uint8([len(strokes) for strokes in turned]),
        "points_per_stroke": np.int16([len(stroke) for strokes in turned for stroke in strokes]),
        "writer": np.int16([names.index(writer) for writer in writers]),
        "writers": np.array(names),
        "labels": np.array(texts),
    }


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def packed(ink, text=TEXT, writer=WRITER):
    arrays = packed_arrays([ink], [text], [writer])
    turned = [stroke * (1, -1) for stroke in ink.strokes]
    steps = np.diff(np.concatenate(turned), axis=0, prepend=turned[0][:1])
    exact = {"dx": steps[:, 0], "dy": steps[:, 1], "starts": turned[0][:1]}
    return lzma.compress(npz({**arrays, **exact}))


FORMS = {
    "a.inkml": inkml,
    "a.xml": inkml,
    "a.dat": unipen,
    "a.txt": unipen,
    "a.ndjson": quick_draw,
    "events.json": pointer_events,
    "objects.json": strokes_of_objects,
    "lists.jsonl": strokes_of_lists,
    "inks.csv": row_per_ink,
    "inks.tsv": row_per_ink_of_json,
    "points.csv": row_per_point,
    "packed.npz.xz": packed,
}
"""Every form of file by a name that it may have."""


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", FORMS)
def test_a_drawing_is_the_same_ink_in_every_form_of_file(tmp_path, name):
    (given_ink,) = read_inks(write(tmp_path, name, FORMS[name](DRAWING)))
    assert_same(given_ink.ink, DRAWING)
    assert (given_ink.text, given_ink.writer) == (TEXT, WRITER)
    assert given_ink.origin.startswith(str(tmp_path / name))


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=15)
@given(drawn=inks(st.integers(-999, 999).map(lambda number: number / 4)))
def test_any_drawing_is_the_same_ink_in_every_form_of_file(tmp_path_factory, name, drawn):
    (given_ink,) = read_inks(write(tmp_path_factory.mktemp("ink"), name, FORMS[name](drawn)))
    assert_same(given_ink.ink, drawn)


@given(inks(), st.text(), st.text())
def test_what_is_written_as_json_is_read_as_it_was(drawn, text, writer):
    (given_ink,) = read_json(to_json(drawn, text, writer), "a.json")
    assert_same(given_ink.ink, drawn)
    assert (given_ink.text, given_ink.writer) == (text, writer)


@given(inks(), st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
def test_what_is_written_as_inkml_is_read_as_it_was(drawn, text):
    (given_ink,) = read_inkml(to_inkml(drawn, text, "ann").encode(), "a.inkml")
    assert_same(given_ink.ink, drawn)
    legal = re.sub("[\ufffe\uffff]", "", text)
    assert (given_ink.text, given_ink.writer) == (legal, "ann")


@given(inks(), st.text())
def test_any_text_can_be_written_as_inkml(drawn, text):
    (given_ink,) = read_inkml(to_inkml(drawn, text).encode("utf-8", "surrogatepass"), "a.inkml")
    assert_same(given_ink.ink, drawn)


@pytest.mark.parametrize("ending", [".gz", ".xz"])
@pytest.mark.parametrize("name", ["a.inkml", "a.dat", "lists.jsonl", "a.ndjson"])
def test_files_may_be_packed(tmp_path, name, ending):
    pack = {".gz": gzip.compress, ".xz": lzma.compress}[ending]
    (given_ink,) = read_inks(write(tmp_path, name + ending, pack(FORMS[name](DRAWING))))
    assert_same(given_ink.ink, DRAWING)


def test_folders_and_archives_are_read_file_by_file(tmp_path):
    members = {
        "a/1.inkml": inkml(DRAWING, "one"),
        "b/2.dat": unipen(DRAWING, "two"),
        "3.json": to_json(DRAWING, "three"),
    }
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            content = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for name, content in {**members, "notes.md": b"no ink", "include/raw.dat": b".PEN_DOWN\n1 2\n"}.items():
        write(tmp_path / "folder", name, content)
    for place in ("folder", "all.zip", "all.tar.gz"):
        read = read_inks(tmp_path / place)
        assert sorted(one.text for one in read) == ["one", "three", "two"]
        assert {one.origin.removeprefix(f"{tmp_path / place}/").partition(",")[0] for one in read} == set(
            members
        )


def test_lines_of_text_are_ink_too():
    read = list(inks_of(b"\xef\xbb\xbf1,2 3,4;5,6\n\n1,1 2,2\r\n", "-"))
    assert [one.origin for one in read] == ["-, line 1", "-, line 3"]
    assert_same(read[0].ink, Ink([np.float32([[1, 2], [3, 4]]), np.float32([[5, 6]])]))


def strokes_read(content, name="a.json"):
    (one,) = inks_of(content.encode(), name)
    assert isinstance(one, GivenInk), one
    return [stroke.tolist() for stroke in one.ink.strokes]


ONE, TWO = [[1, 2], [3, 4]], [[5, 6]]


@pytest.mark.parametrize(
    "content",
    [
        "[[[1, 2], [3, 4]], [[5, 6]]]",
        '[[{"x": 1, "y": 2}, {"x": 3, "y": 4}], [{"x": 5, "y": 6}]]',
        '{"strokes": "1,2 3,4;5,6"}',
        '{"ink": [{"points": [[1, 2], [3, 4]]}, {"x": [5], "y": [6]}]}',
        '{"points": [{"x": 1, "y": 2, "stroke": 7}, {"x": 3, "y": 4, "stroke": 7}, {"x": 5, "y": 6, "stroke": 0}]}',
        '[{"x": 1, "y": 2, "pressure": 0.1}, {"x": 3, "y": 4, "pressure": 1}, {"x": 9, "y": 9, "pressure": 0}, '
        '{"x": 5, "y": 6, "pressure": 0.5}]',
        '[{"clientX": 0, "clientY": 0, "type": "mousemove"}, {"clientX": 1, "clientY": 2, "type": "mousedown"}, '
        '{"clientX": 3, "clientY": 4, "type": "mouseup"}, {"clientX": 5, "clientY": 6, "type": "mousedown"}]',
        '[{"type": "touchstart", "x": "1", "y": "2"}, {"type": "touchend", "x": 3, "y": 4}, '
        '{"type": "touchstart", "x": 5, "y": 6}, {"type": "touchend", "x": 5, "y": 6}]',
        '{"x": 1, "y": 2, "type": "pointerdown"}\n{"x": 3, "y": 4, "type": "pointerup"}\n'
        '{"x": 5, "y": 6, "type": "pointerdown"}\n',
    ],
)
def test_json_has_strokes_in_many_ways(content):
    read = strokes_read(content)
    assert read[0] == ONE
    assert [stroke[:1] for stroke in read[1:]] == [TWO]


def test_points_alone_are_a_single_stroke():
    assert strokes_read("[[1, 2], [3, 4]]") == [ONE]
    assert strokes_read('[{"x": 1, "y": 2}, {"x": 3, "y": 4}]') == [ONE]


def test_a_list_of_inks_is_read_one_by_one():
    content = "[[[[1, 2], [3, 4]], [[5, 6]]], [[[1, 2], [3, 4]]]]"
    assert [len(one.ink.strokes) for one in inks_of(content.encode(), "a.json")] == [2, 1]


def test_inkml_has_differences_from_the_point_before():
    """The example of the recommendation of the W3C, with the points that it stands for."""
    trace = "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6,2 4"
    points = (
        *((1125, 18432), (1148, 18475), (1178, 18510), (1211, 18540), (1251, 18567), (1297, 18596)),
        *((1349, 18633), (1404, 18676), (1461, 18723)),
    )
    assert strokes_read(f"<ink><trace>{trace}</trace></ink>", "a.inkml") == [list(map(list, points))]


def test_inkml_of_several_words_is_read_group_by_group():
    content = """<ink><annotation type="writer">ann</annotation><trace id="x">9 9, 8 8</trace>
      <traceGroup><annotation type="Label">one</annotation><trace>1 2, 3 4</trace>
        <trace type="penUp">7 7, 8 8</trace><traceGroup><trace>5 6</trace></traceGroup></traceGroup>
      <traceGroup><annotation type="truth">two</annotation><annotation type="writer">bob</annotation>
        <traceView traceDataRef="#x"/></traceGroup></ink>"""
    one, two = inks_of(content.encode(), "a.inkml")
    assert (one.text, one.writer, one.origin) == ("one", "ann", "a.inkml, group 1")
    assert [stroke.tolist() for stroke in one.ink.strokes] == [ONE, TWO]
    assert (two.text, two.writer, two.ink.strokes[0].tolist()) == ("two", "bob", [[9, 9], [8, 8]])


def test_unipen_has_segments_of_strokes_and_of_points_in_them(tmp_path):
    write(
        tmp_path,
        "data/include/raw.dat",
        ".COORD X Y\n.PEN_DOWN\n1 -2\n3 -4\n.PEN_UP\n0 0\n.PEN_UP\n.PEN_DOWN\n5 -6\n6 -7\n",
    )
    segments = '.SEGMENT WORD 0-2 GOOD "all"\n.SEGMENT WORD 0:1-2:0 OK "part"\n.SEGMENT WORD 0,2 ? "list"\n'
    others = '.SEGMENT CHARACTER 0 GOOD "c"\n.SEGMENT WORD 2 BAD "bad"\n.SEGMENT WORD 3 OK "far"\n'
    path = write(tmp_path, "data/ann.dat", f".WRITER_ID ann\n.INCLUDE raw.dat\n{segments}{others}")
    all_, part, listed, bad, far = iterate_inks(path)
    assert [stroke.tolist() for stroke in all_.ink.strokes] == [ONE, [[5, 6], [6, 7]]]
    assert [stroke.tolist() for stroke in part.ink.strokes] == [[[3, 4]], [[5, 6]]]
    assert [stroke.tolist() for stroke in listed.ink.strokes] == [ONE, [[5, 6], [6, 7]]]
    assert [one.text for one in (all_, part, listed)] == ["all", "part", "list"]
    assert (bad.reason, far.reason) == ("marked BAD", "no such strokes")


def test_unipen_includes_nothing_from_elsewhere(tmp_path):
    write(tmp_path, "secret.dat", ".PEN_DOWN\n1 2\n3 4\n")
    for included in ("../secret.dat", str(tmp_path / "secret.dat")):
        path = write(tmp_path, "inner/a.dat", f".INCLUDE {included}\n")
        with pytest.raises(InkError, match=r"the included file .* is not there"):
            read_inks(path)
    path = write(tmp_path, "inner/a.dat", ".INCLUDE a.dat\n")
    with pytest.raises(InkError, match="include"):
        read_inks(path)


@settings(max_examples=30)
@given(st.lists(inks(st.integers(-500, 500)), min_size=1, max_size=5), st.data())
def test_packed_arrays_give_every_ink_its_own_text_and_writer(drawn, data):
    texts = [f"t{number}" for number in range(len(drawn))]
    writers = [data.draw(st.sampled_from(["ann", "bob"])) for _ in drawn]
    read = list(inks_of(npz(packed_arrays(drawn, texts, writers)), "a.npz"))
    for one, ink in zip(read, drawn, strict=True):
        assert_same(one.ink, ink)
    assert [one.text for one in read] == texts
    assert [one.writer for one in read] == writers


def test_trajectories_are_the_sums_of_their_speeds():
    speeds = np.float32(
        [[0, 0, 0], [1, 2, 9], [3, 4, 9], [0, 0, 9], [0.5, 0, 9], [0, 0, 0], [7, 7, 9], [0, 1, 9]]
    )
    arrays = {
        "values": speeds,
        "lengths": np.int32([6, 2]),
        "labels": np.int32([1, 0]),
        "classes": np.array(["a", "b"]),
    }
    one, two = inks_of(npz(arrays), "a.npz")
    assert [stroke.tolist() for stroke in one.ink.strokes] == [[[1, -2], [4, -6], [4, -6], [4.5, -6]]]
    assert [stroke.tolist() for stroke in two.ink.strokes] == [[[7, -7], [7, -8]]]
    assert (one.text, two.text) == ("b", "a")


def test_columns_and_keys_may_have_any_name(tmp_path):
    columns = Columns("s", "t", "w")
    paths = [
        write(tmp_path, "a.csv", 's;t;w;text\n1,2 3,4;"x";y;no\n'.replace(";", "|")),
        write(tmp_path, "a.json", '{"s": [[[1, 2], [3, 4]]], "t": "x", "w": "y", "text": "no"}'),
    ]
    for path, form in zip(paths, (TableFormat(delimiter="|"), TableFormat()), strict=True):
        (one,) = iterate_inks(path, columns, form)
        assert (one.text, one.writer, one.ink.strokes[0].tolist()) == ("x", "y", ONE)


TREE = '<ink xmlns="http://www.w3.org/2003/InkML">{}</ink>'
FAULTS = {
    "no ink at all": ("a.inkml", TREE.format(""), ": no stroke; expected at least one with points"),
    "a trace of letters": (
        "a.inkml",
        TREE.format("<trace>1 2, 3 x</trace>"),
        ": stroke 1, point 2: got 'x'; expected a number",
    ),
    "a trace without y": (
        "a.inkml",
        TREE.format("<trace>1 2, 3</trace>"),
        ": stroke 1, point 2: '3'; expected the values of X, Y",
    ),
    "broken XML": ("a.inkml", "<ink><trace>1 2</ink>", ": not valid XML (mismatched tag: line 1"),
    "other XML": ("a.xml", "<svg/>", ": the outermost element is <svg>; expected <ink> of InkML"),
    "channels without Y": (
        "a.inkml",
        TREE.format(
            '<traceFormat><channel name="X"/><channel name="T"/></traceFormat><trace>1 2, 3 4</trace>'
        ),
        ": the traceFormat has the channels X, T; expected X and Y among them",
    ),
    "a pen that was never down": (
        "a.dat",
        ".VERSION 1.0\n",
        ": no .PEN_DOWN with points; expected a file of UNIPEN",
    ),
    "numbers that are no points": (
        "a.dat",
        ".COORD X Y\n.PEN_DOWN\n1 2 3\n",
        ": stroke 1 has 3 numbers; expected 2 for each point: X Y",
    ),
    "a coordinate of UNIPEN": (
        "a.dat",
        ".PEN_DOWN\n1 2\n3 ?\n",
        ": stroke 1, point 2: got '?'; expected a number",
    ),
    "lengths of x and y": (
        "a.ndjson",
        '{"word": "a", "drawing": [[[1, 2], [3, 4]], [[1, 2], [3]]]}',
        ": stroke 2 has 2 x and 1 y; expected as many",
    ),
    "a drawing of points": (
        "a.ndjson",
        '{"drawing": [[1, 2], [3, 4]]}',
        ": stroke 1 is a list of 2; expected [[x, ...], [y, ...]], or with times",
    ),
    "NaN": (
        "a.json",
        '{"strokes": [[[1, 2], [NaN, 4]]]}',
        ": stroke 1, point 2 is at nan,4; expected finite numbers",
    ),
    "one place": (
        "a.json",
        '{"strokes": [[[1, 2]], [[1, 2]]]}',
        ": all 2 points are in one place; expected at least two places",
    ),
    "one point": ("a.json", '{"strokes": [[[1, 2]]]}', ": a single point; expected at least two"),
    "no strokes": (
        "a.json",
        '{"strokes": [], "text": "a"}',
        ": no stroke; expected at least one with points",
    ),
    "another key": ("a.json", '{"lines": [[[1, 2], [3, 4]]]}', ": no key 'strokes'; the keys are 'lines'"),
    "a point without y": (
        "a.json",
        '[[{"x": 1, "y": 2}, {"x": 3}]]',
        ": stroke 1, point 2 is an object of 1; expected one with x and y",
    ),
    "a text that is none": (
        "a.json",
        '{"strokes": [[[1, 2], [3, 4]]], "text": ["a"]}',
        ": text is a list of 1; expected a text",
    ),
    "a line that is no JSON": ("a.jsonl", "[[[1, 2], [3, 4]]]\n[[[1,\n", ", line 2: not valid JSON ("),
    "a file that is no JSON": ("a.json", '{"strokes": [', ": not valid JSON ("),
    "an empty file": ("a.json", " \n", ": the file is empty; expected an object with strokes"),
    "a cell that is no ink": (
        "a.csv",
        "strokes,text\n1;2,b\n",
        ", line 2: stroke 1, point 1: '1'; expected x,y such as 3,4.5",
    ),
    "a cell that is no JSON": ("a.csv", 'drawing,word\n"[[[1",b\n', ", line 2: not valid JSON ("),
    "a row of too few cells": (
        "a.csv",
        'strokes,text\n"1,2 3,4",b\n"1,2 3,4"\n',
        ", line 3: 1 fields; expected 2 as in the header",
    ),
    "a point of a table": (
        "a.csv",
        "item,stroke,x,y\nw1,0,1,2\nw1,0,3,\n",
        ", item w1: stroke 1, point 2: got nothing; expected a number",
    ),
    "no column of strokes": (
        "a.csv",
        "text,label\na,b\n",
        ": no column of strokes; expected a column strokes of",
    ),
    "a line of text": (
        "a.txt",
        "1,2 3,4\n1,2 3\n",
        ", line 2: stroke 1, point 2: '3'; expected x,y such as 3,4.5",
    ),
    "bytes that are no text": (
        "a.json",
        b'["\xff"]',
        ", line 1: byte 0xff is not valid utf-8; expected InkML",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_with_its_place(tmp_path, fault):
    name, content, message = FAULTS[fault]
    path = write(tmp_path, name, content)
    with pytest.raises(UserError) as error:
        read_inks(path)
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


def test_what_is_there_beside_a_fault_is_read(tmp_path):
    good = to_json(DRAWING, "good")
    write(tmp_path, "1.jsonl", f"{good}\nnone\n{good}\n")
    write(tmp_path, "2.inkml", "<ink>")
    write(tmp_path, "3.json", good)
    given_inks = list(iterate_inks(tmp_path))
    assert [isinstance(one, InkError) for one in given_inks] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "the arrays are x; expected arrays dx"),
        ({"dx": np.int16([0])}, r"dx is int16 \[1\]; expected 6 numbers"),
        ({"points_per_stroke": np.int16([3, 2])}, "points_per_stroke does not add up to points_per_item"),
        (
            {"points_per_item": np.float32([6])},
            r"points_per_item is float32 \[1\]; expected whole numbers from 1",
        ),
        (
            {"points_per_stroke": np.int16([6, 0])},
            r"points_per_stroke is int16 \[2\]; expected whole numbers from 1",
        ),
        ({"labels": np.array(["a", "b"])}, r"labels has the shape \(2,\); expected \(1,\)"),
        ({"writer": np.int16([1])}, "writer has numbers beyond the 1 writers"),
        ({"starts": np.zeros((1, 3))}, r"starts has the shape \(1, 3\); expected \(1, 2\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    whole = packed_arrays(
        [Ink([np.float32([[0, 1], [2, 3], [4, 5], [5, 5]]), np.float32([[1, 1], [2, 2]])])], ["a"], ["w"]
    )
    path = write(tmp_path, "a.npz", npz(arrays if "x" in arrays else {**whole, **arrays}))
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}: {message}"):
        read_inks(path)


def test_arrays_of_objects_and_damaged_ones_are_refused(tmp_path):
    whole = npz({"dx": np.array([{}], dtype=object)})
    for content in (whole, whole[:60]):
        with pytest.raises(UserError, match=r"not a whole \.npz archive of arrays"):
            read_inks(write(tmp_path, "a.npz", content))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"^nowhere\.inkml: no such file; expected InkML"):
        read_inks(Path("nowhere.inkml"))


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["x", "y", "type", "pressure", "strokes", "drawing", "text", "points"]), inner
        ),
    ),
    max_leaves=12,
)


def only_inks_and_faults(read):
    with suppress(UserError):
        for one in read:
            assert isinstance(one, GivenInk | InkError)
            assert not isinstance(one, GivenInk) or sum(map(len, one.ink.strokes)) > 1


@given(JSON_VALUES)
def test_any_json_is_ink_or_refused(value):
    only_inks_and_faults(read_json(json.dumps(value), "a.json"))


@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
def test_any_content_is_ink_or_refused(content):
    for name in ("-", "a.json", "a.inkml"):
        with suppress(UserError):
            only_inks_and_faults(inks_of(content, name))


@given(st.text("0123456789 ,.'\"!*?#-+eTFxX\n"))
def test_any_trace_is_ink_or_refused(trace):
    only_inks_and_faults(read_inkml(f"<ink><trace>{trace}</trace></ink>".encode(), "a.inkml"))


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [".PEN_DOWN", ".PEN_UP", ".COORD X Y", ".COORD Y T X", '.SEGMENT WORD 0-1 OK "a"', "1 2 3"]
            ),
            st.text('0123456789 -:,."ABC', max_size=12),
            st.text("0123456789-:,", max_size=8).map(lambda where: f'.SEGMENT WORD {where} OK "b"'),
        )
    )
)
def test_any_lines_of_unipen_are_ink_or_refused(lines):
    only_inks_and_faults(inks_of("\n".join([".VERSION 1", ".PEN_DOWN", "1 2", *lines]).encode(), "a.dat"))
