"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json


def test_from_drawn_scenes_to_a_caption(tmp_path, script):
    for part, count in (("train", 40), ("validation", 8)):
        out = script("sample", "--output", part, "--part", part, "--count", count, folder=tmp_path)
        assert out == f"{count} pictures written to {part}\n"
    data = ("--images", "train", "--captions", "train/captions.tsv")
    held_out = ("--validation-images", "validation", "--validation-captions", "validation/captions.tsv")
    out = script("train", "tiny", *data, *held_out, "--epochs", 1, folder=tmp_path)
    assert "training: train: 40 images with 200 captions" in out
    assert "validation: validation: 8 images with 40 captions" in out
    assert "kept in runs/image_captioning/tiny" in out
    out = script("export", "--run", "runs/image_captioning/tiny", "--beam-width", 2, folder=tmp_path)
    assert out.startswith("exported to saved_models/image_captioning/1 (")
    model = "saved_models/image_captioning"
    data = ("--images", "validation", "--captions", "validation/captions.tsv")
    script("evaluate", "--model", model, *data, "--output", "report", folder=tmp_path)
    metrics = json.loads((tmp_path / "report/metrics.json").read_text("utf-8"))
    assert metrics["images"] == 8
    assert {"bleu_4", "rouge_l", "cider_d", "distinct_captions", "images_per_second"} <= metrics.keys()
    assert (tmp_path / "report/attention_4.png").exists()
    picture = "validation/scene_1.png"
    out = script("predict", "--model", model, picture, "--attention", "looked.png", folder=tmp_path)
    assert out.endswith(f"\t{picture}\n")
    assert (tmp_path / "looked.png").exists()


def test_the_shipped_model_describes_a_picture(tmp_path, script):
    script("sample", "--output", tmp_path, "--count", 1)
    out = script("predict", "--model", "saved_models/image_captioning/1", tmp_path / "scene_1.png")
    caption, _, file = out.rstrip("\n").partition("\t")
    assert len(caption.split()) >= 4
    assert file == str(tmp_path / "scene_1.png")
