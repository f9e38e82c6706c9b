"""All contenders write the same text and train to the same losses, and all stand in the tables."""

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from applications.text_generation.config import Config
from applications.text_generation.model import build, read
from benchmarks.text_generation import __main__ as benchmark
from benchmarks.text_generation.__main__ import Options
from benchmarks.text_generation.networks import (
    Network,
    comparable,
    exported_network,
    random_network,
    stock_step,
)
from benchmarks.text_generation.training import OURS, STOCK, Contender, Trainer, check_same_logits, trainers
from benchmarks.text_generation.writing import (
    CELLS,
    PREDICT,
    SERVED,
    check_same_texts,
    first_characters,
    writers,
)
from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.run_folder import to_json

VOCABULARY = "\n abcde"
CONFIG = Config(
    training=TrainingOptions(batch_size=2, learning_rate=1e-2, averaging=0.9),
    window=5,
    embedding_units=6,
    units=8,
    layers=2,
    residual=True,
    input_dropout=0.0,
    dropout=0.0,
    output_dropout=0.0,
)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    keras.utils.set_random_seed(1)
    with random_network(CONFIG, VOCABULARY) as made:
        yield made


@pytest.fixture(scope="module")
def contenders_in_training() -> dict[Contender, Trainer]:
    return trainers(CONFIG, characters=8)


def test_all_contenders_write_the_most_probable_characters(network: Network) -> None:
    contenders = writers(network, length=12, predicted_length=12)
    prefixes = first_characters(VOCABULARY, 3)
    assert len(set(prefixes)) == 3
    # The reference reads the whole text anew for each character.
    expected = []
    for prefix in prefixes:
        numbers = [0, VOCABULARY.index(prefix) + 1]
        for _ in range(12):
            zeros = network.model.get_layer("states").stack.zero_states(1)
            logits = np.asarray(read(network.model, np.array([numbers]), zeros)[0])[0, -1]
            numbers.append(1 + int(np.argmax(logits[1:])))
        expected.append("".join(VOCABULARY[number - 1] for number in numbers[2:]))
    texts = {name: write(prefixes) for name, write in contenders.items()}
    assert texts == {SERVED: expected, CELLS: expected, PREDICT: expected}
    check_same_texts(contenders, prefixes)


def test_a_contender_that_writes_another_text_is_no_contender() -> None:
    contenders = {SERVED: lambda _: ["abcd", "bcde"], PREDICT: lambda _: ["ab", "bd"]}
    with pytest.raises(RuntimeError, match="'bd', ours, served 'bcde'"):
        check_same_texts(contenders, ["a", "b"])
    with pytest.raises(RuntimeError, match="writes ''"):
        check_same_texts(contenders | {PREDICT: lambda _: ["ab", ""]}, ["a", "b"])


def test_an_exported_model_is_the_network_it_was_exported_from(network: Network, tmp_path: Path) -> None:
    folder = shutil.copytree(network.folder, tmp_path / "1")
    card = {"configuration": to_json(CONFIG)}
    for name, content in (("characters.json", {"characters": VOCABULARY}), ("manifest.json", card)):
        (folder / "assets.extra" / name).write_text(json.dumps(content))
    exported = exported_network(tmp_path)
    assert (exported.config, exported.characters.vocabulary) == (CONFIG, VOCABULARY)
    for one, other in zip(exported.model.trainable_variables, network.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_dropout_all_contenders_train_to_the_same_losses(
    contenders_in_training: dict[Contender, Trainer],
) -> None:
    # How far bfloat16 may differ is a matter of the layers.
    ours, stock = (
        [float(contenders_in_training["float32", name]()) for _ in range(4)] for name in (OURS, STOCK)
    )
    assert len(set(ours)) == 4
    np.testing.assert_allclose(ours, stock, rtol=1e-5)


def test_a_network_that_computes_something_else_is_no_contender() -> None:
    check_same_logits(CONFIG, characters=8)
    with pytest.raises(RuntimeError, match="logits in Keras's layers differ"):
        check_same_logits(replace(CONFIG, weight_dropout=0.5), characters=8)


def test_what_keras_lacks_is_off_for_both() -> None:
    config = comparable(replace(CONFIG, weight_dropout=0.3, character_dropout=0.1))
    assert (config.weight_dropout, config.character_dropout) == (0.0, 0.0)
    with pytest.raises(UserError, match="--cell gru: expected lstm"):
        stock_step(build(replace(CONFIG, cell="gru"), 8), replace(CONFIG, cell="gru"))


def test_each_contender_has_a_line(
    network: Network,
    contenders_in_training: dict[Contender, Trainer],
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What has been exported already serves here too; trainings are traced in a test of their own.
    monkeypatch.setattr(benchmark, "random_network", lambda config: nullcontext(network))
    monkeypatch.setattr(benchmark, "trainers", lambda *_: dict.fromkeys(contenders_in_training, float))
    # In a narrow table the names would be broken.
    monkeypatch.setenv("COLUMNS", "160")
    benchmark.main(
        Options(
            characters=4,
            predicted_characters=2,
            batch_sizes=(2,),
            rounds=1,
            training_steps=1,
            training_rounds=1,
        )
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    written = [["2", name] for name in (SERVED, CELLS, PREDICT)]
    trained = [[precision, name] for precision in ("float32", "mixed_bfloat16") for name in (STOCK, OURS)]
    assert [row[:2] for row in cells] == written + trained
    assert {row[-1] for row in cells if row[1] in (SERVED, OURS)} == {"1.00"}


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(UserError, match="--batch-sizes 0: expected at least 1"):
        Options(batch_sizes=(1, 0))
    with pytest.raises(UserError, match="--training-steps 0: expected at least 1"):
        Options(training_steps=0)
    with pytest.raises(UserError, match="no such folder"):
        exported_network(Path("nowhere"))
