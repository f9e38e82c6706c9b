"""Captions are read from tables, token files and COCO's JSON alike, and a fault is named by its file and place."""

import gzip
import json

import pandas as pd
import pytest

from common.errors import UserError
from common.images import caption_files
from common.text.tables import TableFormat

CAPTIONS = {"a.jpg": ["A dog runs .", 'Two "big" dogs, one ball'], "dir/b.png": ["Ein Mädchen – lächelt"]}
PAIRS = [(name, caption) for name, captions in CAPTIONS.items() for caption in captions]
COCO = {
    "info": {"year": 2014},
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 640},
        {"id": 9, "file_name": "c.jpg"},
        {"id": 3, "file_name": "dir/b.png"},
    ],
    "annotations": [
        {"image_id": 7, "id": 1, "caption": CAPTIONS["a.jpg"][0]},
        {"image_id": 3, "id": 2, "caption": CAPTIONS["dir/b.png"][0]},
        {"image_id": 7, "id": 3, "caption": CAPTIONS["a.jpg"][1]},
    ],
}


def csv_of(separator, *header):
    quoted = [(name, '"' + text.replace('"', '""') + '"') for name, text in PAIRS]
    return "".join(f"{separator.join(row)}\n" for row in [header, *quoted])


def lines_of(image, caption):
    return "".join(json.dumps({image: name, caption: text}) + "\n" for name, text in PAIRS)


FILES = {
    "captions.txt": csv_of(",", "image", "caption"),
    "results.csv.txt": csv_of("|", "image_name", " comment"),
    "metadata.csv": csv_of(",", "file_name", "text"),
    "Metadata.tsv": csv_of("\t", "File_Name", "Caption"),
    "metadata.jsonl": lines_of("file_name", "text"),
    "captions.jsonl": lines_of("image", "caption"),
    "metadata.json": lines_of("file_name", "caption"),
    "list.json": json.dumps([{"file_name": name, "text": text} for name, text in PAIRS]),
    "pretty.json": json.dumps([{"file_name": name, "text": text} for name, text in PAIRS], indent=2),
    "numbered.tsv": "image\tn\tcaption\n" + "".join(f"{name}\t0\t{text}\n" for name, text in PAIRS),
    "plain.tsv": "image\tcaption\r\n" + "".join(f"{name}\t{text}\r\n" for name, text in PAIRS),
    "table.csv": "caption,image\n"
    + "".join(f'"{text.replace(chr(34), chr(34) * 2)}",{name}\n' for name, text in PAIRS),
    "Flickr8k.token.txt": "".join(f"{name}#{place}\t{text}\n" for place, (name, text) in enumerate(PAIRS)),
    "captions.token": "\ufeff" + "\r\n".join(f"{name}#0\t{text}" for name, text in PAIRS) + "\r\n\r\n",
    "captions_train2014.json": json.dumps(COCO),
}


def read_captions(path, form=None):
    captions, left_out = caption_files.read_captions(path, form)
    assert left_out == {}
    return captions


def write(path, text):
    data = text.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_kind_of_file_tells_the_same(tmp_path, name, suffix):
    assert read_captions(write(tmp_path / (name + suffix), FILES[name])) == CAPTIONS


def test_a_name_may_hold_the_signs_that_divide(tmp_path):
    path = write(tmp_path / "captions.txt", "a#1.jpg#0\tOne\ttwo\nnaïve dir/ö.jpg.1#3\tThree # four")
    assert read_captions(path) == {"a#1.jpg": ["One\ttwo"], "naïve dir/ö.jpg.1": ["Three # four"]}


def test_a_caption_of_an_image_that_is_not_listed_goes_by_its_id(tmp_path):
    listed = COCO | {"images": COCO["images"][:1]}
    captions = read_captions(write(tmp_path / "captions.json", json.dumps(listed)))
    assert captions == {"a.jpg": CAPTIONS["a.jpg"], "3": CAPTIONS["dir/b.png"]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("captions.tsv", "picture\tcaption\na\tb\n", r"captions\.tsv: no column 'image'; the columns are"),
        ("captions.tsv", "image\tn\tcaption\na.jpg\t0\n", r"captions\.tsv, line 2: 2 fields; expected 3"),
        (
            "a.txt",
            "a.jpg#0\tA dog\na.jpg A cat\n",
            r"a\.txt, line 2: expected <image>#<number><tab><caption>",
        ),
        (
            "a.txt",
            "picture,words\na.jpg,A dog\n",
            r"a\.txt, line 1: expected .* a \.tsv or \.csv with the columns",
        ),
        (
            "a.jsonl",
            '{"file": "a.jpg", "words": "A dog"}\n',
            r"a\.jsonl: no column 'caption'; the columns are",
        ),
        ("a.txt", "a.jpg#\tA dog", r"a\.txt, line 1: expected"),
        ("a.txt", "#0\tA dog", r"a\.txt, line 1: expected"),
        ("a.txt", "\n\n", r"a\.txt: no captions in it; expected"),
        ("a.json", "{", r"a\.json: not valid JSON .*; expected captions as of COCO"),
        ("a.json", "[" * 100_000, r"a\.json: not valid JSON"),
        ("a.json", "[]", r"a\.json: no list 'images'"),
        ("a.json", '{"images": []}', r"a\.json: no list 'annotations'"),
        ("a.json", '{"images": [], "annotations": []}', r"a\.json: no captions in it"),
        ("a.json", '{"images": [{"id": 1}], "annotations": []}', r"a\.json: images\[0\] has no 'file_name'"),
        (
            "a.json",
            '{"images": [], "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 1}]}',
            r"a\.json: annotations\[1\] has no 'caption'",
        ),
        ("a.json", '{"images": [3], "annotations": []}', r"a\.json: images\[0\] has no 'id'"),
    ],
)
def test_a_fault_is_told_in_one_line_with_its_place(tmp_path, name, text, message):
    with pytest.raises(UserError, match=message) as refused:
        read_captions(write(tmp_path / name, text))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.tsv: no such file"):
        read_captions(tmp_path / "nowhere.tsv")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match=r"photo\.jpg, line 1: .*UTF-8"):
        read_captions(tmp_path / "photo.jpg")


def test_a_parquet_file_of_captions(tmp_path):
    pd.DataFrame(PAIRS, columns=["file_name", "text"]).to_parquet(tmp_path / "metadata.parquet")
    assert read_captions(tmp_path / "metadata.parquet") == CAPTIONS


def test_captions_of_another_delimiter_and_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes(csv_of(";", "image", "caption").encode("cp1252"))
    assert read_captions(tmp_path / "a.csv", TableFormat(";", "cp1252")) == CAPTIONS


def test_a_bad_line_of_captions_is_counted(tmp_path):
    write(tmp_path / "captions.txt", csv_of(",", "image", "caption") + "c.jpg\n")
    captions, left_out = caption_files.read_captions(tmp_path / "captions.txt")
    assert (captions, left_out) == (CAPTIONS, {"too few fields (line 5)": 1})
