"""Text is read as it is from files, folders and data sets, and cut into contiguous parts that are the whole again."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data import tfds as tfds_source
from common.errors import UserError
from common.text.running import (
    RawText,
    RawTextSource,
    load_evaluation,
    load_training,
    part_of,
    read_text,
    split,
)


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def sample(part):
    return part_of(RawText("sample", "0123456789" * 10), part)


UNICODE = st.text(st.characters(codec="utf-8"))


@given(UNICODE)
def test_the_parts_put_together_are_the_text_in_the_sizes_promised(text):
    parts = split(RawText("a", text))
    assert list(parts) == ["train", "validation", "test"]
    assert "".join(part.text for part in parts.values()) == text
    for part, share in zip(parts.values(), (0.9, 0.05, 0.05), strict=True):
        assert abs(len(part) - share * len(text)) <= 1
    assert parts["test"].name == "a (test)"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("raw") / "text.txt"


@given(UNICODE)
def test_a_file_gives_its_text_with_line_ends_made_one_kind(file, text):
    file.write_bytes(text.encode("utf-8"))
    expected = io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)
    assert read_text(file).text == expected.removeprefix("\ufeff")


def test_a_byte_order_mark_is_no_character(tmp_path):
    (tmp_path / "a.txt").write_text("Zoë", "utf-8-sig")
    assert read_text(tmp_path / "a.txt").text == "Zoë"


def test_a_gzipped_file_is_read_like_the_file_itself(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("\ufeffZoë\r\nAnna\n".encode()))
    assert read_text(tmp_path / "a.txt.gz").text == "Zoë\nAnna\n"
    assert load_evaluation(RawTextSource(str(tmp_path / "a.txt.gz")), no_sample).text == "Zoë\nAnna\n"
    assert load_evaluation(RawTextSource(str(tmp_path), glob="*.gz"), no_sample).text == "Zoë\nAnna\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fine\nalso fine\ncaf\xe9\n", r"a\.txt, line 3: byte 0xe9 is not valid UTF-8"),
        ("x".encode("utf-16"), r"a\.txt, line 1: byte 0xff is not valid UTF-8"),
        (None, r"a\.txt: no such file or folder; expected a text file"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_the_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        load_evaluation(RawTextSource(str(tmp_path / "a.txt")), no_sample)
    assert "\n" not in str(error.value)


def test_a_folder_is_read_file_by_file_in_the_order_of_the_paths(tmp_path):
    for name, text in {"b.txt": "third", "a/z.txt": "second", "a/a.txt": "first", "a/notes.md": "no"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert load_evaluation(RawTextSource(str(tmp_path)), no_sample).text == "first\nsecond\nthird"
    assert load_evaluation(RawTextSource(str(tmp_path), glob="*.md"), no_sample).text == "no"
    with pytest.raises(UserError, match=r"no file matches --glob '\*\.py'"):
        load_evaluation(RawTextSource(str(tmp_path), glob="*.py"), no_sample)


def test_a_file_to_validate_on_leaves_the_whole_text_for_training(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 100, "utf-8")
    (tmp_path / "b.txt").write_text("b" * 10, "utf-8")
    source = RawTextSource(str(tmp_path / "a.txt"))
    assert [len(part) for part in load_training(source, no_sample)] == [90, 5]
    assert [part.text for part in load_training(source, no_sample, tmp_path / "b.txt")] == [
        "a" * 100,
        "b" * 10,
    ]
    assert [len(load_evaluation(source, no_sample, part)) for part in ("train", "validation", "test")] == [
        90,
        5,
        5,
    ]
    assert len(load_evaluation(source, no_sample)) == 100


def test_the_sample_keeps_its_test_part_apart_whatever_is_validated_on(tmp_path):
    (tmp_path / "b.txt").write_text("b" * 10, "utf-8")
    train, validation = load_training(RawTextSource(), sample, tmp_path / "b.txt")
    assert train == load_training(RawTextSource(), sample)[0]
    assert validation.text == "b" * 10


@pytest.mark.parametrize("text", ["", "a", "abc"])
def test_a_part_without_text_is_refused(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"a\.txt.*: no text"):
        load_training(RawTextSource(str(tmp_path / "a.txt")), no_sample)


def test_a_description_counts_characters():
    assert RawText("a.txt", "Zoë\n" * 300).describe() == "a.txt: 1,200 characters, 4 different ones"


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Tiny Shakespeare, made by its real builder from a text of ours."""
    import tensorflow_datasets as tfds

    path = tmp_path / "input.txt"
    path.write_text("".join(chr(97 + index % 26) for index in range(1000)), "utf-8")
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: path)
    builder = tfds.builder("tiny_shakespeare", data_dir=tmp_path / "data")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(verify_ssl=False))

    def fail(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(tfds_source.socket, "getaddrinfo", fail)
    return RawTextSource("tiny_shakespeare", data_dir=tmp_path / "data"), path.read_text("utf-8")


def test_a_prepared_data_set_comes_in_its_own_parts(prepared, tmp_path):
    source, whole = prepared
    train, validation = load_training(source, no_sample)
    test = load_evaluation(source, no_sample)
    assert train.text + validation.text + test.text == whole
    assert (train.name, test.name) == ("tiny_shakespeare (train)", "tiny_shakespeare (test)")
    assert load_evaluation(source, no_sample, "validation") == validation
    with pytest.raises(UserError, match="--part all: tiny_shakespeare comes in parts"):
        load_evaluation(source, no_sample, "all")
    (tmp_path / "b.txt").write_text("b" * 10, "utf-8")
    assert [part.text for part in load_training(source, no_sample, tmp_path / "b.txt")] == [
        train.text,
        "b" * 10,
    ]


def test_a_name_that_is_nothing_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="--data no_such_thing: neither a file, a folder"):
        load_evaluation(RawTextSource("no_such_thing", data_dir=tmp_path), no_sample)


def test_a_text_of_another_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("naïve\r\ncafé".encode("cp1252"))
    source = RawTextSource(str(tmp_path / "a.txt"), encoding="cp1252")
    assert load_evaluation(source, lambda _: None).text == "naïve\ncafé"
    with pytest.raises(UserError, match=r"line 1: byte 0xef .*--encoding"):
        load_evaluation(RawTextSource(str(tmp_path / "a.txt")), lambda _: None)
    with pytest.raises(UserError, match="--encoding utf-9"):
        RawTextSource(encoding="utf-9")
