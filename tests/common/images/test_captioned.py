"""Captioned images come from any source alike; what cannot be used is left out and counted, or refused by name."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from common.data import tfds as source_of_sets
from common.errors import UserError
from common.images.captioned import (
    CaptionedImages,
    CaptionSource,
    load_evaluation,
    load_training,
)

SIZE = 8


def picture(number, side=SIZE):
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)


def encoded(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def no_sample(part):
    raise AssertionError("the sample was not asked for")


NAMES = [f"{number:03}.png" for number in range(60)]
IMAGES = {name: encoded(picture(number)) for number, name in enumerate(NAMES)}
CAPTIONS = {name: (f"picture {name}", f"number {number}") for number, name in enumerate(NAMES)}


def write_tree(path, files):
    if path.suffix == ".tar":
        with tarfile.open(path, "w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def write_captions(path, captions):
    rows = [f"{name}\t{text}" for name, texts in captions.items() for text in texts]
    path.write_text("\n".join(["image\tcaption", *rows]) + "\n", "utf-8")
    return path


@pytest.fixture(params=["photos", "photos.tar"])
def tree(request, tmp_path):
    return lambda files, name="": write_tree(tmp_path / (name + request.param), files)


@pytest.fixture
def captions_file(tmp_path):
    return write_captions(tmp_path / "captions.tsv", CAPTIONS)


def test_images_are_read_with_all_of_their_captions_in_the_order_of_their_names(tree, captions_file):
    backwards = dict(reversed(IMAGES.items()))
    examples = load_evaluation(CaptionSource(images=tree(backwards), captions=captions_file), no_sample, SIZE)
    assert list(examples.origins) == NAMES
    assert list(examples.captions) == list(CAPTIONS.values())
    assert examples.images.dtype == np.uint8
    np.testing.assert_array_equal(examples.images, [picture(number) for number in range(60)])
    assert examples.describe().endswith(": 60 images with 120 captions")


def test_the_tree_may_also_be_the_data(tree, captions_file):
    source = CaptionSource(data=str(tree(IMAGES)), captions=captions_file)
    assert len(load_evaluation(source, no_sample, SIZE)) == 60


def test_images_of_other_sizes_are_squashed_to_the_square(tree, captions_file):
    whole = Image.fromarray(picture(1)).resize((50, 20), Image.Resampling.BICUBIC)
    source = CaptionSource(images=tree({"000.png": encoded(np.asarray(whole))}), captions=captions_file)
    (image,) = load_evaluation(source, no_sample, SIZE).images
    expected = np.asarray(whole.resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.int32)
    np.testing.assert_allclose(image.astype(np.int32), expected, atol=1)


def test_what_cannot_be_used_is_left_out_and_counted(tree, captions_file, tmp_path):
    wrong = {
        "001.png": b"",
        "002.png": b"a text",
        "003.png": IMAGES["003.png"][:60],
        "sub/004.png": IMAGES["004.png"],
        "stranger.png": IMAGES["005.png"],
        "notes.txt": b"no image at all",
    }
    kept = {name: IMAGES[name] for name in NAMES[:58] if name not in wrong}
    told = CAPTIONS | {"006.png": ("A dog .", "...", " "), "007.png": ("!", "")}
    write_captions(captions_file, told)
    examples = load_evaluation(
        CaptionSource(images=tree(kept | wrong), captions=captions_file), no_sample, SIZE
    )
    left = [name for name in NAMES[:58] if name not in ("001.png", "002.png", "003.png", "007.png")]
    assert sorted(examples.origins) == left
    assert examples.captions[examples.origins.index("006.png")] == ("A dog .",)
    assert {reason: count for reason, count in examples.left_out.items() if count} == {
        "empty image": 1,
        "not an image": 1,
        "truncated image": 1,
        "second image of a name": 1,
        "image without captions": 2,
        "caption without words": 4,
        "caption without an image": 4,
    }
    assert "; 4 left out: caption without an image" in examples.describe()


def test_webp_and_tiff_are_read_and_heic_is_counted_by_its_name(tmp_path):
    files = {"a.webp": encoded(picture(1), "WEBP"), "b.tiff": encoded(picture(2), "TIFF")}
    files |= {"c.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "d.avif": encoded(picture(3), "AVIF")}
    folder = write_tree(tmp_path / "photos", files)
    captions = write_captions(tmp_path / "captions.tsv", dict.fromkeys(files, ("a picture",)))
    examples = load_evaluation(CaptionSource(images=folder, captions=captions), no_sample, SIZE)
    assert examples.origins == ["a.webp", "b.tiff"]
    np.testing.assert_array_equal(examples.images[1], picture(2))
    assert {reason: count for reason, count in examples.left_out.items() if count} == {"HEIC": 1, "AVIF": 1}
    few = write_captions(tmp_path / "few.tsv", {"a.webp": ("a picture",)})
    examples = load_evaluation(CaptionSource(images=folder, captions=few), no_sample, SIZE)
    assert examples.left_out["image without captions"] == 3


def test_folders_are_told_apart_where_the_captions_do_so(tree, tmp_path):
    told = {"cats/1.png": ["a cat"], "dogs/1.png": ["a dog"], "2.png": ["a hen"]}
    files = {
        f"all/{name}": encoded(picture(place)) for place, name in enumerate(("dogs/1.png", "cats/1.png"))
    }
    files["all/hens/2.png"], files["all/1.png"] = encoded(picture(2)), encoded(picture(3))
    source = CaptionSource(images=tree(files), captions=write_captions(tmp_path / "captions.tsv", told))
    examples = load_evaluation(source, no_sample, SIZE)
    assert dict(zip(examples.origins, examples.captions, strict=True)) == {
        "all/cats/1.png": ("a cat",),
        "all/dogs/1.png": ("a dog",),
        "all/hens/2.png": ("a hen",),
    }
    assert examples.left_out["image without captions"] == 1


def test_an_image_needs_no_suffix_if_captions_name_it(tree, tmp_path):
    captions_file = write_captions(tmp_path / "captions.tsv", {"photo.1": ["a hen"]})
    source = CaptionSource(images=tree({"photo.1": IMAGES["000.png"]}), captions=captions_file)
    assert len(load_evaluation(source, no_sample, SIZE)) == 1


def test_validation_is_held_out_by_image_and_always_the_same(tree, captions_file, tmp_path):
    source = CaptionSource(images=tree(IMAGES), captions=captions_file)
    train, validation = load_training(source, no_sample, fraction=0.3, size=SIZE)
    assert sorted([*train.origins, *validation.origins]) == NAMES
    assert 8 <= len(validation) <= 28
    assert not set(train.origins) & set(validation.origins)
    for part in (train, validation):
        for image, captions, name in zip(part.images, part.captions, part.origins, strict=True):
            assert captions == CAPTIONS[name]
            np.testing.assert_array_equal(image, picture(NAMES.index(name)))
    half = {f"elsewhere/{name}": IMAGES[name] for name in NAMES[::2]}
    other = CaptionSource(images=tree(half, "half-"), captions=captions_file)
    _, again = load_training(other, no_sample, fraction=0.3, size=SIZE)
    assert [name.rpartition("/")[2] for name in again.origins] == [
        name for name in validation.origins if f"elsewhere/{name}" in half
    ]


def test_validation_may_be_given(tree, captions_file):
    source = CaptionSource(images=tree(IMAGES), captions=captions_file)
    others = tree({"000.png": IMAGES["000.png"]}, "validation-")
    train, validation = load_training(source, no_sample, others, captions_file, 0.5, SIZE)
    assert list(train.origins) == NAMES
    assert list(validation.origins) == ["000.png"]
    for given in ((others, None), (None, captions_file)):
        with pytest.raises(UserError, match="--validation-images and --validation-captions: expected both"):
            load_training(source, no_sample, *given, size=SIZE)


def test_too_few_images_to_hold_some_out_are_refused(tree, captions_file):
    source = CaptionSource(images=tree({"000.png": IMAGES["000.png"]}), captions=captions_file)
    with pytest.raises(UserError, match=r"1 images are too few .* --validation-images"):
        load_training(source, no_sample, size=SIZE)


def test_nothing_to_use_is_refused_with_what_was_found(tree, captions_file):
    files = {"a.png": IMAGES["000.png"], "b.png": IMAGES["001.png"], "003.png": b"x"}
    source = CaptionSource(images=tree(files), captions=captions_file)
    with pytest.raises(UserError, match=r"photos\S*: no image can be used") as refused:
        load_evaluation(source, no_sample, SIZE)
    for part in (
        "2 image without captions",
        "1 not an image",
        "captions.tsv has captions of images such as 000",
    ):
        assert part in str(refused.value)


def test_a_tree_that_is_missing_is_named(captions_file, tmp_path):
    source = CaptionSource(images=tmp_path / "nowhere.tar", captions=captions_file)
    with pytest.raises(UserError, match=r"nowhere\.tar: no such file or folder"):
        load_evaluation(source, no_sample, SIZE)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"images": "a.tar"}, r"--images a\.tar: expected --captions, a file of their captions"),
        ({"data": "photos.tar"}, r"--data photos\.tar: expected --captions"),
        ({"captions": "a.tsv"}, r"--captions a\.tsv: expected --images"),
        ({"data": "coco_captions", "captions": "a.tsv"}, r"--captions a\.tsv: expected --images"),
        ({"data": "coco_captions", "images": "a"}, "--images a: expected no --data beside it"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags, message):
    with pytest.raises(UserError, match=message):
        CaptionSource(**flags)


def drawn(part):
    images = np.stack([picture(number, 2 * SIZE) for number in range(3)])
    return CaptionedImages(part, images, [("a hen",)] * 3, [f"{part} {number}" for number in range(3)])


def test_the_sample_gives_each_part_at_the_asked_size():
    train, validation = load_training(CaptionSource(), drawn, size=SIZE)
    test = load_evaluation(CaptionSource(), drawn, SIZE)
    assert [part.name for part in (train, validation, test)] == ["train", "validation", "test"]
    expected = Image.fromarray(picture(0, 2 * SIZE)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    for part in (train, validation, test):
        assert part.images.shape == (3, SIZE, SIZE, 3)
        np.testing.assert_allclose(part.images[0].astype(int), np.asarray(expected, int), atol=1)
    whole = load_evaluation(CaptionSource(), drawn, 2 * SIZE)
    np.testing.assert_array_equal(whole.images, drawn("test").images)


COCO = {"train": (1, 2), "val": (3,), "test": (4,), "restval": (5,)}


@pytest.fixture
def coco(tmp_path, monkeypatch):
    """The real builder of coco_captions over five pictures, in the files that it expects."""
    import tensorflow_datasets as tfds

    splits = [
        {
            "split": split,
            "filename": f"{number}.jpg",
            "sentences": [{"sentid": 10 * number + k, "raw": f"Caption {k} of {number}."} for k in range(2)],
        }
        for split, numbers in COCO.items()
        for number in numbers
    ]
    folder = write_tree(tmp_path / "karpathy", {"dataset_coco.json": json.dumps({"images": splits}).encode()})
    categories = [{"id": number, "name": f"thing {number}"} for number in range(80)]
    roots = {}
    for part, split, numbers in (("train", "train2014", (1, 2)), ("validation", "val2014", (3, 4, 5))):
        files = {f"{split}/{number}.jpg": encoded(picture(number), "JPEG") for number in numbers}
        images = [
            {"id": number, "file_name": f"{number}.jpg", "height": SIZE, "width": SIZE} for number in numbers
        ]
        content = {"images": images, "annotations": [], "categories": categories}
        files[f"annotations/instances_{split}.json"] = json.dumps(content).encode()
        roots[part] = write_tree(tmp_path / part, files)

    def fetch(self, urls):
        if "karpathy_and_li_splits" in urls:
            return {"karpathy_and_li_splits": folder}
        return {name: roots.get(name.partition("_")[0], tmp_path) for name in urls}

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", fetch)
    builder = tfds.builder("coco_captions", data_dir=tmp_path / "data")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(verify_ssl=False))
    return tmp_path / "data"


def test_coco_is_read_in_its_own_splits(coco, monkeypatch):
    source = CaptionSource(data="coco_captions", data_dir=coco)
    train, validation = load_training(source, no_sample, fraction=0.5, size=SIZE)
    test = load_evaluation(source, no_sample, SIZE)
    found = {"train": train, "val": validation, "test": test}
    for split, examples in found.items():
        assert examples.name == f"coco_captions ({split})"
        assert sorted(examples.origins) == [f"{number}.jpg" for number in COCO[split]]
        for image, captions, origin in zip(examples.images, examples.captions, examples.origins, strict=True):
            number = int(origin.removesuffix(".jpg"))
            assert sorted(captions) == [f"Caption {k} of {number}." for k in range(2)]
            expected = np.asarray(Image.open(io.BytesIO(encoded(picture(number), "JPEG"))))
            np.testing.assert_array_equal(image, expected)


def test_a_data_set_without_captions_is_refused(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(source_of_sets, "_require_network", lambda *_: None)
    with (
        tfds.testing.mock_data(num_examples=1),
        pytest.raises(UserError, match="--data mnist: expected a data set with an image and captions"),
    ):
        load_evaluation(CaptionSource(data="mnist", data_dir=tmp_path), no_sample, SIZE)


def test_an_unknown_data_set_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="--data no_such_thing: neither a file, a folder"):
        load_evaluation(CaptionSource(data="no_such_thing", data_dir=tmp_path), no_sample, SIZE)


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv", "captions.txt"])
def test_captions_that_lie_beside_the_images_are_found(tmp_path, name):
    folder = write_tree(
        tmp_path / "photos", {"red.png": encoded(picture(1)), "grey.png": encoded(picture(2))}
    )
    told = {
        "metadata.jsonl": '{"file_name": "red.png", "text": "A red boat ."}\n'
        '{"file_name": "grey.png", "text": "A cat"}\n',
        "metadata.csv": "file_name,caption\nred.png,A red boat .\ngrey.png,A cat\n",
        "captions.txt": 'image,caption\nred.png,"A red boat ."\ngrey.png,A cat\n',
    }
    (folder / name).write_text(told[name], "utf-8")
    examples = load_evaluation(CaptionSource(str(folder)), no_sample, SIZE)
    assert dict(zip(examples.origins, examples.captions, strict=True)) == {
        "grey.png": ("A cat",),
        "red.png": ("A red boat .",),
    }
