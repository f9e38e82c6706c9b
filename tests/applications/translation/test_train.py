"""The training chooses by BLEU, and refuses a configuration that cannot be."""

import json
from dataclasses import replace

import pytest
import sacrebleu

from applications.translation.config import PRESETS
from applications.translation.data import encode_within, subword_text, training_examples
from applications.translation.model import build
from applications.translation.train import greedy_translator
from common.errors import UserError
from common.text.subwords import Subwords


def test_the_kept_weights_write_what_the_best_bleu_was_measured_on(finished_run, tiny_config, epochs_of):
    best = max(epochs_of(finished_run), key=lambda epoch: epoch["val_bleu"])
    outcome = json.loads((finished_run / "outcome.json").read_text("utf-8"))
    assert outcome["validation_bleu"] == pytest.approx(best["val_bleu"])
    preprocessing = json.loads((finished_run / "preprocessing.json").read_text("utf-8"))
    subwords = Subwords.from_json(preprocessing["subwords"])
    most = tiny_config.max_tokens
    held_out, ids = encode_within(training_examples(tiny_config)[1], subwords, subwords, most)
    model = build(tiny_config, subwords.size)
    model.load_weights(finished_run / "best.weights.h5")
    write = greedy_translator(model, subword_text(subwords, most))
    written = [write(row[None]).numpy()[0].decode() for row in ids.sources]
    assert sacrebleu.corpus_bleu(written, [list(held_out.targets)]).score == pytest.approx(
        outcome["validation_bleu"], abs=0.01
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subword_sharpness": 0.0}, "--subword-sharpness 0.0: expected more than 0"),
        ({"decoder_layers": 0}, "--decoder-layers 0"),
        ({"dropout": 1.5}, "--dropout 1.5"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        replace(PRESETS["tiny"], **wrong)
