"""Examples come from Python in the forms in which people have them; what is none is named by its place in one line."""

import io
from collections import UserDict, deque, namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.predicting.examples import content_of, described, numbers_of, several_of, text_of, texts_of

TEXTS = st.lists(st.text(st.characters(codec="utf-8")))
FRAME = pd.DataFrame({"id": [3, 4], "a text": ["fine", "dull"], 7: ["eins", "zwei"]}, index=[10, 20])


class HuggingFaceTable:
    """As `datasets.Dataset` shows itself: neither a sequence by type nor a mapping; its columns are sequences."""

    column_names = ("audio", "text")

    def __len__(self):
        return 2

    def __getitem__(self, name):
        return {"text": deque(["fine", "dull"])}[name]

    def __iter__(self):
        raise AssertionError("a table was iterated")


class Tensor:
    """As those of PyTorch: an array to NumPy, and iterated along its first axis."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize(
    "several", [list, tuple, iter, lambda texts: np.array(texts, object), lambda texts: np.array(texts)]
)
def test_a_text_and_texts_in_any_kind_of_list_become_a_list(several):
    assert texts_of("fine") == ["fine"]
    assert texts_of(several(["fine", "", "Zoë 👍"])) == ["fine", "", "Zoë 👍"]


@given(st.lists(st.text()))
def test_a_text_is_taken_if_utf8_can_hold_it(texts):
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        with pytest.raises(UserError, match="lone surrogate"):
            texts_of(texts)
    else:
        assert texts_of(texts) == texts


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "texts: got None (NoneType); expected a text (str) or a list of texts"),
        (7, "texts: got 7 (int); expected a text (str) or a list of texts"),
        (b"fine", "texts: got b'fine' (bytes); expected a text (str) or a list of texts"),
        ({"a": "b"}, "texts: got {'a': 'b'} (dict); expected a text (str) or a list of texts"),
        ([1, 2], "texts[0]: got 1 (int); expected a text (str)"),
        (["fine", None], "texts[1]: got None (NoneType); expected a text (str)"),
        (["fine", ["fine"]], "texts[1]: got ['fine'] (list); expected a text (str)"),
        ("a\ud800", "texts: got a lone surrogate (U+D800) as character 2; expected valid Unicode"),
        (["a", "\udcff"], "texts[1]: got a lone surrogate (U+DCFF) as character 1; expected valid Unicode"),
    ],
)
def test_what_is_no_text_is_named_by_its_place(value, message):
    with pytest.raises(UserError) as error:
        texts_of(value)
    assert str(error.value) == message


def test_where_one_text_is_expected_a_list_is_refused():
    assert text_of("fine") == "fine"
    with pytest.raises(UserError, match=r"prefix: got \['fine'\] \(list\); expected a text \(str\)"):
        text_of(["fine"], "prefix")
    with pytest.raises(UserError) as error:
        text_of(list(range(10_000)))
    assert len(str(error.value)) < 100, "what is long is shown in short"


@given(TEXTS)
def test_texts_in_what_pandas_arrow_and_numpy_have_are_those_texts(texts):
    frame = pd.DataFrame({"text": texts, "other": range(len(texts))})
    series = frame["text"]
    for several in (
        series,
        series.astype(object),
        series.astype("category"),
        series.to_numpy(),
        pd.Index(texts, dtype=object),
        np.array(texts, np.dtypes.StringDType()),
        pa.array(texts, pa.string()),
        pa.chunked_array([texts], pa.string()),
        (text for text in texts),
        map(str, texts),
        dict(enumerate(texts)).values(),
        deque(texts),
    ):
        assert texts_of(several) == texts
    for table in (frame, pa.table({"text": pa.array(texts, pa.string()), "other": range(len(texts))})):
        assert texts_of(table, "text") == texts


def test_a_column_of_any_name_is_taken_from_any_kind_of_table():
    assert texts_of(FRAME, "a text") == ["fine", "dull"]
    assert texts_of(FRAME, 7) == ["eins", "zwei"]
    assert texts_of(FRAME.T.T, "a text") == ["fine", "dull"]
    assert texts_of(pd.DataFrame({("a", "b"): ["fine"]}), ("a", "b")) == ["fine"]
    assert texts_of(np.array([("fine", 1)], [("text", "U9"), ("id", "i4")]), "text") == ["fine"]
    assert texts_of(HuggingFaceTable(), "text") == ["fine", "dull"]


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        (
            FRAME,
            None,
            "texts: got a table (DataFrame) with the columns 'id', 'a text', 7; NAME ONE",
        ),
        (FRAME, "Text", "column 'Text': no such column; expected one of the columns 'id', 'a text', 7"),
        (FRAME, ["id"], "column ['id']: no such column; expected one of the columns 'id', 'a text', 7"),
        (FRAME, "id", "column 'id'[0]: got 3 (int); expected a text (str)"),
        (FRAME[7], 7, "texts: got str [2] (Series) and column=7; expected a data frame or another table"),
        (["fine"], "text", "texts: got ['fine'] (list) and column='text'; expected a data frame or another table"),
        ("fine", "text", "texts: got 'fine' (str) and column='text'; expected a data frame or another table"),
        (
            pd.DataFrame([["a", "b"]], columns=["text", "text"]),
            "text",
            "column 'text': 2 columns of this name; expected one of the columns 'text', 'text'",
        ),
        (pd.DataFrame(), None, "texts: got a table (DataFrame) with the columns (none); NAME ONE"),
        (
            HuggingFaceTable(),
            None,
            "texts: got a table (HuggingFaceTable) with the columns 'audio', 'text'; NAME ONE",
        ),
        (
            pd.DataFrame({"text": ["fine", float("nan")]}, dtype=object),
            "text",
            "column 'text'[1]: got nan (float); expected a text (str)",
        ),
    ],
)  # fmt: skip
def test_a_column_that_is_not_named_or_not_there_is_refused_with_those_that_are(table, column, message):
    with pytest.raises(UserError) as error:
        texts_of(table, column)
    assert str(error.value).replace("expected column= with the name of one", "NAME ONE") == message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"text": ["fine"]}, r"\{'text': \['fine'\]\} \(dict\)"),
        (UserDict(text="fine"), "UserDict"),
        ({"fine"}, r"\{'fine'\} \(set\)"),
        (frozenset(["fine"]), r"frozenset\(\{'fine'\}\) \(frozenset\)"),
        ({"fine": 1}.keys(), "dict_keys"),
        (bytearray(b"fine"), "bytearray"),
        (memoryview(b"fine"), "memoryview"),
        (io.StringIO("fine\ndull\n"), r"an open text file \(StringIO\)"),
        (io.BytesIO(b"fine\ndull\n"), r"an open file \(BytesIO\)"),
        (Path("texts.txt"), "PosixPath"),
        (np.array("fine"), r"<U4 \[\] \(ndarray\)"),
        (str, "type"),
        (range, "type"),
    ],
)
def test_what_can_be_iterated_and_is_no_list_is_refused_and_not_iterated(value, kind):
    with pytest.raises(UserError, match=rf"^texts: got {kind}; expected a text \(str\) or a list of texts$"):
        texts_of(value)


@pytest.mark.parametrize(
    "value", [[FRAME], np.array([["a"], ["b"]]), [np.eye(3)], [["a\nb"] * 99], namedtuple("Row", "a")(3)]
)
def test_a_refusal_is_one_short_line(value):
    with pytest.raises(UserError, match=r"^texts\[0\]: got ") as error:
        texts_of(value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 120


def test_a_file_is_read_whole_from_wherever_it_is(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"content")
    expected = (str(path), b"content")
    with path.open("rb") as file, path.open("rb", buffering=0) as unbuffered:
        assert content_of(file, "x", "an image") == content_of(unbuffered, "x", "an image") == expected
        assert content_of(file, "x", "an image") == expected, "a second time, though it stands at its end"
    assert content_of(str(path), "x", "an image") == content_of(path, "x", "an image") == expected
    assert content_of({"bytes": None, "path": str(path)}, "x", "an image") == expected
    for value in (b"content", bytearray(b"content"), memoryview(b"content"), io.BytesIO(b"content")):
        assert content_of(value, "x", "an image") == ("x", b"content")
    assert content_of({"bytes": b"content", "path": "lost.png"}, "x", "an image") == ("x", b"content")
    for value in (np.zeros(3), None, 7, {"array": [0.0]}):
        assert content_of(value, "x", "an image") is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("text", "utf-8")
    with (
        path.open(encoding="utf-8") as file,
        pytest.raises(UserError, match=r"a\.txt: got an open text file"),
    ):
        content_of(file, "x", "an image")
    with pytest.raises(UserError, match=r"^x: got an open text file .*; expected an image, opened with 'rb'"):
        content_of(io.StringIO("text"), "x", "an image")
    closed = path.open("rb")
    closed.close()
    with pytest.raises(UserError, match=r"a\.txt: cannot be read \(.*closed file\); expected an image"):
        content_of(closed, "x", "an image")


def test_a_home_folder_is_found_and_that_of_nobody_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.bin").write_bytes(b"content")
    assert content_of("~/a.bin", "x", "an image") == ("~/a.bin", b"content")
    with pytest.raises(UserError, match=r"^~no_such_user/a\.bin: no such file$"):
        content_of("~no_such_user/a.bin", "x", "an image")


def test_numbers_are_what_an_array_a_tensor_or_a_series_holds():
    array = np.arange(6.0).reshape(2, 3)
    for value in (array, Tensor(array)):
        np.testing.assert_array_equal(numbers_of(value), array)
    np.testing.assert_array_equal(numbers_of(pd.Series([1.5, 2.5])), [1.5, 2.5])
    for value in ([1.0], (1.0,), np.array(["a"]), np.array([None]), pd.DataFrame(array), "a", np.ndarray):
        assert numbers_of(value) is None


def test_several_have_their_places_in_the_messages():
    assert several_of(iter("ab"), None, "images", "") == [("images[0]", "a"), ("images[1]", "b")]
    assert several_of(FRAME, "id", "images", "") == [("column 'id'[0]", 3), ("column 'id'[1]", 4)]
    named = several_of(Tensor(np.eye(2)).array, None, "images", "")
    assert [name for name, _ in named] == ["images[0]", "images[1]"]


def test_what_something_is_is_said_by_its_value_or_its_shape():
    assert described(Tensor(np.zeros((2, 3), np.float32))) == "float32 [2, 3] (Tensor)"
    assert described([1, 2]) == "[1, 2] (list)"
    assert described(object()) == "object"
