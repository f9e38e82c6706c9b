"""What is served follows what is in the folders, and nothing else is read."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from common.errors import UserError
from common.export.warmup import predict_request, write_warmup
from common.serving.server.local_server import Limits, ServerOptions, running_server
from common.serving.server.model_repository import ModelRepository
from common.serving.server.model_sources import FolderSources, sources_in
from common.serving.server.refusals import RequestError
from common.serving.server.served_models import EndedVersions


@pytest.fixture
def repository(models):
    """What looks only when it is told to, and its lines."""
    lines = []
    made = ModelRepository(
        FolderSources(models, 1),
        where=str(models),
        poll_seconds=0,
        threads=None,
        warms_up=False,
        log=lines.append,
    )
    made.lines = lines
    yield made
    made.close()


def answer(repository, version=None):
    with repository.model("toy", version) as model:
        return model.runner.run("serving_default", text=["a"])["version"].tolist()


def test_a_new_version_is_served_and_the_old_one_freed_after_its_last_user(toys, models, repository, put):
    assert answer(repository) == [1]
    with repository.model("toy") as old:
        put(toys / "2", models / "toy" / "2")
        repository.refresh()
        assert answer(repository) == [2]
        assert old.runner.run("serving_default", text=["a"])["version"].tolist() == [1]
    with pytest.raises(RuntimeError, match="closed"):
        old.runner.run("serving_default", text=["a"])
    with pytest.raises(RequestError, match=r"Specific\(toy, 1\)"):
        answer(repository, 1)
    assert repository.lines == ["toy/1: served", "toy/2: served", "toy/1: no longer served"]


@pytest.mark.parametrize("damage", ["no graph", "cut graph", "no weights", "cut weights"])
def test_a_corrupt_version_is_refused_once_and_the_old_one_goes_on(toys, models, repository, damage, put):
    broken = models / "toy" / "2"
    put(toys / "2", broken)
    if damage == "no graph":
        (broken / "saved_model.pb").unlink()
    elif damage == "cut graph":
        (broken / "saved_model.pb").write_bytes((broken / "saved_model.pb").read_bytes()[:500])
    elif damage == "no weights":
        shutil.rmtree(broken / "variables")
    else:
        next((broken / "variables").glob("*.data*")).write_bytes(b"")
    for _ in range(3):
        repository.refresh()
    assert answer(repository) == [1]
    assert len(repository.lines) == 2
    assert repository.lines[1].startswith("toy/2: refused: ")
    assert "\n" not in repository.lines[1]
    states = repository.states("toy")
    assert states[1] is None
    assert str(broken) in states[2]
    shutil.rmtree(broken)
    put(toys / "2", broken)
    repository.refresh()
    assert answer(repository) == [2]


def test_a_version_that_does_not_answer_its_warm_up_requests_is_refused(toys, models, repository, put):
    new = models / "toy" / "2"
    put(toys / "2", new)
    write_warmup(new, [predict_request("toy", "serving_default", {"text": ["refuse"]})])
    repository.refresh()
    assert answer(repository) == [1]
    assert "request 1: " in repository.lines[-1]
    write_warmup(new, [predict_request("toy", "serving_default", {"text": ["welcome"]})])
    repository.refresh()
    assert answer(repository) == [2]


def test_the_first_version_is_warmed_up_where_that_is_asked_for(models):
    write_warmup(models / "toy" / "1", [predict_request("toy", "serving_default", {"text": ["refuse"]})])
    asked = {"where": str(models), "poll_seconds": 0, "threads": None, "log": lambda line: None}
    ModelRepository(lambda: sources_in(models, 1), warms_up=False, **asked).close()
    with pytest.raises(UserError, match="no model to serve"):
        ModelRepository(lambda: sources_in(models, 1), warms_up=True, **asked)


def test_models_come_and_go_with_their_versions(toys, models, repository, put):
    put(toys / "2", models / "toy" / "7")
    shutil.copytree(toys / "1", models / "other" / "0003")
    repository.refresh()
    assert repository.available() == ["other/3", "toy/7"]
    shutil.rmtree(models / "other" / "0003")
    repository.refresh()
    assert repository.available() == ["toy/7"]
    with (
        pytest.raises(RequestError, match=r"Servable not found for request: Latest\(other\)") as caught,
        repository.model("other"),
    ):
        pass
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("what", ["model moved away", "model is a file", "all models moved away"])
def test_a_model_whose_folder_cannot_be_looked_into_goes_on_being_served(
    toys, models, repository, put, what, tmp_path
):
    moved = models if what == "all models moved away" else models / "toy"
    moved.rename(tmp_path / "moved")
    if what == "model is a file":
        moved.touch()
    for _ in range(3):
        if what == "all models moved away":
            with pytest.raises(UserError, match="no such folder"):
                repository.refresh()
        else:
            repository.refresh()
        assert answer(repository) == [1]
        assert repository.states("toy") == {1: None}
    if what != "all models moved away":
        assert len(repository.lines) == 2, "told once"
        assert repository.lines[1].startswith("toy: stays as it is: ")
        moved.unlink(missing_ok=True)
    (tmp_path / "moved").rename(moved)
    put(toys / "2", models / "toy" / "2")
    repository.refresh()
    assert answer(repository) == [2]


def test_one_folder_that_is_gone_holds_up_no_other_model(toys, models, repository, put, tmp_path):
    shutil.copytree(toys / "1", models / "other" / "1")
    repository.refresh()
    (models / "other").rename(tmp_path / "moved")
    put(toys / "2", models / "toy" / "2")
    repository.refresh()
    assert repository.available() == ["other/1", "toy/2"]


def test_versions_that_ended_are_remembered_until_they_are_served_again(toys, models, repository, put):
    put(toys / "2", models / "toy" / "2")
    repository.refresh()
    assert repository.states("toy") == {2: None, 1: ""}
    assert repository.states("toy", 1) == {1: ""}
    shutil.rmtree(models / "toy" / "2")
    repository.refresh()
    assert repository.states("toy") == {2: "", 1: None}
    shutil.rmtree(models / "toy" / "1")
    repository.refresh()
    assert repository.states("toy") == {2: "", 1: ""}


def test_only_so_many_ended_versions_are_remembered():
    ended = EndedVersions()
    for version in range(5000):
        ended.add("toy", version)
    ended.forget("toy", 4990)
    assert ended.of("toy") == [*range(4000, 4990), *range(4991, 5000)]
    assert ended.of("other") == []


@pytest.mark.parametrize("link", ["model", "version", "variables", "file"])
def test_links_that_lead_out_are_not_followed(toys, models, repository, link, put):
    if link == "model":
        (models / "linked").symlink_to(toys)
    elif link == "version":
        (models / "toy" / "2").symlink_to(toys / "2")
    else:
        put(toys / "2", models / "toy" / "2")
        name = "variables" if link == "variables" else "saved_model.pb"
        inside = models / "toy" / "2" / name
        shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
        inside.symlink_to(toys / "2" / name)
    repository.refresh()
    repository.refresh()
    assert repository.available() == ["toy/1"]
    if link != "model":
        assert len(repository.lines) == 2
        assert "leads out of" in repository.lines[1]


def test_links_that_stay_inside_are_followed(toys, models, repository, put):
    put(toys / "2", models / "store")
    (models / "toy" / "2").symlink_to(models / "store")
    repository.refresh()
    assert answer(repository) == [2]


def test_a_folder_without_a_model_that_can_be_loaded_is_refused(models):
    (models / "toy" / "1" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match=f"{models}: no model to serve"):
        ModelRepository(
            lambda: sources_in(models, 1),
            where=str(models),
            poll_seconds=0,
            threads=None,
            warms_up=False,
            log=lambda line: None,
        )


def test_a_server_under_load_changes_versions_without_losing_a_request(toys, models, put):
    options = ServerOptions(models=models, rest_port=0, grpc_port=0, poll_seconds=0.05)
    lines, versions, is_over = [], [], threading.Event()
    changed = threading.Event()

    def log(line):
        lines.append(line)
        if "no longer served" in line:
            changed.set()

    with running_server(options, log) as server:
        url = f"http://127.0.0.1:{server.rest_port}/v1/models/toy:predict"

        def ask(number):
            asked = 0
            with httpx.Client(timeout=60) as client:
                while not is_over.is_set():
                    reply = client.post(url, content=json.dumps({"instances": [f"{number}-{asked}"]}))
                    assert reply.status_code == 200, reply.text
                    (row,) = reply.json()["predictions"]
                    assert row["shouted"] == f"{number}-{asked}"
                    versions.append(row["version"])
                    asked += 1

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(ask, number) for number in range(8)]
            while not versions and not any(client.done() for client in clients):
                is_over.wait(0.01)
            (models / "toy" / "2").mkdir()
            (models / "toy" / "2" / "saved_model.pb").write_bytes(b"not a graph")
            put(toys / "2", models / "toy" / "3")
            assert changed.wait(60)
            before = len(versions)
            while len(versions) < before + 50 and not any(client.done() for client in clients):
                changed.wait(0.01)
            is_over.set()
            for client in clients:
                client.result()
    assert {1, 2} == set(versions)
    assert versions[-1] == 2
    assert lines.count("toy/3: served") == lines.count("toy/1: no longer served") == 1


def test_a_request_that_takes_too_long_is_given_up_and_the_server_goes_on(models):
    limits = Limits(request_seconds=0.2)
    with running_server(ServerOptions(models=models, rest_port=0, grpc_port=0, limits=limits)) as server:
        url = f"http://127.0.0.1:{server.rest_port}/v1/models/toy:predict"
        body = {"signature_name": "slow", "instances": [200_000]}
        late = httpx.post(url, json=body, timeout=60)
        assert late.status_code == 504
        assert late.json() == {"error": "the request took longer than 0.2 seconds"}
        assert httpx.get(url.removesuffix(":predict"), timeout=60).status_code == 200
