"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json
import re


def test_from_the_sample_to_a_text(tmp_path, script):
    out = script("train", "tiny", "--epochs", "1", "--batch-size", "64", folder=tmp_path)
    assert re.search(r"training: sample \(train\): [\d,]+ characters, \d+ different ones", out)
    assert "kept in runs/text_generation/tiny" in out
    out = script("export", "--run", "runs/text_generation/tiny", folder=tmp_path)
    assert out.startswith("exported to saved_models/text_generation/1 (")
    model = "saved_models/text_generation"
    script("evaluate", "--model", model, "--output", "report", folder=tmp_path)
    metrics = json.loads((tmp_path / "report/metrics.json").read_text("utf-8"))
    assert metrics["data"] == "sample (test)"
    assert 0 < metrics["nats_per_character"] < 4
    request = ("predict", "--model", model, "def main(", "--length", 50, "--seed", 7)
    texts = {script(*request, folder=tmp_path) for _ in range(2)}
    assert len(texts) == 1
    assert re.fullmatch(r"(?s)def main\(.{50}\n", texts.pop())
