"""What the benchmark of serving counts is what was asked, and only servers that answer alike are compared."""

import asyncio
import base64
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tyro
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from applications import catalogue
from benchmarks.serving import __main__ as benchmark
from benchmarks.serving.__main__ import Options, asked_applications
from benchmarks.serving.contenders import ALONE, BATCHED, WRAPPER, Contender, contenders_of, started
from benchmarks.serving.load import Block, Endpoint, check_same_answers, percentiles, run_block
from benchmarks.serving.questions import body_of
from benchmarks.serving.wrapper import wrapped
from common.errors import UserError
from common.inference.signatures import signature_info
from common.model_folders import SHIPPED_MODELS
from common.serving.server.json_requests import predict_inputs
from common.serving.server.local_server import ServerOptions
from common.serving.server.model_sources import configured_sources

ANSWER = {"predictions": [{"label": "positive", "probabilities": [0.25, 0.75], "words": 3}]}


class FakeServer(ThreadingHTTPServer):
    """Gives everyone the same answer, and remembers how it was asked."""

    request_queue_size = 64

    def __init__(self, answer: object, status: int = 200, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), FakeAnswer)
        self.answer, self.status, self.delay = answer, status, delay
        self.bodies: list[bytes] = []
        self.connections = self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.server_address[1], "/predict")


class FakeAnswer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeServer

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.bodies.append(body)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.delay)
        with server.lock:
            server.under_way -= 1
        content = json.dumps(server.answer).encode()
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(answer: object = ANSWER, **settings: float) -> Iterator[FakeServer]:
    with FakeServer(answer, **settings) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_percentiles_are_those_of_all_requests_together() -> None:
    latencies = np.random.default_rng(1).permutation(np.arange(1, 102)) / 1_000
    # Of 1 to 101 ms the 51st, the 96th and the 100th.
    blocks = [Block(tuple(latencies[:20]), 1.0), Block(tuple(latencies[20:]), 9.0)]
    assert percentiles(blocks) == pytest.approx([51.0, 96.0, 100.0])
    assert percentiles([Block((0.004,), 1.0)]) == pytest.approx([4.0] * 3)
    few = (0.010, 0.030, 0.020, 0.090)
    assert percentiles([Block(few, 1.0)]) == pytest.approx(1_000 * np.percentile(few, [50, 95, 99]))


def test_every_request_is_counted_and_timed() -> None:
    clients, delay, seconds = 5, 0.03, 0.2
    with serving(delay=delay) as server:
        block = run_block(server.endpoint, b"question", clients, seconds)
        assert server.bodies == [b"question"] * len(block.latencies)
        assert (server.connections, server.most_under_way, server.under_way) == (clients, clients, 0)
    assert len(block.latencies) > clients
    assert min(block.latencies) >= delay
    assert block.seconds >= seconds
    assert sum(block.latencies) <= clients * block.seconds
    assert block.per_second == len(block.latencies) / block.seconds


def test_a_slow_answer_is_waited_for_and_counted() -> None:
    with serving(delay=0.1) as server:
        block = run_block(server.endpoint, b"question", 3, seconds=0.01)
        assert len(block.latencies) == len(server.bodies) == 3
    assert block.seconds >= 0.1


def test_a_request_that_is_refused_is_not_counted_as_answered() -> None:
    with (
        serving({"error": "the queue is full"}, status=503) as server,
        pytest.raises(RuntimeError, match=r"/predict: status 503; .*the queue is full"),
    ):
        run_block(server.endpoint, b"question", 2, seconds=0.01)


def changed(**values: object) -> object:
    return {"predictions": [ANSWER["predictions"][0] | values]}


@pytest.mark.parametrize(
    "other",
    [
        changed(label="negative"),
        changed(probabilities=[0.26, 0.74]),
        changed(probabilities=[0.25, 0.75, 0.0]),
        changed(words="3"),
        changed(score=1.0),
        {"predictions": ANSWER["predictions"] * 2},
        {"outputs": ANSWER["predictions"]},
    ],
)
def test_a_contender_that_answers_otherwise_is_refused(other: object) -> None:
    with serving() as ours, serving(other) as wrapper:
        with pytest.raises(RuntimeError, match=r"wrapper answers .*; ours answers .*positive"):
            check_same_answers({"ours": ours.endpoint, "wrapper": wrapper.endpoint}, b"question")
        assert ours.bodies == wrapper.bodies == [b"question"]


