"""PyTorch, eager, float32: the training step, and greedy and beam search in loops.

python -m benchmarks.translation.workers.torch_worker VARIANT THREADS
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.recurrent.workers.protocol import serve
from benchmarks.translation.cases import (
    LOSSES,
    NEVER_WRITTEN,
    PADDING,
    START,
    TORCH_WEIGHTS,
    TRAINING,
    Case,
    Network,
    read_batches,
    read_network,
    read_sentences,
)
from benchmarks.translation.workers.torch_network import Translator

END = 3
_NEVER = float("-inf")


def build(case: Case) -> Callable[[], list[Any]]:
    """The case as a function: losses `[batches]`, or tokens `[sentences, length]`."""
    folder = Path(case.folder)
    network = read_network(folder)
    if case.mode == LOSSES:
        network = replace(network, word_dropout=0.0, embedding_dropout=0.0, dropout=0.0)
    model = Translator(network)
    with np.load(folder / TORCH_WEIGHTS) as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    if case.mode in (LOSSES, TRAINING):
        return _trainer(model, network, folder)
    source = torch.from_numpy(read_sentences(folder, case.sentences)).long()
    model.eval()
    search = greedy if case.beam_width == 1 else beam
    return lambda: search(model, source, case).tolist()


def _trainer(model: Translator, network: Network, folder: Path) -> Callable[[], list[Any]]:
    model.train()
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # Biases do not decay.
    groups = [
        {"params": [parameter for parameter in learnt if parameter.ndim > 1]},
        {"params": [parameter for parameter in learnt if parameter.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, network.learning_rate, (0.9, network.beta_2), eps=1e-7, weight_decay=network.weight_decay
    )
    batches = [
        [torch.from_numpy(ids).long() for ids in (batch.source, batch.target, batch.labels)]
        for batch in read_batches(folder)
    ]

    def step(source: Tensor, target: Tensor, labels: Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(
            model(source, target).flatten(0, 1),
            labels.flatten(),
            ignore_index=PADDING,
            label_smoothing=network.label_smoothing,
        )
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, network.clip_norm)
        optimizer.step()
        return float(loss.item())

    return lambda: [step(*batch) for batch in batches]


@torch.inference_mode()
def greedy(model: Translator, source: Tensor, case: Case) -> Tensor:
    """The likeliest token again and again: source ids `[batch, time]` -> `[batch, length]`."""
    memory, states = model.encode(source)
    token = torch.full((len(source),), START)
    written = []
    for _ in range(case.length):
        states = model.step(model.embed(token), states, memory)
        logits = model.logits(states[2])
        logits[:, NEVER_WRITTEN] = _NEVER
        token = logits.argmax(-1)
        written.append(token)
    return torch.stack(written, 1)


@torch.inference_mode()
def beam(model: Translator, source: Tensor, case: Case) -> Tensor:
    """Beam search: source ids `[batch, time]` -> the best hypotheses `[batch, length]`.

    A hypothesis that has ended stays in the beam and is continued by padding; the search stops when all have ended.
    """
    batch, width = len(source), case.beam_width
    memory, states = model.encode(source)
    states = tuple(state.repeat_interleave(width, 0) for state in states)
    token = torch.full((batch * width,), START)
    live = torch.full((batch, width), _NEVER)
    live[:, 0] = 0.0
    has_ended = torch.zeros(batch, width, dtype=torch.bool)
    lengths = torch.zeros(batch, width)
    written = torch.zeros(batch, width, 0, dtype=torch.long)
    first_row = torch.arange(batch)[:, None] * width
    for _ in range(case.length):
        states = model.step(model.embed(token), states, memory)
        scores = model.logits(states[2]).log_softmax(-1)
        scores[:, NEVER_WRITTEN] = _NEVER
        if has_ended.any():
            ended = has_ended.flatten()
            scores[ended] = _NEVER
            scores[ended, PADDING] = 0.0
        totals = live[:, :, None] + scores.view(batch, width, -1)
        live, places = totals.flatten(1).topk(width)
        parent = places.div(scores.shape[1], rounding_mode="floor")
        chosen = places % scores.shape[1]
        rows = (first_row + parent).flatten()
        states = tuple(state[rows] for state in states)
        written = torch.cat([written.flatten(0, 1)[rows].view(batch, width, -1), chosen[:, :, None]], 2)
        has_ended, lengths = has_ended.gather(1, parent), lengths.gather(1, parent)
        lengths += ~has_ended
        has_ended |= chosen == END
        token = chosen.flatten()
        if has_ended.all():
            break
    best = (live / ((5 + lengths) / 6)).argmax(1)
    return written[torch.arange(batch), best]


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    # What was built to be compared is timed later.
    serve(cache(build), Case)
