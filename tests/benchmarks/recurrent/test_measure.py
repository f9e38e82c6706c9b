"""Contenders run in processes of their own, take turns, and only their answers are read."""

import sys
from pathlib import Path

import pytest

from benchmarks.recurrent.__main__ import Options, main
from benchmarks.recurrent.cases import Case
from benchmarks.recurrent.measure import Block, Contender, _timing, started, timings_of
from common import cli
from common.errors import UserError

WORKER = """
import sys
from benchmarks.recurrent.workers.protocol import serve

def build(case):
    if sys.argv[1] == "inference only" and case.mode != "inference":
        raise NotImplementedError
    log = open({log!r}, "a")
    def run():
        print("noise of a library")
        print(end=sys.argv[1][0], file=log, flush=True)
    return run

serve(build)
"""
INFERENCE, TRAINING = (Case("LSTM", mode, 1, 2, 3, 4) for mode in ("inference", "training"))


@pytest.fixture
def contenders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Contender]:
    (tmp_path / "stub_worker.py").write_text(WORKER.format(log=str(tmp_path / "log")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return [Contender(name, Path(sys.executable), "stub_worker") for name in ("both", "inference only")]


def test_blocks_of_the_contenders_alternate(contenders: list[Contender], tmp_path: Path) -> None:
    with started(contenders, threads=1) as workers:
        timings = timings_of(INFERENCE, workers, rounds=3, seconds=0.0)
    assert list(timings) == ["both", "inference only"]
    assert all(len(timing.milliseconds) >= 3 for timing in timings.values())
    order = (tmp_path / "log").read_text()
    # Two runs to get ready, and two in a block: the turns change after each block.
    assert order.startswith("bbii" + "bbii" * 3)


def test_a_contender_without_the_case_is_left_out(contenders: list[Contender]) -> None:
    with started(contenders, threads=1) as workers:
        assert list(timings_of(TRAINING, workers, rounds=3, seconds=0.0)) == ["both"]


def test_a_missing_environment_and_a_broken_worker_are_named(
    contenders: list[Contender], tmp_path: Path
) -> None:
    absent = Contender("torch", tmp_path / "python", "worker")
    with pytest.raises(UserError, match="make bench-layers"), started([absent], threads=1):
        pass
    broken = Contender("broken", Path(sys.executable), "no_such_module")
    with started([broken], threads=1) as workers, pytest.raises(UserError, match="contender broken"):
        timings_of(INFERENCE, workers, rounds=1, seconds=0.0)


def test_blocks_under_other_load_count_only_where_no_quiet_ones_are() -> None:
    quiet, loud = Block(1.0, 0.05), Block(9.0, 0.8)
    assert _timing([loud, quiet, quiet, loud, quiet]).milliseconds == (1.0, 1.0, 1.0)
    louder = Block(20.0, 1.5)
    timing = _timing([louder, loud, quiet, loud])
    assert sorted(timing.milliseconds) == [1.0, 9.0, 9.0]
    assert timing.foreign_cores == 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shapes", "1,2,3"], "expected batch,time,features,units"),
        (["--shapes", "1,2,3,0"], "expected batch,time,features,units"),
        (["--cells", "LSTN"], "expected one or more of LSTM, GRU"),
        (["--contenders", "jax"], "expected names among ours float32"),
    ],
)
def test_wrong_flags_are_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.run(main, Options)
    assert stopped.value.code == 1
    assert message in capsys.readouterr().err
