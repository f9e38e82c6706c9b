"""The client and the local server, written apart from each other, understand each other over both protocols."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.serving.client import Client
from common.serving.runner import SavedModelRunner
from common.serving.server import ServerOptions, running_server

MODELS = Path(__file__).parents[2] / "saved_models"
TEXTS = ["not bad at all, I loved it", "dull", "für alle 👍"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "models.config").write_text(
        'model_config_list { config { name: "sentiment_analysis" base_path: "/models/sentiment_analysis" '
        'model_platform: "tensorflow" } }'
    )
    return folder / "models.config"


@pytest.fixture(scope="module")
def server(models):
    options = ServerOptions(models=MODELS, model_config_file=models, rest_port=0, grpc_port=0, warm_up=False)
    with running_server(options) as running:
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
        runner.run(signature, text=TEXTS),
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
