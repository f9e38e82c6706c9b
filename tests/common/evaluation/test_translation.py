"""Scores of translations are sacreBLEU's, with the signatures to quote; sentences stay on their lines."""

import csv

import pytest
import sacrebleu

from common.evaluation.translation import by_source_length, translation_metrics, write_translations

REFERENCES = ["Ein Hund läuft im Park.", "Sie wartet auf den Bus.", "Gut, danke!"]
OUTPUTS = ["Ein Hund läuft  im Park.", "Sie wartet auf einen Bus", "gut, danke!"]


def test_scores_are_those_of_sacrebleu_cased_and_of_plain_text():
    metrics = translation_metrics(OUTPUTS, REFERENCES)
    assert metrics["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(OUTPUTS, [REFERENCES], tokenize="13a").score
    )
    assert metrics["chrf"] == pytest.approx(sacrebleu.corpus_chrf(OUTPUTS, [REFERENCES]).score)
    lowered = translation_metrics([text.lower() for text in OUTPUTS], [text.lower() for text in REFERENCES])
    assert lowered["bleu"] > metrics["bleu"]
    assert metrics["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_what_is_right_but_for_blanks_is_an_exact_match():
    assert translation_metrics(OUTPUTS, REFERENCES)["exact_match"] == pytest.approx(1 / 3)
    perfect = translation_metrics(REFERENCES, REFERENCES)
    assert [perfect[name] for name in ("bleu", "chrf", "exact_match", "length_ratio")] == pytest.approx(
        [100, 100, 1, 1]
    )


def test_short_outputs_have_a_low_length_ratio_and_are_punished():
    metrics = translation_metrics(["Ein Hund läuft", ""], ["Ein Hund läuft im Park", "Ja"])
    assert metrics["length_ratio"] == pytest.approx(3 / 6)
    assert metrics["brevity_penalty"] == pytest.approx(2.718281828 ** (1 - 6 / 3))


def test_lengths_are_words_of_the_source_and_ranges_without_a_sentence_are_left_out():
    sources = ["one", "one two three four five", "one two three four five six", "word " * 51, "word " * 900]
    found = by_source_length(sources, ["a b c d"] * 5, ["a b c d", "a b x d", "a b c d", "e", "a b c d"])
    assert {name: row["sentences"] for name, row in found.items()} == {
        "1-5 words": 2,
        "6-10 words": 1,
        "over 50 words": 2,
    }
    assert found["6-10 words"]["bleu"] == pytest.approx(100)
    assert found["over 50 words"]["exact_match"] == 0.5


def test_each_translation_is_a_line_with_its_own_bleu(tmp_path):
    sources = ["A dog\nruns.", 'She says "yes', "\tok"]
    write_translations(tmp_path / "new" / "t.tsv", sources, REFERENCES, OUTPUTS)
    with (tmp_path / "new" / "t.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["source"] for row in rows] == ["A dog runs.", 'She says "yes', "ok"]
    assert [row["output"] for row in rows] == [" ".join(text.split()) for text in OUTPUTS]
    for row, output, reference in zip(rows, OUTPUTS, REFERENCES, strict=True):
        assert float(row["sentence_bleu"]) == pytest.approx(
            sacrebleu.sentence_bleu(output, [reference]).score, abs=0.01
        )


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="no sentences to measure"):
        translation_metrics([], [])
    with pytest.raises(ValueError, match="2 outputs and 1 references"):
        translation_metrics(["a", "b"], ["a"])
