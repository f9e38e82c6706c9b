"""A model that learnt from ink drawn as pictures reads pictures: from training on to the answers."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from applications import load
from applications.handwriting.config import INHERITANCE, PRESETS
from applications.handwriting.data import rendered
from applications.handwriting.evaluate import Options, evaluate
from applications.handwriting.ink import points_of
from applications.handwriting.ink_sources import InkSource
from applications.handwriting.model import build, frames_of
from applications.handwriting.picture_preprocessing import HEIGHT
from common.errors import UserError
from common.images.files import encode_png
from common.training.init_from import begin_from

pytestmark = pytest.mark.slow

TRAINING = ("--render", "--name", "pictures", "--epochs", "10", "--convolutions", "2", "--channels", "4")
WORDS = ("oz", "zzo", "o", "zo")


@pytest.fixture(scope="module")
def picture_run(made):
    """A finished training on drawn pictures."""
    shown = made.run_quickly("train", *made.training_flags, *TRAINING)
    assert (shown.status, shown.err) == (0, "")
    return made.folder / "runs" / "handwriting" / "pictures"


@pytest.fixture(scope="module")
def exported(made, picture_run):
    """The SavedModel of that training."""
    folder = made.folder / "saved_models" / "pictures"
    run = picture_run.relative_to(made.folder)
    shown = made.run_quickly("export", "--run", run, *made.case.EXPORT, "--output", folder)
    assert (shown.status, shown.err) == (0, "")
    return folder / "1"


@pytest.fixture(scope="module")
def pictures(drawn):
    """Grey pictures of words."""
    return rendered([points_of(drawn(word, np.random.default_rng(seed))) for seed, word in enumerate(WORDS)])


@pytest.fixture(scope="module")
def files(pictures, tmp_path_factory):
    """The pictures as files: as they are, larger, light on dark, and as a JPEG in colour."""
    folder = tmp_path_factory.mktemp("pictures")
    first, second, third, fourth = map(Image.fromarray, pictures)
    first.save(folder / "1.png")
    second.resize((3 * second.width, 3 * second.height)).save(folder / "2.png")
    Image.fromarray(255 - np.asarray(third)).save(folder / "3.webp", lossless=True)
    fourth.convert("RGB").save(folder / "4.jpg", quality=95)
    return folder


def test_each_row_of_pictures_is_read_alike_alone_and_beside_wider_ones():
    config, rng = replace(PRESETS["tiny"], render=True, convolutions=2, channels=4), np.random.default_rng(0)
    model = build(config, 5)
    for weight in model.weights:
        if "seed" not in weight.path:
            spread = rng.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(spread) + 0.5 if "variance" in weight.path else spread)
    counts = np.array([41, 30, 1, 6], np.int32)
    # Rubbish in padding is no ink.
    columns = rng.uniform(0, 1, (4, 41, HEIGHT)).astype(np.float32)
    together = model((columns, counts), training=False).numpy()
    assert together.shape == (4, frames_of(config, 41), 5)
    for row, count in enumerate(counts):
        alone = model((columns[row : row + 1, :count], counts[row : row + 1]), training=False).numpy()
        frames = frames_of(config, int(count))
        assert alone.shape[1] == frames >= 1
        np.testing.assert_allclose(together[row, :frames], alone[0], atol=1e-5)


def test_pictures_larger_ones_light_ones_and_photographs_are_read_from_files(script, files):
    status, out, err = script(files)
    assert (status, err) == (0, "")
    assert [line.split("\t")[1] for line in out.splitlines()] == list(WORDS)
    assert script(files / "2.png") == (0, "zzo\n", "")
    assert script("-", data=(files / "4.jpg").read_bytes())[1] == "zo\n"


def test_what_is_no_picture_of_writing_is_told_of_in_a_line_and_the_others_are_read(script, files, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (80, 40), 222).save(tmp_path / "blank.png")
    line = Image.new("L", (900, 40), 222)
    line.paste(20, (10, 20, 890, 22))
    line.save(tmp_path / "ruler.png")
    status, out, err = script(files / "1.png", tmp_path, "--output", tmp_path / "texts.jsonl")
    lines = sorted(line for line in err.splitlines() if line.startswith("error: "))
    assert (status, out, len(lines)) == (1, "", 3)
    assert lines[0].startswith(f"error: {tmp_path / 'blank.png'}: a blank picture; expected writing")
    assert lines[1].startswith(f"error: {tmp_path / 'ruler.png'}: expected writing of at most 42 times its")
    assert lines[2].startswith(f"error: {tmp_path / 'text.png'}: not an image; expected ")
    record = json.loads((tmp_path / "texts.jsonl").read_text())
    assert set(record) == {"picture", "text", "confidence"}
    assert record["text"] == "oz"


@pytest.mark.parametrize("flag", ["--letters", "--picture"])
def test_places_of_letters_are_asked_of_a_model_of_strokes(script, files, tmp_path, flag):
    value = (tmp_path / "a.png",) if flag == "--picture" else ()
    status, _, err = script(files / "1.png", flag, *value)
    assert status == 1
    assert err.startswith(f"error: {flag}: ")
    assert err.endswith("expected a model of a pen's strokes\n")


def test_python_hands_over_paths_images_and_arrays(exported, files, pictures):
    read = load("handwriting", exported)
    path, image, array = files / "1.png", Image.open(files / "1.png"), pictures[0]
    colour = np.repeat(array[:, :, None], 3, axis=2)
    forms = [path, str(path), path.read_bytes(), image, array, array / np.float32(255), colour]
    answers = [read(form) for form in forms]
    assert [answer["text"] for answer in answers] == ["oz"] * len(forms)
    assert all(0 < answer["confidence"] <= 1 for answer in answers)
    assert [answer["text"] for answer in read(list(pictures))] == list(WORDS)
    assert read([]) == []
    best = read.n_best(array)
    assert best[0][0] == "oz"
    assert [score for _, score in best] == sorted((score for _, score in best), reverse=True)
    for wrong, expected in ((3, "pictures: got 3 (int)"), (np.full((9, 9), 3, np.uint8), "picture: a blank")):
        with pytest.raises(UserError, match=re.escape(expected)):
            read(wrong)
    with pytest.raises(UserError, match=r"letters: .* reads pictures"):
        read.letters(array)


def test_a_bad_row_leaves_its_neighbours_the_answers_that_they_have_alone(runner, pictures):
    contents = [encode_png(picture) for picture in pictures]
    rows = [contents[1], b"", contents[3], encode_png(np.zeros((20, 20, 3), np.uint8))]
    answers = runner.run("serving_default", image_bytes=rows)
    assert [text.decode() for text in answers["text"]] == ["zzo", "", "zo", ""]
    errors = [text.decode() for text in answers["error"]]
    assert errors[1].startswith("empty; expected an image")
    assert errors[3].startswith("a blank picture")
    assert (errors[0], errors[2]) == ("", "")
    alone = runner.run("serving_default", image_bytes=[contents[3]])
    np.testing.assert_allclose(answers["confidence"][2], alone["confidence"][0], atol=1e-4)
    weights = {"lm_weight": np.zeros(2, np.float32), "length_bonus": np.float32([0, np.nan])}
    best = runner.run("n_best", image_bytes=contents[:2], **weights)
    assert best["texts"][0][0] == b"oz"
    assert best["error"][1].startswith(b"lm_weight, length_bonus: expected numbers")


def test_the_report_says_that_the_ink_was_drawn(exported, made, tmp_path):
    data = made.case.write_evaluation_data(tmp_path)[1]
    options = Options(model=exported, source=InkSource(data=data), output=tmp_path / "report")
    metrics = evaluate(options)
    assert metrics["data"].endswith(", drawn as pictures")
    assert metrics["character_error_rate"] <= 0.2
    assert (tmp_path / "report" / "reliability.png").is_file()
    with pytest.raises(UserError, match=r"--letters: .* reads pictures"):
        evaluate(replace(options, letters=(1,)))


def test_a_model_of_pictures_is_not_begun_with_for_strokes(picture_run):
    training = replace(PRESETS["tiny"].training, init_from=picture_run)
    with pytest.raises(UserError, match="trained with --render True, not False"):
        begin_from(replace(PRESETS["tiny"], training=training), INHERITANCE, PRESETS)


def test_the_card_says_what_it_learnt_from(exported):
    card = " ".join((exported / "assets.extra" / "README.md").read_text("utf-8").split())
    assert "no set of real ones could be had" in card
    assert "It needs the pen's path" not in card


def test_the_sample_gives_pictures_too(made, in_process, tmp_path):
    from applications.handwriting import sample

    assert (
        in_process(sample.main, sample.Options, "--output", tmp_path, "--count", 2, "--format", "png")[0] == 0
    )
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert all(Image.open(io.BytesIO(file.read_bytes())).mode == "L" for file in files)
