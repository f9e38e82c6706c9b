"""Workers that train together end with equal weights, as one process would on the whole batches, and end at once when
one of them is gone."""

import json
import multiprocessing
import runpy
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.errors import FlagError
from common.training import workers
from common.training.cluster import cluster_of
from common.training.options import TrainingOptions
from common.training.run_folder import discard_unbegun, open_run, run_folder
from common.training.runtime import set_up
from common.training.workers import LOST, Together, connect

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import joint_training as joint  # noqa: E402

FORKS = multiprocessing.get_context("forkserver")
TWO = "one:2222,two:2222"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which two workers have trained, and the exit status and the last words of each."""
    folder = tmp_path_factory.mktemp("workers")
    addresses = ",".join(f"127.0.0.1:{free_port()}" for _ in range(2))
    # For processes that nobody has forked from yet.
    FORKS.set_forkserver_preload(["common.training.loop", "common.training.runtime"])
    path = str(HERE / "worker_process.py")
    processes = []
    for index in range(2):
        given = {"index": index, "addresses": addresses, "folder": str(folder)}
        processes.append(FORKS.Process(target=runpy.run_path, args=(path, given)))
        processes[-1].start()
    try:
        processes[0].join(900)
        (folder / "given_up").touch()
        processes[1].join(300)
    finally:
        for process in processes:
            process.kill()
    ends = []
    for index, process in enumerate(processes):
        process.join()
        lines = (folder / f"err.{index}").read_text("utf-8").splitlines()
        ends.append((process.exitcode, [line for line in lines if line.startswith("error: ")]))
    return folder, ends


def weights(trained, name):
    return [list(np.load(trained[0] / f"{name}.{index}.npz").values()) for index in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "whole", "resumed", "streams"])
def test_both_workers_have_the_same_weights_bit_for_bit(trained, name):
    one, other = weights(trained, name)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_two_workers_train_as_one_process_does(trained, tmp_path):
    alone, history = joint.train(tmp_path, joint.OPTIONS)
    untrained = [np.asarray(weight) for weight in joint.build().get_weights()]
    assert max(np.abs(a - b).max() for a, b in zip(alone, untrained, strict=True)) > 0.1
    for a, b in zip(alone, weights(trained, "plain")[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    validated = [epoch["val_loss"] for epoch in history]
    for index in range(2):
        losses = np.load(trained[0] / f"losses.{index}.npy")
        np.testing.assert_allclose(losses[:, 1], validated, atol=1e-4)


@pytest.mark.slow
def test_a_training_that_is_resumed_by_all_ends_as_one_that_went_through(trained):
    for a, b in zip(weights(trained, "resumed")[0], weights(trained, "whole")[0], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_workers_drop_differently(trained):
    """Or else their joint training would be that of one process with half of the rows dropped alike."""
    seeds = [np.load(trained[0] / f"broken.{index}" / "state.npz") for index in range(2)]
    different = [
        name
        for name in seeds[0]
        if name != "record" and not np.array_equal(*(state[name] for state in seeds))
    ]
    assert different
    assert all(seeds[0][name].shape == (2,) for name in different)


@pytest.mark.slow
def test_other_data_in_a_worker_is_one_line_in_both(trained):
    for index in range(2):
        told = (trained[0] / f"other_data.{index}.txt").read_text()
        assert told.startswith(f"worker {index} of 2")
        assert "the training examples are not the same in all workers; expected" in told


@pytest.mark.slow
def test_a_run_that_one_worker_refuses_is_refused_by_all(trained):
    own, other = ((trained[0] / f"refused.{index}.txt").read_text() for index in range(2))
    assert own == "this run exists"
    assert other.startswith("worker 1 of 2")
    assert other.endswith("another worker cannot begin; what it prints says why")


@pytest.mark.slow
def test_a_worker_that_keeps_no_run_names_none_when_it_is_interrupted(trained):
    kept, other = ((trained[0] / f"interrupted.{index}.txt").read_text() for index in range(2))
    assert "epochs are kept in" in kept
    assert other == "interrupted; start all workers again, with --resume"


@pytest.mark.slow
def test_a_worker_that_waits_too_long_ends_with_one_line(trained):
    status, errors = trained[1][0]
    assert status == LOST
    assert len(errors) == 1
    assert "no answer from 127.0.0.1" in errors[0]
    assert "for 4 seconds; start all workers again, with --resume" in errors[0]


@pytest.mark.slow
def test_a_worker_whose_peer_is_gone_ends_with_one_line(trained):
    status, errors = trained[1][1]
    assert status == LOST
    assert len(errors) == 1
    assert "lost one of 127.0.0.1" in errors[0]


ALONE = """
from common.training.options import TrainingOptions
from common.training.workers import connect
connect(TrainingOptions(name="x", workers="127.0.0.1:{own},127.0.0.1:{other}", worker=0, worker_timeout=1))
"""


@pytest.mark.slow
def test_two_names_of_one_place_are_refused():
    port = free_port()
    options = TrainingOptions(workers=f"127.0.0.1:{port},localhost:{port}", worker=0)
    with pytest.raises(FlagError, match="are the same place; expected another for each worker"):
        connect(options)


def test_a_worker_need_not_know_its_own_name(monkeypatch):
    asked = []

    def unknown(*place):
        asked.append(place)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(workers.socket, "getaddrinfo", unknown)
    workers._require_another(("10.0.0.2", 2222), "one:2222", "two:2222")
    assert asked == [("one", 2222)]


def test_a_worker_whose_peer_never_comes_ends_with_one_line():
    own, other = free_port(), free_port()
    command = [sys.executable, "-c", ALONE.format(own=own, other=other)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == LOST
    says = f"no answer from 127.0.0.1:{other} for 1 seconds; start all workers again, with --resume"
    assert done.stderr.splitlines()[-1].endswith(says)


@pytest.mark.slow
def test_only_the_first_worker_tells_of_the_training(trained):
    said = [(trained[0] / f"out.{index}").read_text() for index in range(2)]
    assert "epoch 4/4" in said[0]
    assert "epoch" not in said[1]


# --- shares of a batch


def shares_of(counts, workers, *batch):
    """What each of so many workers gets of a batch."""
    dataset = tf.data.Dataset.from_tensors(batch)
    addresses = ",".join(f"host:{port}" for port in range(1, workers + 1))
    options = [TrainingOptions(workers=addresses, worker=index) for index in range(workers)]
    return [next(Together.of(one).share(dataset, counts).as_numpy_iterator()) for one in options]


@pytest.mark.parametrize(("rows", "workers"), [(7, 2), (6, 3), (2, 3), (1, 4)])
def test_the_mean_of_the_workers_losses_is_that_of_the_batch(rows, workers):
    losses = np.arange(1, rows + 1, dtype=np.float32)
    tokens = np.arange(2, rows + 2, dtype=np.float32)
    shares = shares_of(
        lambda inputs, _: inputs["tokens"], workers, {"loss": losses, "tokens": tokens}, losses
    )
    means = [np.sum(x["loss"]) / np.sum(x["tokens"]) * weights[0, 0] for x, _, weights in shares]
    assert np.mean(means) == pytest.approx(losses.sum() / tokens.sum())


def test_each_row_goes_to_one_worker_and_its_own_weight_stays():
    x, own = np.arange(5, dtype=np.float32), np.array([1, 0, 2, 1, 1], np.float32)
    first, second = shares_of(None, 2, x, x, own)
    assert first[0].tolist() == [0, 2, 4]
    assert second[0].tolist() == [1, 3]
    np.testing.assert_allclose(first[2], own[::2] * 2 * 3 / 5, rtol=1e-6)
    np.testing.assert_allclose(second[2], own[1::2] * 2 * 2 / 5, rtol=1e-6)


# --- flags


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"workers": "one"}, "--workers 'one': expected host:port"),
        ({"workers": "one:2222,two"}, "--workers 'two': expected host:port"),
        ({"workers": "one:2222,two:70000"}, "--workers 'two:70000': expected a port from 1 to 65535"),
        ({"workers": "one:2222,"}, "--workers '': expected host:port"),
        ({"workers": "one:2222,one:2222"}, "expected another address for each worker"),
        ({"workers": TWO, "worker": 2}, "--worker 2: expected this worker's place in --workers, from 0 to 1"),
        ({"workers": TWO}, "--worker: expected this worker's place in --workers, from 0 to 1"),
        ({"worker": 1}, "--worker 1: expected --workers"),
        ({"worker": 0}, "--worker 0: expected --workers"),
        ({"workers": TWO, "worker": 0, "worker_timeout": 0.0}, "--worker-timeout"),
    ],
)
def test_workers_that_cannot_be_are_refused_before_anything_is_made(flags, says):
    with pytest.raises(FlagError, match=says.replace("(", r"\(")):
        TrainingOptions(**flags)


def test_float16_is_for_one_process(monkeypatch):
    with pytest.raises(FlagError, match=r"--precision mixed_float16: .* expected mixed_bfloat16"):
        set_up(TrainingOptions(workers=TWO, worker=0, precision="mixed_float16"))


def test_one_worker_is_a_training_as_ever():
    assert cluster_of(TrainingOptions()) is None
    assert cluster_of(TrainingOptions(workers="one:2222")) is None


CLUSTER = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker", "index": 1}}


def test_the_environment_names_the_workers_unless_flags_do(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(CLUSTER))
    cluster = cluster_of(TrainingOptions())
    assert cluster.addresses == ("a:1", "b:1", "c:1")
    assert cluster.index == 2
    assert cluster_of(TrainingOptions(workers=TWO, worker=1)).addresses == ("one:2222", "two:2222")
    monkeypatch.setenv("TF_CONFIG", json.dumps({**CLUSTER, "task": {"type": "chief", "index": 0}}))
    assert cluster_of(TrainingOptions()).index == 0


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", json.dumps({**CLUSTER, "task": {"type": "ps", "index": 0}})], ids=str
)
def test_an_environment_that_names_no_worker_is_one_line(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(FlagError, match=r"TF_CONFIG: .* names no worker .*; expected \{"):
        set_up(TrainingOptions())


# --- who keeps the run


def test_only_the_first_worker_keeps_the_run(tmp_path):
    from test_run_folder import Config

    first = TrainingOptions(runs=tmp_path, workers=TWO, worker=0)
    second = replace(first, worker=1)
    kept = open_run("app", Config(first), first)
    assert kept == tmp_path / "app" / "run"
    before = sorted(tmp_path.rglob("*"))
    other = open_run("app", Config(second), second)
    assert sorted(tmp_path.rglob("*")) == before
    assert not other.is_relative_to(tmp_path)
    # Where the second worker fails, the first one's run stays.
    discard_unbegun(run_folder("app", second))
    assert kept.exists()
    assert "one:2222" not in (kept / "config.json").read_text()


def test_another_worker_resumes_in_a_copy_of_what_the_first_has_kept(tmp_path):
    from test_run_folder import Config

    first = TrainingOptions(runs=tmp_path, name="copied", workers=TWO, worker=0)
    folder = open_run("app", Config(first), first)
    (folder / "pretraining").mkdir()
    (folder / "pretraining" / "state.npz").write_text("state")
    second = replace(first, worker=1, resume=True)
    other = open_run("app", Config(second), second)
    assert (other / "pretraining" / "state.npz").read_text() == "state"
    alone = replace(first, workers="", worker=None, resume=True)
    assert open_run("app", Config(alone), alone) == folder
