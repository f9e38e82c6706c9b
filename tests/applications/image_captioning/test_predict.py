"""Any image gets a caption, from files, folders, standard input or Python; of any other file one clear line is said."""

import csv
import io
import json
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.errors import UserError
from common.images.files import decode_image
from common.inference.runner import SavedModelError


@pytest.fixture(scope="module")
def photo(draw):
    return draw("red", "plain", 30, (60, 44))


@pytest.fixture(scope="module")
def strange(photo, encoded):
    """Images that are unlike most."""
    grey = photo[..., 0].astype(np.uint16) * 257
    sixteen = io.BytesIO()
    Image.fromarray(grey).save(sixteen, "PNG")
    animation = io.BytesIO()
    frames = [Image.fromarray(np.roll(photo, 80 * turn, axis=2)) for turn in range(3)]
    frames[0].save(animation, "GIF", save_all=True, append_images=frames[1:])
    return {
        "one.png": encoded(photo[:1, :1]),
        "line.jpg": encoded(photo[:1], "JPEG"),
        "sixteen.png": sixteen.getvalue(),
        "cmyk.jpg": encoded(photo, "JPEG", "CMYK"),
        "grey.jpg": encoded(photo, "JPEG", "L"),
        "progressive.jpg": encoded(photo, "JPEG", progressive=True),
        "palette.png": encoded(photo, mode="P"),
        "clear.png": encoded(photo, mode="RGBA"),
        "bits.png": encoded(photo, mode="1"),
        "bits.bmp": encoded(photo, "BMP", "1"),
        "moving.gif": animation.getvalue(),
        "picture.webp": encoded(photo, "WEBP", lossless=True),
        "picture.tiff": encoded(photo, "TIFF"),
    }


