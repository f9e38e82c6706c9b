"""The recipes for several machines start any application's training in each worker, and go on where one was lost."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

RECIPES = Path(__file__).parents[2] / "deployment" / "training"
FLAGS = ["base", "--source", "data/train.en.gz", "--target", "data/train.de.gz"]
SAY = '#!/bin/sh\necho "$0 $*" >> said\n'


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


@pytest.fixture
def kept(tmp_path):
    """Lets there be a run to go on with -> none."""

    def make(application, run):
        folder = tmp_path / "runs" / application / run
        folder.mkdir(parents=True)
        (folder / "config.json").touch()

    return make


@pytest.fixture
def slurm(tmp_path):
    """Runs the script on two nodes whose training ends with a status -> its own, and what was started."""

    def run(*arguments, ends=0, refuses=0, restarts=0):
        program(tmp_path / "bin" / "scontrol", SAY + '[ "$1" = requeue ] || printf "one\\ntwo\\n"\n')
        program(
            tmp_path / "bin" / "srun",
            f'#!/bin/bash\nshift\nfor SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@"; done\nexit {ends}\n',
        )
        program(tmp_path / ".venv" / "bin" / "python", f"{SAY}exit {refuses}\n")
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_ID": "7"}
        environment |= {"SLURM_RESTART_COUNT": str(restarts)} if restarts else {}
        done = subprocess.run(
            [RECIPES / "slurm.sh", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        said = tmp_path / "said"
        lines = said.read_text("utf-8").splitlines() if said.exists() else []
        return done.returncode, [Path(line.split()[0]).name + line[len(line.split()[0]) :] for line in lines]

    return run


def started(application, run, *more):
    flags = " ".join([*FLAGS, *more, "--name", run])
    return [
        f"python -m applications.{application}.train {flags} --workers one:2222,two:2222 --worker {worker}"
        for worker in (0, 1)
    ]


def test_slurm_trains_the_application_that_is_named_on_every_node(slurm):
    status, (hosts, *lines) = slurm("translation", "mine", *FLAGS)
    assert hosts == "scontrol show hostnames node[1-2]"
    assert (status, lines) == (0, started("translation", "mine"))


@pytest.mark.parametrize("restarts", [0, 1])
def test_slurm_goes_on_with_its_own_run_and_with_no_other_of_the_name(slurm, kept, restarts):
    kept("keyboard", "night")
    _, (_, *lines) = slurm("keyboard", "night", *FLAGS, restarts=restarts)
    assert lines == started("keyboard", "night", *["--resume"] * restarts)


@pytest.mark.parametrize(
    ("ends", "refuses", "restarts", "again"),
    [
        (75, 75, 0, True),
        (137, 0, 19, True),
        (75, 75, 20, False),
        (1, 1, 0, False),
        # The other worker is ended by a signal, whose status is the higher.
        (143, 2, 0, False),
    ],
)
def test_slurm_begins_again_only_after_a_loss(slurm, tmp_path, ends, refuses, restarts, again):
    status, lines = slurm("translation", "mine", *FLAGS, ends=ends, refuses=refuses, restarts=restarts)
    assert status == ends
    assert ("scontrol requeue 7" in lines) == again
    assert not list(tmp_path.glob(".refused*"))


def test_slurm_wants_to_know_what_to_train(slurm):
    status, lines = slurm("translation")
    assert status
    assert lines == []


@pytest.mark.parametrize(
    ("is_there", "began", "goes_on"), [(False, False, False), (True, True, True), (True, False, False)]
)
def test_the_pods_of_the_job_train_what_its_variables_name_and_go_on_with_no_other_job_s_run(
    tmp_path, kept, is_there, began, goes_on
):
    job = next(iter(yaml.safe_load_all((RECIPES / "job.yaml").read_text("utf-8"))))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value", "job-uid") for one in container["env"]}
    if is_there:
        kept(variables["APPLICATION"], variables["RUN"])
    if began:
        (tmp_path / "runs" / ".begun-job-uid").touch()
    program(tmp_path / "bin" / "python", SAY)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    environment = {**variables, "PATH": path, "JOB_COMPLETION_INDEX": "1"}
    subprocess.run([*container["command"], *container["args"]], cwd=tmp_path, env=environment, check=True)
    resume = " --resume" if goes_on else ""
    assert (tmp_path / "said").read_text("utf-8").split(" ", 1)[1] == (
        f"-m applications.translation.train {' '.join(FLAGS)} --name mine{resume} "
        "--workers training-0.training:2222,training-1.training:2222 --worker 1\n"
    )
    assert (tmp_path / "runs" / ".begun-job-uid").exists() == (began or not is_there)


def test_runs_of_the_job_are_kept_in_its_claim():
    job = next(iter(yaml.safe_load_all((RECIPES / "job.yaml").read_text("utf-8"))))
    pod = job["spec"]["template"]["spec"]
    (mount,), (volume,) = pod["containers"][0]["volumeMounts"], pod["volumes"]
    assert mount["name"] == volume["name"]
    assert f"WORKDIR {mount['mountPath']}\n" in (RECIPES / "Dockerfile").read_text("utf-8")
