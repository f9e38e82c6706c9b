"""What a SavedModel keeps of the training behind it, so that it can be exported anew once the run folder is gone.

`assets.extra/run.json.gz` holds the configuration, the vocabularies, what came of the training, and the names of the
model's variables; the weights are the SavedModel's own.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from common.errors import UserError
from common.layers.stored_variables import stored_name

RUN_FILE = "run.json.gz"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


@dataclass(frozen=True)
class ExportedWeights:
    """The weights of a model inside a SavedModel.

    Attributes:
        version: the SavedModel's folder.
        variables: the names that the model's variables had when it was exported, in the model's order.
    """

    version: Path
    variables: Sequence[str]

    def order(self) -> list[str]:
        """The names of the stored variables in the order in which they are stored."""
        return list(stored_variables(self.version))

    def load_into(self, model: keras.Model) -> None:
        """Gives the model the weights, found by the place of each variable in it; what the SavedModel does not use
        stays as it is.

        Raises:
            UserError: the model has other variables than the one that was exported.
        """
        stored = stored_variables(self.version)
        if len(model.variables) != len(self.variables):
            raise self._unlike(f"{len(self.variables)} variables, not {len(model.variables)}")
        for variable, name in zip(model.variables, self.variables, strict=True):
            values = stored.get(name)
            if values is None:
                continue
            if values.dtype == tf.bfloat16.as_numpy_dtype:
                # Kernels are kept in it with their columns together, see `recurrent.keep_in_bfloat16`.
                values = values.T.astype("float32")
            if values.shape != tuple(variable.shape):
                raise self._unlike(f"{name} of the shape {list(values.shape)}, not {list(variable.shape)}")
            variable.assign(values)

    def _unlike(self, difference: str) -> UserError:
        return UserError(
            f"{self.version}: this is not the model that its {RUN_FILE} describes: it has {difference}"
        )


def stored_variables(version: Path) -> dict[str, np.ndarray]:
    """The values of a SavedModel's variables by their names, in the order in which they are stored."""
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    graph = TrackableObjectGraph.FromString(reader.get_tensor(_OBJECT_GRAPH))
    stored = [variable for node in graph.nodes for variable in node.attributes]
    return {variable.full_name: reader.get_tensor(variable.checkpoint_key) for variable in stored}


def variable_names(model: keras.Model) -> list[str]:
    """What a model's variables are called in a SavedModel, in the model's order.

    Raises:
        ValueError: two have one name.
    """
    names = [stored_name(variable.value) for variable in model.variables]
    if len(set(names)) != len(names):
        raise ValueError("expected variables of different names, for they are found again by them")
    return names


def encode_run(record: Mapping[str, Any]) -> bytes:
    """The content of `run.json.gz`; equal records give equal bytes."""
    return gzip.compress(json.dumps(record, ensure_ascii=False).encode("utf-8"), mtime=0)


def read_run(version: Path) -> dict[str, Any]:
    """What `encode_run` wrote beside a SavedModel.

    Raises:
        UserError: it is not there.
    """
    path = version / "assets.extra" / RUN_FILE
    if not path.is_file():
        raise UserError(f"{version}: no assets.extra/{RUN_FILE}; this SavedModel cannot be exported anew")
    record: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return record
