"""The text of the tiny language model that all tests of the application share, and its equations in NumPy."""

import numpy as np
import pytest

from applications.text_generation.export import load_run


@pytest.fixture(scope="module")
def play(made):
    """A text file; the section sign stands in it once, and so counts as unknown."""
    return made.data_folder / "play.txt"


@pytest.fixture(scope="module")
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
