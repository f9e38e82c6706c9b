"""The evaluation measures the exported model and writes the report that the other tools of the field would."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from applications.sentiment_analysis.evaluate import Options, evaluate
from applications.sentiment_analysis.predict import Predictor
from common.errors import UserError
from common.text.labelled import TextSource
from common.text.tables import read_columns


def source(path, **changes):
    return TextSource(str(path), **{"text_column": "review", "label_column": "stars", **changes})


@pytest.fixture(scope="module")
def report(exported, reviews, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(Options(exported.parent, source(reviews), folder))
    return folder


def test_the_metrics_are_those_of_scikit_learn_on_the_models_own_answers(report, exported, reviews):
    metrics = json.loads((report / "metrics.json").read_text("utf-8"))
    rows = [row.values for row in read_columns(reviews, ("review", "stars"))]
    labels = np.array([int(stars) for _, stars in rows])
    positive = Predictor(exported).probabilities([text for text, _ in rows])[:, 1]
    assert metrics["examples"] == 96
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, positive > 0.5))
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(labels, positive))
    # So near to 1, a probability in float32 has but seven digits.
    assert metrics["log_loss"] == pytest.approx(log_loss(labels, positive.astype(float)), rel=1e-4, abs=1e-6)
    assert metrics["accuracy"] > 0.8
    assert {"macro_f1", "expected_calibration_error", "per_class"} <= metrics.keys()


def test_the_report_holds_pictures_and_the_worst_mistakes_first(report):
    for name in ("confusion_matrix.png", "roc.png", "reliability.png"):
        assert (report / name).read_bytes().startswith(b"\x89PNG")
    with (report / "worst_mistakes.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    probabilities = [float(row["label_probability"]) for row in rows]
    assert probabilities == sorted(probabilities)
    assert all(row["label"] != row["predicted"] for row in rows)


def test_labels_by_name_or_by_the_values_of_training_are_understood(exported, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("review,stars\na fine film,1\na dull film,negative\n", "utf-8")
    assert evaluate(Options(exported, source(path), tmp_path / "report"))["examples"] == 2
    path.write_text("review,stars\na fine film,good\n", "utf-8")
    assert (
        evaluate(Options(exported, source(path, label_map=("good=positive",)), tmp_path / "report"))[
            "examples"
        ]
        == 1
    )


def test_an_unknown_label_is_named_and_no_report_is_written(exported, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("review,stars\na fine film,1\na film,so-so\n", "utf-8")
    with pytest.raises(UserError, match=r"r\.csv, line 3: label 'so-so' was not seen in training"):
        evaluate(Options(exported, source(path), tmp_path / "report"))
    assert not (tmp_path / "report").exists()
