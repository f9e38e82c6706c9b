"""The evaluation measures the exported model and writes a report that can be checked by hand."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
from PIL import Image

from applications.image_captioning.evaluate import Options, evaluate, scene_metrics
from applications.image_captioning.predict import Predictor
from applications.image_captioning.sample import sample
from common.errors import UserError
from common.evaluation.captioning import captioning_metrics
from common.images.captioned import CaptionSource
from common.text.caption_words import caption_tokens


@pytest.fixture(scope="module")
def pictures(draw):
    """By name: pictures as lossless squares of the model's size, so that all decoders agree on them."""
    kinds = [("red", "plain"), ("green", "striped"), ("yellow", "plain"), ("blue", "striped")]
    return {f"{number}.png": draw(*kind, 40, (32, 32)) for number, kind in enumerate(kinds)}


REFERENCES = {
    "0.png": ["A plain red picture.", "All of it is red."],
    "1.png": ["A striped green picture."],
    "2.png": ["The picture is plain, and it's yellow.", "A yellow wall.", "Yellow."],
    "3.png": ["Blue stripes."],
    "missing.png": ["Nobody has seen it."],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory, pictures):
    """A folder of images, one of them broken, and a TSV of captions, one of which has no image."""
    folder = tmp_path_factory.mktemp("images")
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)
    (folder / "4.png").write_bytes(b"no image")
    rows = [("image", "caption"), ("4.png", "It is broken.")]
    rows += [(name, text) for name, texts in REFERENCES.items() for text in texts]
    captions = tmp_path_factory.mktemp("captions") / "captions.tsv"
    captions.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return CaptionSource(images=folder, captions=captions)


@pytest.fixture(scope="module")
def report(exported, own, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(Options(exported.parent, own, folder, attention=(2, 4), batch_size=3))
    return folder


@pytest.fixture(scope="module")
def metrics(report):
    return json.loads((report / "metrics.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def captions(exported, pictures):
    return [answer["caption"] for answer in Predictor(exported)(list(pictures.values()))]


def test_the_metrics_are_those_of_the_models_own_answers(metrics, captions, pictures):
    references = [REFERENCES[name] for name in pictures]
    expected = captioning_metrics(captions, references)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert metrics["images"] == 4
    assert metrics["left_out"] == {"not an image": 1, "caption without an image": 1}
    assert metrics["images_per_second"] > 0
    written = [" ".join(caption_tokens(text)) for text in captions]
    told = [[" ".join(caption_tokens(text)) for text in texts] for texts in references]
    columns = [[texts[n] if n < len(texts) else None for texts in told] for n in range(3)]
    bleu = sacrebleu.corpus_bleu(written, columns, tokenize="none", smooth_method="none", force=True)
    assert metrics["bleu_4"] == pytest.approx(bleu.score)
    assert metrics["bleu_1"] > 20
    assert metrics["distinct_captions"] == len(set(captions))
    assert "scenes_without_mistake" not in metrics


def test_the_report_holds_each_caption_and_the_pictures_asked_for(report, captions, pictures):
    with (report / "captions.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(row["image"], row["caption"]) for row in rows] == list(zip(pictures, captions, strict=True))
    assert [row["reference_1"] for row in rows] == [REFERENCES[name][0] for name in pictures]
    drawn = sorted(path.name for path in report.glob("*.png"))
    assert drawn == ["attention_2.png", "attention_4.png", "captions.png"]
    for name in drawn:
        assert np.asarray(Image.open(report / name)).std() > 0


def test_where_it_looked_is_drawn_on_the_image_of_that_number(
    exported, own, pictures, captions, tmp_path, monkeypatch
):
    drawn = []
    monkeypatch.setattr(
        "applications.image_captioning.evaluate.plot_word_attention", lambda *given: drawn.append(given)
    )
    evaluate(Options(exported, own, tmp_path, attention=(3,)))
    ((image, words, maps, path),) = drawn
    np.testing.assert_array_equal(image, pictures["2.png"])
    assert words == caption_tokens(captions[2])
    assert len(maps) == len(words)
    assert path == tmp_path / "attention_3.png"


def test_on_the_sample_it_is_told_what_share_of_the_scenes_is_described_without_a_mistake():
    right = [texts[0] for texts in sample("test", 16, 6).captions]
    assert scene_metrics(right) == {"scenes_without_mistake": 1.0, "captions_with_mistakes": {}}
    wrong = [right[0], "a picture", right[2], right[3], "", right[5]]
    assert scene_metrics(wrong) == {
        "scenes_without_mistake": pytest.approx(4 / 6),
        "captions_with_mistakes": {"sentence": 2},
    }


def test_the_sample_is_measured_when_nothing_else_is_named(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "applications.image_captioning.evaluate.evaluation_examples",
        lambda source, size: sample("test", size, 5),
    )
    metrics = evaluate(Options(exported, output=tmp_path / "report", attention=()))
    assert metrics["data"] == "sample (test)"
    assert metrics["scenes_without_mistake"] == 0.0
    assert metrics["captions_with_mistakes"] == {"sentence": 5}


@pytest.mark.parametrize("number", [0, 5])
def test_an_image_that_there_is_not_is_not_drawn(exported, own, tmp_path, number):
    with pytest.raises(
        UserError, match=f"--attention {number}: expected the number of an image, from 1 to 4"
    ):
        evaluate(Options(exported, own, tmp_path / "report", attention=(1, number)))
    assert not (tmp_path / "report").exists()


def test_captions_that_are_missing_are_named_and_leave_no_report(exported, own, tmp_path):
    source = replace(own, captions=tmp_path / "nowhere.tsv")
    with pytest.raises(UserError, match=r"nowhere\.tsv: no such file"):
        evaluate(Options(exported, source, tmp_path / "report"))
    assert not (tmp_path / "report").exists()
