"""The client and the local server understand each other, and give the answers that the deployment's README prints."""

import base64
import json
import re
import shlex
import urllib.request
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
import tyro

from applications import catalogue
from applications.walk import write_questions
from common.errors import UserError
from common.inference.runner import SavedModelRunner
from common.serving.client import Client, Options, main
from common.serving.server.local_server import ServerOptions, running_server

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "saved_models"
LEFT_OUT = "what is left out"
TEXTS = ["not bad at all, I loved it", "dull", "für alle 👍"]


class Beginning:
    """Equal to each list that begins with these elements."""

    def __init__(self, elements):
        self.elements = elements

    def __eq__(self, other):
        return len(other) > len(self.elements) and other[: len(self.elements)] == self.elements

    def __repr__(self):
        return f"Beginning({self.elements})"


def printed():
    """The questions of the README, each with the lines that it prints; `...` stands for what it leaves out."""
    lines = (REPOSITORY / "deployment" / "README.md").read_text("utf-8").splitlines()
    for place, line in enumerate(lines):
        answers = []
        for following in lines[place + 1 :]:
            if not following.startswith("    {"):
                break
            answers.append(json.loads(re.sub(r"\.\.\.(?=[]},])", f'"{LEFT_OUT}"', following)))
        if answers and not line.startswith("    {"):
            yield line.strip(), answers


PRINTED = list(printed())


@pytest.fixture(scope="module")
def server():
    with running_server(ServerOptions(models=MODELS, rest_port=0, grpc_port=0, warm_up=False)) as running:
        yield running


@pytest.fixture(scope="module")
def runner():
    with SavedModelRunner(MODELS / "sentiment_analysis" / "1") as loaded:
        yield loaded


@pytest.fixture(params=["grpc", "rest"])
def ask(request, server):
    ports = {"grpc": f"127.0.0.1:{server.grpc_port}", "rest": f"http://127.0.0.1:{server.rest_port}"}
    with Client(ports[request.param], timeout=120) as client:
        yield client


@pytest.mark.parametrize("signature", ["serving_default", "explain"])
def test_a_question_gets_the_models_own_answer(ask, runner, signature):
    answer, expected = (
        ask("sentiment_analysis", TEXTS, signature=signature),
        runner.answer(signature, text=TEXTS),
    )
    assert answer.keys() == expected.keys()
    for name, array in expected.items():
        if array.dtype == object:
            assert [value.encode() for value in answer[name].flat] == list(array.flat)
        else:
            np.testing.assert_allclose(answer[name], array, rtol=1e-5, atol=1e-6)
            assert answer[name].dtype == array.dtype


def test_both_know_the_same_signatures(ask, runner):
    assert ask.signatures("sentiment_analysis") == dict(runner.signatures)
    assert ask.signatures("sentiment_analysis", version=1) == dict(runner.signatures)


@pytest.mark.parametrize(
    ("model", "version"), [("translations", None), ("sentiment_analysis", 9)], ids=["model", "version"]
)
def test_what_is_not_served_is_told_in_one_line(ask, model, version):
    with pytest.raises(UserError, match=f"{ask.address}: model '{model}': .+ \\((NOT_FOUND|HTTP 404)\\)$"):
        ask(model, ["x"], version=version)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the files that the README has made."""
    folder = tmp_path_factory.mktemp("made")
    write_questions(catalogue().values(), folder / "files")
    return folder


@pytest.mark.parametrize(("command", "answers"), PRINTED, ids=[command[-60:] for command, _ in PRINTED])
def test_the_requests_in_the_readme_give_the_printed_answers(
    server, made, monkeypatch, capsys, command, answers
):
    monkeypatch.chdir(made)
    if "curl" in command:
        filled = re.sub(r"-d @(\w\S+)", lambda found: f"'{Path(found[1]).read_text()}'", command)
        filled = re.sub(r"'\$\(base64 -w0 (.+?)\)'", lambda found: base64_of(found[1]), filled)
        body = re.search(r"'(.+)'", filled)[1]
        address = f"http://127.0.0.1:{server.rest_port}{command.split('localhost:8501')[1]}"
        with urllib.request.urlopen(address, body.encode(), timeout=300) as response:
            given = [json.load(response)]
    else:
        arguments = [part.replace(":8500", f":{server.grpc_port}") for part in shlex.split(command)[3:]]
        capsys.readouterr()
        main(tyro.cli(Options, args=[*arguments, "--timeout", "300"]))
        given = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert given == rounded(answers)


def base64_of(file):
    return base64.b64encode(Path(file).read_bytes()).decode()


def rounded(value):
    """The value with its numbers to as many digits as every processor gives."""
    if isinstance(value, dict):
        return {name: rounded(element) for name, element in value.items()}
    if value == LEFT_OUT:
        return ANY
    if isinstance(value, list) and value[-1:] == [LEFT_OUT]:
        return Beginning(rounded(value[:-1]))
    if isinstance(value, list):
        return [rounded(element) for element in value]
    return pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, float) else value


def test_the_readme_asks_every_shipped_model_one_of_its_declared_questions_over_both_protocols():
    for name, declared in catalogue().items():
        if (MODELS / name).is_dir():
            contents = [question.file or json.dumps(question.content) for question in declared.questions]
            texts = [content.strip('"') for content in contents]
            for client in ("curl", "common.serving.client"):
                asked = [command for command, _ in PRINTED if client in command and name in command]
                assert any(text in command for text in texts for command in asked), f"{name} by {client}"
