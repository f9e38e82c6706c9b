"""The pipeline that answers rows of texts: files, rows, windows of rows, answers, files."""

import contextlib
import io
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.ml.inference.base import PredictionResult, RunInference
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from common import cli
from common.errors import FlagError, UserError
from common.predicting.answer_files import cells_of
from common.predicting.scoring import not_answered
from common.predicting.script import Shown
from common.predicting.texts import GivenText
from common.scale_out.input_rows import NOT_READ, columns_of, files_of, require_readable, rows_of
from common.scale_out.model_handler import TextHandler
from common.scale_out.sinks import JSON_LINES, PARQUET, TABLES, LineSink, ParquetSink, table_types
from common.scale_out.text_application import TextApplication
from common.text.delimited import Fault
from common.text.tables import TableFormat

LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""In this process and without downloads; Beam's default fetches a program at first use."""
_IN_PYTHON = ("fnapirunner", "directrunner", "bundlebaseddirectrunner")
_ERRORS = "errors"
_ANSWERED, _WARNED, _UNREAD = "answered", "warned", "unread"


@dataclass(frozen=True)
class Job:
    """What is done.

    Attributes:
        application: that answers.
        input: patterns of files.
        output: folder of the answers.
        format: of them: `jsonl`, `csv` or `parquet`.
        column: of the texts.
        form: how the files are written.
        window: rows that are sorted by length together.
    """

    application: TextApplication
    input: Sequence[str]
    output: str
    format: str
    column: str
    form: TableFormat
    window: int


def run(job: Job, beam_options: Sequence[str]) -> None:
    """Answers all rows, and returns once they are written.

    Raises:
        FlagError: an option is not Beam's, or the output holds something.
        UserError: there is nothing to read, no model, or the job failed; in the end, if a row was not answered.
    """
    options = checked_options(beam_options)
    if not is_local(options):
        # Where the job is, and what becomes of it.
        logging.getLogger().setLevel(logging.INFO)
    _require_empty(job.output)
    files = files_of(job.input)
    require_readable(files, job.column, job.form)
    others = columns_of(files, job.column, job.form) if job.format in TABLES else []
    sink = _sink(job, others)
    pipeline = beam.Pipeline(options=options)
    names = pipeline | "files" >> beam.Create(files)
    answers, errors = names | "answers" >> _Answers(job, others)
    _ = answers | "write answers" >> beam.io.Write(sink)
    _ = errors | "write errors" >> beam.io.Write(
        LineSink(_within(job.output, _ERRORS), JSON_LINES, (), False)
    )
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    finally:
        # Elsewhere the job may go on, though this process does not wait for it.
        if is_local(options):
            _remove_unfinished(job.output)
    if state != PipelineState.DONE:
        raise UserError(f"Beam's job ended as {state}; expected {PipelineState.DONE}")
    _report(result, job.output)


def checked_options(arguments: Sequence[str]) -> PipelineOptions:
    """Beam's options, with the local runner unless another is named.

    Raises:
        FlagError: one that Beam does not know, where no other program is asked that may know it, or cannot take.
    """
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            options = PipelineOptions(list(arguments))
            given = options.get_all_options(drop_default=True, retain_unknown_options=True)
            unknown = given.keys() - options.get_all_options().keys()
    except SystemExit:
        reason = told.getvalue().strip().rpartition("error: ")[2]
        raise FlagError(f"-- {' '.join(arguments)}: {reason}") from None
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or LOCAL_RUNNER
    # Servers of jobs for other runners have options of their own.
    if unknown and is_local(options):
        raise FlagError(f"--{min(unknown)}: no option of Beam's; expected one, such as --runner=FlinkRunner")
    return options


def is_local(options: PipelineOptions) -> bool:
    """Whether a job is done by this process and its children, and ends with it."""
    runner: str = options.view_as(StandardOptions).runner
    return runner.rpartition(".")[2].lower() in _IN_PYTHON


class _Answers(beam.PTransform):
    """From names of files to answers, and to what was not answered."""

    def __init__(self, job: Job, others: Sequence[str]) -> None:
        super().__init__()
        self._job, self._handler = job, TextHandler(job.application, others, job.window)

    # With the type that it has, Beam would warn that it makes no use of it.
    def expand(self, names: beam.PCollection) -> Any:
        read = (
            names
            | "one by one" >> beam.Reshuffle()
            | "read" >> beam.ParDo(_Read(self._job)).with_outputs(_ERRORS, main="rows")
        )
        # Workers that did not read take part: windows travel, for rows alone would cost more than their answers.
        answered = (
            read.rows
            | "share out" >> beam.Reshuffle()
            | "rows" >> beam.FlatMap(list)
            | "ask" >> RunInference(self._handler)
            | "sort out" >> beam.ParDo(_SortOut()).with_outputs(_ERRORS, main="answers")
        )
        errors = (read[_ERRORS], answered[_ERRORS]) | "all errors" >> beam.Flatten()
        return answered.answers, errors