def test_contenders_may_differ_in_the_last_digits() -> None:
    with serving() as ours, serving(changed(probabilities=[0.2500001, 0.7499999])) as wrapper:
        check_same_answers({"ours": ours.endpoint, "wrapper": wrapper.endpoint}, b"question")


@pytest.mark.parametrize(
    "line", ["ready: REST on {}, gRPC on {}", "INFO: Uvicorn running on http://{} (...)"]
)
def test_a_server_tells_its_port_and_ends_with_the_block(line: str, tmp_path: Path) -> None:
    alive, address = tmp_path / "alive", "127.0.0.1:4321"
    script = (
        "import pathlib, signal, sys, time\n"
        f"alive = pathlib.Path({str(alive)!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: (alive.unlink(), sys.exit()))\n"
        "alive.touch()\n"
        f"print('loading', flush=True); print({line.format(address, address)!r}, flush=True)\n"
        "time.sleep(600)"
    )
    with started([Contender("one", (sys.executable, "-c", script), "/ask")]) as endpoints:
        assert endpoints == {"one": Endpoint(4321, "/ask")}
        assert alive.exists()
    assert not alive.exists()


def test_a_server_that_does_not_start_is_told_with_its_last_line() -> None:
    fails = Contender("one", (sys.executable, "-c", "print('hello'); raise SystemExit('no model')"), "/ask")
    with pytest.raises(RuntimeError, match=r"one: its process ended; (no model|hello)"), started([fails]):
        pass


def test_our_server_takes_part_with_and_without_batching(tmp_path: Path) -> None:
    (tmp_path / "translation" / "2").mkdir(parents=True)
    (tmp_path / "translation" / "2" / "saved_model.pb").touch()
    (tmp_path / "other" / "1").mkdir(parents=True)
    batched, alone, wrapper = contenders_of("translation", tmp_path, 16, 3.5, tmp_path)
    assert [contender.name for contender in (batched, alone, wrapper)] == [BATCHED, ALONE, WRAPPER]
    assert wrapper.command[-1] == str(tmp_path / "translation" / "2")
    for contender, batching in ((batched, (16, 3.5)), (alone, (1, 0.0))):
        options = tyro.cli(ServerOptions, args=contender.command[3:], config=(tyro.conf.OmitArgPrefixes,))
        assert (options.batching.max_batch_size, options.batching.batch_timeout_ms) == batching
        assert (options.rest_port, options.grpc_port) == (0, 0)
        assert options.model_config_file is not None
        (source,) = configured_sources(options.model_config_file, options.models)
        assert (source.name, list(source.versions())) == ("translation", [2])
        assert contender.path == "/v1/models/translation:predict"


def test_what_is_asked_is_of_a_usual_size() -> None:
    (sound,) = json.loads(body_of("speech_commands"))["instances"]
    waveform, rate = soundfile.read(io.BytesIO(base64.b64decode(sound["audio_bytes"]["b64"])))
    assert (len(waveform), rate) == (16_000, 16_000)
    assert np.abs(waveform).max() > 0.1
    (picture,) = json.loads(body_of("image_captioning"))["instances"]
    image = Image.open(io.BytesIO(base64.b64decode(picture["image_bytes"]["b64"])))
    assert image.format == "JPEG"
    assert min(image.size) >= 400
    (review,) = json.loads(body_of("sentiment_analysis"))["instances"]
    assert len(review["text"].split()) > 5


@pytest.mark.parametrize("application", asked_applications(Options()))
def test_each_shipped_model_takes_its_question(application: str) -> None:
    file = SHIPPED_MODELS / application / "1" / "saved_model.pb"
    definition = SavedModel.FromString(file.read_bytes()).meta_graphs[0].signature_def["serving_default"]
    document = json.loads(body_of(application))
    inputs = predict_inputs(document, signature_info(definition), lambda rows: None)
    assert {name: len(values) for name, values in inputs.items()} == dict.fromkeys(definition.inputs, 1)


