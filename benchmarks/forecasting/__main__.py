"""python -m benchmarks.forecasting: trains and forecasts with all contenders; writes table.md and results.json.

All have the same table, the same steps to train on and the same windows to forecast. Each is a process of its own, as
in `benchmarks.recurrent`.
"""

import json
import os
import platform
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from applications.forecasting.config import INHERITANCE, NAME, Config
from applications.forecasting.facts import Facts
from benchmarks.forecasting.contest import (
    ENTRANTS,
    OURS,
    Result,
    forecasts,
    installed,
    seconds_of_script,
    trained,
)
from benchmarks.forecasting.report import markdown, scores
from benchmarks.forecasting.split import scored_windows, task_of, training_steps
from benchmarks.forecasting.task import write_task
from common import cli
from common.checks import AtLeast, check_ranges
from common.data.sources import SAMPLE
from common.errors import FlagError
from common.files import atomic_write
from common.training.hardware import hardware
from common.training.run_folder import load_finished

_RUN = "benchmark"


@dataclass(frozen=True)
class Options:
    """The data, what is scored, and who takes part."""

    data: str = SAMPLE
    """What to train on: `sample` (made), a data set's name, or a table, as `train` reads it."""
    validation: Path | None = None
    """Table of the steps that follow, to validate on; unless given, `train` holds out the last steps of the data."""
    test: Path | None = None
    """Table of the steps that follow these, to forecast; unless given, the sample's, or the share of the data that
    --test-fraction in --train names."""
    train: str = "sample"
    """Preset and flags of `applications.forecasting.train`, in one argument, such as "base --target-columns demand
    --past-columns temperature". The lookback and the horizon are those of the peers, too."""
    origins: Annotated[int, AtLeast(1)] = 20
    """Origins in the test part of each series, at equal distances, at most."""
    series: Annotated[int, AtLeast(0)] = 0
    """Series that are scored, at equal distances, at most; 0 for all."""
    memory: Annotated[int, AtLeast(1)] = 2016
    """Steps before an origin that the models which are fitted at every origin look back on."""
    steps: Annotated[int, AtLeast(0)] = 0
    """Steps of the training of the peers that are trained; 0 for as many as their library takes."""
    seconds: Annotated[int, AtLeast(1)] = 600
    """Seconds after which the training of such a peer ends, whatever its steps."""
    contenders: tuple[str, ...] = tuple(entrant.name for entrant in ENTRANTS)
    """Who takes part; ours always does."""
    threads: Annotated[int, AtLeast(1)] = os.cpu_count() or 1
    """Threads of each contender."""
    output: Path = Path("runs/benchmarks/forecasting")
    """Folder of the report, and of our training."""

    def __post_init__(self) -> None:
        check_ranges(self)
        known = [entrant.name for entrant in ENTRANTS]
        if set(self.contenders) - set(known):
            raise FlagError(
                f"--contenders {' '.join(self.contenders)}: expected names among {', '.join(known)}"
            )


def main(options: Options) -> None:
    """Trains and forecasts with our model, StatsForecast's and NeuralForecast's, on the same split, in one run."""
    console = cli.console()
    entrants, left_out = installed([one for one in ENTRANTS if one.name in {OURS, *options.contenders}])
    for line in left_out:
        console.print(line, markup=False)
    seconds = train_ours(options)
    run = load_finished(options.output / NAME / _RUN, Config, INHERITANCE.preprocessing)
    facts = Facts.from_json(run.preprocessing["facts"])
    training = training_steps(run.config)
    windows = scored_windows(run.config, options.test, options.memory, options.origins, options.series)
    task = task_of(run.config, facts, windows, training, (options.steps, options.seconds), options.threads)
    write_task(options.output, task)
    with trained(entrants, options.output, options.output / "model", options.threads) as workers:
        answers = forecasts({name: ready.worker for name, ready in workers.items()}, len(windows))
        results = {
            name: Result(seconds if name == OURS else workers[name].seconds, *answer)
            for name, answer in answers.items()
        }
        notes = [ready.note for ready in workers.values() if ready.note]
    figures = scores(facts, windows, results)
    heading = (
        f"{Path(options.data).name}: {len(windows)} origins in {len(set(windows.origins[:, 0]))} series, "
        f"{run.config.horizon} steps ahead; {hardware().cpu}, {options.threads} threads, {platform.system()}, "
        f"Python {platform.python_version()}."
    )
    report = markdown(results, figures, heading, [*notes, *left_out])
    atomic_write(options.output / "table.md", report)
    kept = {
        name: {"training": one.training, "milliseconds": one.milliseconds, **figures[name]}
        for name, one in results.items()
    }
    told = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    atomic_write(
        options.output / "results.json", json.dumps({"options": told, "results": kept}, indent=1) + "\n"
    )
    console.print(report, markup=False)
    console.print(f"written: {options.output}/table.md, results.json")


def train_ours(options: Options) -> float:
    """Trains and exports our model. Returns the seconds that the training took, from the start of its process."""
    flags = [*shlex.split(options.train), "--data", options.data]
    flags += [] if options.validation is None else ["--validation", str(options.validation)]
    flags += ["--runs", str(options.output), "--name", _RUN, "--overwrite"]
    seconds = seconds_of_script("applications.forecasting.train", flags, options.threads)
    run, model = options.output / NAME / _RUN, options.output / "model"
    arguments = ["--run", str(run), "--output", str(model)]
    seconds_of_script("applications.forecasting.export", arguments, options.threads)
    return seconds


if __name__ == "__main__":
    cli.run(main, Options)
