"""The whole path as the README tells it: train, export, evaluate, predict, each by its script, in any folder."""

import json

HELD_OUT = (
    ("The city has twelve inhabitants.", "Die Stadt hat zwölf Einwohner."),
    ("This is the third edition.", "Dies ist die dritte Auflage."),
    ("seven", "sieben"),
)


def test_from_the_sample_to_a_translation(tmp_path, script):
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


def test_the_shipped_model_writes_german(script):
    text = "A man in a blue shirt is standing on a ladder cleaning a window."
    out = script("predict", "--model", "saved_models/translation/1", text)
    assert out.startswith("Ein Mann")
    assert {"blauen", "Leiter", "Fenster"} <= set(out.replace(".", " ").split())
