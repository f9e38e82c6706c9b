"""The networks that are timed, and the exported models that serve them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from applications.speech_commands.config import NAME, Config
from applications.speech_commands.export import Trained, description, signatures
from applications.speech_commands.model import build
from applications.speech_commands.predict import DESCRIPTION_FILE
from applications.speech_commands.sample import COMMANDS
from common.audio.labelled import SILENCE, UNKNOWN
from common.errors import UserError
from common.export.saved_model import export_saved_model
from common.inference.extra_files import read_extra
from common.inference.runner import latest_version
from common.layers.portability import make_portable
from common.training.run_folder import FinishedRun, configuration_of

LABELS = (SILENCE, UNKNOWN, *COMMANDS)
KINDS = ("clip", "streaming")
_MANIFEST_FILE = Path("assets.extra") / "manifest.json"


@dataclass(frozen=True)
class Network:
    """A network: its configuration, its classes, and the SavedModel that serves it."""

    config: Config
    labels: Sequence[str]
    folder: Path


@contextmanager
def random_network(config: Config, labels: Sequence[str] = LABELS) -> Iterator[Network]:
    """A network with random weights; its SavedModel lasts as long as the block."""
    model = build(config, len(labels))
    make_portable(model)
    trained = Trained(FinishedRun(config, {}, {"temperature": 1.0}, Path()), model, list(labels))
    files = {DESCRIPTION_FILE.name: json.dumps(description(trained))}
    with TemporaryDirectory() as folder:
        path = export_saved_model(signatures(trained), Path(folder) / NAME, files=files, tolerance=1e-4)
        yield Network(config, labels, path)


def exported_network(folder: Path) -> Network:
    """The network of an exported model.

    Args:
        folder: of numbered versions, of which the highest is used, or one version.

    Raises:
        UserError: there is no SavedModel, it is not this application's, or of another kind than the ones timed.
    """
    path = latest_version(folder)
    described = read_extra(path, DESCRIPTION_FILE, NAME)
    config = configuration_of(Config, read_extra(path, _MANIFEST_FILE, NAME)["configuration"])
    if config.kind not in KINDS:
        raise UserError(f"{path}: a model of the kind {config.kind}; expected one of {', '.join(KINDS)}")
    return Network(config, described["labels"], path)
