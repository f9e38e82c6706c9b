"""The shares that the captioner's benchmark tells add up to the whole, and what it captions are whole images."""

import io

import pytest
from PIL import Image

from benchmarks.image_captioning import drawn_images, read_images, shares
from common.errors import UserError


def test_each_part_has_the_share_that_it_adds_to_those_before_it():
    told = shares({"decoding": [1.0, 1.2, 9.0], "encoder": [3.0, 3.6, 3.3], "decoder": [6.0, 6.6, 6.0]})
    assert told == pytest.approx({"decoding": 0.2, "encoder": 0.35, "decoder": 0.45})


def test_drawn_scenes_and_the_files_of_a_folder_are_read_as_they_are(tmp_path):
    drawn = drawn_images(96, count=2)
    for number, content in enumerate(drawn):
        assert Image.open(io.BytesIO(content)).size == (96, 96)
        (tmp_path / f"{number}.jpg").write_bytes(content)
    (tmp_path / "notes.txt").write_text("no image", "utf-8")
    assert read_images(tmp_path) == drawn
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images in it"):
        read_images(tmp_path / "empty")
