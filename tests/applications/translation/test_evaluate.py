"""The evaluation measures the exported model and writes the report that sacreBLEU itself would give."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from applications.translation.evaluate import Options, evaluate
from applications.translation.export import load_run
from applications.translation.predict import Predictor
from common.errors import UserError
from common.text.parallel import PairSource
from common.text.subwords import START

TEXTS = [
    "A dog runs.",
    "Anna sings by the sea.",
    "My brother waits at home.",
    "The girl sleeps, and a tall man sings.",
]
REFERENCES = [
    "Ein Hund läuft.",
    "Anna singt am Meer.",
    "Mein Bruder geht heim.",
    "Das Mädchen schläft, der Mann singt.",
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two line-aligned files, one line of which has no translation."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "test.en").write_text("\n".join([*TEXTS, "Nobody.", ""]), "utf-8")
    (folder / "test.de").write_text("\n".join([*REFERENCES, "", ""]), "utf-8")
    return PairSource(source=str(folder / "test.en"), target=str(folder / "test.de"))


@pytest.fixture(scope="module")
def report(exported, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(Options(exported.parent, source, folder, attention=(2, 4), batch_size=3))
    return folder


@pytest.fixture(scope="module")
def metrics(report):
    return json.loads((report / "metrics.json").read_text("utf-8"))


def test_bleu_and_chrf_are_those_of_sacrebleu_on_the_models_own_answers(metrics, exported):
    outputs = [answer["translation"] for answer in Predictor(exported)(TEXTS)]
    assert metrics["sentences"] == 4
    assert metrics["left_out"] == {"empty target": 1}
    assert metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(outputs, [REFERENCES]).score)
    assert metrics["chrf"] == pytest.approx(sacrebleu.corpus_chrf(outputs, [REFERENCES]).score)
    assert 20 < metrics["bleu"] < 100
    for part in ("tok:13a", "case:mixed", "nrefs:1", f"version:{sacrebleu.__version__}"):
        assert part in metrics["bleu_signature"]
    assert "nc:6" in metrics["chrf_signature"]
    assert metrics["exact_match"] == np.mean(np.array(outputs) == REFERENCES) > 0
    assert metrics["sentences_per_second"] > 0
    assert metrics["truncated"] == 0


def test_perplexity_is_that_of_the_training_loss(metrics, finished_run):
    trained = load_run(finished_run)
    nats, tokens = 0.0, 0
    for text, reference in zip(TEXTS, REFERENCES, strict=True):
        read, labels = (trained.subwords(tf.constant([side])).numpy() for side in (text, reference))
        target = np.roll(labels, 1, axis=1)
        target[:, 0] = START
        loss = trained.model({"source": read, "target": target, "labels": labels}, training=False)
        nats, tokens = nats + float(loss[0]) * labels.shape[1], tokens + labels.shape[1]
    assert metrics["token_perplexity"] == pytest.approx(np.exp(nats / tokens), rel=1e-3)


def test_the_report_holds_each_translation_and_the_pictures_asked_for(report, exported):
    with (report / "translations.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(row["source"], row["reference"]) for row in rows] == list(zip(TEXTS, REFERENCES, strict=True))
    assert [row["output"] for row in rows] == [one["translation"] for one in Predictor(exported)(TEXTS)]
    for row in rows:
        expected = sacrebleu.sentence_bleu(row["output"], [row["reference"]]).score
        assert float(row["sentence_bleu"]) == pytest.approx(expected, abs=0.01)
    pictures = sorted(path.name for path in report.glob("*.png"))
    assert pictures == ["attention_2.png", "attention_4.png", "bleu_by_length.png"]
    assert all((report / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_results_are_divided_by_the_length_of_the_source(metrics):
    assert {name: row["sentences"] for name, row in metrics["by_source_length"].items()} == {
        "1-5 words": 3,
        "6-10 words": 1,
    }


def test_a_model_is_not_measured_in_the_other_direction(exported, tmp_path, files):
    source = PairSource(source=str(files[1]), target=str(files[0]))
    with pytest.raises(UserError, match=r"this model translates from pairs\.en\.gz to pairs\.de\.gz"):
        evaluate(Options(exported, source, tmp_path / "report"))
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("number", [0, 5])
def test_a_pair_that_there_is_not_is_not_drawn(exported, source, tmp_path, number):
    with pytest.raises(UserError, match=f"--attention {number}: expected the number of a pair, from 1 to 4"):
        evaluate(Options(exported, source, tmp_path / "report", attention=(1, number)))
    assert not (tmp_path / "report").exists()


def test_misaligned_files_are_named_and_leave_no_report(exported, source, tmp_path):
    (tmp_path / "short.de").write_text("\n".join(REFERENCES[:3]), "utf-8")
    source = replace(source, target=str(tmp_path / "short.de"))
    with pytest.raises(UserError, match=r"test\.en has 5 lines and .*short\.de has 3"):
        evaluate(Options(exported, source, tmp_path / "report"))
    assert not (tmp_path / "report").exists()
