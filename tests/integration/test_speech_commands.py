"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json
import re


def test_from_recordings_of_the_sample_to_a_word(tmp_path, script):
    for part, count in (("train", 80), ("validation", 40), ("test", 20)):
        out = script("sample", "--output", f"words/{part}", "--part", part, "--count", count, folder=tmp_path)
        assert out == f"{count} recordings written to words/{part}\n"
    out = script("train", "tiny", "--data", "words", "--epochs", 1, folder=tmp_path)
    assert "training: words (train): 80 clips" in out
    assert "kept in runs/speech_commands/tiny" in out
    out = script("export", "--run", "runs/speech_commands/tiny", folder=tmp_path)
    assert out.startswith("exported to saved_models/speech_commands/1 (")
    model = "saved_models/speech_commands"
    measured = ("--data", "words", "--stream-minutes", 0.2, "--output", "report")
    script("evaluate", "--model", model, *measured, folder=tmp_path)
    metrics = json.loads((tmp_path / "report/metrics.json").read_text("utf-8"))
    assert metrics["examples"] == 20
    assert metrics["stream"]["seconds"] == 12
    out = script("predict", "--model", model, "words/test", folder=tmp_path)
    names = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "words/test").rglob("*.wav"))
    assert [line.split("\t")[2] for line in out.splitlines()] == names
    out = script("predict", "--model", model, "--stream", "--threshold", 0.1, names[0], folder=tmp_path)
    assert all(re.fullmatch(r"\d+\.\d\ds  \w+  [01]\.\d\d", line) for line in out.splitlines())
