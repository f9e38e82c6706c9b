"""A tiny language model, trained and exported once for all tests of the application."""

from dataclasses import replace

import numpy as np
import pytest

from applications.text_generation.config import PRESETS
from applications.text_generation.export import export, load_run
from applications.text_generation.train import train
from common.export.script import ExportOptions
from common.text.running import RawTextSource

SPEAKERS = ("ANNA", "BRUNO", "ZOË")
SENTENCES = (
    "The sea is wide, and the sea is old.",
    "Who goes there? A friend!",
    "Naïve or not, I stay — 你好 👍",
    "Speak,\tspeak: what news from the hills?",
)


@pytest.fixture(scope="session")
def play(tmp_path_factory):
    """A text file as a user might have it; the section sign stands in it once, and so counts as unknown."""
    speeches = [
        f"{SPEAKERS[index % 3]}:\n{SENTENCES[index * 7 % 11 % 4]}\n{SENTENCES[index % 4]}\n\n"
        for index in range(60)
    ]
    path = tmp_path_factory.mktemp("data") / "play.txt"
    path.write_text("§ The play\n\n" + "".join(speeches), "utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_config(play, tmp_path_factory):
    tiny = PRESETS["tiny"]
    return replace(
        tiny,
        source=RawTextSource(str(play)),
        training=replace(
            tiny.training, runs=tmp_path_factory.mktemp("runs"), epochs=6, learning_rate=0.03, averaging=0.5
        ),
        layers=2,
        residual=True,
        character_dropout=0.05,
        recurrent_dropout=0.05,
        weight_dropout=0.1,
    )


@pytest.fixture(scope="session")
def finished_run(tiny_config):
    return train(tiny_config)


@pytest.fixture(scope="session")
def exported(finished_run, tmp_path_factory):
    """The exported version of the tiny language model: <folder>/text_generation/1."""
    return export(ExportOptions(finished_run, tmp_path_factory.mktemp("saved_models") / "text_generation"))


@pytest.fixture(scope="session")
def reference(finished_run):
    """The log-likelihoods of a text's characters, in NumPy and float64 by the equations: text -> `[characters]`."""
    trained = load_run(finished_run)
    layers = trained.model.get_layer("states").stack.recurrent_layers

    def array(variable):
        return np.asarray(variable, np.float64)

    table = array(trained.model.get_layer("embedding").table)
    weights = [
        (array(one.cell.kernel), array(one.cell.recurrent_kernel), array(one.cell.bias)) for one in layers
    ]
    kernel, bias = (array(getattr(trained.model.get_layer("logits"), name)) for name in ("kernel", "bias"))
    vocabulary = trained.characters.vocabulary

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    def log_likelihoods(text):
        states, fed, found = [(0.0 * one[2][:16], 0.0 * one[2][:16]) for one in weights], 0, []
        for character in text:
            values = table[fed]
            for index, (inner, recurrent, constant) in enumerate(weights):
                hidden, cell = states[index]
                gates = np.split(values @ inner + hidden @ recurrent + constant, 4)
                cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * np.tanh(gates[2])
                hidden = sigmoid(gates[3]) * np.tanh(cell)
                states[index] = hidden, cell
                values = values + hidden if len(values) == len(hidden) else hidden
            logits = kernel @ values + bias
            fed = vocabulary.find(character) + 1
            found.append(logits[fed] - np.log(np.exp(logits).sum()))
        return np.array(found)

    return log_likelihoods