class Toy(tf.Module):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "audio_bytes"),
            tf.TensorSpec([None], tf.float32, "factor"),
        ]
    )
    def several(self, audio_bytes: tf.Tensor, factor: tf.Tensor) -> dict[str, tf.Tensor]:
        size = tf.strings.length(audio_bytes)
        return {
            "label": tf.strings.upper(audio_bytes),
            "size": size,
            "scores": factor[:, None] * [[1.0, 0.5]],
            "words": tf.tile(tf.strings.lower(audio_bytes)[:, None], [1, 2]),
            "is_long": size > 3,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def one(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": tf.strings.join([text, "!"])}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, dict], object]:
    def ask(signature: str, row: dict) -> object:
        folder, module = tmp_path_factory.mktemp("toy"), Toy()
        tf.saved_model.save(module, str(folder), signatures=getattr(module, signature))
        transport = httpx.ASGITransport(app=wrapped(folder))

        async def answer() -> object:
            async with httpx.AsyncClient(transport=transport, base_url="http://wrapper") as client:
                return (await client.post("/predict", json={"instances": [row]})).json()

        return asyncio.run(answer())

    return ask


def test_the_wrapper_answers_in_the_servers_json(asked: Callable[[str, dict], object]) -> None:
    answer = asked("several", {"audio_bytes": {"b64": base64.b64encode(b"Word").decode()}, "factor": 3})
    expected = {
        "label": "WORD",
        "size": 4,
        "scores": [3.0, 1.5],
        "words": ["word", "word"],
        "is_long": True,
    }
    assert answer == {"predictions": [expected]}
    assert asked("one", {"text": "für"}) == {"predictions": ["für!"]}


def test_each_contender_has_a_line_for_each_number_of_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "sentiment_analysis" / "1").mkdir(parents=True)
    (tmp_path / "sentiment_analysis" / "1" / "saved_model.pb").touch()
    with serving(delay=0.01) as ours, serving(delay=0.03) as wrapper:
        endpoints = {BATCHED: ours.endpoint, ALONE: ours.endpoint, WRAPPER: wrapper.endpoint}

        @contextmanager
        def already_started(_: object) -> Iterator[dict[str, Endpoint]]:
            yield endpoints

        monkeypatch.setattr(benchmark, "started", already_started)
        benchmark.main(Options(models=tmp_path, clients=(1, 2), seconds=0.05, rounds=2))
        assert set(wrapper.bodies) == {body_of("sentiment_analysis")}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    names = (BATCHED, ALONE, WRAPPER)
    assert [row[:2] for row in cells] == [[clients, name] for clients in "12" for name in names]
    assert [row[-1] for row in cells if row[1] == BATCHED] == ["1.00"] * 2
    for row in cells:
        median, lowest, highest, *latencies, _ = map(float, row[2:])
        assert 0 < lowest <= median <= highest
        assert latencies == sorted(latencies)
        assert latencies[0] >= (30 if row[1] == WRAPPER else 10)


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--clients 0: expected at least 1"):
        Options(clients=(1, 0))
    with pytest.raises(UserError, match="--rounds 0: expected at least 1"):
        Options(rounds=0)
    with pytest.raises(UserError, match="--seconds 0: expected more than 0"):
        Options(seconds=0)
    with pytest.raises(UserError, match="--max-batch-size 1: expected at least 2"):
        Options(max_batch_size=1)
    with pytest.raises(UserError, match=f"no version of {', '.join(sorted(catalogue()))}"):
        asked_applications(Options(models=tmp_path))
    (tmp_path / "translation" / "1").mkdir(parents=True)
    assert list(asked_applications(Options(models=tmp_path))) == ["translation"]
    with pytest.raises(UserError, match=r"--applications chess: expected names of \['translation'\]"):
        asked_applications(Options(models=tmp_path, applications=("chess",)))
