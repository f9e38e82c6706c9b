"""What an application is: its declaration, and what each of its rooms gives.

Every package in applications/ declares an `APPLICATION` in its `__init__.py`. There is no base class: a room is a
module that has the names of its protocol, and `lacking` tells which of them it has not. Nothing here imports
TensorFlow.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType, TracebackType
from typing import Any, Protocol, Self, TypeAlias

from common.files import atomic_write

Content: TypeAlias = str | Callable[[], bytes]
"""A text, or a function that returns the bytes of a file."""


@dataclass(frozen=True)
class Question:
    """What a model is asked, by its predict script and in a request to a server alike.

    >>> question = Question("how a play goes on", "ROMEO:", inputs={"seed": 7}, flags=("--seed", "7"))
    >>> question.arguments(Path("runs"))
    ['ROMEO:', '--seed', '7']
    >>> question.row("prefix")
    {'prefix': 'ROMEO:', 'seed': 7}

    Attributes:
        asked: what is asked, in words.
        content: of the row that is asked about.
        file: the name under which the content is written for `predict`; "" for a text, which is an argument itself.
        flag: of `predict` that takes the content; "" where it stands alone.
        flags: further arguments of `predict`.
        inputs: further inputs of the row in a request, by their names in `serving_default`.
        request: makes all inputs of the row, where it does not hold the content as it is.
    """

    asked: str
    content: Content
    file: str = ""
    flag: str = ""
    flags: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    request: Callable[[], Mapping[str, Any]] | None = None

    def arguments(self, folder: Path) -> list[str]:
        """The arguments of `predict`; what is asked about is written to `folder` if it is a file."""
        flag = [self.flag] if self.flag else []
        if not self.file:
            return [*flag, str(self.content), *self.flags]
        path = folder / self.file
        atomic_write(path, self._made())
        return [*flag, str(path), *self.flags]

    def row(self, served_input: str) -> dict[str, Any]:
        """The row of a request, by the names of the inputs; a file goes as its bytes."""
        return dict(self.request()) if self.request else {served_input: self._made(), **self.inputs}

    def _made(self) -> str | bytes:
        return self.content if isinstance(self.content, str) else self.content()


@dataclass(frozen=True)
class Application:
    """The declaration of an application.

    >>> echo = Application("echo", title="Echo", takes="a text", gives="the text", questions=())
    >>> echo.summary
    'a text in, the text out'

    Attributes:
        name: of its package, its models and its runs.
        title: of its reports.
        takes: what goes in, with its article.
        gives: what comes out.
        knows: what the shipped model was trained for; "" where none is shipped.
        questions: what its shipped model is asked by `make run`, by the benchmark of the servers, by the README of the
            deployment and by tests.
        served_input: the input of `serving_default` that takes the content of a question.
        sample_training: flags with which a model is trained on the sample in some minutes.
        sample_questions: what that model is asked; the same as the shipped one unless given.
    """

    name: str
    title: str
    takes: str
    gives: str
    questions: tuple[Question, ...]
    served_input: str = "text"
    knows: str = ""
    sample_training: tuple[str, ...] = ()
    sample_questions: tuple[Question, ...] = ()

    @property
    def summary(self) -> str:
        """What goes in and what comes out."""
        return f"{self.takes} in, {self.gives} out"


class Predictor(Protocol):
    """Answers from a SavedModel: one example gives one answer, several give a list.

    Several are a list or the like, or a data frame with `column=`. A predictor can be pickled; `close`, or the end of a
    `with` block, frees its model.
    """

    path: Path
    """The version of the model that answers."""
    batch_size: int
    """Examples that are computed together."""

    def __call__(self, examples: Any, /, **options: Any) -> Any:
        """The answers; a dictionary each."""

    def close(self) -> None:
        """Frees the model; it answers no more."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""


class ConfigRoom(Protocol):
    """`config.py`: everything that a training depends on."""

    Config: type
    PRESETS: Mapping[str, Any]
    PRESET_DESCRIPTIONS: Mapping[str, str]


class DataRoom(Protocol):
    """`data.py`: where examples come from, and how they become batches."""

    def training_examples(self, config: Any) -> Sequence[Any]:
        """The training examples, the validation examples, and then what else the training must know of them."""

    def evaluation_examples(self, source: Any) -> Any:
        """The examples to measure on; where they depend on more than the source, that follows."""


class SampleRoom(Protocol):
    """`sample.py`: the examples that the project makes or ships."""

    def sample(self, part: str) -> Any:
        """The examples of a part: train, validation or test."""


class ModelRoom(Protocol):
    """`model.py`: the model, and nothing else."""

    def build(self, config: Any) -> Any:
        """The Keras model; where its sizes depend on the data, these follow the configuration."""


class TrainRoom(Protocol):
    """`train.py`: the script that trains, or resumes a training."""

    def train(self, config: Any) -> Path:
        """The folder of the finished run."""

    def main(self, config: Any) -> None:
        """The script."""


class EvaluateRoom(Protocol):
    """`evaluate.py`: the script that measures the exported model."""

    Options: type

    measure: Callable[..., dict[str, Any]]
    """The metrics of answers."""
    draw: Callable[..., None]
    """Writes pictures and tables of answers to a folder."""

    def evaluate(self, options: Any) -> dict[str, Any]:
        """The metrics, which are also written with their pictures."""

    def main(self, options: Any) -> None:
        """The script."""


class ExportRoom(Protocol):
    """`export.py`: the script that turns a run into a SavedModel."""

    TASK: str
    LIMITS: Sequence[str]

    def load_run(self, folder: Path) -> Any:
        """The finished training, its model and its front ends."""

    def signatures(self, trained: Any) -> Sequence[Any]:
        """What is served; where it depends on the options of the export, these follow."""

    def description(self, trained: Any) -> Mapping[str, Any]:
        """What `predict` must know beside the graph, written as JSON beside it."""

    def export(self, options: Any) -> Path:
        """The folder of the new version."""

    def main(self, options: Any) -> None:
        """The script."""


class PredictRoom(Protocol):
    """`predict.py`: the script that answers from the exported model. It imports neither Keras nor TensorFlow."""

    Predictor: Callable[..., Predictor]
    Options: type

    def main(self, options: Any) -> None:
        """The script."""


ROOMS: Mapping[str, type] = MappingProxyType(
    {
        "config": ConfigRoom,
        "sample": SampleRoom,
        "data": DataRoom,
        "model": ModelRoom,
        "train": TrainRoom,
        "export": ExportRoom,
        "evaluate": EvaluateRoom,
        "predict": PredictRoom,
    }
)
"""The modules that every application has, in the order in which data walks through them, and their protocols."""


def lacking(room: ModuleType, protocol: type) -> list[str]:
    """The names of a room's protocol that the module does not have."""
    return [name for name in _members(protocol) if not hasattr(room, name)]


def _members(protocol: type) -> Iterable[str]:
    declared = {*inspect.get_annotations(protocol), *vars(protocol)}
    return sorted(name for name in declared if not name.startswith("_"))
