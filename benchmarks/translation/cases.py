"""What is timed, and the folder that all contenders read. Every contender's environment imports this module, so that it
takes nothing but the standard library and NumPy."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

LOSSES, TRAINING, GREEDY, BEAM = "losses", "training", "greedy", "beam"
KERAS_WEIGHTS, TORCH_WEIGHTS = "keras.weights.h5", "torch.npz"
PADDING, START = 0, 2
NEVER_WRITTEN = (0, 1, 2, 3)
"""Padding, the mark for unknown characters, start and end: without an end all sentences have the same length."""
_NETWORK = "network.json"


@dataclass(frozen=True)
class Network:
    """Sizes, regularisation and optimiser, named as in `applications.translation.config`."""

    tokens: int
    embedding_units: int
    encoder_units: int
    decoder_units: int
    word_dropout: float
    embedding_dropout: float
    dropout: float
    label_smoothing: float
    learning_rate: float
    beta_2: float
    weight_decay: float
    clip_norm: float


@dataclass(frozen=True)
class Case:
    """Something to run.

    Losses are those of one training step with each batch of the folder, one after another, without dropout. Training is
    these steps with dropout. Greedy and beam search write `length` tokens for each of the folder's `sentences`
    sentences; the end token is never written.
    """

    mode: str
    folder: str
    sentences: int = 0
    beam_width: int = 1
    length: int = 0


@dataclass(frozen=True)
class Batch:
    """Ids as teacher forcing takes them, int32 and right-padded with 0: `source` `[batch, source time]`, `target` and
    `labels` `[batch, time]`."""

    source: np.ndarray
    target: np.ndarray
    labels: np.ndarray


def write_network(folder: Path, network: Network) -> None:
    """Puts the network into the folder."""
    (folder / _NETWORK).write_text(json.dumps(asdict(network)))


def read_network(folder: Path) -> Network:
    """The network of the folder."""
    return Network(**json.loads((folder / _NETWORK).read_text()))


def write_batches(folder: Path, batches: list[Batch]) -> None:
    """Puts the batches of the training into the folder."""
    for index, batch in enumerate(batches):
        np.savez(folder / f"batch_{index}.npz", **vars(batch))


def read_batches(folder: Path) -> list[Batch]:
    """The batches of the training, in their order."""
    count = len(list(folder.glob("batch_*.npz")))
    return [Batch(**np.load(folder / f"batch_{index}.npz")) for index in range(count)]


def write_sentences(folder: Path, ids: np.ndarray) -> None:
    """Puts sentences `[sentences, time]` to be translated into the folder."""
    np.save(folder / f"sentences_{len(ids)}.npy", ids)


def read_sentences(folder: Path, count: int) -> np.ndarray:
    """The `count` sentences of the folder."""
    ids: np.ndarray = np.load(folder / f"sentences_{count}.npy")
    return ids
