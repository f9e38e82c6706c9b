"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "saved_models" / "translation" / "1"
HELD_OUT = (
    ("The city has twelve inhabitants.", "Die Stadt hat zwölf Einwohner."),
    ("This is the third edition.", "Dies ist die dritte Auflage."),
    ("seven", "sieben"),
)


def script(name, *arguments, folder):
    command = [sys.executable, "-m", f"applications.translation.{name}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=600)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout


def test_from_the_sample_to_a_translation(tmp_path):
    for side, language in enumerate(("en", "de")):
        texts = "".join(f"{pair[side]}\n" for pair in HELD_OUT)
        (tmp_path / f"val.{language}").write_text(texts, "utf-8")
    (tmp_path / "val.tsv").write_text(
        "".join("\t".join(row) + "\n" for row in (("en", "de"), *HELD_OUT)), "utf-8"
    )
    flags = ("--pairs", 200, "--epochs", 1, "--validation", "val.tsv")
    out = script("train", "tiny", *flags, folder=tmp_path)
    assert "training: sample: 200 pairs" in out
    assert "validation: val.tsv: 3 pairs" in out
    assert "kept in runs/translation/tiny" in out
    out = script("export", "--run", "runs/translation/tiny", "--beam-width", 2, folder=tmp_path)
    assert out.startswith("exported to saved_models/translation/1 (")
    model = "saved_models/translation"
    sides = ("--source", "val.en", "--target", "val.de")
    script("evaluate", "--model", model, *sides, "--output", "report", folder=tmp_path)
    metrics = json.loads((tmp_path / "report/metrics.json").read_text("utf-8"))
    assert metrics["sentences"] == 3
    assert {"bleu", "chrf", "token_perplexity", "sentences_per_second", "exact_match"} <= metrics.keys()
    assert (tmp_path / "report/attention_3.png").exists()
    out = script("predict", "--model", model, "seven", "", "1 May 2020", folder=tmp_path)
    assert out.count("\n") == 3


def test_the_shipped_model_writes_german():
    text = "A man in a blue shirt is standing on a ladder cleaning a window."
    out = script("predict", "--model", SHIPPED, text, folder=REPOSITORY)
    assert out.startswith("Ein Mann")
    assert {"blauen", "Leiter", "Fenster"} <= set(out.replace(".", " ").split())
