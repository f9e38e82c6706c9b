"""The language model: characters -> vectors -> recurrent states -> logits of the next character."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from applications.text_generation.config import Config
from applications.text_generation.data import VALIDATION_ROWS
from common.keras_package import PACKAGE
from common.layers.stateful_stack import streamed_stack


def build(config: Config, characters: int, precision: str = "float32") -> keras.Model:
    """Streams of characters `{"characters": [batch, time], "starts": [batch]}` -> logits `[batch, time, characters]`.

    The logits at a step are those of the character that follows the one at the step. Its layers `embedding`, `states`
    (a `StreamedStack`) and `logits` are all that a function without a stream needs.

    Args:
        config: sizes, cell and dropout.
        characters: how many numbers of characters there are, 0 among them.
        precision: Keras dtype policy of all layers; logits are float32 always.
    """
    numbers = keras.Input((None,), dtype="int32", name="characters")
    starts = keras.Input((), dtype="bool", name="starts")
    embedding = CharacterEmbedding(
        characters, config.embedding_units, config.character_dropout, dtype=precision, name="embedding"
    )
    embedded = keras.layers.SpatialDropout1D(config.input_dropout, dtype=precision)(embedding(numbers))
    streamed = streamed_stack(config, config.training.batch_size, VALIDATION_ROWS, precision)
    states = streamed(embedded, starts)
    states = keras.layers.SpatialDropout1D(config.output_dropout, dtype=precision)(states)
    logits = CharacterLogits(embedding if config.tied else None, characters, dtype=precision, name="logits")
    return keras.Model({"characters": numbers, "starts": starts}, logits(states), name="text_generation")


def read(model: keras.Model, numbers: Any, states: Sequence[Any], mask: Any = None) -> tuple[Any, list[Any]]:
    """Reads text from the given states on: numbers `[batch, time]` -> logits `[batch, time, characters]`, states.

    Args:
        model: of `build`.
        numbers: each step's is that of the character before the one that its logits are about.
        states: of the layer `states`' stack, `[batch, units]` each.
        mask: `[batch, time]`, false at padding, which leaves the states as they are.
    """
    stack = model.get_layer("states").stack
    outputs, after = stack(
        model.get_layer("embedding")(numbers), mask=mask, initial_state=states, return_state=True
    )
    return model.get_layer("logits")(outputs), after


@keras.saving.register_keras_serializable(PACKAGE)
class CharacterEmbedding(keras.layers.Layer):
    """One vector per character: numbers `[batch, time]` -> `[batch, time, units]`.

    Args:
        characters: how many numbers there are.
        units: width of the vectors.
        dropout: share of the characters whose vectors are zero throughout a training batch, the others scaled up by
            1 / (1 - dropout) (Gal and Ghahramani 2016, section 4.1).
        seed: of the dropout.
    """

    def __init__(
        self, characters: int, units: int, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.characters, self.units, self.dropout = characters, units, dropout
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)

    def build(self, numbers_shape: tuple[int | None, ...]) -> None:
        """Makes the table of vectors."""
        initializer = keras.initializers.RandomNormal(stddev=self.units**-0.5)
        self.table = self.add_weight((self.characters, self.units), initializer, name="table")

    def call(self, numbers: Any, training: bool | None = None) -> Any:
        """Looks the vectors up; see the class."""
        table = ops.cast(self.table, self.compute_dtype)
        if training and self.dropout:
            table = keras.random.dropout(
                table, self.dropout, noise_shape=(self.characters, 1), seed=self.seed_generator
            )
        return ops.take(table, numbers, axis=0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("characters", "units", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


# Not registered for saving: it shares the model's embedding, and a loaded one would have a copy of it.
class CharacterLogits(keras.layers.Layer):
    """Scores of the next character: `[..., units]` -> `[..., characters]` in float32.

    Args:
        embedding: whose vectors are the rows of the output matrix (Inan et al. 2017); None for a matrix of its own.
        characters: how many numbers there are.
    """

    def __init__(self, embedding: CharacterEmbedding | None, characters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.embedding, self.characters = embedding, characters

    def build(self, states_shape: tuple[int | None, ...]) -> None:
        """Makes the matrix, unless it is the embedding's, and the bias."""
        shape = (self.characters, states_shape[-1])
        self.kernel = (
            self.embedding.table
            if self.embedding
            else self.add_weight(shape, "glorot_uniform", name="kernel")
        )
        self.bias = self.add_weight((self.characters,), "zeros", name="bias")

    def call(self, states: Any) -> Any:
        """Scores; see the class."""
        products = ops.matmul(states, ops.transpose(ops.cast(self.kernel, self.compute_dtype)))
        return ops.cast(products, "float32") + ops.cast(self.bias, "float32")
