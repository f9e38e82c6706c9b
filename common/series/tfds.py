"""Values over time of standard data sets, by their tensorflow-datasets name."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.data.tfds import prepared_builder, require_split
from common.errors import UserError

_SPLIT = "train"
_AT_ONCE = 4096


def read_rows(name: str, columns: Collection[str] = (), data_dir: Path | None = None) -> pd.DataFrame:
    """The examples of a data set whose features are numbers and texts, as the rows of a table.

    Args:
        name: of a data set with the values of one time in each example, such as covid19.
        columns: that are read; all unless given.
        data_dir: folder of prepared data sets.

    Raises:
        UserError: the data set is unknown or has no numbers of one time in its examples, or it is neither prepared nor
            can be downloaded.
    """
    import tensorflow_datasets as tfds

    builder = prepared_builder(name, data_dir)
    there = {
        feature: info.np_dtype
        for feature, info in sorted(builder.info.features.items())
        if isinstance(info, tfds.features.Scalar | tfds.features.Tensor | tfds.features.Text)
        and info.shape == ()
    }
    if not any(np.issubdtype(kind, np.number) for kind in there.values()):
        raise UserError(
            f"--data {name}: expected a data set whose examples have a time and numbers, such as covid19; its features "
            f"are {', '.join(sorted(builder.info.features))}"
        )
    missing = [column for column in columns if column not in there]
    if missing:
        raise UserError(
            f"--data {name}: no number or text {missing[0]!r} in its examples; there are {', '.join(there)}"
        )
    require_split(builder, _SPLIT)
    wanted = [feature for feature in there if not columns or feature in columns]

    def chosen(example: dict[str, Any]) -> dict[str, Any]:
        return {feature: example[feature] for feature in wanted}

    batches = builder.as_dataset(split=_SPLIT, shuffle_files=False).map(chosen).batch(_AT_ONCE)
    parts = [pd.DataFrame(batch) for batch in batches.as_numpy_iterator()]
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=wanted)
    texts = [feature for feature in wanted if not np.issubdtype(there[feature], np.number)]
    return data.assign(**{feature: data[feature].str.decode("utf-8") for feature in texts})
