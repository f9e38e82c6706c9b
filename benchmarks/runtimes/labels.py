"""python -m benchmarks.runtimes.labels: whether ONNX Runtime gives the labels that the SavedModel gives, text by text.

python -m benchmarks.runtimes.labels --data imdb/test_dev.tsv.gz
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import onnxruntime
from rich.progress import track

from applications import load
from applications.sentiment_analysis import export
from applications.sentiment_analysis.data import evaluation_examples
from common import cli
from common.checks import AtLeast, check_ranges
from common.export.script import ExportOptions
from common.inference.runner import latest_version
from common.model_folders import model_folder
from common.text.labelled import TextSource

_NAME = "sentiment_analysis"


@dataclass(frozen=True)
class Options:
    """Which texts, and how many of them."""

    source: TextSource = field(default_factory=TextSource)
    """Where the texts come from; their labels do not matter."""
    count: Annotated[int, AtLeast(1)] = 100_000
    """Texts at most, the first ones."""

    def __post_init__(self) -> None:
        check_ranges(self)


def main(options: Options) -> None:
    """Exports the shipped classifier for ONNX Runtime, asks both, and prints how many labels differ."""
    version = latest_version(model_folder(_NAME))
    texts = list(evaluation_examples(options.source).texts[: options.count])
    with TemporaryDirectory() as folder:
        exported = export.export(ExportOptions(version, Path(folder), format="onnx"))
        session = onnxruntime.InferenceSession(exported / "encode.onnx")
        labels = json.loads((exported / "labels.json").read_text("utf-8"))
    features = export.load_run(version).features.read_all(texts)
    theirs = np.concatenate([session.run(None, {"features": one[None]})[0] for one in track(features)])
    with load(_NAME, version) as classify:
        ours = [answer["probabilities"] for answer in classify(texts)]
    mine = np.array([[answer[label] for label in labels] for answer in ours])
    cli.console().print(
        f"{len(texts):,} texts: {int((mine.argmax(1) != theirs.argmax(1)).sum())} labels differ; probabilities differ "
        f"by {np.abs(mine - theirs).max():.1e} at most"
    )


if __name__ == "__main__":
    cli.run(main, Options)
