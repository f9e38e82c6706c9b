"""Standard data sets by their tensorflow-datasets name, with a clear word at once when there is no network.

What a data set of one kind holds is read in that kind's own folder.
"""

import importlib
import socket
import warnings
from pathlib import Path
from typing import Any

from common.errors import UserError


def splits_of(name: str, data_dir: Path | None = None) -> list[str]:
    """The names of a data set's splits.

    Raises:
        UserError: the data set is unknown, or it is neither prepared nor can be downloaded.
    """
    return list(prepared_builder(name, data_dir).info.splits)


def require_split(builder: Any, split: str) -> None:
    """Raises UserError if a data set has no such split."""
    if split not in builder.info.splits:
        raise UserError(
            f"--data {builder.info.name}: no split {split!r}; it has {', '.join(builder.info.splits)}"
        )


def prepared_builder(name: str, data_dir: Path | None) -> Any:
    """The builder of a data set that is prepared, or downloaded and prepared now.

    Raises:
        UserError: the data set is unknown, or it is neither prepared nor can be downloaded.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(
            f"--data {name}: neither a file, a folder, `sample`, nor a data set of tensorflow-datasets ({first_line}); "
            "a path may begin with ./"
        ) from None
    if builder.data_path.exists():
        return builder
    if any(isinstance(feature, tfds.features.Audio) for feature in builder.info.features.values()):
        _require_pydub(name)
    _require_network(name, Path(builder.data_path).parent)
    builder.download_and_prepare()
    return builder


def _require_pydub(name: str) -> None:
    # tensorflow-datasets misses it only after the download.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that ffmpeg is not there: WAV needs none
            importlib.import_module("pydub")
    except ImportError as error:
        raise UserError(
            f"--data {name}: building it needs the package {error.name}; install it with "
            "pip install -e '.[speech_commands]'"
        ) from None


def _require_network(name: str, folder: Path) -> None:
    # tensorflow-datasets retries for minutes before it gives up; a look-up tells at once.
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and there is no network to download it; prepare it on a "
            f"connected machine (tfds build {name}) and copy the folder, or use --data PATH"
        ) from None
