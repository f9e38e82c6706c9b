"""A training killed at any moment and resumed ends as one that was never interrupted, and chooses by BLEU."""

import gzip
import json
import sys
from dataclasses import replace

import pytest
import sacrebleu

from applications.translation.config import PRESETS
from applications.translation.data import encode_within, subword_text, training_examples
from applications.translation.model import build
from applications.translation.train import greedy_translator
from common.errors import UserError
from common.text.parallel import PairSource
from common.text.subwords import Subwords

NUMBERS = {"two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs", "many": "viele"}
COLOURS = {"red": "rote", "old": "alte", "young": "junge", "tall": "große", "white": "weiße"}
THINGS = {"dogs": "Hunde", "cats": "Katzen", "houses": "Häuser", "trees": "Bäume"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two line-aligned files of 120 pairs, one of them gzipped, as a user might have them."""
    folder = tmp_path_factory.mktemp("data")
    triples = [(n, c, t) for n in NUMBERS for c in COLOURS for t in THINGS]
    english = "".join(f"{number} {colour} {thing}.\n" for number, colour, thing in triples)
    german = "".join(f"{NUMBERS[n]} {COLOURS[c]} {THINGS[t]}.\n" for n, c, t in triples)
    (folder / "pairs.en").write_text(english, "utf-8")
    (folder / "pairs.de.gz").write_bytes(gzip.compress(german.encode()))
    return folder / "pairs.en", folder / "pairs.de.gz"


def command(files, runs, name):
    script = [sys.executable, "-m", "applications.translation.train", "tiny", "--epochs", "4"]
    data = ("--source", files[0], "--target", files[1], "--validation-fraction", "0.2", "--subwords", "60")
    drawn = (
        "--subword-sharpness",
        "0.5",
        "--batch-size",
        "8",
        "--averaging",
        "0.9",
        "--learning-rate",
        "0.02",
    )
    first = ("--both-directions-epochs", "2")
    return [*script, *map(str, data), *drawn, *first, "--runs", str(runs), "--name", name]


@pytest.fixture(scope="module")
def uninterrupted(run, files, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    result = run(command(files, runs, "whole"))
    assert (result.returncode, result.stderr) == (0, "")
    return runs / "translation" / "whole"


def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    uninterrupted, kill_and_resume, epochs_of, files, tmp_path
):
    folder = tmp_path / "translation" / "killed"
    kill_and_resume(command(files, tmp_path, "killed"), folder, ("both_directions", 1), (".", 2))
    assert epochs_of(folder / "both_directions") == epochs_of(uninterrupted / "both_directions")
    assert epochs_of(folder) == epochs_of(uninterrupted)
    assert len(epochs_of(folder)) == 4


def test_the_kept_weights_write_what_the_best_bleu_was_measured_on(uninterrupted, epochs_of, files):
    best = max(epochs_of(uninterrupted), key=lambda epoch: float(epoch["val_bleu"]))
    outcome = json.loads((uninterrupted / "outcome.json").read_text("utf-8"))
    assert outcome["validation_bleu"] == pytest.approx(float(best["val_bleu"]))
    subwords = Subwords.from_json(
        json.loads((uninterrupted / "preprocessing.json").read_text("utf-8"))["subwords"]
    )
    config = replace(
        PRESETS["tiny"],
        source=PairSource(source=str(files[0]), target=str(files[1])),
        validation_fraction=0.2,
    )
    held_out, ids = encode_within(training_examples(config)[1], subwords, subwords, config.max_tokens)
    model = build(config, subwords.size)
    model.load_weights(uninterrupted / "best.weights.h5")
    write = greedy_translator(model, subword_text(subwords, config.max_tokens))
    written = [write(row[None]).numpy()[0].decode() for row in ids.sources]
    assert sacrebleu.corpus_bleu(written, [list(held_out.targets)]).score == pytest.approx(
        outcome["validation_bleu"], abs=0.01
    )


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(run, files, tmp_path):
    shorter = tmp_path / "shorter.de"
    shorter.write_text("zwei rote Hunde.\n", "utf-8")
    result = run(command((files[0], shorter), tmp_path / "runs", "wrong"))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {files[0]} has 120 lines and {shorter} has 1")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


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
