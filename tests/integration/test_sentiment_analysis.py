"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json
import re


def test_from_the_sample_to_an_answer(tmp_path, script):
    out = script("train", "tiny", folder=tmp_path)
    assert "training: sample: 505 examples (251 negative, 254 positive)" in out
    assert "kept in runs/sentiment_analysis/tiny" in out
    out = script("export", "--run", "runs/sentiment_analysis/tiny", folder=tmp_path)
    assert out.startswith("exported to saved_models/sentiment_analysis/1 (")
    model = "saved_models/sentiment_analysis"
    script("evaluate", "--model", model, "--output", "report", folder=tmp_path)
    metrics = json.loads((tmp_path / "report/metrics.json").read_text("utf-8"))
    assert metrics["examples"] == 69
    out = script("predict", "--model", model, "not bad at all, I loved it", "dull", folder=tmp_path)
    assert [line.split("\t")[2] for line in out.splitlines()] == ["not bad at all, I loved it", "dull"]
    out = script("predict", "--model", model, "--explain", "not bad at all", folder=tmp_path)
    assert re.search(r"\tnot\([+-]\d\.\d\d\) bad\([+-]\d\.\d\d\) at\(", out)


def test_the_shipped_model_knows_praise_from_blame(script):
    out = script(
        "predict",
        "--model",
        "saved_models/sentiment_analysis/1",
        "not bad at all, I loved it",
        "a dull and pointless mess, avoid it",
    )
    assert [line.split("\t")[0] for line in out.splitlines()] == ["positive", "negative"]