class _Read(beam.DoFn):
    """From names of files to windows of rows, which may hold rows of several files."""

    def __init__(self, job: Job) -> None:
        self._column, self._form, self._window = job.column, job.form, job.window
        self._rows: list[GivenText] = []
        self._unread = Metrics.counter(__name__, _UNREAD)

    def start_bundle(self) -> None:
        self._rows = []

    def process(self, name: str) -> Iterator[Any]:
        for row in rows_of(name, self._column, self._form):
            if isinstance(row, Fault):
                self._unread.inc(row.reason == NOT_READ)
                yield beam.pvalue.TaggedOutput(_ERRORS, _error(row.place, row.detail))
                continue
            self._rows.append(row)
            if len(self._rows) == self._window:
                yield self._rows
                self._rows = []

    def finish_bundle(self) -> Iterator[Any]:
        if self._rows:
            everywhere = GlobalWindow()
            yield WindowedValue(self._rows, everywhere.max_timestamp(), [everywhere])
            self._rows = []


class _SortOut(beam.DoFn):
    """From results to answers, and to errors where the model refused the row."""

    def __init__(self) -> None:
        self._answered, self._warned = (Metrics.counter(__name__, name) for name in (_ANSWERED, _WARNED))

    def process(self, result: PredictionResult) -> Iterator[Any]:
        if isinstance(result.inference, str):
            row: GivenText = result.example
            error = _error(row.place, result.inference, text=row.text, others=row.others)
            yield beam.pvalue.TaggedOutput(_ERRORS, error)
        else:
            self._answered.inc()
            self._warned.inc(bool(result.inference.warning))
            yield result.inference


def _error(place: str, reason: str, **row: Any) -> Shown:
    return Shown({"place": place, "reason": reason, **row}, ())


def _sink(job: Job, others: Sequence[str]) -> FileBasedSink:
    """Where answers go; finding out what they look like also tells early that there is no model."""
    prefix = _within(job.output, "part")
    predictor, answers = job.application.opened()
    with predictor:
        columns = answers.columns_beside(others)
        if job.format != PARQUET:
            return LineSink(prefix, job.format, columns)
        shown = next(iter(answers.beside([GivenText("a text", 1, "here")], ())))
    (first, *_) = shown.rows or [shown.record]
    return ParquetSink(prefix, table_types(cells_of(first), columns))


def _within(folder: str, name: str) -> str:
    return str(FileSystems.join(folder, name))


def _require_empty(folder: str) -> None:
    try:
        (there,) = FileSystems.match([_within(folder, "*")])
    except (BeamIOError, ValueError) as error:
        raise FlagError(f"--output {folder}: {error}") from None
    if there.metadata_list:
        raise FlagError(f"--output {folder}: not empty; expected a new folder")


def _remove_unfinished(folder: str) -> None:
    """Removes what Beam leaves behind of parts when work fails; the folder was empty before."""
    for path in Path(folder).glob("beam-temp-*"):
        shutil.rmtree(path, ignore_errors=True)


def _report(result: PipelineResult, folder: str) -> None:
    warned = _counted(result, _WARNED)
    line = f"{_counted(result, _ANSWERED):,} rows answered in {folder}"
    more = f", {warned:,} of them with a warning" if warned else ""
    cli.console(stderr=True).print(line + more, markup=False)
    (errors,) = FileSystems.match([_within(folder, f"{_ERRORS}-*")])
    paths = [file.path for file in errors.metadata_list if file.size_in_bytes]
    if paths:
        with FileSystems.open(paths[0]) as file:
            first = file.readline()
        files = _counted(result, _UNREAD)
        rows = sum(map(_count_lines, paths)) - files
        counts = [cli.counted(count, noun) for count, noun in ((rows, "row"), (files, "file")) if count]
        raise not_answered(" and ".join(counts), folder, first)


def _counted(result: PipelineResult, name: str) -> int:
    counters = result.metrics().query(MetricsFilter().with_name(name))["counters"]
    return sum(counter.result or 0 for counter in counters)


def _count_lines(path: str) -> int:
    with FileSystems.open(path) as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
