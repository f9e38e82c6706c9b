"""A run with the sample alone, where no peer is installed, trains ours and writes the table."""

import json
import runpy
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmarks.forecasting import __main__ as benchmark
from benchmarks.forecasting.__main__ import Options
from benchmarks.forecasting.contest import ENTRANTS, OURS
from common import cli


def _seconds_in_this_process(
    monkeypatch: pytest.MonkeyPatch, module: str, arguments: Sequence[str], threads: int
) -> float:
    """Runs a script with the loops that the tests trace, which is all that takes long here."""
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    monkeypatch.delitem(sys.modules, module, raising=False)  # a script is not imported before it runs
    began = time.perf_counter()
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module(module, run_name="__main__")
    assert stopped.value.code == 0
    return time.perf_counter() - began


def test_a_run_without_peers_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "environment" / "bin" / "python"
    entrants = [one if one.name == OURS else replace(one, python=nowhere) for one in ENTRANTS]
    monkeypatch.setattr(benchmark, "ENTRANTS", entrants)
    monkeypatch.setattr(benchmark, "seconds_of_script", partial(_seconds_in_this_process, monkeypatch))
    # In few large batches, as each of validation is computed outside of a graph.
    flags = "tiny --epochs 1 --windows 16 --validation-windows 16 --lookback 8 --horizon 4 --batch-size 512"
    benchmark.main(Options(train=flags, origins=1, series=2, memory=1, output=tmp_path / "report"))
    results = json.loads((tmp_path / "report" / "results.json").read_text())["results"]
    assert list(results) == [OURS]
    assert results[OURS]["training"] > 0
    assert len(results[OURS]["milliseconds"]) == 2
    assert results[OURS]["mae"] > 0
    table = (tmp_path / "report" / "table.md").read_text()
    assert table.startswith("sample: 2 origins in 2 series, 4 steps ahead;")
    assert "\n| ours |" in table
    for one in ENTRANTS[1:]:
        assert f"{one.name}: left out, {one.package} is not installed" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--contenders", "Prophet"], "expected names among ours, SeasonalNaive"),
        (["--origins", "0"], "--origins 0"),
        (["--series", "-1"], "--series -1"),
    ],
)
def test_wrong_flags_are_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.run(benchmark.main, Options)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
