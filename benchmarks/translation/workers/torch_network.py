"""The translator's network in PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.translation.cases import PADDING, Network

States = tuple[Tensor, Tensor, Tensor]


class Translator(nn.Module):
    """A bidirectional LSTM that reads, and an LSTM with multiplicative attention and input feeding that writes (Luong
    et al. 2015), with one table of vectors for both (Press and Wolf 2017).

    What it computes is told by `applications.translation.model` and `common.layers.attention_decoder`.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        vectors, read, written = network.embedding_units, 2 * network.encoder_units, network.decoder_units
        self.embedding = nn.Embedding(network.tokens, vectors)
        self.encoder = nn.LSTM(vectors, network.encoder_units, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(read, 2 * written)
        self.decoder = nn.LSTMCell(written + vectors, written)
        self.keys = nn.Linear(read, written, bias=False)
        self.combination = nn.Linear(read + written, written, bias=False)
        self.projection = nn.Linear(written, vectors)
        self.output_bias = nn.Parameter(torch.zeros(network.tokens))
        # Keras's LSTM has one bias, PyTorch's has two, of which the second one is left at zero.
        for name, parameter in self.named_parameters():
            parameter.requires_grad_("bias_hh" not in name)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: ids `[batch, source time]` and `[batch, time]` -> logits `[batch, time, tokens]`."""
        memory, states = self.encode(source)
        vectors = self._same_dropout(self.embed(target), self.network.embedding_dropout)
        kept = functional.dropout(torch.ones_like(states[2]), self.network.dropout, self.training)
        outputs = []
        for inputs in vectors.unbind(1):
            states = self.step(inputs, states, memory, kept)
            outputs.append(states[2])
        return self.logits(torch.stack(outputs, 1))

    def encode(self, source: Tensor) -> tuple[States, States]:
        """Ids `[batch, source time]` -> keys, values and the mask of padding, and the first states of the decoder."""
        is_padding = source == PADDING
        lengths = (~is_padding).sum(1)
        vectors = self._same_dropout(self.embed(source), self.network.embedding_dropout)
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        values, _ = pad_packed_sequence(
            self.encoder(packed)[0], batch_first=True, total_length=source.shape[1]
        )
        values = self._same_dropout(values, self.network.dropout)
        # Values at padding are zero.
        mean = values.sum(1) / lengths[:, None]
        hidden, cell = self.bridge(mean).tanh().chunk(2, 1)
        return (self.keys(values), values, is_padding[:, None]), (hidden, cell, torch.zeros_like(hidden))

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of ids `[...]`: `[..., units]`."""
        vectors = self.embedding(tokens) * self.network.embedding_units**0.5
        if self.training and self.network.word_dropout:
            kept = torch.rand(tokens.shape) >= self.network.word_dropout
            vectors = vectors * kept.unsqueeze(-1)
        return vectors

    def step(self, inputs: Tensor, states: States, memory: States, kept: Tensor | None = None) -> States:
        """One step of the decoder.

        Args:
            inputs: vectors `[rows, units]`.
            states: hidden, cell and attentional state, `[rows, units]` each.
            memory: of `[batch, ...]`, for as many rows or several rows each next to each other.
            kept: dropout's factor on the attentional state.
        """
        keys, values, is_padding = memory
        hidden, cell = self.decoder(torch.cat([states[2], inputs], 1), states[:2])
        queries = hidden.view(len(keys), -1, hidden.shape[1])
        scores = (queries @ keys.transpose(1, 2)).masked_fill(is_padding, float("-inf"))
        contexts = (scores.softmax(-1) @ values).view(len(hidden), -1)
        attentional = self.combination(torch.cat([contexts, hidden], 1)).tanh()
        return hidden, cell, attentional if kept is None else attentional * kept

    def logits(self, outputs: Tensor) -> Tensor:
        """The scores of all tokens after attentional states `[..., units]`."""
        return functional.linear(self.projection(outputs), self.embedding.weight, self.output_bias)

    def _same_dropout(self, values: Tensor, rate: float) -> Tensor:
        """Dropout with one mask for all steps of a sequence `[batch, time, units]`."""
        if not self.training or not rate:
            return values
        return values * functional.dropout(torch.ones_like(values[:, :1]), rate)
