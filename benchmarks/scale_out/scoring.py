"""What does it cost to answer many texts? Rows per CPU second into one file, in parts, and by Apache Beam.

python -m benchmarks.scale_out.scoring --texts reviews.tsv --text-column text
"""

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

from applications.sentiment_analysis.sample import sample
from benchmarks.timing import table
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import UserError
from common.predicting.texts import TEXT_COLUMN, given_texts
from common.text.tables import TableFormat

PLAIN, PARTS, BEAM = "one file", "parts", "Beam"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Options:
    """Which rows are answered."""

    rows: Annotated[int, AtLeast(1)] = 50_000
    """Sentences that are answered."""
    texts: Path | None = None
    """File whose texts are cut into sentences; those of the sample, again and again, unless given."""
    text_column: str = TEXT_COLUMN
    """Column of the texts in a table."""
    table: TableFormat = field(default_factory=TableFormat)
    """How the file is written."""
    shards: Annotated[int, AtLeast(1)] = 10
    """Parts."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Attributes:
        seconds: of all processors, start and end included.
        megabytes: of memory at most.
    """

    seconds: float
    megabytes: float


def main(options: Options) -> None:
    """Answers the same sentences in all ways, and tells what each cost, once all labels are known to be equal."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        count = write_rows(rows, islice(_sentences(options), options.rows))
        costs, answers = {}, {}
        for way, arguments in ways(rows, options.shards).items():
            output = Path(folder) / (f"{way}.jsonl" if way == PLAIN else way)
            costs[way] = measured([*arguments, "--output", str(output)])
            answers[way] = labels_of(output)
        require_equal(answers)
    show(count, costs)


def ways(rows: Path, shards: int) -> dict[str, list[str]]:
    """The command of each way, but for the output; that of Beam only where it is installed."""
    predict = ["applications.sentiment_analysis.predict", "--input", str(rows)]
    beam = ["common.scale_out.beam", "--application", "sentiment_analysis", "--input", str(rows)]
    known = {PLAIN: predict, PARTS: [*predict, "--shards", str(shards)]}
    if importlib.util.find_spec("apache_beam") is None:
        print("Apache Beam is not installed and left out")
        return known
    return {**known, BEAM: beam}


def write_rows(path: Path, sentences: Iterable[str]) -> int:
    """Writes a table of sentences and their numbers; how many there are."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for count, sentence in enumerate(sentences, start=1):
            writer.writerow([count, sentence])
    return count


def sentences_of(texts: Iterable[str]) -> Iterator[str]:
    """The sentences of texts.

    >>> list(sentences_of(["Well made. But dull!<br />", "Why?"]))
    ['Well made.', 'But dull!', 'Why?']
    """
    for text in texts:
        yield from filter(None, _SENTENCE_END.split(text.replace("<br />", " ").strip()))


def measured(arguments: Sequence[str]) -> Cost:
    """What a Python process with this module and these arguments takes.

    Raises:
        UserError: it failed.
    """
    process = subprocess.Popen([sys.executable, "-m", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{arguments[0]} ended with status {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def labels_of(output: Path) -> dict[str, str]:
    """The label of each row, by its number.

    Raises:
        UserError: a row was answered twice.
    """
    labels: dict[str, str] = {}
    for path in [output] if output.is_file() else sorted(output.glob("part-*")):
        with path.open(encoding="utf-8") as file:
            for record in map(json.loads, file):
                if record["id"] in labels:
                    raise UserError(f"{path}: row {record['id']} is answered twice")
                labels[record["id"]] = record["label"]
    return labels


def require_equal(answers: Mapping[str, Mapping[str, str]]) -> None:
    """Raises UserError unless all ways give each row the same label."""
    expected = answers[PLAIN]
    for way, labels in answers.items():
        different = sum(labels.get(row) != label for row, label in expected.items())
        if different or len(labels) != len(expected):
            raise UserError(
                f"{way}: {different:,} of {len(expected):,} labels differ, of {len(labels):,} answers"
            )


def show(count: int, costs: Mapping[str, Cost]) -> None:
    """Prints what each way cost."""
    shown = table(
        f"{count:,} rows, all labels equal", "way", "CPU s", "rows per CPU s", "against one file", "peak MB"
    )
    for way, cost in costs.items():
        share = f"{cost.seconds / costs[PLAIN].seconds:.2f}"
        shown.add_row(
            way, f"{cost.seconds:.1f}", f"{count / cost.seconds:,.0f}", share, f"{cost.megabytes:,.0f}"
        )
    cli.console().print(shown)


def _sentences(options: Options) -> Iterator[str]:
    if options.texts is None:
        return cycle(list(sentences_of(sample("train").texts)))
    given = given_texts((), options.texts, options.text_column, options.table)
    return sentences_of(one.text for one in given)


if __name__ == "__main__":
    cli.run(main, Options)
