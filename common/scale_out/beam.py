"""Answers any number of texts by Apache Beam: on this machine, on Flink, on Dataflow. Imports no TensorFlow.

python -m common.scale_out.beam --application sentiment_analysis --input 'in/*.csv' --output out
"""

import importlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from shlex import split
from typing import Annotated, Literal

import tyro

from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.predicting.script import TextFlags
from common.predicting.texts import TEXT_COLUMN
from common.scale_out.text_application import WINDOW, TextApplication
from common.text.tables import TableFormat

EXTRA = "scale_out"


@dataclass(frozen=True)
class Options:
    """Which texts are answered, by what, and where the answers go."""

    application: str
    """Whose model answers: an application that answers texts, such as sentiment_analysis."""
    input: tuple[str, ...]
    """Files, or patterns such as 'in/*.csv', of any file system that Beam knows: CSV, TSV, JSON lines or Parquet with a
    column of texts, TFRecords (.tfrecord) of tf.Example with a feature of them, or text files with a text in each line
    (.gz too, but for Parquet)."""
    output: str
    """Folder, new or empty, of any file system that Beam knows: answers go to part-*, and to errors-*.jsonl the rows
    that are refused or cannot be read, with their places and the reasons; none of their neighbours is lost."""
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    """Of the answers. A table has every column that any of the files has, so that JSON lines and TFRecords are read
    once more before."""
    text_column: str = TEXT_COLUMN
    """Column or feature that holds the text; its number from 1 in a CSV or TSV without a header."""
    model: Path | None = None
    """As of the application's predict. Workers look there too, so on other machines it must lie at the same place."""
    batch_size: Annotated[int, AtLeast(1)] = TextFlags.batch_size
    """Texts that the model reads at once."""
    window: Annotated[int, AtLeast(1)] = WINDOW
    """Rows that are sorted by length, and then cut into such batches."""
    predict: str = ""
    """More flags of the application's predict, in one text: --predict='--count 5'."""
    table: TableFormat = field(default_factory=TableFormat)
    """How the files are written."""
    beam: tyro.conf.Positional[tuple[str, ...]] = ()
    """Beam's own options, after --, such as -- --runner=FlinkRunner. Unless a runner is named, Beam's FnApiRunner works
    in this process."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.input:
            raise FlagError("--input: expected a file or a pattern")
        if self.table.strict:
            raise FlagError("--strict: rows that cannot be read go to errors-*.jsonl; leave it out")

    def asked(self) -> TextApplication:
        """The application, with the flags of its predict.

        Raises:
            FlagError: there is none, or a flag does not fit.
        """
        model = () if self.model is None else ("--model", str(self.model.expanduser().absolute()))
        try:
            more = split(self.predict)
        except ValueError as error:
            raise FlagError(f"--predict {self.predict!r}: {error}") from None
        arguments = [*more, *model, "--batch-size", str(self.batch_size)]
        return TextApplication.of(self.application, arguments)


def main(options: Options) -> None:
    """Answers the texts of files by Apache Beam."""
    application = options.asked()
    # What it warns of is for those who write pipelines, and an error is told in one line.
    logging.getLogger().setLevel(logging.CRITICAL)
    try:
        importlib.import_module("apache_beam")
    except ImportError:
        raise UserError(
            f"Apache Beam is not installed; expected pip install 'recurrent-applications[{EXTRA}]'"
        ) from None
    # Imported where it is needed: a wrong flag is told before Beam is there.
    from common.scale_out.pipeline import Job, run

    run(
        Job(
            application,
            options.input,
            options.output,
            options.format,
            options.text_column,
            options.table,
            options.window,
        ),
        options.beam,
    )


if __name__ == "__main__":
    cli.run(main, Options)