@pytest.fixture(scope="module")
def broken(photo, encoded):
    """Files that are no images, and what is to be said of each."""
    return {
        "empty.png": (b"", "empty"),
        "text.jpg": (b"Not a picture at all.\n", "not an image"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        "cut.jpg": (encoded(photo, "JPEG")[:-300], "truncated"),
        "cut.png": (encoded(photo)[:-300], "truncated"),
        "cut.bmp": (encoded(photo, "BMP")[:-300], "truncated"),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, strange, broken):
    """A folder of strange and broken images, some in a folder of their own, and other files."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    (folder / "notes.txt").write_text("no picture", "utf-8")
    for name, content in strange.items():
        (folder / name).write_bytes(content)
    for name, (content, _) in broken.items():
        (folder / "more" / name).write_bytes(content)
    return folder


def test_an_image_gives_a_dictionary_and_a_list_a_list(predictor, photo, tmp_path, encoded):
    (tmp_path / "photo.png").write_bytes(encoded(photo))
    single = predictor(tmp_path / "photo.png")
    assert single.keys() == {"caption", "score"}
    assert "red" in single["caption"]
    assert single["score"] < 0
    assert predictor(str(tmp_path / "photo.png")) == predictor(encoded(photo)) == predictor(photo) == single
    several = predictor([photo, tmp_path / "photo.png", encoded(photo), photo[:5]])
    assert [one["caption"] for one in several[:3]] == [single["caption"]] * 3
    assert [one["score"] for one in several[:3]] == pytest.approx([single["score"]] * 3, abs=1e-4)
    assert predictor(np.stack([photo, photo]))[1]["caption"] == single["caption"]
    assert predictor([]) == predictor.n_best([]) == predictor.attend([]) == predictor.embed([]) == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [1, 2],
        {"a": "b.png"},
        {"a.png", "b.png"},
        pd.DataFrame({"file": ["a.png"]}),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((3, 40, 40), np.uint8),
        [np.zeros((4, 4, 5), np.uint8)],
    ],
    ids=[
        "nothing",
        "number",
        "numbers",
        "mapping",
        "set",
        "table",
        "wide-numbers",
        "empty",
        "channels-first",
        "five-channels",
    ],
)
def test_what_is_no_image_is_refused(predictor, value):
    for ask in (predictor, predictor.n_best, predictor.attend, predictor.embed):
        with pytest.raises(UserError, match=r"^image.*: got .*; expected (a path|pixels|column=)") as error:
            ask(value)
        assert "\n" not in str(error.value)


def test_an_image_of_pillow_an_open_file_and_a_column_have_the_answer_of_the_file(
    predictor, photo, tmp_path, encoded
):
    paths = [tmp_path / "photo.png", tmp_path / "grey.jpg"]
    for path, kind, mode in zip(paths, ("PNG", "JPEG"), ("RGB", "L"), strict=True):
        path.write_bytes(encoded(photo, kind, mode))
    expected = [one["caption"] for one in predictor(paths)]
    frame = pd.DataFrame({"file": [str(path) for path in paths], "id": [1, 2]})
    frame["image"] = [Image.open(path) for path in paths]
    frame["open"] = [path.open("rb") for path in paths]
    frame["pixels"] = [np.asarray(image) for image in frame["image"]]
    frame["stored"] = [{"bytes": path.read_bytes(), "path": None} for path in paths]
    for column in ("file", "image", "open", "pixels", "stored"):
        for given in (frame[column], list(frame[column])):
            assert [one["caption"] for one in predictor(given)] == expected, column
        answers = predictor(frame, column=column)
        assert [one["caption"] for one in answers] == expected, column
        assert predictor(frame[column][1])["caption"] == expected[1]
    for file in frame["open"]:
        file.close()


def test_a_broken_image_is_named_by_its_place_or_its_path(predictor, photo, broken, tmp_path):
    for name, (content, expected) in broken.items():
        with pytest.raises(UserError, match=rf"^images\[1\]: {expected}.*; expected"):
            predictor([photo, content])
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: {expected}.*; expected"):
            predictor(tmp_path / name)
    with pytest.raises(UserError, match=r"nowhere\.jpg: no such file"):
        predictor("nowhere.jpg")
    with pytest.raises(UserError, match="a folder; expected an image"):
        predictor(tmp_path)


def test_a_file_has_the_answer_of_its_pixels_as_the_loader_of_the_training_reads_them(predictor, strange):
    for name, content in strange.items():
        sent, read = predictor.embed(content), predictor.embed(decode_image(content, name))
        # Libraries round the pixels of a JPEG differently; all other kinds are without loss.
        tolerance = 0.05 if name.endswith(".jpg") else 1e-5
        np.testing.assert_allclose(sent, read, atol=tolerance * (1 + np.abs(read).max()), err_msg=name)
        assert predictor(content)["caption"]


def test_a_photo_that_lies_on_its_side_is_turned_as_its_camera_says(predictor, draw):
    photo = Image.fromarray(draw("blue", "striped", 5, (64, 64)))
    upright, turned = io.BytesIO(), io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = 6
    photo.save(upright, "JPEG", quality=98)
    photo.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", quality=98, exif=tags)
    vectors = predictor.embed([upright.getvalue(), turned.getvalue()])
    np.testing.assert_allclose(*vectors, atol=0.05 * (1 + np.abs(vectors[0]).max()))


def test_webp_and_tiff_have_the_answer_of_the_same_picture(predictor, photo, encoded):
    expected = predictor(photo)
    contents = [encoded(photo, "WEBP", lossless=True), photo, encoded(photo, "TIFF")]
    for answer in predictor(contents):
        assert answer["caption"] == expected["caption"]
        assert answer["score"] == pytest.approx(expected["score"], abs=1e-4)


def test_a_model_that_fails_a_batch_for_one_row_is_asked_row_by_row(predictor, photo, monkeypatch, encoded):
    run = predictor._runner.run

    def refusing(signature, /, **inputs):
        for content in inputs["image_bytes"]:
            if content.startswith(b"BM"):
                raise SavedModelError("this kind of image is not known here")
        return run(signature, **inputs)

    monkeypatch.setattr(predictor._runner, "run", refusing)
    expected = predictor(photo)
    found = predictor([encoded(photo, "BMP"), encoded(photo)])
    assert [one["caption"] for one in found] == [expected["caption"]] * 2


def test_the_n_best_are_captions_that_begin_with_the_answer(predictor, photo, draw):
    images = [photo, draw("blue", "striped")]
    for found, answer in zip(predictor.n_best(images), predictor(images), strict=True):
        assert found[0]["caption"] == answer["caption"]
        scores = [one["score"] for one in found]
        assert scores == sorted(scores, reverse=True)
        assert len(found) == 3


def test_each_token_has_a_map(predictor, photo):
    found = predictor.attend(photo)
    assert found["attention"].shape == (len(found["tokens"]), predictor.grid, predictor.grid)
    assert found["attention"].sum((1, 2)) == pytest.approx(1, abs=1e-5)
    assert found["tokens"][-1] == "</s>"
    assert predictor.attend([photo[:5], photo])[1]["tokens"] == found["tokens"]


def test_files_give_a_line_each_in_their_order(script, predictor, photo, tmp_path, encoded, draw):
    paths = [tmp_path / name for name in ("z.png", "a b.png")]
    pictures = [photo, draw("green", "striped")]
    for path, pixels in zip(paths, pictures, strict=True):
        path.write_bytes(encoded(pixels))
    status, out, err = script(paths[0], paths[1].as_uri())
    captions = [one["caption"] for one in predictor(pictures)]
    expected = [f"{caption}\t{path}" for caption, path in zip(captions, paths, strict=True)]
    assert (status, out.splitlines(), err) == (0, expected, "")
    status, out, err = script(*paths, "--n-best")
    lines = [line.split("\t") for line in out.splitlines()]
    assert (status, err, len(lines)) == (0, "", 6)
    assert lines[0][1:] == [captions[0], str(paths[0])]
    assert float(lines[0][0]) == pytest.approx(predictor(photo)["score"], abs=2e-4)


def test_of_a_folder_each_image_is_answered_and_each_broken_one_named(script, folder, strange, broken):
    status, out, err = script(folder, "--batch-size", 3)
    assert status == 1
    files = [line.split("\t")[1] for line in out.splitlines()]
    assert files == sorted(str(folder / name) for name in strange)
    complaints = err.splitlines()
    assert len(complaints) == len(broken)
    for line, name in zip(complaints, sorted(broken), strict=True):
        assert line.startswith(f"error: {folder / 'more' / name}: {broken[name][1]}")


def test_the_answers_of_a_batch_do_not_depend_on_a_broken_neighbour(script, folder):
    answers = [script(folder, "--batch-size", size)[1] for size in (1, 64)]
    assert answers[0] == answers[1]


def test_a_tar_is_a_folder(script, folder, tmp_path, strange):
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        for name in strange:
            archive.add(folder / name, name)
    status, out, err = script(tmp_path / "photos.tar.gz")
    assert (status, err) == (0, "")
    names = [line.split("\t")[1] for line in out.splitlines()]
    assert names == sorted(f"{tmp_path / 'photos.tar.gz'}/{name}" for name in strange)


def test_standard_input_holds_an_image(script, predictor, photo, encoded):
    caption = predictor(photo)["caption"]
    assert script("-", data=encoded(photo)) == (0, f"{caption}\tstandard input\n", "")
    assert script(data=encoded(photo)) == (0, f"{caption}\tstandard input\n", "")
    assert script(data=b"") == (
        1,
        "",
        "error: standard input: empty; expected an image (JPEG, PNG, GIF, BMP, WebP or TIFF)\n",
    )


def test_answers_become_a_table_or_json_lines(script, predictor, folder, tmp_path):
    files = [folder / "one.png", folder / "cmyk.jpg"]
    answers = predictor.n_best(files)
    assert script(*files, "--output", tmp_path / "a.csv")[:2] == (0, "")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["caption"]) for row in rows] == [
        (str(path), found[0]["caption"]) for path, found in zip(files, answers, strict=True)
    ]
    assert rows[0].keys() == {"file", "caption", "score"}
    script(*files, "--n-best", "--output", tmp_path / "a.jsonl")
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [[one["caption"] for one in record["n_best"]] for record in records] == [
        [one["caption"] for one in found] for found in answers
    ]
    script(*files, "--n-best", "--output", tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text("utf-8").splitlines()) == 1 + 6


@pytest.mark.parametrize("name", ["cmyk.jpg", "one.png", "clear.png"])
def test_where_it_looked_is_a_picture(script, folder, tmp_path, name):
    status, out, err = script(folder / name, "--attention", tmp_path / "picture.png")
    assert (status, out.count("\n"), err) == (0, 1, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere.jpg",), "nowhere.jpg: no such file"),
        (("https://example.org/a.jpg",), "nothing is fetched; expected a file, a folder or a file: URL"),
        (("file://example.org/a.jpg",), "nothing is fetched"),
        (("photos.tar",), "photos.tar: no such file"),
        (("a\0b.jpg",), "cannot be read"),
        (("a.jpg", "b.jpg", "--attention", "a.png"), "expected a single image"),
        ((".", "--attention", "a.png"), "expected a single image"),
        (("a.jpg", "--attention", "a.jpg"), "expected a name that ends in .png"),
        (("a.jpg", "--output", "answers.gz"), "answers.gz: expected a name in .csv for a table"),
        (("a.jpg", "--batch-size", "0"), "expected at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(script, arguments, expected):
    status, out, err = script(*arguments)
    is_wrong_flag = err.startswith("error: --")
    assert (status, out, len(err.splitlines())) == (2 if is_wrong_flag else 1, "", 1)
    assert expected in err


def test_a_folder_without_images_is_named(script, tmp_path):
    status, out, err = script(tmp_path)
    assert (status, out) == (1, "")
    assert err == f"error: {tmp_path}: no images; expected .jpg, .png, .gif, .bmp, .webp or .tiff files\n"
